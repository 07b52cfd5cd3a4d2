"""What the tests of searches share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pretended import Pretend, coordinator, iris

from zoo.config.tunable import load_tunable
from zoo.tuning.folder import SearchFolder, create


@pytest.fixture
def tried(tmp_path: Path) -> Callable[..., tuple[SearchFolder, str]]:
    """Searches with pretended workers; gives the folder and why it ended."""

    def search(workers: Any = None, **settings: Any) -> tuple[SearchFolder, str]:
        tunable = load_tunable(iris(**settings))
        folder = create(tmp_path / "searches", tunable, threads=1)
        why = coordinator(folder, tunable, workers or Pretend()).run()
        return SearchFolder(folder.path), why

    return search
