"""Rows: broken ones, the same ones in two splits, equal ones with different labels, groups that are torn apart."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from zoo.config.splits import by_group
from zoo.data.audit.finding import Finding, percent, some
from zoo.data.cuts import spans
from zoo.data.mapped import release
from zoo.data.sources.raw import FILE
from zoo.data.sources.words import numbered
from zoo.data.splits import groups_of

if TYPE_CHECKING:
    from zoo.data.dataset import Dataset

LEAK = 0.01  # of val or test that stands in train, and of rows whose equals have another label: above it is an error
BYTES = 1 << 26  # hashed at once


def broken(data: Dataset) -> list[Finding]:
    """What the source left out because it cannot be read."""
    lines = data.raw.rejected
    if not lines:
        return []
    advice = "mend or remove them; source: {on_error: skip} leaves them out of a run, too"
    return [Finding("error", "broken", f"{len(lines):,} of {data.raw.source_rows:,} examples cannot be read", some(lines), advice)]


def torn_groups(data: Dataset) -> list[Finding]:
    """A group that the card or its split names, in two splits."""
    if not (data.card.group or by_group(data.card.split)):
        return []
    name = data.card.group or getattr(data.card.split, "column", None) or "group"
    groups = groups_of(data.card, data.raw, data.card.group)
    parts = [set(groups[rows]) for rows in data.rows.values()]
    torn = sorted(set.union(*(one & other for place, one in enumerate(parts) for other in parts[:place])))
    if not torn:
        return []
    what = f"{len(torn):,} of {len(set(groups)):,} groups of '{name}' stand in more than one split"
    advice = f"a model may learn to know them: split: {{kind: group, column: {name}}}"
    return [Finding("error", "torn groups", what, some(torn), advice)]


def equal_rows(data: Dataset) -> list[Finding]:
    """Rows of val and test that stand in train, and equal inputs with different labels. Windows overlap as they are: not looked at.

    Of a table a row is its columns and its target, elsewhere it is the input alone. One row of a table is chance, not a leak.
    """
    if spans(data.raw) is not None:
        return []
    inputs = keys(data.raw.features)
    is_table = data.card.kind == "table"
    whole = keys({"inputs": inputs, "target": data.raw.target}) if is_table else inputs
    return [*_leaks(data, whole, is_table), *(_contradictions(data, inputs) if data.card.task == "classification" else [])]


def _leaks(data: Dataset, whole: np.ndarray, is_table: bool) -> list[Finding]:
    found = []
    for name in ("val", "test"):
        rows = data.rows[name]
        again = rows[np.isin(whole[rows], whole[data.rows["train"]])]
        if not len(again):
            continue
        error = len(again) > LEAK * len(rows) and not (is_table and len(again) == 1)
        what = f"{len(again):,} of {len(rows):,} {name} rows ({percent(len(again), len(rows))}) stand exactly in train"
        advice = "drop the copies, or keep them together: split: {kind: hash}"
        found.append(Finding("error" if error else "warning", "copies", what, rows_of(data, again), advice))
    return found


def _contradictions(data: Dataset, inputs: np.ndarray) -> list[Finding]:
    _, which, counts = np.unique(inputs, return_inverse=True, return_counts=True)
    labels = numbered(data.raw.target)[1]
    least, most = np.full(len(counts), labels.max()), np.zeros(len(counts), labels.dtype)
    np.minimum.at(least, which, labels)
    np.maximum.at(most, which, labels)
    rows = np.flatnonzero((least != most)[which])
    if not len(rows):
        return []
    error, share = len(rows) > LEAK * len(inputs), percent(len(rows), len(inputs))
    rows = rows[np.argsort(which[rows], kind="stable")]  # equal ones beside one another
    what = f"{len(rows):,} rows ({share}) have equal inputs and different labels"
    advice = "is a label wrong, or is a column missing that tells them apart? no model can tell them now"
    return [Finding("error" if error else "warning", "contradictions", what, rows_of(data, rows), advice)]


def rows_of(data: Dataset, rows: np.ndarray) -> tuple[str, ...]:
    """Rows by what a user calls them: their files where they are files, else their numbers in the source, from 1."""
    files = data.raw.beside.get(FILE)
    return some(files[rows]) if files is not None else some(f"row {row + 1}" for row in data.raw.ids[rows])


def keys(columns: dict[str, Any]) -> np.ndarray:
    """64 bits of a hash a row, uint64 (n,): equal rows have equal ones. Text is compared without case and doubled blanks."""
    found: Any = np.uint64(0)
    for name in sorted(columns):
        values = columns[name]
        one = _rows(values) if values.ndim > 1 else _column(np.asarray(values), text=name == "text")
        release(values)
        found = (found * np.uint64(1_000_003)) ^ (one + np.uint64(0x9E3779B97F4A7C15))  # the order of the columns counts
    return np.asarray(found, np.uint64)


def _column(values: np.ndarray, text: bool) -> np.ndarray:
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.nan, values + 0.0)  # one zero, one NaN
    elif values.dtype.kind not in "iub":
        values = values.astype(object)
    if text:
        values = np.array([" ".join(one.casefold().split()) for one in values], object)
    return np.asarray(pd.util.hash_array(values))


def _rows(values: Any) -> np.ndarray:
    """Of images and sound: each example's bytes, hashed."""
    size, block = len(values), max(1, BYTES // max(1, int(np.prod(values.shape[1:])) * values.dtype.itemsize))
    found = np.empty(size, np.uint64)
    for start in range(0, size, block):
        part = np.ascontiguousarray(values[start : start + block])
        digests = b"".join(hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in part)
        found[start : start + block] = np.frombuffer(digests, np.uint64)
    return found
