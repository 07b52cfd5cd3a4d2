"""The shape of a table in a text file: compression, encoding, separator, quotes, header, decimal mark."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from zoo.data.guess.columns import MARKERS
from zoo.errors import ZooError

SEPARATORS = ",;\t|"
BYTES = 1 << 20  # looked at
RECORDS = 300
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class Shape:
    """How a table stands in a text file, as a card's csv source says it."""

    separator: str
    header: bool
    quoted: bool
    decimal: str
    encoding: str
    names: tuple[str, ...]

    def options(self) -> dict[str, object]:
        """What differs from the defaults of a csv source."""
        own = {
            "separator": self.separator,
            "header": self.header,
            "quoted": self.quoted,
            "decimal": self.decimal,
            "encoding": self.encoding,
        }
        usual = {"separator": ",", "header": True, "quoted": True, "decimal": ".", "encoding": "utf-8"}
        return {key: value for key, value in own.items() if value != usual[key]}

    def said(self) -> str:
        """In words, as `comma, UTF-8`."""
        names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
        more = [] if self.header else ["no header"]
        more += ["decimal comma"] if self.decimal == "," else []
        more += [] if self.quoted else ["quotes are letters"]
        return ", ".join([names[self.separator], self.encoding.upper(), *more])


def shape_of(path: Path) -> Shape:
    """How the table in a file is written. Raises ZooError where it is none."""
    head = _head(path)
    text, encoding = _decoded(path, head)
    if re.match(r"\s*<(!doctype|html|\?xml)", text, re.IGNORECASE):
        raise ZooError(f"{path} is a web page, not a table", "was it saved from the browser? download the file itself")
    separator, quoted, records = _cut(path, text)
    header = _has_header(records)
    names = tuple(cell.strip() for cell in records[0]) if header else tuple(str(place) for place in range(len(records[0])))
    if header and len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise ZooError(f"{path} has {names.count(twice)} columns named '{twice}'", "rename all but one of them")
    cells = [cell.strip() for record in records[1:] for cell in record]
    comma = separator != "," and any(map(COMMA.fullmatch, cells)) and not any("." in cell and NUMBER.fullmatch(cell) for cell in cells)
    return Shape(separator, header, quoted, "," if comma else ".", encoding, names)


def frame_of(path: Path, shape: Shape, rows: int | None = None) -> pd.DataFrame:
    """The cells of a table as text, at most `rows` of them. Raises ZooError where they do not parse."""
    options: dict[str, Any] = {
        "sep": shape.separator,
        "header": 0 if shape.header else None,
        "names": list(shape.names),
        "dtype": str,
        "keep_default_na": False,
        "encoding": "utf-8-sig" if shape.encoding == "utf-8" else shape.encoding,
        "quoting": csv.QUOTE_MINIMAL if shape.quoted else csv.QUOTE_NONE,
        "skipinitialspace": True,
        "compression": _compression(path),
        "index_col": False,
    }
    try:
        frame: pd.DataFrame = pd.read_csv(path, nrows=rows, **options)
        frame = frame.fillna("")
        return frame.map(lambda cell: cell.replace(",", ".") if COMMA.fullmatch(cell) else cell) if shape.decimal == "," else frame
    except (ValueError, UnicodeDecodeError, pd.errors.ParserError) as error:
        raise ZooError(f"{path} does not parse as a table: {str(error).splitlines()[0]}") from None


def _compression(path: Path) -> str | None:
    with path.open("rb") as file:
        magic = file.read(4)
    return "gzip" if magic[:2] == b"\x1f\x8b" else "zip" if magic == b"PK\x03\x04" else None


def _head(path: Path) -> bytes:
    try:
        match _compression(path):
            case "gzip":
                with gzip.open(path) as file:
                    return file.read(BYTES)
            case "zip":
                with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as inner:
                    return inner.read(BYTES)
        with path.open("rb") as plain:
            return plain.read(BYTES)
    except (OSError, EOFError, zipfile.BadZipFile, IndexError) as error:
        raise ZooError(f"{path} cannot be read: {error}") from None


def _decoded(path: Path, head: bytes) -> tuple[str, str]:
    if not head.strip():
        raise ZooError(f"{path} is empty")
    if b"\0" in head:
        raise ZooError(f"{path} is no text: it holds NUL bytes", "save it as UTF-8")
    try:
        return head.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        if error.end >= len(head) - 4 and len(head) == BYTES:  # a letter that the end of the look cut in two
            return head[: error.start].decode("utf-8-sig"), "utf-8"
        return head.decode("latin-1"), "latin-1"


def _cut(path: Path, text: str) -> tuple[str, bool, list[list[str]]]:
    """The separator under which the records agree best about the number of their cells."""
    best: tuple[tuple[float, int], str, bool, list[list[str]]] | None = None
    for separator in SEPARATORS:
        for quoted in (True, False):
            records = _records(text, separator, quoted)
            if not records:
                continue
            width, count = Counter(map(len, records)).most_common(1)[0]
            if width > 1 and len(records[0]) == width:
                worth = (round(count / len(records), 2), width)
                if best is None or worth > best[0]:
                    best = (worth, separator, quoted, records)
    if best is not None and best[0][0] >= 0.9:
        worth, separator, quoted, records = best
        plain = _records(text, separator, False)
        if quoted and _stray_quotes(text) and Counter(map(len, plain)).most_common(1)[0] == (worth[1], len(plain)):
            return separator, False, plain
        return separator, quoted, records
    records = _records(text, ",", True)
    if not records or max(map(len, records)) > 1:
        raise ZooError(f"{path}: no separator gives rows of equally many cells", "tried: comma, semicolon, tab, bar")
    return ",", True, records  # one column


def _stray_quotes(text: str) -> bool:
    """Whether lines hold a quote that is not closed in them: letters of the text, where every line is a whole record without them."""
    return any(line.count('"') % 2 for line in text.splitlines()[:-1])


def _records(text: str, separator: str, quoted: bool) -> list[list[str]]:
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE, skipinitialspace=True)
    records: list[list[str]] = []
    try:
        for record in reader:
            if any(cell.strip() for cell in record):
                records.append(record)
            if len(records) == RECORDS:
                break
        else:
            if len(text) >= BYTES - 8 and len(records) > 1:
                records.pop()  # the look cut it
    except csv.Error:
        return []
    return records


def _has_header(records: list[list[str]]) -> bool:
    """Whether the first record names the columns: words above numbers, or words that stand nowhere below."""
    first, rest = [cell.strip() for cell in records[0]], records[1:]
    if any(cell in MARKERS or NUMBER.fullmatch(cell) for cell in first):
        return False
    if not rest:
        return True
    columns = [[record[place].strip() for record in rest if place < len(record)] for place in range(len(first))]
    numeric = [all(cell in MARKERS or NUMBER.fullmatch(cell.replace(",", ".")) for cell in column) for column in columns]
    if any(numeric):
        return True
    short = len(set(first)) == len(first) and all(len(cell) <= 40 and cell.count(" ") <= 4 for cell in first)
    return short and not any(cell in column for cell, column in zip(first, columns, strict=True))


def count(path: Path) -> int:
    """Lines of a table below its header, blank ones and those inside quotes counted: how long a long table is."""
    with gzip.open(path) if _compression(path) == "gzip" else path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(BYTES), b""))
