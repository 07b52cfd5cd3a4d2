"""Tables as TFRecord: serialised `tf.train.Example`s, packed with gzip or not, of features that hold one value each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zoo.config.sources import TfrecordSource
from zoo.data.sources.cells import Fault, Part, Rejected, Wanted, infinite, lacks, part, typed
from zoo.data.sources.tables import read as read
from zoo.data.sources.text import as_text
from zoo.errors import ZooError

ROWS = 4096  # read at once


@dataclass(frozen=True)
class Table:
    """A TFRecord file, and the features that the card says it has."""

    path: Path
    source: TfrecordSource
    names: list[str]

    unit = "record"

    def typed(self, wanted: Mapping[str, Wanted], rejected: Rejected, target: str | None = None) -> Iterator[Part]:
        """The features by name, typed, in parts; one that a record lacks is a missing value. Raises ZooError: broken records."""
        lacking = [name for name in wanted if name not in self.names]
        if lacking:
            raise lacks(self.path, self.names, lacking, target, "source.features of the card says what the records hold")
        first, seen = 0, dict.fromkeys(wanted, False)
        for found, size in self._parsed(list(wanted)):
            rows, columns = np.arange(size), {}
            for name, one in wanted.items():
                counts = found[name].row_lengths().numpy()
                seen[name] |= bool(counts.any())
                columns[name] = self._column(found[name].values.numpy(), counts, name, one)
            yield part(columns, rows + first + 1, size, rows, f"{self.path}, record", rejected)
            first += size
        if not first:
            raise ZooError(f"{self.path} has no records")
        never = [name for name, there in seen.items() if not there]
        if never:
            raise ZooError(f"{self.path}: no record has the feature '{never[0]}'", "source.features of the card says what the records hold")

    def _parsed(self, names: list[str]) -> Iterator[tuple[dict[str, Any], int]]:
        import tensorflow as tf

        types = {"int": tf.int64, "float": tf.float32, "bytes": tf.string}
        features = {name: tf.io.RaggedFeature(types[self.source.features[name]]) for name in names}
        with self.path.open("rb") as file:
            packed = "GZIP" if file.read(2) == b"\x1f\x8b" else ""
        first = 0
        try:
            for batch in tf.data.TFRecordDataset(str(self.path), packed).batch(ROWS):
                yield tf.io.parse_example(batch, features), len(batch)
                first += len(batch)
        except tf.errors.DataLossError:
            whole = first + self._whole(packed, first)
            raise ZooError(
                f"{self.path}: what stands behind record {whole} is no TFRecord, or cut off", "is it written to its end?"
            ) from None
        except (tf.errors.InvalidArgumentError, tf.errors.OpError) as error:
            told = next((line for line in str(error.message).splitlines() if line.strip()), "")
            raise ZooError(
                f"{self.path}, records {first + 1} to {first + ROWS}: do not hold what source.features says", told[:200]
            ) from None

    def _whole(self, packed: str, first: int) -> int:
        """How many records behind the `first` ones can be read."""
        import tensorflow as tf

        records, count = iter(tf.data.TFRecordDataset(str(self.path), packed).skip(first)), 0
        try:
            while next(records, None) is not None:
                count += 1
        except tf.errors.DataLossError:  # the damage that the caller tells of: it asks for what stands before
            return count
        return count

    def _column(self, values: np.ndarray, counts: np.ndarray, name: str, wanted: Wanted) -> tuple[Any, np.ndarray, list[Fault]]:
        there, several = counts > 0, Fault(counts > 1, "several values, where one is expected")
        places = (np.cumsum(counts) - counts)[there]
        if wanted.type == "number" and values.dtype.kind in "if":
            numbers = np.full(len(counts), np.nan)
            numbers[there] = values[places]
            return numbers, numbers, [several, infinite(numbers)]
        words = np.full(len(counts), "", object)
        words[there] = [as_text(one.decode("utf-8", "replace") if isinstance(one, bytes) else one) for one in values[places].tolist()]
        cells = pd.Series(words, dtype=object, name=name)
        found, faults = typed(cells, wanted, self.source.missing)
        return cells, found, [several, *faults]


def table(path: Path, source: TfrecordSource) -> Table:
    """A file of a card's source. Its features are only known by what the card says."""
    if path.stat().st_size == 0:
        raise ZooError(f"{path} is empty")
    return Table(path, source, list(source.features))
