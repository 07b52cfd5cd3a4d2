"""A card and an experiment in the making, and how they are written down: YAML with a comment beside what was guessed."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zoo.config import yamls

STEPS, EPOCHS = 1500, (20, 300)  # steps of an optimizer that a first experiment is given, within so many epochs
LEARNS = 0.7  # of the rows
SMALL = 1000  # rows, below which batches are small, too
EXPERIMENTS: dict[str, dict[str, Any]] = {  # a first experiment by what the examples are; epochs: first_experiment
    "table": {
        "model": {"name": "mlp", "hidden": [64, 64], "dropout": 0.1},
        "train": {"batch_size": 64},
    },
    "text": {
        "model": {"name": "text_cnn"},
        "train": {"batch_size": 64},
    },
    "image": {
        "model": {"name": "cnn_small", "width": 32},
        "train": {"batch_size": 32},
    },
    "audio": {
        "model": {"name": "cnn_small", "width": 32},
        "train": {"batch_size": 32},
    },
    "sequence": {
        "model": {"name": "cnn1d"},
        "train": {"batch_size": 16},
    },
    "forecast": {
        "model": {"name": "dlinear"},
        "train": {"batch_size": 32},
    },
}


@dataclass
class Draft:
    """What was seen, what was guessed of it, and the two files as plain data.

    Attributes:
        read: what the data is, in a line.
        guessed: what the card says because it looks so, a line each.
        unsure: questions, by the column or thing they are about.
        card, experiment: plain data.
        comments: beside a column of the card, by its name.
        left_out: columns or files that are not in the card, and why.
    """

    read: str
    guessed: list[str]
    unsure: dict[str, str]
    card: dict[str, Any]
    experiment: dict[str, Any]
    comments: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def first_experiment(kind: str, rows: int) -> dict[str, Any]:
    """A first experiment on so many rows, or windows: about STEPS steps, stopped early where a fifth of its epochs brought nothing."""
    found = EXPERIMENTS[kind]
    batch = min(found["train"]["batch_size"], 16) if rows < SMALL else found["train"]["batch_size"]
    if kind == "table" and rows >= 20_000:
        batch = 256
    epochs = min(max(round(STEPS / math.ceil(max(1.0, LEARNS * rows) / batch)), EPOCHS[0]), EPOCHS[1])
    train: dict[str, Any] = {"epochs": epochs, "batch_size": batch}
    if kind == "forecast" and rows < SMALL:
        train["optimizer"] = {"name": "adamw", "learning_rate": 0.01}  # so few steps must be long ones
    train["early_stopping"] = {"monitor": "val.loss", "patience": epochs // 5}
    return {"model": dict(found["model"]), "train": train}


def hint(wish: str, when: str = "not") -> str:
    """What to do where a guess is not what was meant, or is: the files are there by then."""
    return f"if {when}, remove both files and say {wish}"


def relative(path: Path) -> str:
    """A path as a card in ./datasets names it: relative where the data lies in the working folder."""
    inside = path.resolve().is_relative_to(Path.cwd())
    return os.path.relpath(path, "datasets") if inside else str(path.resolve())


def rendered(draft: Draft, name: str, command: str) -> tuple[str, str]:
    """The texts of the card and of the experiment."""
    today = datetime.now(UTC).date()
    lines = [
        f"# Made by `{command}` on {today}: {draft.read}.",
        "# Edit it freely: every field is explained in datasets/README.md of keras-zoo.",
    ]
    for key, value in draft.card.items():
        if key == "columns":
            lines.append("columns:")
            lines += [_line(column, said, draft.comments.get(column)) for column, said in value.items()]
            lines += [f"  # {_scalar(column)} is left out: {why}" for column, why in draft.left_out.items()]
        else:
            lines += _part(key, value, draft.comments.get(key))
    about = [f"# zoo run {name}", f"# a first try, made by zoo new on {today}: nothing of it is tuned yet", f"dataset: {name}"]
    for key, value in draft.experiment.items():
        about += _part(key, value, draft.comments.get(f"experiment.{key}"))
    about.append(
        "# goal: {metric: test." + ("accuracy, at_least: 0.9}" if draft.card["task"] == "classification" else "mae, at_most: 1.0}")
    )
    return "\n".join(lines) + "\n", "\n".join(about) + "\n"


def _part(key: str, value: Any, comment: str | None) -> list[str]:
    plain = not isinstance(value, (dict, list))
    lines = [f"{key}: {_scalar(value)}"] if plain else yamls.dump({key: value}).rstrip("\n").split("\n")
    if comment:
        lines[0] += f"  # {comment}"
    return lines


def _line(name: str, said: Any, comment: str | None) -> str:
    value = _scalar(said) if isinstance(said, str) else yamls.dump(said).rstrip("\n")
    return f"  {_scalar(name)}: {value}" + (f"  # {comment}" if comment else "")


def _scalar(value: Any) -> str:
    text = yamls.dump({"x": value}).rstrip("\n")  # in braces where the value needs no quotes
    return text[4:-1] if text.startswith("{x: ") else text[3:]
