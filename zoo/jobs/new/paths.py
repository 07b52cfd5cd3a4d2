"""A card of a table whose rows name files of images or sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoo.data.guess import folders as guess
from zoo.data.guess.entities import entity, likely, question
from zoo.data.guess.paths import Paths
from zoo.data.guess.words import counted
from zoo.jobs.new import folders
from zoo.jobs.new.draft import Draft, relative
from zoo.jobs.new.tables import Table, goal_of, split_of


def draft(path: Path, table: Table, held: Paths, target: str, task: str | None, asked: bool) -> Draft:
    """The draft of such a table. Raises ZooError where none of its files can be opened, or the target is none of the task."""
    goal = goal_of(table, target, task, asked)
    files = guess.Held(held.kind, list(held.files))
    about, said = folders.about(held.root, files)
    broken = sorted(file for bad in files.odd.values() for file in bad)
    others = {name: one for name, one in table.found.items() if name not in (target, held.column)}
    group = entity(table.frame, others)
    source: dict[str, Any] = {**table.source, "paths": held.column}
    if held.root != path.parent:
        source["folder"] = relative(held.root)
    if held.missing or broken:
        source["on_error"] = "skip"
    card = {"title": path.stem, "source": source, "licence": "unknown", "task": goal.task, held.kind: about, "target": {"name": target}}
    split, why = split_of(table, target, goal.task, [held.column], group)
    card |= {**({"group": group} if group else {}), "split": split}
    noun = folders.NOUN[held.kind]
    guessed = [goal.said, f"{held.column} names {counted(len(held.files), noun)} below {held.root}", said, *why]
    for bad, reason in ((held.missing, "not there"), (broken, "broken")):
        if bad:
            first = ", ".join(bad[: folders.SHOWN])
            guessed.append(f"{counted(len(bad), 'file is', 'files are')} {reason}: left out (on_error: skip), as {first}")
    left = {name: f"a model of {noun}s sees them alone" for name in others if name != group}
    guessed += [f"left out, as a model of {noun}s sees them alone: {', '.join(left)}"] if left else []
    unsure = {**goal.unsure, **dict.fromkeys(files.notes, "all right?")}
    if not group:
        unsure |= {name: question(name, count) for name, count in likely(table.frame, others, any_word=True).items()}
    read = f"{counted(table.rows, 'row')}, {counted(len(table.found), 'column')}, {table.said}; {counted(len(held.files), noun)}"
    return Draft(read, guessed, unsure, card, folders.experiment(held.kind, len(held.files)), goal.comments, left)
