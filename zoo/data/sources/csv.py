"""Tables as text: CSV with a header line, number and category columns."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from zoo.config.card import Card, CsvSource, File
from zoo.data import fetch
from zoo.data.sources.raw import Raw, join
from zoo.errors import ZooError, did_you_mean

log = logging.getLogger("zoo")


def read(card: Card, source: CsvSource) -> Raw:
    """Numbers float32 with NaN, categories str with "" for missing; rows without a target are left out, with a word."""
    files: dict[str, str] = {}
    parts, kept, seen = [], [], 0
    for file in [source.file, *([source.test_file] if source.test_file else [])]:
        frame = _frame(card, source, file, files)
        target = frame[card.target.name].str.strip()
        has_target = ~missing(target, source.missing).to_numpy()
        if not has_target.all():
            log.warning("note: %s: %d of %d rows have no %s: left out", file.name, (~has_target).sum(), len(frame), card.target.name)
        features = table(card, frame, source.missing, file.name)
        parts.append(({name: values[has_target] for name, values in features.items()}, target[has_target].to_numpy(str)))
        kept.append(np.flatnonzero(has_target) + seen)
        seen += len(frame)
    raw = join(parts, files)
    raw.ids, raw.source_rows = np.concatenate(kept), seen
    return raw


def _frame(card: Card, source: CsvSource, file: File, files: dict[str, str]) -> pd.DataFrame:
    path = fetch.locate(file, card.folder)
    files[file.name] = fetch.sha256_of(path)
    frame = read_text(path, source.separator)
    wanted = [*(card.columns or {}), card.target.name]
    for name in wanted:
        if name not in frame.columns:
            role = "target column" if name == card.target.name else "column"
            raise ZooError(
                f"{path} has no {role} '{name}'", did_you_mean(name, list(frame.columns)) or f"it has: {', '.join(frame.columns[:20])}"
            )
        if (frame.columns == name).sum() > 1:
            raise ZooError(f"{path} has {(frame.columns == name).sum()} columns named '{name}'", "rename all but one of them")
    return frame[wanted]


def read_text(path: Path, separator: str) -> pd.DataFrame:
    """Every cell as text, as it stands, under the names of the first line. Raises ZooError for what is no such table."""
    try:
        _refuse_nul(path)
        # With header=None pandas neither takes a surplus column for an index nor renames the second of two equal names.
        cells = pd.read_csv(path, sep=separator, header=None, dtype=str, keep_default_na=False, skipinitialspace=True, encoding="utf-8-sig")
    except pd.errors.EmptyDataError:
        raise ZooError(f"{path} is empty") from None
    except UnicodeDecodeError as error:
        raise ZooError(f"{path} is not UTF-8 text (byte {error.start})", "save it as UTF-8") from None
    except ValueError as error:  # pandas' ParserError is one
        raise ZooError(f"{path} does not parse as CSV with {separator!r} between columns: {str(error).strip()}") from None
    except OSError as error:
        raise ZooError(f"{path}: {error.strerror or error}") from None
    if len(cells) < 2:
        raise ZooError(f"{path} has a header but no rows")
    frame = cells.iloc[1:].fillna("").reset_index(drop=True)
    frame.columns = cells.iloc[0].fillna("").str.strip()
    return frame


def _refuse_nul(path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if b"\0" in block:
                raise ZooError(f"{path} is not UTF-8 text: it holds NUL bytes", "save it as UTF-8")


def missing(cells: pd.Series, markers: tuple[str, ...]) -> pd.Series:
    """Which cells say that the value is missing."""
    return cells.str.strip().isin(markers)


def table(card: Card, frame: pd.DataFrame, markers: tuple[str, ...], where: str) -> dict[str, np.ndarray]:
    """The card's columns of a frame of text, typed."""
    columns = {}
    for name, column in (card.columns or {}).items():
        gone = missing(frame[name], markers).to_numpy()
        if column.type == "number":
            columns[name] = numbers(frame[name], gone, name, where)
        else:
            columns[name] = np.where(gone, "", frame[name].str.strip().to_numpy(str))
    return columns


def numbers(cells: pd.Series, gone: np.ndarray, name: str, where: str) -> np.ndarray:
    """A column of text as float32, NaN where it is missing."""
    values = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    wrong = np.flatnonzero(np.isnan(values) & ~gone)
    if len(wrong):
        raise ZooError(
            f"{where}, row {wrong[0] + 1}: column '{name}' holds '{cells.iloc[wrong[0]]}', where a number is expected",
            f"{len(wrong)} such cell{'s' * (len(wrong) > 1)}; is it a category, or a marker of a missing value (source.missing)?",
        )
    with np.errstate(over="ignore"):
        small = np.where(gone, np.nan, values).astype(np.float32)
    infinite = np.flatnonzero(np.isinf(small))
    if len(infinite):
        raise ZooError(
            f"{where}, row {infinite[0] + 1}: column '{name}' holds {cells.iloc[infinite[0]]}",
            "which is infinite, or larger than a float32 can be",
        )
    return small
