"""Cells of a table to typed values, and what is wrong with them: file, line, column, value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zoo.data.sources.words import Words
from zoo.errors import ZooError, nearest, printable

NUMBERS = ("number", "boolean")  # columns that become floats; the others are text
SHOWN = 20  # names in a message
YES, NO = ("1", "true", "yes", "t", "y"), ("0", "false", "no", "f", "n")


class Stumble(Exception):
    """The fast reader cannot read a table; the careful one is needed."""


@dataclass(frozen=True)
class Wanted:
    """A column that is read: its type as a card says it, and a date's format."""

    type: str = "category"
    format: str | None = None


@dataclass(frozen=True)
class Fault:
    """What is wrong with the rows of a mask, as the end of a sentence, and what to try."""

    wrong: np.ndarray
    why: str
    hint: str | None = None


@dataclass
class Part:
    """Some rows of a table.

    Attributes:
        columns: numbers float64 with NaN, everything else str objects with "" for missing, or Words.
        size: rows that the source holds here, those that were left out too.
        rows: which of them are here.
        lines: where each of those here stands in the file, from 1; empty where nobody asked for it.
    """

    columns: dict[str, np.ndarray | Words]
    size: int
    rows: np.ndarray
    lines: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass
class Rejected:
    """Rows that were left out because they are broken, a line each. Without `skip` the first one is an error."""

    skip: bool
    told: list[str] = field(default_factory=list)

    def add(self, what: str, hint: str | None = None) -> None:
        if not self.skip:
            raise ZooError(what, hint)
        self.told.append(printable(what))


def missing(cells: pd.Series, markers: tuple[str, ...]) -> np.ndarray:
    """Which cells say that the value is missing."""
    gone: np.ndarray = cells.str.strip().isin(markers).to_numpy(bool)
    return gone


def typed(cells: pd.Series, wanted: Wanted, markers: tuple[str, ...], decimal: str = ".") -> tuple[np.ndarray, list[Fault]]:
    """A column of text, typed, and the cells that cannot be.

    Args:
        cells: text.
        wanted: `number` and `boolean` become float64 with NaN for missing; all else str objects with "" for missing.
        markers: what says that a value is missing; a blank number, boolean or date is missing, too.
        decimal: what stands before a number's fraction.
    """
    words = cells.str.strip()
    gone = words.isin(markers).to_numpy(bool)
    if wanted.type in ("category", "text"):
        return np.where(gone, "", words.to_numpy(object)), []
    gone = gone | (words == "").to_numpy(bool)
    if wanted.type == "number":
        return _numbers(words, gone, decimal)
    if wanted.type == "boolean":
        known = words.str.lower().map({**dict.fromkeys(YES, 1.0), **dict.fromkeys(NO, 0.0)}).to_numpy(np.float64)
        values = np.where(gone, np.nan, known)
        hint = f"yes is {', '.join(YES)}; no is {', '.join(NO)}, in any case"
        return values, [Fault(np.isnan(values) & ~gone, "where a boolean is expected", hint)]
    values = np.where(gone, "", words.to_numpy(object))
    shape = (
        f"the column's format is {wanted.format}"
        if wanted.format
        else "dates are written as 2026-11-21 10:00 (ISO 8601), or as the column's format says"
    )
    return values, [Fault(~_are_moments(values, wanted.format) & ~gone, "where a date is expected", shape)]


def _are_moments(values: np.ndarray, format_: str | None) -> np.ndarray:
    """Whether each is a moment for the graph that will read it."""
    from zoo.data.preprocess import dates

    codes, words = pd.factorize(values)
    if not len(words):
        return np.zeros(0, bool)
    known: np.ndarray = dates.read(np.array(words, object), dates.reading(format_))[1]
    return known[codes]


def _numbers(words: pd.Series, gone: np.ndarray, decimal: str) -> tuple[np.ndarray, list[Fault]]:
    if decimal == ",":
        words = words.str.replace(".", "\0", regex=False).str.replace(",", ".", regex=False)
    values = np.array(pd.to_numeric(words, errors="coerce"), np.float64)
    values[gone] = np.nan
    comma = (np.isnan(values) & ~gone).any() and decimal == "." and words.str.fullmatch(r"[+-]?\d+,\d+").any()
    hint = "is its decimal mark a comma? source.decimal" if comma else "is it a category, or a marker of a missing value (source.missing)?"
    return values, [Fault(np.isnan(values) & ~gone, "where a number is expected", hint), infinite(values)]


def infinite(values: np.ndarray) -> Fault:
    with np.errstate(over="ignore"):
        return Fault(np.isinf(values.astype(np.float32)), "which is infinite, or larger than a float32 can be")


def column(cells: pd.Series, kind: str | Wanted, markers: tuple[str, ...], where: Any, decimal: str = ".") -> np.ndarray:
    """A column of text, typed: float32, or str objects.

    Args:
        cells: text; the index is the line in the file, the name the column's.
        kind: the type, as a card says it.
        markers: what says that a value is missing.
        where: the file, for messages.

    Raises:
        ZooError: a value that is none of its type, with its line.
    """
    values, faults = typed(cells, kind if isinstance(kind, Wanted) else Wanted(kind), markers, decimal)
    _tell({str(cells.name): (cells, faults)}, cells.index.to_numpy(), f"{where}, line", Rejected(skip=False))
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def part(
    found: Mapping[str, tuple[Any, np.ndarray, list[Fault]]], lines: np.ndarray, size: int, rows: np.ndarray, where: str, rejected: Rejected
) -> Part:
    """Typed columns with their faults as a Part, without the rows that have one.

    Args:
        found: the cells as they stand there, the values, and the faults, a column each.
        lines, rows: of each row that is here; `size` counts those that were left out before, too.
        where: the file and what its rows are called, as `t.csv, line`.
        rejected: takes the rows that are left out, or refuses the first.
    """
    kept = _tell({name: (cells, faults) for name, (cells, _, faults) in found.items()}, lines, where, rejected)
    if kept.all():
        return Part({name: values for name, (_, values, _) in found.items()}, size, rows, lines)
    return Part({name: values[kept] for name, (_, values, _) in found.items()}, size, rows[kept], lines[kept])


def _tell(found: Mapping[str, tuple[Any, list[Fault]]], lines: np.ndarray, where: str, rejected: Rejected) -> np.ndarray:
    kept = np.ones(len(lines), bool)
    for name, (cells, faults) in found.items():
        for fault in faults:
            for row in np.flatnonzero(fault.wrong & kept):
                value = cells.iloc[row] if isinstance(cells, pd.Series) else cells[row]
                rejected.add(f"{where} {lines[row]}: column '{name}' holds '{value!s:.40}', {fault.why}", fault.hint)
            kept &= ~fault.wrong
    return kept


def lacks(path: Path, names: Sequence[str], lacking: Sequence[str], target: str | None, why: str | None = None) -> ZooError:
    """That a file has no columns of some names."""
    close = nearest(lacking[0], names) if len(lacking) == 1 else []
    what = "target column" if list(lacking) == [target] else "column"
    return ZooError(
        f"{path} has no {what}{'s' * (len(lacking) > 1)} {listed([f'{name!r}' for name in lacking])}",
        f"did you mean: {', '.join(close)}" if close else None,
        f"the file has: {listed(names)}",
        why,
    )


def is_number(word: str) -> bool:
    """Whether Python reads a word as a number."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - SHOWN:,} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
