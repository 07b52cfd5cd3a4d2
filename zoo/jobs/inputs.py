"""Files to raw values: tables, NumPy arrays, image, sound and text files, a bounded part at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.bundles import Input, alone
from zoo.errors import ZooError, did_you_mean

if TYPE_CHECKING:
    import numpy as np

ROWS = 8192  # read and answered at once
IMAGES = 256
PIXELS = 50_000_000  # a small file may unpack to a picture that fills the memory
TABLES = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".data"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".tfrecord", ".tfrecords"), "tfrecord"),
}
ARRAYS, PACKED = {".npy", ".npz"}, {".gz", ".zip"}
SEPARATORS = ",;\t|"


@dataclass(frozen=True)
class Part:
    """Values that are answered together: columns, an array, or encoded images; and the file of each row."""

    values: Any
    files: list[str]


def parts(
    files: Iterable[Path], wanted: Mapping[str, Input], missing: tuple[str, ...], table: Mapping[str, Any] | None = None
) -> Iterator[Part]:
    """The files' values in order, in parts of bounded size.

    Args:
        files: tables (`.csv`, `.tsv`, `.txt`, `.data`, `.parquet`, `.jsonl`, `.tfrecord`, packed or not), arrays (`.npy`, `.npz`),
            else examples: images (PNG, JPEG, BMP, GIF, WebP), sounds (WAV) or texts (`.txt`), as the model takes them.
        wanted: what the model takes, by served name.
        missing: the words of a table that say that a value is missing.
        table: how tables are read, as `Card.table` says it.

    Raises:
        ZooError: a file is missing, empty, or holds something else than what is wanted.
    """
    paths, how = list(files), {**(table or {}), "missing": missing}
    check(paths)
    examples: list[Path] = []
    for path in paths:
        if is_example(path, wanted):
            _check_example(path, wanted)
            examples.append(path)
            if len(examples) < IMAGES:
                continue
        yield from _examples(examples, wanted)
        examples = []
        if not is_example(path, wanted):
            yield from _arrays(path, wanted) if path.suffix.lower() in ARRAYS else _table(path, wanted, how)
    yield from _examples(examples, wanted)


def is_example(path: Path, wanted: Mapping[str, Input]) -> bool:
    """Whether a file is one example, not a table or an array of them."""
    kind = suffix(path)
    return (kind == ".txt" and alone(wanted) == "text") or kind not in {*TABLES, *ARRAYS}


def suffix(path: Path) -> str:
    """What its name says that it is, packed or not: `.csv` of `a.csv.gz`."""
    return (Path(path.stem) if path.suffix.lower() in PACKED and Path(path.stem).suffix else path).suffix.lower()


def check(paths: Iterable[Path]) -> None:
    """Raises ZooError unless every file is there and holds something."""
    for path in paths:
        _check(path)


def _check(path: Path) -> None:
    if path.is_dir():
        raise ZooError(f"{path} is a folder, where a file is expected", f"all files in it: {path}/*")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise ZooError(f"no file {path}" if isinstance(error, FileNotFoundError) else f"{path}: {error.strerror or error}") from None
    if empty:
        raise ZooError(f"{path} is empty")


def _check_example(path: Path, wanted: Mapping[str, Input]) -> None:
    match alone(wanted):
        case "image":
            _check_image(path)
        case "audio":
            with path.open("rb") as file:
                head = file.read(12)
            if head[:4] != b"RIFF" or head[8:] != b"WAVE":
                raise ZooError(f"{path} is no WAV file", "sounds are sent as WAV files of 16 bits")
        case "text":
            pass
        case "series":
            raise ZooError(f"{path}: a series is expected, as an array in an .npy or .npz file or as the columns of a .csv")
        case None:
            names = ", ".join(one["name"] for one in wanted.values())
            raise ZooError(f"{path}: a table is expected, as .csv or .npz", f"with the columns {names}")


def _check_image(path: Path) -> None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=("PNG", "JPEG", "BMP", "GIF", "WEBP")) as image:
            width, height = image.size
            if width * height <= PIXELS:
                image.load()  # the header says nothing of a file that was cut off
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        raise ZooError(f"{path} is no image that can be decoded", "PNG, JPEG, BMP, GIF and WebP files are taken") from None
    if width * height > PIXELS:
        raise ZooError(f"{path} has {width} x {height} pixels; at most {PIXELS:,} are decoded")


def _examples(paths: list[Path], wanted: Mapping[str, Input]) -> Iterator[Part]:
    if not paths:
        return
    names = [str(path) for path in paths]
    if alone(wanted) == "text":
        yield Part({"text": [_text(path) for path in paths]}, names)
    else:
        yield Part([path.read_bytes() for path in paths], names)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ZooError(f"{path} is no UTF-8 text (byte {error.start + 1})", "save it as UTF-8") from None


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
    if alone(wanted) == "image" and columns["image"].ndim == 3 and wanted["image"]["shape"][-1] == 1:
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
            "rename one of them" + (f" to '{alone(wanted)}'" if alone(wanted) else "") + ", or save it alone as .npy",
        )
    only = found[fit[0] if fit else next(iter(found))]
    if only.shape[1:] not in shapes and not alone(wanted):
        columns = ", ".join(one["name"] for one in wanted.values())
        raise ZooError(f"{path} has shape {only.shape}, where (rows, {len(wanted)}) is expected", f"columns: {columns}")
    return only


def _shapes(wanted: Mapping[str, Input]) -> list[tuple[int, ...]]:
    """What an array of rows may hold a row; grey images, and series of one channel, may do without their channel."""
    name = alone(wanted)
    if name is None:
        return [(len(wanted),)]
    shape = tuple(wanted[name]["shape"])
    return [shape, shape[:-1]] if shape[-1:] == (1,) else [shape]


def _alone(values: np.ndarray, wanted: Mapping[str, Input]) -> dict[str, np.ndarray]:
    name = alone(wanted)
    if name:
        return {name: values}
    return {one["name"]: values[:, index] for index, one in enumerate(wanted.values())}


def _key(path: Path, one: Input, served: str, found: Mapping[str, Any]) -> str:
    for name in (one["name"], served):
        if name in found:
            return name
    raise ZooError(f"{path} lacks the array '{one['name']}'", did_you_mean(one["name"], found) or f"it has: {', '.join([*found][:20])}")


def _table(path: Path, wanted: Mapping[str, Input], how: Mapping[str, Any]) -> Iterator[Part]:
    kind = alone(wanted)
    if kind in ("image", "audio"):
        raise ZooError(f"{path}: {'images' if kind == 'image' else 'sounds'} are expected, as {kind} files or in an .npy or .npz file")
    from zoo.data.sources.cells import Rejected, Wanted, lacks

    named = wanted[kind].get("columns", [kind]) if kind else None
    names: list[tuple[str, ...]] = [(name,) for name in named] if named else [(one["name"], served) for served, one in wanted.items()]
    dtype, typed = {"series": "number", "text": "category"}.get(kind or ""), how.get("typed", {})
    kinds = [dtype] * len(names) if dtype else ["number" if one["dtype"] == "float32" else "category" for one in wanted.values()]
    table = _opened(path, names, how)
    places = [next((name for name in group if name in table.names), group[0]) for group in names]
    lacking = [name for name in places if name not in table.names]
    if lacking and TABLES[suffix(path)] in ("csv", "parquet"):
        raise lacks(path, table.names, lacking, None, "a column without values may be empty, but it must stand there")
    columns = {name: Wanted(**typed.get(group[0], {"type": one})) for name, group, one in zip(places, names, kinds, strict=True)}
    rows: list[Any] = []
    for part in table.typed(columns, Rejected(skip=False)):
        cells: list[Any] = [_served(part.columns[name]) for name in places]
        if kind == "series":
            rows.extend(zip(*cells, strict=True))
            continue
        made = {"text": [" ".join(filter(None, words)) for words in zip(*cells, strict=True)]} if kind == "text" else None
        values = made or dict(zip((one["name"] for one in wanted.values()), cells, strict=True))
        for start in range(0, part.size, ROWS):
            some = {name: one[start : start + ROWS] for name, one in values.items()}
            yield Part(some, [str(path)] * min(ROWS, part.size - start))
    if kind == "series":
        yield Part({"series": _last(path, rows, wanted["series"]["shape"][0])}, [str(path)])


def _served(values: Any) -> np.ndarray:
    import numpy as np

    made: np.ndarray = np.asarray(values[:])
    return made.astype(np.float32) if made.dtype.kind == "f" else made


def _opened(path: Path, names: list[tuple[str, ...]], how: Mapping[str, Any]) -> Any:
    """A table, read as the model's own was; its separator may be another one, and its target may lack."""
    from pydantic import TypeAdapter

    from zoo.config.sources import CsvSource, Source

    kind = TABLES[suffix(path)]
    if kind == "tfrecord" and "features" not in how:
        raise ZooError(f"{path}: what its records hold is not known, as the model learned from a table of another kind", "send it as .csv")
    own = ("features",) if kind == "tfrecord" else ("header", "quoted", "decimal", "encoding") if kind == "csv" else ()
    told = {"kind": kind, "file": {"name": str(path)}, "missing": how["missing"], **{key: how[key] for key in own if key in how}}
    source: Any = TypeAdapter(Source).validate_python(told)
    if not isinstance(source, CsvSource):
        return import_module(f"zoo.data.sources.{kind}").table(path, source)
    from zoo.data.sources import csv

    table = csv.opened(path, how.get("separator", "") + SEPARATORS, names, source)
    wanted = [group[0] for group in names]
    if source.header is False and len(table.names) == len(names) and not set(wanted) <= set(table.names):
        return replace(table, names=sorted(wanted, key=int))  # columns are numbers, and the target's is not there
    return table


def _last(path: Path, rows: list[Any], steps: int) -> np.ndarray:
    """The newest `steps` rows of a table as one example: what a forecast starts from."""
    import numpy as np

    if len(rows) < steps:
        raise ZooError(f"{path} has {len(rows)} rows, and the model looks at the last {steps}")
    return np.asarray(rows[-steps:], np.float32)[None]
