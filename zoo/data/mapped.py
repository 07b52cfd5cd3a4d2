"""Reading a memory-mapped array without keeping what was read."""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

BLOCK = 1 << 20  # rows that are looked at together where there are more


def many(values: Any) -> bool:
    """Whether there are so many that each copy counts."""
    return len(values) > BLOCK


def blocks(size: int, block: int | None = None) -> Iterator[slice]:
    """All rows, a block at a time."""
    step = block or BLOCK
    return (slice(start, min(start + step, size)) for start in range(0, size, step))


def gather(values: Any, rows: np.ndarray) -> np.ndarray:
    """`values[rows]`, copied. Of many rows a block at a time: NumPy would copy all their numbers to 8 bytes, and a map would be
    held as a whole."""
    if not many(rows):
        return np.asarray(values[rows])
    found = np.empty((len(rows), *values.shape[1:]), values.dtype)
    for part in blocks(len(rows)):
        found[part] = values[rows[part]]
        release(values)
        release(rows)
    return found


def places(mask: Any) -> np.ndarray:
    """`np.flatnonzero`, of many rows as int32, at half the memory."""
    if not many(mask):
        return np.flatnonzero(mask)
    found, end = np.empty(np.count_nonzero(mask), numbers_of(len(mask))), 0
    for part in blocks(len(mask)):
        there = np.flatnonzero(mask[part])
        found[end : end + len(there)] = there + part.start
        end += len(there)
    return found


def numbers_of(size: int) -> type[np.signedinteger]:
    """The type of the numbers of so many rows, where memory counts."""
    return np.int32 if size < 2**31 else np.int64


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
        weakref.finalize(self, os.close, self.file)

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
