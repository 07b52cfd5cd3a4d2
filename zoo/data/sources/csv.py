"""Tables as text, a bounded part at a time: separators, quotes, headers, packing and encodings as a card names them.

This is the careful reader: it knows the line of every cell. `fast` reads what is in good order many times faster.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from zoo.config.sources import CsvSource, File
from zoo.data.sources.cells import Part, Rejected, Wanted, is_number, lacks, part, typed
from zoo.data.sources.cells import column as column
from zoo.data.sources.tables import read as read
from zoo.data.sources.text import Scan, scan, text
from zoo.errors import ZooError

ROWS, CELLS = 8192, 1 << 20  # read at once, at most
LONGEST = 1 << 26  # characters of a cell; a quote that is never closed must not fill the memory
END = "\0"  # stands behind the last line, so that a quote that is still open there shows
OTHERS = ",;\t|"


@dataclass(frozen=True)
class Table:
    """A table as text: how it is read, and the columns' names in their order. `headed`: its first record holds them."""

    path: Path
    source: CsvSource
    names: list[str]
    headed: bool = True
    scan: Scan = field(default_factory=lambda: Scan(0, 0))

    unit = "line"

    @property
    def separator(self) -> str:
        return self.source.separator

    def places(self, wanted: Sequence[tuple[str, ...]], target: str | None = None) -> list[int]:
        """Where each wanted column stands, which goes by any of its names.

        Raises:
            ZooError: columns that are not there, all of them at once, or one that stands twice.
        """
        found = [next((name for name in names if name in self.names), None) for names in wanted]
        lacking = [names[0] for names, name in zip(wanted, found, strict=True) if name is None]
        if lacking:
            raise lacks(self.path, self.names, lacking, target, self._why(len(lacking) == len(wanted), lacking))
        for name in found:
            if self.names.count(str(name)) > 1:
                raise ZooError(f"{self.path} has {self.names.count(str(name))} columns named '{name}'", "rename all but one of them")
        return [self.names.index(str(name)) for name in found]

    def _why(self, everything: bool, lacking: list[str]) -> str | None:
        first = self.names[0] if self.names else ""
        other = next((one for one in OTHERS if one != self.separator and one in first and lacking[0] in first), None)
        if len(self.names) == 1 and other:
            return f"its cells stand apart by {other!r}: source.separator"
        if not self.headed:
            return f"the card says that it has no header, and it has {len(self.names)} columns"
        if everything and any(map(is_number, self.names)):
            return "the first line looks like data: give the file a header line, or say header: false"
        return None

    def parts(self, places: list[int], rows: int = ROWS, rejected: Rejected | None = None) -> Iterator[pd.DataFrame]:
        """The columns at `places` as text, in parts; the index is each row's line in the file, negative where it is ragged."""
        size, width, lines, cells = min(rows, max(1, CELLS // max(1, len(self.names)))), len(self.names), [], []
        last, rejected = max(places, default=0), rejected or Rejected(skip=False)
        for line, row in self._rows():
            if len(row) > width or len(row) <= last:
                rejected.add(
                    f"{self.path}, line {line}: does not parse as CSV with {self.separator!r} between columns: "
                    f"{len(row)} cells, where the first line has {width}"
                )
                line, row = -line, []
            lines.append(line)
            cells.append([row[place] for place in places] if row else [""] * len(places))
            if len(lines) == size:
                yield self._frame(cells, lines, places)
                lines, cells = [], []
        if lines:
            yield self._frame(cells, lines, places)

    def typed(self, wanted: Mapping[str, Wanted], rejected: Rejected, target: str | None = None) -> Iterator[Part]:
        """The columns by name, typed, in parts. What is broken is refused, or goes to `rejected`."""
        places = self.places([(name,) for name in wanted], target)
        for frame in self.parts(places, rejected=rejected):
            rows = np.flatnonzero(frame.index.to_numpy() > 0)
            whole = frame.iloc[rows]
            found = {
                name: (whole[name], *typed(whole[name], one, self.source.missing, self.source.decimal)) for name, one in wanted.items()
            }
            yield part(found, whole.index.to_numpy(), len(frame), rows, f"{self.path}, line", rejected)

    def _frame(self, cells: list[list[str]], lines: list[int], places: list[int]) -> pd.DataFrame:
        return pd.DataFrame(cells, index=lines, columns=[self.names[place] for place in places], dtype=object)

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """The rows behind the header. A blank line is no row; in a table of one column it is a missing value, but not at the end."""
        records, blank, empty = _records(self.path, self.source), [], True
        if self.headed:
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


def table(path: Path, source: CsvSource) -> Table:
    """A file of a card's source. Raises ZooError: it is missing, empty, no text, or a web page."""
    return opened(path, source.separator, source=source)


def opened(path: Path, separators: str, wanted: Sequence[tuple[str, ...]] = (), source: CsvSource | None = None) -> Table:
    """A table under that separator by which its first line holds most of the wanted columns, the earlier one where it is open.

    Args:
        path: the file.
        separators: those that it may have.
        wanted: columns, each by any of its names.
        source: how it is read, apart from its separator.

    Raises:
        ZooError: the file is missing, empty, no text in its encoding, or a web page.
    """
    source = source or CsvSource(kind="csv", file=File(name=str(path)))
    seen = scan(path, source.encoding)
    known = {name for names in wanted for name in names}
    tables = [_headed(path, source.model_copy(update={"separator": one}), seen, known) for one in dict.fromkeys(separators)]
    best = max(tables, key=lambda one: len(known & set(one.names)))
    if not best.names:
        raise ZooError(f"{path} is empty")
    return best


def _headed(path: Path, source: CsvSource, seen: Scan, known: set[str]) -> Table:
    first = [name.strip() for name in next(_records(path, source), (0, []))[1]]
    if source.header is True or not first:
        return Table(path, source, first, True, seen)
    if source.header is False:
        return Table(path, source, [str(number) for number in range(len(first))], False, seen)
    names = list(source.header)
    given = [name for name in names if not known or name in known]
    if known and set(given) <= set(first):  # a table to be answered may well have the header that the training data lacks
        return Table(path, source, first, True, seen)
    if len(first) not in (len(names), len(given)):
        if known:  # under this separator it is another table: the columns that lack are told
            return Table(path, source, first, True, seen)
        raise ZooError(f"{path} has {len(first)} columns in its first line, and source.header names {len(names)}: {', '.join(names)}")
    return Table(path, source, names if len(first) == len(names) else given, False, seen)


def _records(path: Path, source: CsvSource) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it begins in, blank lines before the first one left out."""
    csv.field_size_limit(LONGEST)
    with text(path, source.encoding) as file:
        quoting = csv.QUOTE_MINIMAL if source.quoted else csv.QUOTE_NONE
        reader = csv.reader(chain(file, [END]), delimiter=source.separator, skipinitialspace=True, quoting=quoting)  # type: ignore[arg-type]
        line, begun = 1, False
        try:
            for row in reader:
                if row == [END]:
                    return
                if row and row[-1].endswith(END):
                    if source.quoted:
                        raise csv.Error("a quote that opens there is never closed")
                    row[-1] = row[-1][:-1]
                begun = begun or any(cell.strip() for cell in row)
                if begun:
                    yield line, row
                line = reader.line_num + 1
        except csv.Error as error:
            raise ZooError(f"{path}, line {line}: does not parse as CSV with {source.separator!r} between columns: {error}") from None
