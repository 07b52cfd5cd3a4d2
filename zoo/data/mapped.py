"""Reading a memory-mapped array without keeping what was read."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

RESIDENT = 64 << 20  # bytes that are touched before the process gives the pages back (the system's cache keeps them)
AROUND = 1 << 16  # what the kernel maps around a page that is asked for


class Mapped:
    """`mapped(rows)` are those rows of a memory-mapped array, copied. The process's own memory stays small however much is read."""

    def __init__(self, values: np.memmap) -> None:
        self.values, self.touched = values, 0
        self.row = max(values[:1].nbytes, AROUND)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        found = np.asarray(self.values[rows])
        self.touched += self.row * rows.size
        if self.touched >= RESIDENT:
            self.touched = 0
            release(self.values)
        return found


def release(values: Any) -> None:
    """Gives the pages of a memory-mapped array back; they are read again when they are asked for."""
    held = getattr(values, "_mmap", None)
    if held is not None and hasattr(mmap, "MADV_DONTNEED"):
        held.madvise(mmap.MADV_DONTNEED)
