"""Files to raw values: tables, NumPy arrays and image files, a bounded part at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.bundles import Input
from zoo.errors import ZooError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ROWS = 8192  # read and answered at once
IMAGES = 256
PIXELS = 50_000_000  # a small file may unpack to a picture that fills the memory
TABLES, ARRAYS = {".csv", ".tsv", ".txt"}, {".npy", ".npz"}
SEPARATORS = ",;\t|"


@dataclass(frozen=True)
class Part:
    """Values that are answered together: columns, an array, or encoded images; and the file of each row."""

    values: Any
    files: list[str]


def parts(files: Iterable[Path], wanted: Mapping[str, Input], missing: tuple[str, ...]) -> Iterator[Part]:
    """The files' values in order, in parts of bounded size.

    Args:
        files: CSV tables (`.csv`, `.tsv`, `.txt`), arrays (`.npy`, `.npz`), else images (PNG, JPEG, BMP, GIF).
        wanted: what the model takes, by served name.
        missing: the words of a table that say that a value is missing.

    Raises:
        ZooError: a file is missing, empty, or holds something else than what is wanted.
    """
    paths = list(files)
    check(paths)
    images: list[Path] = []
    for path in paths:
        kind = path.suffix.lower()
        if kind not in TABLES | ARRAYS:
            _check_image(path, wanted)
            images.append(path)
            if len(images) < IMAGES:
                continue
        yield from _images(images)
        images = []
        if kind in TABLES:
            yield from _table(path, wanted, missing)
        elif kind in ARRAYS:
            yield from _arrays(path, wanted)
    yield from _images(images)


def check(paths: Iterable[Path]) -> None:
    """Raises ZooError unless every file is there and holds something."""
    for path in paths:
        _check(path)


def _check(path: Path) -> None:
    if path.is_dir():
        raise ZooError(f"{path} is a folder, where a file is expected")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise ZooError(f"no file {path}" if isinstance(error, FileNotFoundError) else f"{path}: {error.strerror or error}") from None
    if empty:
        raise ZooError(f"{path} is empty")


def _check_image(path: Path, wanted: Mapping[str, Input]) -> None:
    from PIL import Image, UnidentifiedImageError

    if list(wanted) != ["image"]:
        names = ", ".join(one["name"] for one in wanted.values())
        raise ZooError(f"{path}: a table is expected, as .csv or .npz", f"with the columns {names}")
    try:
        with Image.open(path, formats=("PNG", "JPEG", "BMP", "GIF")) as image:
            width, height = image.size
            if width * height <= PIXELS:
                image.load()  # the header says nothing of a file that was cut off
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        raise ZooError(f"{path} is no image that can be decoded", "PNG, JPEG, BMP and GIF files are taken") from None
    if width * height > PIXELS:
        raise ZooError(f"{path} has {width} x {height} pixels; at most {PIXELS:,} are decoded")


def _images(paths: list[Path]) -> Iterator[Part]:
    if paths:
        yield Part([path.read_bytes() for path in paths], [str(path) for path in paths])


def _arrays(path: Path, wanted: Mapping[str, Input]) -> Iterator[Part]:
    columns = _columns_of_arrays(path, wanted)
    size = min(len(values) for values in columns.values())
    if size == 0:
        raise ZooError(f"{path} has no rows")
    if any(len(values) != size for values in columns.values()):
        raise ZooError(f"{path}: the arrays have different lengths")
    for start in range(0, size, ROWS):
        rows = {name: values[start : start + ROWS] for name, values in columns.items()}
        yield Part(rows, [str(path)] * len(next(iter(rows.values()))))


def _columns_of_arrays(path: Path, wanted: Mapping[str, Input]) -> dict[str, np.ndarray]:
    """The wanted arrays under their names in the source; one array alone is the image, or the columns in their order."""
    import numpy as np

    try:
        loaded = np.load(path, allow_pickle=False, mmap_mode="r" if path.suffix == ".npy" else None)
        found = {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except Exception as error:  # NumPy and zipfile raise many kinds for what is no array file
        why = "it holds Python objects, which are never loaded" if "object" in str(error).lower() else None
        raise ZooError(f"{path} is no file of NumPy arrays that can be read", why) from None
    if any(values.ndim == 0 for values in found.values()):
        raise ZooError(f"{path} holds a single value, where an array of rows is expected")
    if not found:
        raise ZooError(f"{path} holds no array")
    names = [one["name"] for one in wanted.values()]
    if len(found) == 1 and not set(found) & {*names, *wanted}:
        alone = next(iter(found.values()))
        if names == ["image"]:
            return {"image": alone}
        if alone.ndim != 2 or alone.shape[1] != len(names):
            raise ZooError(f"{path} has shape {alone.shape}, where (rows, {len(names)}) is expected", f"columns: {', '.join(names)}")
        return {name: alone[:, index] for index, name in enumerate(names)}
    return {one["name"]: found[_key(path, one, served, found)] for served, one in wanted.items()}


def _key(path: Path, one: Input, served: str, found: Iterable[str], what: str = "array") -> str:
    known = list(found)
    for name in (one["name"], served):
        if name in known:
            if known.count(name) > 1:
                raise ZooError(f"{path} has {known.count(name)} columns named '{name}'", "rename all but one of them")
            return name
    hint = did_you_mean(one["name"], known) or f"it has: {', '.join(known[:20])}"
    raise ZooError(f"{path} lacks the {what} '{one['name']}'", hint)


def _table(path: Path, wanted: Mapping[str, Input], missing: tuple[str, ...]) -> Iterator[Part]:
    if list(wanted) == ["image"]:
        raise ZooError(f"{path}: images are expected, as image files or in an .npy or .npz file")
    separator, header = _header(path, wanted)
    keys = {served: _key(path, one, served, header, "column") for served, one in wanted.items()}
    rows = 0
    for frame in _frames(path, separator):
        if frame.shape[1] != len(header):
            raise ZooError(f"{path} does not parse as CSV: its first line has {len(header)} columns, its rows {frame.shape[1]}")
        frame.columns = header
        columns = {}
        for served, one in wanted.items():
            cells = frame[keys[served]].fillna("").str.strip()
            gone = cells.isin(missing)
            columns[one["name"]] = (
                _numbers(cells, gone, path, keys[served]) if one["dtype"] == "float32" else cells.mask(gone, "").to_numpy(object)
            )
        rows += len(frame)
        yield Part(columns, [str(path)] * len(frame))
    if rows == 0:
        raise ZooError(f"{path} has a header but no rows")


def _header(path: Path, wanted: Mapping[str, Input]) -> tuple[str, list[str]]:
    """The separator under which the first line holds most of the wanted names, and that line's names."""
    names = {name for served, one in wanted.items() for name in (served, one["name"])}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline(100_000)
    except UnicodeDecodeError as error:
        raise ZooError(f"{path} is not UTF-8 text (byte {error.start})", "save it as UTF-8") from None
    if "\0" in line:
        raise ZooError(f"{path} is no text: it holds NUL bytes")
    split = {separator: _words(line, separator) for separator in SEPARATORS}
    best = max(SEPARATORS, key=lambda separator: len(names & set(split[separator])))
    return best, split[best]


