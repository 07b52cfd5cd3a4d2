"""What a check finds, and the parts of its sentences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
SHOWN = 8  # examples of what was found


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        severity: an `error` makes what a model seems to be worth untrue; a `warning` may; a `note` is worth knowing.
        check: the name of what looked, as docs/data.md lists it.
        what: one line.
        where: examples: rows, files, columns.
        advice: what to do.
    """

    severity: Severity
    check: str
    what: str
    where: tuple[str, ...] = ()
    advice: str = ""


def some(words: Iterable[Any]) -> tuple[str, ...]:
    """The first few, and how many more there are."""
    listed = [str(word) for word in words]
    more = len(listed) - SHOWN
    return (*listed[:SHOWN], f"and {more:,} more") if more > 0 else tuple(listed)


def percent(count: float, of: float) -> str:
    """`3.1 %`; what is not nothing never looks like it."""
    share = 100 * count / of
    return f"{share:.1f} %" if share >= 0.1 else f"{share:.2g} %"


def sample(rows: np.ndarray, size: int) -> np.ndarray:
    """At most so many of the rows, the same ones every time, in their order."""
    return rows if len(rows) <= size else np.sort(np.random.default_rng(0).choice(rows, size, replace=False))
