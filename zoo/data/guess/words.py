"""How what was guessed is said."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number and its noun: `1 cell`, `1,200 cells`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
