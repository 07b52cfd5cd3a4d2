"""Tables as JSON lines: an object a line. Numbers and booleans that are wanted as text become their text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zoo.config.sources import JsonlSource
from zoo.data.sources.cells import Fault, Part, Rejected, Wanted, lacks, part, typed
from zoo.data.sources.tables import read as read
from zoo.data.sources.text import as_text, scan, text
from zoo.errors import ZooError

ROWS = 8192  # read at once


@dataclass(frozen=True)
class Table:
    """A file of JSON lines; its columns' names are the keys of the first."""

    path: Path
    source: JsonlSource
    names: list[str]

    unit = "line"

    def typed(self, wanted: Mapping[str, Wanted], rejected: Rejected, target: str | None = None) -> Iterator[Part]:
        """The columns by name, typed, in parts; a key that a line lacks is a missing value. Raises ZooError: no line has a key."""
        never = set(wanted)
        records = _records(self.path, rejected)
        while block := list(islice(records, ROWS)):
            whole = [(row, line, one) for row, (line, one) in enumerate(block) if one is not None]
            never -= {key for _, _, one in whole for key in one} if never else set()
            lines = np.array([line for _, line, _ in whole], np.int64)
            found = {name: self._column([one.get(name) for _, _, one in whole], name, way) for name, way in wanted.items()}
            yield part(found, lines, len(block), np.array([row for row, _, _ in whole], np.int64), f"{self.path}, line", rejected)
        if never:
            raise lacks(self.path, self.names, [name for name in wanted if name in never], target)

    def _column(self, values: list[Any], name: str, wanted: Wanted) -> tuple[pd.Series, np.ndarray, list[Fault]]:
        cells = pd.Series([as_text(one) for one in values], dtype=object, name=name)
        found, faults = typed(cells, wanted, self.source.missing)
        nested = np.array([isinstance(one, (list, dict)) for one in values], bool)
        return cells, found, [Fault(nested, "where one value is expected"), *faults]


def table(path: Path, source: JsonlSource) -> Table:
    """A file of a card's source. Raises ZooError: it is missing, empty, or no UTF-8 text."""
    scan(path)
    first = next(_records(path, Rejected(skip=True)), None)
    if first is None:
        raise ZooError(f"{path} is empty")
    return Table(path, source, list(first[1] or {}))


def _records(path: Path, rejected: Rejected) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Each object with its line; None where a line holds none. Blank lines are left out."""
    with text(path) as file:
        for line, words in enumerate(file, 1):
            if not words.strip():
                continue
            try:
                found = json.loads(words)
            except (ValueError, RecursionError) as error:
                why = "nested too deep" if isinstance(error, RecursionError) else str(error).split(": line")[0]
                rejected.add(f"{path}, line {line}: no JSON: {why}", "one object a line is expected")
                found = None
            else:
                if not isinstance(found, dict):
                    rejected.add(f"{path}, line {line}: '{words.strip():.40}' is no object", 'one object a line is expected, as {"age": 3}')
                    found = None
            yield line, found
