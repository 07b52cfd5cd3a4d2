"""What a page is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Section:
    """A heading with a picture (PNG in base64), a drawing (SVG) or a table below it."""

    title: str
    image: str = ""
    drawing: str = ""
    columns: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass
class Page:
    """One thing that bears the name."""

    title: str
    lead: str
    facts: list[tuple[str, str]]
    sections: list[Section]
