"""Names that signatures and tables take."""

from __future__ import annotations

import keyword
from collections.abc import Iterable


def identifiers(names: list[str]) -> dict[str, str]:
    """Each name as a unique identifier: letters, digits and `_`, never a leading digit or `_`.

    SavedModel signatures refuse or silently rename other names; the manifest maps them back. They refuse Python's keywords
    and `self` too, and of two names that differ in case only they rename one.
    """
    made: dict[str, str] = {}
    used: set[str] = set()
    for name in sorted(names, key=lambda name: _identifier(name) != name):  # what may stay stays: no other is served under its name
        base = unique = _identifier(name)
        count = 2
        while unique.lower() in used or (unique != name and unique in names):
            unique, count = f"{base}_{count}", count + 1
        made[name] = unique
        used.add(unique.lower())
    return {name: made[name] for name in names}


def _identifier(name: str) -> str:
    """A name with what an identifier may hold, not yet unique."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter == "_") else "_" for letter in name)
    base = kept.strip("_") or "column"
    base = f"n{base}" if base[0].isdigit() else base
    return f"{base}_" if keyword.iskeyword(base) or base == "self" else base


def score_columns(classes: Iterable[str]) -> list[str]:
    """The names of the columns that `scores` become in a table, in the classes' order."""
    return [f"score_{name}" for name in classes]
