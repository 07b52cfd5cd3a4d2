"""`zoo new PATH`: one's own data becomes a card and a first experiment, with what was guessed and how sure it is."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoo import shelf
from zoo.config import Card, load_experiment
from zoo.errors import ZooError
from zoo.jobs.new.draft import Draft, rendered
from zoo.runs import make_folder, write_text

TASKS = ("classification", "regression", "forecasting")
USUAL = ("train", "training", "val", "valid", "validation", "test", "data", "dataset", "labels")  # names that many a path has


def new(path: str | Path, target: str | None = None, task: str | None = None, name: str | None = None) -> tuple[Draft, list[Path]]:
    """Looks at data and writes `./datasets/NAME.yaml` and `./experiments/NAME.yaml`.

    Args:
        path: a table (CSV, TSV, Parquet, JSON lines), a `.ts` file, or a folder of images, sounds, texts or tables.
        target: the column to learn, by name, or by number from 0 where the table has no header.
        task: classification, regression or forecasting; default: what the target looks like.
        name: of both files; default: made of the path.

    Returns:
        What was guessed, and the files written.

    Raises:
        ZooError: the data cannot be read, no target is to be seen, or one of the files is there already. Nothing is written then.
    """
    if task is not None and task not in TASKS:
        raise ZooError(f"--task {task}: expected one of {', '.join(TASKS)}")
    source = Path(path)
    if not source.exists():
        raise ZooError(f"no file and no folder {path}")
    name, taken = (shelf.check_name(name, "--name"), None) if name else _name_of(source)
    files = [Path(folder, f"{name}.yaml") for folder in ("datasets", "experiments")]
    for file in files:
        if file.exists():
            raise ZooError(f"{file} is there already", "give another name: --name NAME, or remove it")
    draft = _draft(source, target, task)
    draft.guessed += [taken] if taken else []
    command = " ".join(["zoo new", str(path), *(f"--{key} {value}" for key, value in (("target", target), ("task", task)) if value)])
    texts = rendered(draft, name, command)
    _check(draft, name)
    for file, text in zip(files, texts, strict=True):
        make_folder(file.parent)
        write_text(file, text)
    return draft, files


def _name_of(path: Path) -> tuple[str, str | None]:
    """A name made of the path, that of its folder in front where it says too little; and a line where one of ours bears it."""
    path = path.resolve()
    stem = re.sub(r"(\.(csv|tsv|txt|data|parquet|jsonl|ndjson|ts|npz|gz|zip))+$", "", path.name, flags=re.IGNORECASE)
    name = _plain(stem)
    if name in USUAL and _plain(path.parent.name):
        name = f"{_plain(path.parent.name)}_{name}"
    name = name or "data"
    if name in shelf.names("datasets") and not Path("datasets", f"{name}.yaml").exists():
        return f"my_{name}", f"its name is my_{name}: a card that comes with keras-zoo is named {name}"
    return name, None


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()


def _draft(path: Path, target: str | None, task: str | None) -> Draft:
    from zoo.jobs.new import folders, tables

    if path.is_dir():
        return folders.draft(path, target, task)
    if path.suffix.lower() == ".ts":
        return folders.of_ts(path)
    if path.suffix.lower() in (".tfrecord", ".npz", ".npy"):
        raise ZooError(f"{path}: a {path.suffix} file does not say what it holds", "write its card by hand: see `zoo schema card`")
    return tables.draft(path, target, task)


def _check(draft: Draft, name: str) -> None:
    """What is written must load: raises ZooError where the data cannot be said in a card."""
    card = Card.model_validate(draft.card)
    load_experiment({**draft.experiment, "dataset": card})


def as_json(draft: Draft, files: list[Path]) -> dict[str, Any]:
    """The outcome for scripts."""
    return {**asdict(draft), "wrote": [str(file) for file in files]}
