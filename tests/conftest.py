"""What all tests share: a quiet TensorFlow, and folders that are nobody's own."""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before anything imports TensorFlow

LONGEST = (
    "test_contract.py",
    "test_readme.py",
    "test_searching.py",
    "test_cluster.py",
    "test_backbones.py",
    "test_resume.py",
    "test_new.py",
    "test_wheel.py",
    "test_training.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that two workers end at about the same time."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def _folders_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new cache, and no ZOO_HOME of whoever runs the tests. `ZOO_DATA_DIR` stays: real bytes are worth reading."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("ZOO_HOME", raising=False)
        yield


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A registry of the test's own: what it registers is forgotten afterwards."""
    from zoo import registry
    from zoo.registry import known

    registry.load_all()
    monkeypatch.setattr(known, "_registered", dict(known._registered))
    monkeypatch.setattr(known, "_broken", {})
    yield
    registry.catalogue.cache_clear()


@pytest.fixture(scope="session")
def rhymes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text that a small model learns in seconds, in several scripts' letters."""
    path = tmp_path_factory.mktemp("text") / "rhymes.txt"
    path.write_text("".join(f"{number} flösse · {number * 7} ‹bücher›\n" for number in range(400)), "utf-8")
    return path


@pytest.fixture(scope="session")
def written(rhymes: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A language model of a context of 16 characters: its run and its bundle (`Outcome`). Read only."""
    from zoo.jobs.pipeline import run_all

    card = {
        "title": "Counted",
        "source": {"kind": "text_file", "file": str(rhymes)},
        "licence": "none",
        "task": "language",
        "text": {"columns": ["text"]},
        "split": {"kind": "time", "val": 0.1, "test": 0.1},
        "preprocess": {"text": {"tokens": "character", "length": 16, "lower": False}},
    }
    experiment = {
        "dataset": card,
        "model": {"name": "gpt_nano", "depth": 1, "width": 16, "heads": 2},
        "train": {"epochs": 3, "batch_size": 16, "optimizer": {"name": "adam", "learning_rate": 0.01}, "tensorboard": False},
        "goal": {"metric": "test.nats", "at_most": 3},
    }
    home = tmp_path_factory.mktemp("written")
    return run_all(experiment, runs=home / "runs", bundles=home / "bundles")


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the repository."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sets that `unpack.py` of the data folder makes ordinary folders of."""
    folder = tmp_path_factory.mktemp("unpacked")
    script = Path(os.environ["ZOO_DATA_DIR"], "unpack.py")
    if not script.is_file():
        pytest.skip("ZOO_DATA_DIR has no unpack.py")
    made = runpy.run_path(str(script))
    for name in ("unpack_cifar10", "unpack_imdb"):
        made[name](folder)
    return folder
