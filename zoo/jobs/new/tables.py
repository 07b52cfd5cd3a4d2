"""A card of a table: its columns, its target, or the series that it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from zoo.data.guess import Guess, guesses, learns, texts
from zoo.data.guess.columns import MARKERS
from zoo.errors import ZooError, did_you_mean
from zoo.jobs.new import series
from zoo.jobs.new.draft import Draft, first_experiment, relative

ROWS = 200_000  # looked at
TARGETS = ("target", "label", "class", "y", "outcome", "diagnosis", "churn", "survived", "price", "species", "quality", "sentiment")
SMALL = 8  # rows of a class that a stratified split can still share out


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
        frame = _typed(path, lambda file: pd.read_json(file, lines=True))
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


def _target(path: Path, found: dict[str, Guess], asked: str | None) -> str:
    """The column that is learned. Raises ZooError where the one asked for is not there, or none is to be seen."""
    if asked is not None:
        if asked not in found:
            raise ZooError(f"{path} has no column '{asked}'", did_you_mean(asked, found) or f"it has: {', '.join(list(found)[:20])}")
        if found[asked].type == "constant":
            raise ZooError(f"column '{asked}' of {path} cannot be learned: it {found[asked].why}")
        return asked
    named = [name for name in found if name.lower() in TARGETS]
    ends = [name for name in ([*found][-1], next(iter(found))) if found[name].type in ("category", "boolean", "number")]
    if not (named or ends) or len(found) < 2:
        raise ZooError(f"{path}: which column is to be learned?", "name it: --target COLUMN", f"it has: {', '.join(list(found)[:20])}")
    return named[0] if named else ends[0]


def _draft(table: Table, target: str, task: str | None, asked: bool) -> Draft:
    goal, found = table.found[target], {name: one for name, one in table.found.items() if name != target}
    likely, doubt = learns(goal, table.rows)
    if task == "regression" and goal.type != "number" and not (goal.type == "boolean" and goal.unsure):
        raise ZooError(
            f"column '{target}' holds words, as {_first(table.frame[target])!r}, and regression learns numbers", "--task classification?"
        )
    task = task or likely
    unsure = {name: one.unsure for name, one in found.items() if one.unsure}
    if doubt or not asked:
        unsure[target] = "; ".join(filter(None, [doubt, None if asked else "is it the target? --target COLUMN"]))
    guessed = [f"{target} is the target: {_of_target(table.frame[target], task)}        task {task}"]
    left = {name: one.why for name, one in found.items() if not one.learns}
    guessed += [f"{_left_out(name, one)}: left out" for name, one in found.items() if not one.learns]
    kept = {name: one for name, one in found.items() if one.learns}
    if not kept:
        raise ZooError(f"no column is left to learn '{target}' from", *[f"{name}: {why}" for name, why in left.items()])
    lone = [name for name, one in kept.items() if one.type == "text"]
    texts_only = bool(lone) and len(lone) == len(kept)
    card = _card(table, target, task, kept, texts_only)
    guessed += [f"{name} is a {one.type}; {one.missing:,} cells are missing" for name, one in kept.items() if one.missing][:12]
    guessed.append(_counted(kept))
    experiment = first_experiment("text" if texts_only else "table", table.rows)
    read = f"{table.rows:,} rows, {len(table.found)} columns, {table.said}"
    return Draft(read, guessed, unsure, card, experiment, _comments(kept, target, unsure), left)


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
    card["target"] = {"name": target}
    card["split"] = {"kind": _split(table.frame[target], task), "val": 0.15, "test": 0.15, "seed": 0}
    return card


def _split(values: pd.Series, task: str) -> str:
    rare = task != "classification" or _known(values).value_counts().min() < SMALL
    return "random" if rare else "stratified"


def _known(values: pd.Series) -> pd.Series:
    words = values.astype(object).where(values.notna(), "").astype(str).str.strip()
    return words[~words.isin(MARKERS[:3])]


def _first(values: pd.Series) -> str:
    return str(_known(values).iloc[0])


def _of_target(values: pd.Series, task: str) -> str:
    known = _known(values)
    lacking = f", {len(values) - len(known):,} rows without it are left out" if len(known) < len(values) else ""
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


def _left_out(name: str, one: Guess) -> str:
    if one.why.startswith("all different"):
        return f"{name} identifies rows ({one.why})"
    return f"{name}: {one.why}"


def _counted(kept: dict[str, Guess]) -> str:
    plural = {"number": "numbers", "category": "categories", "boolean": "booleans", "datetime": "dates", "text": "texts"}
    singular = {"number": "number", "category": "category", "boolean": "boolean", "datetime": "date", "text": "text"}
    counts = {kind: sum(one.type == kind for one in kept.values()) for kind in plural}
    return ", ".join(f"{count} {plural[kind] if count > 1 else singular[kind]}" for kind, count in counts.items() if count)


def _comments(kept: dict[str, Guess], target: str, unsure: dict[str, str]) -> dict[str, str]:
    said = {}
    for name, one in kept.items():
        parts = [one.why] if one.type in ("category", "text") else []
        parts += [f"{one.missing:,} missing"] if one.missing else []
        parts += [f"unsure: {one.unsure}"] if one.unsure else []
        if parts:
            said[name] = "; ".join(parts)
    return {**said, "licence": "say whose data it is", **({"target": f"unsure: {unsure[target]}"} if target in unsure else {})}
