"""Tables as text: CSV with a header line, read a bounded part at a time; number and category columns."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zoo.config.card import Card
from zoo.config.sources import CsvSource, File
from zoo.data import fetch
from zoo.data.sources.raw import Raw, join
from zoo.errors import ZooError, nearest

log = logging.getLogger("zoo")

ROWS, CELLS = 8192, 1 << 20  # read at once, at most
LONGEST = 1 << 26  # characters of a cell; a quote that is never closed must not fill the memory
END = "\0"  # stands behind the last line, so that a quote that is still open there shows
SHOWN = 20  # names in a message


@dataclass(frozen=True)
class Table:
    """A CSV file whose first line is read: the columns' names in their order."""

    path: Path
    separator: str
    names: list[str]

    def places(self, wanted: Sequence[tuple[str, ...]], target: str | None = None) -> list[int]:
        """Where each wanted column stands, which goes by any of its names.

        Raises:
            ZooError: columns that are not there, all of them at once, or one that stands twice.
        """
        found = [next((name for name in names if name in self.names), None) for names in wanted]
        lacking = [names[0] for names, name in zip(wanted, found, strict=True) if name is None]
        if lacking:
            raise self._lacks(lacking, "target column" if lacking == [target] else "column", everything=len(lacking) == len(wanted))
        for name in found:
            if self.names.count(str(name)) > 1:
                raise ZooError(f"{self.path} has {self.names.count(str(name))} columns named '{name}'", "rename all but one of them")
        return [self.names.index(str(name)) for name in found]

    def _lacks(self, lacking: list[str], what: str, everything: bool) -> ZooError:
        close = nearest(lacking[0], self.names) if len(lacking) == 1 else []
        named = _listed([f"'{name}'" for name in lacking])
        return ZooError(
            f"{self.path} has no {what}{'s' * (len(lacking) > 1)} {named}",
            f"did you mean: {', '.join(close)}" if close else None,
            f"the file has: {_listed(self.names)}",
            "the first line looks like data: give the file a header line" if everything and any(map(_is_number, self.names)) else None,
        )

    def parts(self, places: list[int], rows: int = ROWS) -> Iterator[pd.DataFrame]:
        """The columns at `places` as text, in parts; the index is each row's line in the file."""
        size, width, lines, cells = min(rows, max(1, CELLS // len(self.names))), len(self.names), [], []
        for line, row in self._rows():
            if len(row) > width:
                raise ZooError(
                    f"{self.path}, line {line}: does not parse as CSV with {self.separator!r} between columns: "
                    f"{len(row)} cells, where the first line has {width}"
                )
            lines.append(line)
            cells.append([row[place] if place < len(row) else "" for place in places])
            if len(lines) == size:
                yield self._frame(cells, lines, places)
                lines, cells = [], []
        if lines:
            yield self._frame(cells, lines, places)

    def _frame(self, cells: list[list[str]], lines: list[int], places: list[int]) -> pd.DataFrame:
        return pd.DataFrame(cells, index=lines, columns=[self.names[place] for place in places], dtype=object)

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """The rows behind the header. A blank line is no row; in a table of one column it is a missing value, but not at the end."""
        records, blank, empty = _records(self.path, self.separator), [], True
        next(records)
        for line, row in records:
            if not row or (len(self.names) > 1 and len(row) == 1 and not row[0].strip()):
                blank.append(line)
                continue
            yield from ((one, [""]) for one in blank if len(self.names) == 1)
            yield line, row
            blank, empty = [], False
        if empty:
            raise ZooError(f"{self.path} has a header but no rows")


def _listed(words: list[str]) -> str:
    more = f" and {len(words) - SHOWN:,} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def opened(path: Path, separators: str, wanted: Sequence[tuple[str, ...]] = ()) -> Table:
    """A table under that separator by which its first line holds most of the wanted columns.

    Raises:
        ZooError: the file is missing, empty, or no UTF-8 text.
    """
    _refuse_what_is_no_text(path)
    known = {name for names in wanted for name in names}
    best = max((_header(path, separator) for separator in separators), key=lambda table: len(known & set(table.names)))
    if not best.names:
        raise ZooError(f"{path} is empty")
    return best


def _header(path: Path, separator: str) -> Table:
    first = next(_records(path, separator), (0, []))[1]
    return Table(path, separator, [name.strip() for name in first])


def _refuse_what_is_no_text(path: Path) -> None:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if b"\0" in line:
                    raise ZooError(f"{path}, line {number}: not UTF-8 text: it holds NUL bytes", "save it as UTF-8")
                line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ZooError(f"{path}, line {number}: not UTF-8 text (byte {error.start + 1} of the line)", "save it as UTF-8") from None
    except OSError as error:
        raise ZooError(f"{path}: {error.strerror or error}") from None


def _records(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it begins in, blank lines before the first one left out."""
    csv.field_size_limit(LONGEST)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(chain(file, [END]), delimiter=separator, skipinitialspace=True)
        line, begun = 1, False
        try:
            for row in reader:
                if row == [END]:
                    return
                if row and row[-1].endswith(END):
                    raise csv.Error("a quote that opens there is never closed")
                begun = begun or any(cell.strip() for cell in row)
                if begun:
                    yield line, row
                line = reader.line_num + 1
        except csv.Error as error:
            raise ZooError(f"{path}, line {line}: does not parse as CSV with {separator!r} between columns: {error}") from None


def read(card: Card, source: CsvSource) -> Raw:
    """Numbers float32 with NaN, categories str with "" for missing; rows without a target are left out, with a word."""
    files: dict[str, str] = {}
    parts, kept, seen = [], [], 0
    for file in source.files():
        features, target, has_target = _read(card, source, file, files)
        if not has_target.all():
            name, size = Path(file.name).name, len(has_target)
            log.warning("note: %s: %d of %d rows have no %s: left out", name, (~has_target).sum(), size, card.target.name)
        parts.append((features, target))
        kept.append(np.flatnonzero(has_target) + seen)
        seen += len(has_target)
    raw = join(parts, files)
    raw.ids, raw.source_rows = np.concatenate(kept), seen
    return raw


def _read(card: Card, source: CsvSource, file: File, files: dict[str, str]) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """A file's features and target, and which of its rows have a target."""
    path = fetch.locate(file, card.folder)
    files[file.name] = fetch.sha256_of(path)
    kinds = {name: column.type for name, column in (card.columns or {}).items()}
    kinds[card.target.name] = "number" if card.task == "regression" else "category"
    table = opened(path, source.separator)
    places = table.places([(name,) for name in kinds], target=card.target.name)
    pieces: dict[str, list[np.ndarray]] = {name: [] for name in kinds}
    words: dict[str, str] = {}  # equal words are one object: text takes the memory of its different words
    known = []
    for frame in table.parts(places):
        known.append(~missing(frame[card.target.name], source.missing))
        for name, kind in kinds.items():
            values = column(frame[name], kind, source.missing, path)[known[-1]]
            pieces[name].append(np.array([words.setdefault(one, one) for one in values], object) if kind == "category" else values)
    columns = {name: np.concatenate(values) for name, values in pieces.items()}
    return columns, columns.pop(card.target.name), np.concatenate(known)


def missing(cells: pd.Series, markers: tuple[str, ...]) -> np.ndarray:
    """Which cells say that the value is missing."""
    gone: np.ndarray = cells.str.strip().isin(markers).to_numpy(bool)
    return gone


def column(cells: pd.Series, kind: str, markers: tuple[str, ...], where: Any) -> np.ndarray:
    """A column of text, typed.

    Args:
        cells: text; the index is the line in the file, the name the column's.
        kind: `number`, to float32 with NaN for missing, or `category`, to str objects with "" for missing.
        markers: what says that a value is missing.
        where: the file, for messages.

    Raises:
        ZooError: a number that is none, or more than a float32 can be, with its line.
    """
    gone = missing(cells, markers)
    if kind == "category":
        return np.where(gone, "", cells.str.strip().to_numpy(object))
    values = pd.to_numeric(cells.str.strip(), errors="coerce").to_numpy(np.float64)
    with np.errstate(over="ignore"):
        small = np.where(gone, np.nan, values).astype(np.float32)
    for wrong, why, hint in (
        (np.isnan(small) & ~gone, "where a number is expected", "is it a category, or a marker of a missing value (source.missing)?"),
        (np.isinf(small), "which is infinite, or larger than a float32 can be", None),
    ):
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise ZooError(f"{where}, line {cells.index[first]}: column '{cells.name}' holds '{cells.iloc[first]:.40}', {why}", hint)
    return small
