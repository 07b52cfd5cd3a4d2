"""Cards over files that a test writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made import card_of

from zoo.config import Card


@pytest.fixture
def csv_card(tmp_path: Path) -> Callable[..., Card]:
    """A card over a table: `number` a, `category` b, target y, unless it says otherwise."""

    def make(text: str | bytes, *, source: dict[str, Any] | None = None, **card: Any) -> Card:
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return card_of({"kind": "csv", "file": str(path), **(source or {})}, **{"columns": {"a": "number", "b": "category"}, **card})

    return make
