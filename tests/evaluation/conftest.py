"""Runs, trained for a few epochs and evaluated: images, two classes, values, and a table that means harm."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from reconstructed import days as days
from reconstructed import ones as ones

from zoo.config import load_experiment
from zoo.evaluation import evaluate
from zoo.runs import Run
from zoo.training import train

DIGITS = {
    "dataset": "digits",
    "model": {"name": "cnn_small", "width": 8},
    "train": {"epochs": 3, "batch_size": 128, "optimizer": {"name": "adamw", "learning_rate": 0.01}},
    "goal": {"metric": "test.accuracy", "at_least": 0.9999},
}
BINARY = {
    "dataset": "breast_cancer",
    "model": {"name": "mlp", "hidden": [16]},
    "train": {"epochs": 8, "batch_size": 32, "optimizer": {"name": "adamw", "learning_rate": 0.01}},
    "goal": {"metric": "test.roc_auc", "at_least": 0.5},
}
VALUES = {
    "dataset": "diabetes",
    "model": {"name": "mlp", "hidden": [16]},
    "train": {"epochs": 12, "batch_size": 32, "optimizer": {"name": "adamw", "learning_rate": 0.01}},
    "goal": {"metric": "test.mae", "at_most": 1000},
}
CLASSES = ("<script>alert(1)</script>", "$5 & $6", "ぁ", "{{ 7 * 7 }}")


def hostile_card(folder: Path) -> dict:
    """A table whose names are markup; val lacks the last class, cells are missing, a word is seen in training only."""
    rng = np.random.default_rng(0)
    lines = ["<b>size</b>,colour,kind"]
    for row in range(240):
        label = row % 4 if row < 120 or row >= 180 else row % 3  # 120..179 are val
        size = "" if row % 17 == 0 else f"{label + rng.normal(0, 0.7):.3f}"
        colour = ("red", "green", "<i>blue</i>", "")[int(rng.integers(4))]
        lines.append(f"{size},{colour},{CLASSES[label]}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return {
        "title": "<img src=x onerror=alert(1)>",
        "source": {"kind": "csv", "file": str(folder / "rows.csv")},
        "licence": "<u>none</u>",
        "homepage": "javascript:alert(1)",
        "task": "classification",
        "columns": {"<b>size</b>": "number", "colour": "category"},
        "target": {"name": "kind", "classes": list(CLASSES)},
        "split": {"kind": "fixed", "train": [0, 120], "val": [120, 180], "test": [180, 240]},
    }


def evaluated(experiment: dict, folder: Path) -> Run:
    return evaluate(train(load_experiment(experiment), runs=folder))


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return evaluated(DIGITS, tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="session")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return evaluated(BINARY, tmp_path_factory.mktemp("binary"))


@pytest.fixture(scope="session")
def values(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return evaluated(VALUES, tmp_path_factory.mktemp("values"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("hostile")
    experiment = {"dataset": hostile_card(folder), "model": {"name": "mlp", "hidden": [16]}, "train": {"epochs": 6, "batch_size": 32}}
    return evaluated(experiment, folder)


@pytest.fixture
def copy(tmp_path: Path):
    """Makes a run folder of one's own, which may be broken."""

    def made(run: Run, *, without: tuple[str, ...] = ()) -> Run:
        path = tmp_path / "runs" / run.name / run.id
        shutil.copytree(run.path, path)
        for name in without:
            (path / name).unlink()
        return Run(path)

    return made
