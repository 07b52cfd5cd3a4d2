"""What the tests of the command line share: `zoo` called in this process, and a few things trained once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from zoo.cli import main
from zoo.jobs.pipeline import Outcome, run_all

DIGITS = {
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [16]},
    "train": {"epochs": 2, "batch_size": 256, "tensorboard": False},
    "goal": {"metric": "test.accuracy", "at_least": 0.99999},
}

TABLE_CARD = """\
title: people
licence: none
task: classification
source: {kind: csv, file: people.csv, missing: ['', '-']}
columns: {age: number, "net income": number, town: category}
target: {name: buys}
"""

TABLE_EXPERIMENT = """\
dataset: people
model: {name: mlp, hidden: [8]}
train: {epochs: 2, tensorboard: false}
export: {formats: [saved_model]}
"""


def _people(rows: int = 120) -> str:
    """A table with numbers, a category, missing cells and a column that nobody asked for."""
    rng = np.random.default_rng(3)
    lines = ["age,net income,town,note,buys"]
    for index in range(rows):
        age, income = rng.integers(18, 80), round(float(rng.normal(30, 9)), 2)
        town = ("Basel", "Bern", "-", "Chur")[index % 4]
        lines.append(f"{age if index % 7 else ''},{income},{town},n{index},{'yes' if age > 45 else 'no'}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Result:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Zoo = Callable[..., Result]


@pytest.fixture
def zoo(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Zoo:
    """Calls the command line in this process, in an empty working folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Result:
        capsys.readouterr()
        code = main(words)
        return Result(code, *capsys.readouterr())

    return call


@pytest.fixture
def refused(zoo: Zoo) -> Callable[..., str]:
    """Calls, and checks that it is refused as a user's mistake shall be; gives what was said."""

    def call(*words: str) -> str:
        before = _tree()
        result = zoo(*words)
        assert result.code == 2, result
        assert result.err.startswith("error: "), result.err
        assert result.err.count("error: ") == 1
        assert "Traceback" not in result.err
        assert result.out == ""
        assert _tree() == before, "something was left behind"
        return result.err

    return call


def _tree() -> set[Path]:
    folders = [Path("runs"), Path("bundles"), Path("searches")]
    return {path for folder in folders for path in folder.rglob("*") if path.name != ".lock"}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Digits by a small perceptron: a run and its bundle. Read only: copy it to change it."""
    home = tmp_path_factory.mktemp("digits")
    return run_all(DIGITS, runs=home / "runs", bundles=home / "bundles")


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A table with numbers and categories: a run and its bundle. Read only."""
    home = tmp_path_factory.mktemp("people")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        _write_people(home)
        return run_all("people", runs=home / "runs", bundles=home / "bundles")


def _write_people(folder: Path, card: str = TABLE_CARD, experiment: str = TABLE_EXPERIMENT, data: str | None = None) -> None:
    """A user's own card, experiment and table."""
    for name, text in (("datasets/people.yaml", card), ("experiments/people.yaml", experiment), ("datasets/people.csv", data or _people())):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture
def own(trained: Outcome, zoo: Zoo) -> Path:
    """A copy of the trained run in ./runs, to be spoilt."""
    path = Path("runs") / trained.run.name / trained.run.id
    shutil.copytree(trained.run.path, path)
    return path


@pytest.fixture
def people() -> Callable[..., str]:
    """A table of so many rows, as text."""
    return _people


@pytest.fixture
def own_files(zoo: Zoo) -> Callable[..., None]:
    """Writes a user's own card, experiment and table `people` into the working folder, with one text changed."""

    def write(card: tuple[str, str] = ("", ""), experiment: tuple[str, str] = ("", ""), data: str | None = None) -> None:
        _write_people(Path(), TABLE_CARD.replace(*card), TABLE_EXPERIMENT.replace(*experiment), data)

    return write