def _words(line: str, separator: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([line], delimiter=separator, skipinitialspace=True))]


def _frames(path: Path, separator: str) -> Iterator[pd.DataFrame]:
    """The rows behind the header as text, in parts; the index counts rows from 1."""
    import pandas

    try:  # with header=None pandas neither takes a surplus column for an index nor renames the second of two equal names
        with pandas.read_csv(
            path, sep=separator, header=None, dtype=str, keep_default_na=False, skipinitialspace=True, encoding="utf-8-sig", chunksize=ROWS
        ) as reader:
            for frame in reader:
                rows = frame.iloc[1:] if frame.index[0] == 0 else frame
                if len(rows):
                    yield rows
    except UnicodeDecodeError as error:
        raise ZooError(f"{path} is not UTF-8 text (byte {error.start})", "save it as UTF-8") from None
    except pandas.errors.ParserError as error:
        raise ZooError(
            f"{path} does not parse as CSV with {separator!r} between columns: {str(error).strip().rpartition('C error: ')[2]}"
        ) from None


def _numbers(cells: pd.Series, gone: pd.Series, path: Path, name: str) -> np.ndarray:
    """A column of text as float32, NaN where it is missing."""
    import numpy as np
    import pandas

    values = pandas.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    with np.errstate(over="ignore"):
        small = np.where(gone, np.nan, values).astype(np.float32)
    for wrong, why in (
        (np.isnan(values) & ~gone.to_numpy(), "where a number is expected"),
        (np.isinf(small), "which is too large, or infinite"),
    ):
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise ZooError(f"{path}, row {cells.index[first]}: column '{name}' holds '{cells.iloc[first]:.40}', {why}")
    return small
