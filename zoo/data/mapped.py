"""Reading a memory-mapped array without keeping what was read."""

from __future__ import annotations

import mmap
import os
from typing import Any

import numpy as np


class Mapped:
    """`mapped(rows)` are those rows of a memory-mapped array, copied.

    They are read from the file, not from the map: the kernel maps 64 KB around a row that is asked for, so the process would
    soon hold the whole array.
    """

    values: np.memmap
    start: int

    def __init__(self, values: np.memmap) -> None:
        assert isinstance(values.base, mmap.mmap), "a whole file, not a part of one"
        assert values.flags.c_contiguous
        self.values, self.start = values, int(values.offset)
        self.row: int = values[:1].nbytes
        self.file: int = os.open(str(values.filename), os.O_RDONLY)

    def __del__(self) -> None:
        os.close(self.file)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        found = np.empty((*rows.shape, *self.values.shape[1:]), self.values.dtype)
        numbers = np.asarray(rows).reshape(-1)
        if not found.nbytes:
            return found
        into = memoryview(found.reshape(-1).view(np.uint8).data)
        ends = np.append(np.flatnonzero(np.diff(numbers) != 1) + 1, len(numbers))  # of runs of rows behind one another
        first = 0
        for end in ends.tolist():
            self._read(into[first * self.row : end * self.row], self.start + int(numbers[first]) * self.row)
            first = end
        return found

    def _read(self, into: memoryview, place: int) -> None:
        while into:
            count = os.preadv(self.file, [into], place)
            if not count:
                raise OSError(f"{self.values.filename} ends before byte {place + len(into)}")
            into, place = into[count:], place + count


def release(values: Any) -> None:
    """Gives the pages of a memory-mapped array back; they are read again when they are asked for."""
    held = getattr(getattr(values, "codes", values), "_mmap", None)
    if held is not None and hasattr(mmap, "MADV_DONTNEED"):
        held.madvise(mmap.MADV_DONTNEED)
