"""Windows over long arrays, as if they were an array of their own, without copying one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.mapped import gather

# What `Raw.beside` holds of windows, so that splits can cut them: the number of the series, the times of the steps that are asked
# for (Windows over those of all steps, where the series have times), and the row number of the last of these steps.
SERIES, TIMES, LAST = "zoo.series", "zoo.times", "zoo.last"
ANOMALIES = "zoo.anomalies"  # Windows over which steps are labelled as anomalous, where the source says so


@dataclass(frozen=True, eq=False)
class Windows:
    """`windows[rows]` are `length` steps from `starts[rows]` on: (n, length, …) of `values` (steps, …)."""

    values: np.ndarray
    starts: np.ndarray
    length: int

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.starts), self.length, *self.values.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """What it takes as it is; materialised it would be `length` times as much."""
        return self.values.nbytes + self.starts.nbytes

    def __getitem__(self, rows: Any) -> np.ndarray:
        """A row by its number, or rows by a slice or an array of numbers, copied."""
        starts = np.asarray(self.starts[rows])
        found: np.ndarray = self.values[starts[..., None] + np.arange(self.length)]
        return found

    def pick(self, rows: np.ndarray) -> Windows:
        """Some of the windows, still without copying."""
        return Windows(self.values, self.starts[rows], self.length)


@dataclass(frozen=True, eq=False)
class Rows:
    """`values[rows]` of a memory-mapped array, as if it were an array of its own, without reading it."""

    values: np.memmap
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.values.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    @property
    def ndim(self) -> int:
        return self.values.ndim

    def __getitem__(self, rows: Any) -> np.ndarray:
        """A row by its number, or rows by a slice or an array of numbers, copied."""
        found: np.ndarray = np.asarray(self.values[self.rows[rows]])
        return found


def pick(values: Any, rows: np.ndarray) -> Any:
    """Rows of an array, copied, or of windows, not copied; words stay codes."""
    return values.pick(rows) if hasattr(values, "pick") else gather(values, rows)


def steps_of(windows: Windows, before: int = 0, after: int = 0) -> np.ndarray:
    """Which steps of the long array stand in any of the windows, or at most so many steps before or after one: bool (steps,)."""
    edges = np.zeros(len(windows.values) + 1, np.int64)
    np.add.at(edges, windows.starts - before, 1)
    np.add.at(edges, windows.starts + windows.length + after, -1)
    found: np.ndarray = edges[:-1].cumsum() > 0
    return found
