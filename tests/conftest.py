"""What all tests share: a quiet TensorFlow, and folders that are nobody's own."""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before anything imports TensorFlow


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
