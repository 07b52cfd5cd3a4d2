"""Tables as Parquet, row groups at a time. Numbers, dates and booleans that are wanted as text become their text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute, parquet

from zoo.config.sources import ParquetSource
from zoo.data.sources.cells import Fault, Part, Rejected, Wanted, infinite, lacks, part, typed
from zoo.data.sources.tables import read as read
from zoo.errors import ZooError

ROWS = 65_536  # read at once


@dataclass(frozen=True)
class Table:
    """A Parquet file and its columns' names."""

    path: Path
    source: ParquetSource
    names: list[str]

    unit = "row"

    def typed(self, wanted: Mapping[str, Wanted], rejected: Rejected, target: str | None = None) -> Iterator[Part]:
        """The columns by name, typed, in parts. Raises ZooError: columns that are not there, or broken pages."""
        lacking = [name for name in wanted if name not in self.names]
        if lacking:
            raise lacks(self.path, self.names, lacking, target)
        twice = next((name for name in wanted if self.names.count(name) > 1), None)
        if twice:
            raise ZooError(f"{self.path} has {self.names.count(twice)} columns named '{twice}'", "rename all but one of them")
        first = 0
        try:
            with parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(ROWS, columns=list(dict.fromkeys(wanted))):
                    found = {name: self._column(batch.column(name), name, one) for name, one in wanted.items()}
                    rows = np.arange(batch.num_rows)
                    yield part(found, rows + first + 1, batch.num_rows, rows, f"{self.path}, row", rejected)
                    first += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise ZooError(f"{self.path} cannot be read as Parquet: {error!s:.200}") from None
        if not first:
            raise ZooError(f"{self.path} has no rows")

    def _column(self, values: pa.Array, name: str, wanted: Wanted) -> tuple[object, np.ndarray, list[Fault]]:
        kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
        if pa.types.is_nested(kind):
            raise ZooError(f"{self.path}: column '{name}' holds {kind}, where one value a row is expected")
        if wanted.type == "number" and (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            numbers = np.array(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
            return numbers, numbers, [infinite(numbers)]
        cells = pd.Series(_words(values, kind), dtype=object, name=name)
        return (cells, *typed(cells, wanted, self.source.missing))


def _words(values: pa.Array, kind: pa.DataType) -> list[str]:
    """Any column as text: a whole float is 3, a moment is ISO 8601, what is missing is empty."""
    if pa.types.is_floating(kind):
        values = compute.if_else(compute.is_nan(values), None, values)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [one.decode("utf-8", "replace") if one is not None else "" for one in values.to_pylist()]
    found: list[str] = compute.fill_null(values.cast(pa.string()), "").to_pylist()
    return found


def table(path: Path, source: ParquetSource) -> Table:
    """A file of a card's source. Raises ZooError: it is missing, or no Parquet."""
    try:
        return Table(path, source, parquet.read_schema(path).names)
    except pa.ArrowException as error:
        raise ZooError(f"{path} is no Parquet file that can be read: {error!s:.200}") from None
    except OSError as error:
        raise ZooError(f"{path}: {error.strerror or error}") from None
