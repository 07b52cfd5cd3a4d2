"""Typed columns as they grow, part by part: in memory, or as files of the store, so that nothing of a file's size is ever held."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import pandas as pd

from zoo.data import store
from zoo.data.sources.words import Texts, Words


class Grown(Protocol):
    """An array that grows at its end."""

    def add(self, values: np.ndarray) -> None: ...

    def done(self) -> np.ndarray: ...


class Held:
    """An array that grows in memory."""

    def __init__(self, dtype: Any) -> None:
        self.dtype, self.pieces = np.dtype(dtype), [np.empty(0, dtype)]

    def add(self, values: np.ndarray) -> None:
        self.pieces.append(np.asarray(values, self.dtype))

    def done(self) -> np.ndarray:
        whole = np.concatenate(self.pieces)
        self.pieces = [whole]
        return whole


class Written:
    """A `.npy` file that grows; its header has room for any length."""

    def __init__(self, path: Path, dtype: Any) -> None:
        self.dtype, self.size, self.file = np.dtype(dtype), 0, path.open("w+b")
        self._header()

    def add(self, values: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(values, self.dtype).data)
        self.size += len(values)

    def done(self) -> np.ndarray:
        self.file.seek(0)
        self._header()
        self.file.close()
        return np.empty(0, self.dtype)  # it is opened again when the folder is whole

    def _header(self) -> None:
        header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": (self.size,)}
        np.lib.format.write_array_header_1_0(self.file, header)


def grown(folder: Path | None, name: str, dtype: Any) -> Grown:
    return Written(folder / f"{name}.npy", dtype) if folder else Held(dtype)


@dataclass
class Coded:
    """A column of words: numbers, and the different words in the order in which they came."""

    codes: Grown
    known: dict[str, int] = field(default_factory=dict)

    def add(self, values: np.ndarray | Words) -> None:
        codes, words = (values.codes, values.known) if isinstance(values, Words) else pd.factorize(values)
        mine = np.fromiter((self.known.setdefault(word, len(self.known)) for word in words), np.int32, len(words))
        self.codes.add(mine[codes])

    def words(self) -> np.ndarray:
        made = np.empty(len(self.known), object)
        made[:] = list(self.known)
        return made


@dataclass
class Long:
    """A column of long texts in files."""

    letters: Written
    ends: Written
    end: int = 0

    def add(self, values: np.ndarray | Words) -> None:
        encoded = [one.encode("utf-8", "surrogatepass") for one in np.asarray(values[:])]
        self.letters.add(np.frombuffer(b"".join(encoded), np.uint8))
        ends = self.end + np.cumsum([len(one) for one in encoded], dtype=np.int64)
        self.ends.add(ends)
        self.end = int(ends[-1]) if len(ends) else self.end


class Columns:
    """Columns that grow together. `kinds` says of each: `float32`, `float64`, `int64`, `words` or `texts`."""

    def __init__(self, kinds: dict[str, str], folder: Path | None = None) -> None:
        self.kinds, self.folder = kinds, folder
        self.columns = {name: self._column(str(number), kind) for number, (name, kind) in enumerate(kinds.items())}

    def _column(self, place: str, kind: str) -> Any:
        if kind == "texts" and self.folder:
            return Long(Written(self.folder / f"{place}.letters.npy", np.uint8), Written(self.folder / f"{place}.npy", np.int64))
        return Coded(grown(self.folder, place, np.int32)) if kind in ("words", "texts") else grown(self.folder, place, kind)

    def add(self, values: dict[str, Any]) -> None:
        for name, column in self.columns.items():
            column.add(values[name])

    def done(self) -> dict[str, np.ndarray]:
        """The whole arrays, where they are in memory: floats and integers, or str objects of which equal ones are one."""
        return {name: one.words()[one.codes.done()] if isinstance(one, Coded) else one.done() for name, one in self.columns.items()}

    def close(self, facts: dict[str, Any]) -> None:
        """Writes what is missing in the folder."""
        assert self.folder is not None
        for place, one in enumerate(self.columns.values()):
            if isinstance(one, Coded):
                one.codes.done()
                _write(self.folder / f"{place}.json", list(one.known))
            elif isinstance(one, Long):
                one.letters.done()
                one.ends.done()
            else:
                one.done()
        _write(self.folder / "table.json", {"kinds": self.kinds, **facts})


def opened(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The columns of a folder, memory-mapped, and what was written beside them."""
    facts = json.loads((folder / "table.json").read_text("utf-8", "surrogatepass"))
    return {name: _opened(folder, str(place), kind) for place, (name, kind) in enumerate(facts["kinds"].items())}, facts


def _opened(folder: Path, place: str, kind: str) -> Any:
    values = store.mapped(folder / f"{place}.npy")
    if kind == "words":
        words = json.loads((folder / f"{place}.json").read_text("utf-8", "surrogatepass"))
        known = np.empty(len(words), object)
        known[:] = words
        return Words(values, known)
    if kind == "texts":
        return Words(np.arange(len(values), dtype=np.int32), Texts(store.mapped(folder / f"{place}.letters.npy"), values))
    return values


def _write(path: Path, value: Any) -> None:
    file: IO[str]
    with path.open("w", encoding="utf-8", errors="surrogatepass") as file:
        json.dump(value, file, ensure_ascii=False)
