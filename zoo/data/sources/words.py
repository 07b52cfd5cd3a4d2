"""Columns of text that take the memory of their different words, or, of long texts, that of none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.mapped import blocks, gather, release


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts behind one another: `texts[3]` is a str, `texts[[3, 5]]` an object array.

    Attributes:
        letters: uint8, the UTF-8 of all texts.
        ends: int64 (n,), where each ends.
    """

    letters: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, which: Any) -> Any:
        if np.ndim(which) == 0:
            start = int(self.ends[which - 1]) if which else 0
            return self.letters[start : int(self.ends[which])].tobytes().decode("utf-8", "surrogatepass")
        found = np.empty(len(which), object)
        found[:] = [self[one] for one in np.asarray(which).tolist()]
        return found


@dataclass(frozen=True, eq=False)
class Words:
    """`words[rows]` are str objects: `known[codes[rows]]`. It answers as an object array (n,) does, without being one.

    Attributes:
        codes: int32 (n,), in memory or memory-mapped.
        known: the different words, or Texts of which each row has its own.
    """

    codes: np.ndarray
    known: Any

    dtype = np.dtype(object)
    ndim = 1

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def shape(self) -> tuple[int]:
        return (len(self.codes),)

    @property
    def nbytes(self) -> int:
        return int(self.codes.nbytes)

    def __getitem__(self, rows: Any) -> Any:
        return self.known[np.asarray(self.codes[rows])]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        made: np.ndarray = np.asarray(self[:], dtype)
        release(self.codes)
        return made

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """NumPy's functions see an object array; `np.unique` looks at the codes."""
        if function is np.unique and args[0] is self and not isinstance(self.known, Texts) and "axis" not in kwargs:
            return self._unique(**kwargs)
        plain = [np.asarray(one) if isinstance(one, Words) else one for one in args]
        return function(*plain, **{key: np.asarray(one) if isinstance(one, Words) else one for key, one in kwargs.items()})

    def _unique(self, return_inverse: bool = False, return_counts: bool = False, **_: Any) -> Any:
        counts = sum(np.bincount(self.codes[part], minlength=len(self.known)) for part in blocks(len(self)))
        counts = np.asarray(counts, np.int64)
        release(self.codes)
        there = np.flatnonzero(counts)
        values, place = np.unique(self.known[there], return_inverse=True)
        more: list[np.ndarray] = []
        if return_inverse:
            back = np.zeros(len(self.known), np.int64)
            back[there] = place
            more.append(self.numbers(back))
        if return_counts:
            more.append(np.bincount(place, counts[there]).astype(np.int64))
        return (values, *more) if more else values

    def __eq__(self, word: Any) -> Any:
        return (
            self.numbers(np.asarray(self.known[:]) == word)
            if isinstance(word, str) and not isinstance(self.known, Texts)
            else self[:] == word
        )

    def __ne__(self, word: Any) -> Any:
        return ~(self == word)

    __hash__ = None  # type: ignore[assignment]

    def astype(self, dtype: Any) -> np.ndarray:
        return np.asarray(self).astype(dtype)

    def tolist(self) -> list[str]:
        return list(self[:].tolist())

    def pick(self, rows: np.ndarray) -> Words:
        """Some of them, still as codes."""
        return Words(gather(self.codes, rows), self.known)

    def numbers(self, of_known: np.ndarray) -> np.ndarray:
        """What stands for each word, from what stands for each known one."""
        return gather(of_known, self.codes)


def numbered(labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """The different labels, sorted, and the place of each row's among them, int32 (n,)."""
    if isinstance(labels, Words) and not isinstance(labels.known, Texts):
        values = np.unique(labels)
        place = {value: index for index, value in enumerate(values.tolist())}
        return values, labels.numbers(np.array([place.get(word, -1) for word in labels.known.tolist()], np.int32))
    values, which = np.unique(labels, return_inverse=True)
    return values, which.astype(np.int32)
