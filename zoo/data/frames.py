"""Data frames of anybody's: checked, their types guessed, their cells as Parquet holds them."""

from __future__ import annotations

import datetime
import logging
from typing import Any

import numpy as np
import pandas as pd

from zoo.data.guess import Guess, guess, learns
from zoo.data.guess.columns import MARKERS
from zoo.errors import ZooError, did_you_mean

log = logging.getLogger("zoo")

PLAIN = (str, bytes, bool, int, float, np.generic, datetime.date, datetime.time)  # what a cell may hold


def table(frame: Any, target: str, what: str) -> pd.DataFrame:
    """The frame with names as text, checked."""
    if not isinstance(frame, pd.DataFrame):
        raise ZooError(f"{what} is a {type(frame).__name__}, where a pandas DataFrame is expected", "arrays: zoo.Dataset.from_arrays")
    frame = frame.set_axis([str(one) for one in frame.columns], axis=1).reset_index(drop=True)
    double = frame.columns[frame.columns.duplicated()]
    if len(double):
        raise ZooError(f"{what} has more than one column '{double[0]}'", "rename all but one of them")
    if target not in frame.columns:
        raise ZooError(f"{what} has no target column '{target}'", did_you_mean(target, frame.columns))
    if len(frame) == 0:
        raise ZooError(f"{what} has no rows")
    return frame


def guess_of(values: pd.Series) -> Guess:
    _refuse_objects(values)
    if isinstance(values.dtype, pd.CategoricalDtype):
        return Guess("category", "categories", missing=int(values.isna().sum()), distinct=values.nunique())
    if pd.api.types.is_timedelta64_dtype(values.dtype):
        return guess(values.dt.total_seconds(), str(values.name))
    return guess(_dates_as_text(values), str(values.name))


def task_of(values: pd.Series, guessed: Guess) -> str:
    """What a target asks for: words are classes, be it one alone."""
    words = not pd.api.types.is_numeric_dtype(values.dtype) and guessed.type == "constant"
    return "classification" if words else learns(guessed, len(values))[0]


def _refuse_objects(values: pd.Series) -> None:
    """Raises ZooError for a cell that holds a list, an array, a complex number or an object of one's own."""
    if values.dtype.kind == "c":
        raise ZooError(f"column '{values.name}' holds complex numbers", "give their real and imaginary parts as columns")
    if values.dtype != object:
        return
    for row, cell in enumerate(values):
        scalar = isinstance(cell, PLAIN) or cell is None or cell is pd.NaT or cell is pd.NA
        if not scalar and not hasattr(cell, "as_tuple"):  # a Decimal is a number
            raise ZooError(
                f"column '{values.name}' holds a {type(cell).__name__} in row {row}", "a cell is one number, word, date or truth"
            )


def _dates_as_text(values: pd.Series) -> pd.Series:
    """Datetimes, dates and periods as ISO 8601; all else as it is."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values.map(lambda one: one.isoformat(), na_action="ignore").astype(object)
    if values.dtype == object:
        return values.map(lambda one: one.isoformat() if isinstance(one, (datetime.date, datetime.time)) else one, na_action="ignore")
    return values.astype(str).where(values.notna(), None) if isinstance(values.dtype, pd.PeriodDtype) else values


def columns_of(frame: pd.DataFrame, found: dict[str, Guess], target: str, said: dict[str, Any]) -> dict[str, Any]:
    """The card's columns: as the caller says, else as guessed; what teaches nothing is left out, with a word."""
    said = {str(one): settings for one, settings in said.items()}
    for one in said:
        if one not in found:
            raise ZooError(f"columns: the table has no column '{one}'", did_you_mean(one, found))
    wanted: dict[str, Any] = {}
    for one, guessed in found.items():
        if one == target:
            continue
        if one in said:
            wanted[one] = said[one]
        elif guessed.learns:
            wanted[one] = {"type": guessed.type, "format": guessed.format} if guessed.format else guessed.type
        else:
            log.warning("note: column '%s' is left out: %s (%s); columns={'%s': 'category'} keeps it", one, guessed.type, guessed.why, one)
    if not wanted:
        raise ZooError(f"no column is left to learn '{target}' from", "columns={NAME: TYPE} keeps what is left out")
    return wanted


def cells(values: pd.Series, kind: str) -> pd.Series:
    """A column as Parquet holds it for the card: float64, bool, or text, with nulls."""
    if kind in ("number", "boolean") and pd.api.types.is_timedelta64_dtype(values.dtype):
        return values.dt.total_seconds()
    if kind == "number":
        return _numbers(values)
    if kind == "boolean" and pd.api.types.is_bool_dtype(values.dtype):
        return values.astype("boolean")
    text = _dates_as_text(values)
    whole = pd.api.types.is_float_dtype(text.dtype) and bool((text.dropna() == text.dropna().round()).all())
    if whole:  # a whole number is written as one: 3, not 3.0
        text = text.astype("Int64")
    words = text.astype(object).map(lambda one: one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one), na_action="ignore")
    return words.where(text.notna(), None).astype("string")


def _numbers(values: pd.Series) -> pd.Series:
    """float64 with NaN. Raises ZooError for a word that is neither a number nor a usual mark of a missing value."""
    plain = values.astype(object).where(values.notna(), None)
    numbers = pd.to_numeric(plain, errors="coerce").astype(np.float64)
    wrong = np.flatnonzero((numbers.isna() & values.notna()).to_numpy(bool) & ~plain.astype(str).str.strip().isin(MARKERS).to_numpy(bool))
    if len(wrong):
        raise ZooError(
            f"column '{values.name}' holds '{plain.iloc[wrong[0]]!s:.40}' in row {wrong[0]}, where a number is expected",
            f"{len(wrong)} cells of {len(values)} are none; put NaN there, or columns={{'{values.name}': 'category'}}",
        )
    return numbers


def target_of(name: str, task: str, values: pd.Series) -> dict[str, Any]:
    if task != "classification":
        return {"name": name}
    return {"name": name, "classes": in_order(values.dropna().unique().tolist())}


def in_order(words: list[str]) -> list[str]:
    """Numbers by their size, words by the alphabet."""
    try:
        return sorted(words, key=float)
    except ValueError:
        return sorted(words)
