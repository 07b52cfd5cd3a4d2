"""Files to raw values: tables, NumPy arrays and image files, a bounded part at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.bundles import Input
from zoo.errors import ZooError, did_you_mean

if TYPE_CHECKING:
    import numpy as np

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

    if not _is_image(wanted):
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
    found = _loaded(path)
    if any(values.ndim == 0 for values in found.values()):
        raise ZooError(f"{path} holds a single value, where an array of rows is expected")
    if not found:
        raise ZooError(f"{path} holds no array")
    if set(found) & {*wanted, *(one["name"] for one in wanted.values())}:
        columns = {one["name"]: found[_key(path, one, served, found)] for served, one in wanted.items()}
    else:
        columns = _alone(_fitting(path, found, wanted), wanted)
    if _is_image(wanted) and columns["image"].ndim == 3 and wanted["image"]["shape"][-1] == 1:
        columns["image"] = columns["image"][..., None]  # grey images, as a source may hold them
    return columns


def _loaded(path: Path) -> dict[str, np.ndarray]:
    import numpy as np

    try:
        loaded = np.load(path, allow_pickle=False, mmap_mode="r" if path.suffix == ".npy" else None)
        return {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except Exception as error:  # NumPy and zipfile raise many kinds for what is no array file
        why = "it holds Python objects, which are never loaded" if "object" in str(error).lower() else None
        raise ZooError(f"{path} is no file of NumPy arrays that can be read", why) from None


def _fitting(path: Path, found: dict[str, np.ndarray], wanted: Mapping[str, Input]) -> np.ndarray:
    """The one array that can be meant: the only one, or the only one whose shape fits."""
    shapes = _shapes(wanted)
    fit = [name for name, values in found.items() if values.shape[1:] in shapes]
    if len(found) > 1 and len(fit) != 1:
        names = ", ".join(one["name"] for one in wanted.values())
        said = f"several arrays of a shape that fits: {', '.join(fit)}" if fit else f"no array of a shape that fits: {(None, *shapes[0])}"
        raise ZooError(
            f"{path} has no array named {names:.100}, and {said}",
            f"it has: {', '.join(f'{name} {values.shape}' for name, values in found.items())}",
            "rename one of them" + (" to 'image'" if _is_image(wanted) else "") + ", or save it alone as .npy",
        )
    alone = found[fit[0] if fit else next(iter(found))]
    if alone.shape[1:] not in shapes and not _is_image(wanted):
        columns = ", ".join(one["name"] for one in wanted.values())
        raise ZooError(f"{path} has shape {alone.shape}, where (rows, {len(wanted)}) is expected", f"columns: {columns}")
    return alone


def _shapes(wanted: Mapping[str, Input]) -> list[tuple[int, ...]]:
    """What an array of rows may hold a row; grey images may do without their channel."""
    if not _is_image(wanted):
        return [(len(wanted),)]
    shape = tuple(wanted["image"]["shape"])
    return [shape, shape[:-1]] if shape[-1] == 1 else [shape]


def _alone(values: np.ndarray, wanted: Mapping[str, Input]) -> dict[str, np.ndarray]:
    if _is_image(wanted):
        return {"image": values}
    return {one["name"]: values[:, index] for index, one in enumerate(wanted.values())}


def _is_image(wanted: Mapping[str, Input]) -> bool:
    """Whether pixels are wanted; a column of a table may be named `image` too."""
    return list(wanted) == ["image"] and bool(wanted["image"]["shape"])


def _key(path: Path, one: Input, served: str, found: Mapping[str, Any]) -> str:
    for name in (one["name"], served):
        if name in found:
            return name
    raise ZooError(f"{path} lacks the array '{one['name']}'", did_you_mean(one["name"], found) or f"it has: {', '.join([*found][:20])}")


def _table(path: Path, wanted: Mapping[str, Input], missing: tuple[str, ...]) -> Iterator[Part]:
    if _is_image(wanted):
        raise ZooError(f"{path}: images are expected, as image files or in an .npy or .npz file")
    from zoo.data.sources import csv

    names = [(one["name"], served) for served, one in wanted.items()]
    table = csv.opened(path, SEPARATORS, names)
    for frame in table.parts(table.places(names), ROWS):
        columns = {
            one["name"]: csv.column(frame.iloc[:, place], "number" if one["dtype"] == "float32" else "category", missing, path)
            for place, one in enumerate(wanted.values())
        }
        yield Part(columns, [str(path)] * len(frame))
