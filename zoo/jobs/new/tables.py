"""A card of a table: its columns, its target, or the series that it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from zoo.data.guess import Guess, guesses, learns, texts
from zoo.data.guess.columns import MARKERS
from zoo.data.guess.entities import cells, entity, likely, question
from zoo.data.guess.paths import paths
from zoo.data.guess.words import counted
from zoo.errors import ZooError, did_you_mean
from zoo.jobs.new import series
from zoo.jobs.new.draft import Draft, first_experiment, hint, relative

ROWS = 200_000  # looked at
TARGETS = ("target", "label", "class", "y", "outcome", "diagnosis", "churn", "survived", "price", "species", "quality", "sentiment")
SMALL = 8  # rows of a class that a stratified split can still share out
COPIES, DIFFERENT = 0.01, 50  # rows that are copies from which on they stay on one side; different rows that a hash can share out


@dataclass
class Table:
    """A table as it was looked at: cells (text, or typed), how it is read, and a guess a column."""

    frame: pd.DataFrame
    source: dict[str, Any]
    said: str
    rows: int
    found: dict[str, Guess] = field(default_factory=dict)


def draft(path: Path, target: str | None, task: str | None) -> Draft:
    """The draft of a table in a file. Raises ZooError where it cannot be read or no target is to be seen."""
    table = _opened(path)
    if len(table.frame) == 0:
        raise ZooError(f"{path} has no rows")
    table.found = guesses(table.frame)
    files = paths(path.parent, table.frame, [name for name in table.found if name != target]) if task != "forecasting" else None
    if files:
        from zoo.jobs.new import paths as of_paths

        name = _target(path, table.found, target, files.column)
        return of_paths.draft(path, table, files, name, task, asked=target is not None)
    moment = series.moment_of(table.frame, table.found)
    if task == "forecasting" or (task is None and moment and series.looks_like_one(table.found, moment, target)):
        return series.draft(table.frame, table.found, table.source, table.said, moment, target)
    name = _target(path, table.found, target)
    return _draft(table, name, task, asked=target is not None)


def _opened(path: Path) -> Table:
    source: dict[str, Any] = {"kind": "csv", "file": relative(path)}
    suffix = path.name.lower()
    if suffix.endswith(".parquet"):
        frame = _typed(path, pd.read_parquet)
        return Table(frame, {**source, "kind": "parquet"}, "Parquet", len(frame))
    if suffix.endswith((".jsonl", ".ndjson")):
        frame = _typed(path, lambda file: pd.read_json(file, lines=True, dtype=False, convert_dates=False))
        return Table(frame, {**source, "kind": "jsonl"}, "JSON lines", len(frame))
    shape = texts.shape_of(path)
    frame = texts.frame_of(path, shape, ROWS)
    rows = len(frame) if len(frame) < ROWS else texts.count(path)
    return Table(frame, {**source, **shape.options()}, shape.said(), rows)


def _typed(path: Path, read: Any) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = read(path)
    except Exception as error:  # the readers raise many kinds for a file that is none of theirs
        raise ZooError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    frame.columns = [str(name) for name in frame.columns]
    return frame.head(ROWS)


def _target(path: Path, found: dict[str, Guess], asked: str | None, files: str | None = None) -> str:
    """The column that is learned; not that of the files. Raises ZooError where the one asked for is not there, or none is to be seen."""
    if asked is not None:
        if asked not in found:
            raise ZooError(f"{path} has no column '{asked}'", did_you_mean(asked, found) or f"it has: {', '.join(list(found)[:20])}")
        if found[asked].type == "constant":
            raise ZooError(f"column '{asked}' of {path} cannot be learned: it {found[asked].why}")
        return asked
    names = [name for name in found if name != files]
    named = [name for name in names if name.lower() in TARGETS]
    ends = [name for name in (names[-1:] + names[:1]) if found[name].type in ("category", "boolean", "number")]
    if not (named or ends) or len(found) < 2:
        raise ZooError(f"{path}: which column is to be learned?", "name it: --target COLUMN", f"it has: {', '.join(list(found)[:20])}")
    return named[0] if named else ends[0]


@dataclass
class Goal:
    """What is learned: the task, a line on it, and what is asked about it."""

    task: str
    said: str
    unsure: dict[str, str]
    comments: dict[str, str]


def goal_of(table: Table, target: str, task: str | None, asked: bool) -> Goal:
    """The task that a target asks for. Raises ZooError where it is none of the task that is wished for."""
    goal = table.found[target]
    likely_task, doubt = learns(goal, table.rows)
    if task == "regression" and goal.type != "number" and not (goal.type == "boolean" and goal.unsure):
        first = str(_known(table.frame[target]).iloc[0])
        raise ZooError(f"column '{target}' holds words, as {first!r}, and regression learns numbers", "--task classification?")
    doubt = None if task else doubt
    doubts = [(doubt, hint("--task regression", "so"))] if doubt else []
    doubts += [] if asked else [("is it the target?", hint("--target COLUMN"))]
    task = task or likely_task
    said = f"{target} is the target: {_of_target(table.frame[target], task)}        task {task}"
    comments = {"licence": "say whose data it is"}
    if not doubts:
        return Goal(task, said, {}, comments)
    comments["target"] = f"unsure: {'; '.join(question for question, _ in doubts)}"
    return Goal(task, said, {target: "; ".join(map(" ".join, doubts))}, comments)


def _draft(table: Table, target: str, task: str | None, asked: bool) -> Draft:
    goal = goal_of(table, target, task, asked)
    found = {name: one for name, one in table.found.items() if name != target}
    group = entity(table.frame, found)
    kept = {name: one for name, one in found.items() if one.learns and name != group}
    left = {name: "it is the group" if name == group else one.why for name, one in found.items() if name not in kept}
    guessed = [goal.said, *(f"{_left_out(name, found[name])}: left out" for name in left if name != group)]
    if not kept:
        raise ZooError(f"no column is left to learn '{target}' from", *[f"{name}: {why}" for name, why in left.items()])
    texts_only = all(one.type == "text" for one in kept.values())
    card = _card(table, target, goal.task, kept, texts_only)
    split, why = split_of(table, target, goal.task, list(kept), group)
    card |= {**({"group": group} if group else {}), "split": split}
    lacking = [f"{name} is a {one.type}; {_missing(one.missing)} missing" for name, one in kept.items() if one.missing]
    guessed += [*why, *lacking[:12], _counted(kept)]
    unsure = {name: one.unsure for name, one in found.items() if one.unsure and name != group}
    if not group:
        for name, count in likely(table.frame, found).items():
            unsure[name] = "; ".join(filter(None, [unsure.get(name), question(name, count)]))
    experiment = first_experiment("text" if texts_only else "table", table.rows)
    read = f"{counted(table.rows, 'row')}, {counted(len(table.found), 'column')}, {table.said}"
    return Draft(read, guessed, {**unsure, **goal.unsure}, card, experiment, {**_comments(kept, unsure), **goal.comments}, left)


def _card(table: Table, target: str, task: str, kept: dict[str, Guess], texts_only: bool) -> dict[str, Any]:
    source = dict(table.source)
    markers = sorted({marker for one in [*kept.values(), table.found[target]] for marker in one.markers} - {"", "NA", "?"})
    if markers:
        source["missing"] = ["", "NA", "?", *markers]
    words = {"number": "number", "category": "category", "boolean": "boolean", "text": "text"}
    columns: dict[str, Any] = {}
    for name, one in kept.items():
        columns[name] = words.get(one.type) or ({"type": "datetime", "format": one.format} if one.format else "datetime")
    card: dict[str, Any] = {"title": Path(source["file"]).stem, "source": source, "licence": "unknown", "task": task}
    card |= {"text": {"columns": list(columns)}} if texts_only else {"columns": columns}
    return {**card, "target": {"name": target}}


def split_of(table: Table, target: str, task: str, kept: list[str], group: str | None) -> tuple[dict[str, Any], list[str]]:
    """The split, and lines that say why: by an entity, by a hash where rows are copies of another, else by the label or at random."""
    if group:
        count = cells(table.frame[group]).nunique()
        return {"kind": "group", "val": 0.15, "test": 0.15, "seed": 0}, [
            f"{group} tells {counted(count, 'entity', 'entities')} apart: all rows of one stay on one side (group, split: group)"
        ]
    copies = _same(table, [*kept, target]).duplicated()
    if copies.mean() > COPIES and len(copies) - copies.sum() >= DIFFERENT:
        said = f"{copies.mean():.0%} of the rows are copies: copies stay on one side (split: hash)"
        return {"kind": "hash", "val": 0.15, "test": 0.15, "seed": 0}, [said]
    rare = task != "classification" or _known(table.frame[target]).value_counts().min() < SMALL
    return {"kind": "random" if rare else "stratified", "val": 0.15, "test": 0.15, "seed": 0}, []


def _same(table: Table, names: list[str]) -> pd.DataFrame:
    """Columns in which case and doubled blanks of a text say nothing, so that equal rows are seen as `zoo check` sees them."""
    cells_ = {name: table.frame[name].astype(str) for name in names}
    text = [name for name in names if table.found[name].type == "text"]
    return pd.DataFrame({**cells_, **{name: cells_[name].str.casefold().str.split().str.join(" ") for name in text}})


def _known(values: pd.Series) -> pd.Series:
    words = values.astype(object).where(values.notna(), "").astype(str).str.strip()
    return words[~words.isin(MARKERS[:3])]


def _of_target(values: pd.Series, task: str) -> str:
    known = _known(values)
    lacking = f", {counted(len(values) - len(known), 'row')} without it left out" if len(known) < len(values) else ""
    if task == "classification":
        counts = known.value_counts()
        share = (
            f'{counts.iloc[-1] / len(known):.1%} "{counts.index[-1]}"'
            if len(counts) == 2
            else f'{counts.iloc[0] / len(known):.1%} "{counts.index[0]}"'
        )
        return f"{len(counts)} classes, {share}{lacking}"
    numbers = pd.to_numeric(known, errors="coerce")
    return f"a number, {numbers.min():g} to {numbers.max():g}{lacking}"


def _missing(count: int) -> str:
    return counted(count, "cell is", "cells are")


def _left_out(name: str, one: Guess) -> str:
    if one.why.startswith("all different"):
        return f"{name} identifies rows ({one.why})"
    return f"{name}: {one.why}"


def _counted(kept: dict[str, Guess]) -> str:
    plural = {"number": "numbers", "category": "categories", "boolean": "booleans", "datetime": "dates", "text": "texts"}
    singular = {"number": "number", "category": "category", "boolean": "boolean", "datetime": "date", "text": "text"}
    counts = {kind: sum(one.type == kind for one in kept.values()) for kind in plural}
    return ", ".join(f"{count} {plural[kind] if count > 1 else singular[kind]}" for kind, count in counts.items() if count)


def _comments(kept: dict[str, Guess], unsure: dict[str, str]) -> dict[str, str]:
    said = {}
    for name, one in kept.items():
        parts = [one.why] if one.type in ("category", "text") else []
        parts += [f"{one.missing:,} missing"] if one.missing else []
        parts += [f"unsure: {unsure[name]}"] if name in unsure else []
        if parts:
            said[name] = "; ".join(parts)
    return said
