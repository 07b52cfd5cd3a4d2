"""A bundle: a released, self-proving export, in the folder that TF Serving reads as it is.

    bundles/NAME/VERSION/           saved_model.pb, variables/, assets/, assets.extra/
    bundles/NAME/VERSION.formats/   other formats; TF Serving sees numbers only

What a run's model and a bundle take is the same, and is checked here, in one place.
"""

from __future__ import annotations

import hashlib
import keyword
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from zoo.errors import ZooError, did_you_mean
from zoo.runs import read_json

if TYPE_CHECKING:
    import numpy as np

MANIFEST = "assets.extra/zoo/manifest.json"
GOLDEN = "assets.extra/zoo/golden.npz"
WARMUP = "assets.extra/tf_serving_warmup_requests"
FORMAT_NAMES = {"saved_model": "SavedModel", "onnx": "ONNX"}


class Input(TypedDict):
    """A raw input: its name in the source, `float32` or `string`, and its shape without the batch."""

    name: str
    dtype: str
    shape: list[int]


def identifiers(names: list[str]) -> dict[str, str]:
    """Each name as a unique identifier: letters, digits and `_`, never a leading digit or `_`.

    SavedModel signatures refuse or silently rename other names; the manifest maps them back. They refuse Python's keywords
    and `self` too, and of two names that differ in case only they rename one.
    """
    taken: dict[str, str] = {}
    used: set[str] = set()
    for name in names:
        kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter == "_") else "_" for letter in name)
        base = kept.strip("_") or "column"
        base = f"n{base}" if base[0].isdigit() else base
        base = f"{base}_" if keyword.iskeyword(base) or base == "self" else base
        unique, count = base, 2
        while unique.lower() in used:
            unique, count = f"{base}_{count}", count + 1
        taken[name] = unique
        used.add(unique.lower())
    return taken


def versions(folder: Path) -> list[int]:
    """The version numbers in a bundle's folder, rising."""
    return sorted(int(path.name) for path in folder.glob("[1-9]*") if path.name.isdecimal() and path.is_dir())


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Bundle:
    """One version of a bundle, read. It answers raw values; nothing of it runs Python code."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest: dict[str, Any] = read_json(path / MANIFEST)

    def __repr__(self) -> str:
        return f"Bundle('{self.path}')"

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def version(self) -> int:
        return int(self.manifest["version"])

    @property
    def formats(self) -> Path:
        """The folder of the formats beside the SavedModel."""
        return self.path.with_name(f"{self.path.name}.formats")

    @property
    def proof(self) -> dict[str, dict[str, Any]]:
        """By format: max_difference, examples, batch_sizes, tolerance."""
        return dict(self.manifest["proof"])

    def describe(self) -> str:
        """One line, as `proven without Keras on 16 golden examples: SavedModel 0.0, ONNX 2.1e-07`."""
        told = ", ".join(f"{FORMAT_NAMES[kind]} {one['max_difference']:.2g}" for kind, one in self.proof.items())
        return f"proven without Keras on {self.proof['saved_model']['examples']} golden examples: {told}"

    def verify(self) -> None:
        """Raises ZooError unless every file of the SavedModel is there and as it was exported."""
        for name, facts in self.manifest["files"].items():
            path = self.path / name
            if not path.is_file():
                raise ZooError(f"{self.path} is broken: {name} is missing", "export the run again: zoo export RUN")
            if path.stat().st_size != facts["bytes"] or file_sha256(path) != facts["sha256"]:
                raise ZooError(f"{self.path} is broken: {name} is not the file that was exported", "export the run again: zoo export RUN")

    @cached_property
    def _served(self) -> Any:
        return import_module("zoo.serving").Served(self)

    def predict(self, inputs: Any) -> dict[str, np.ndarray]:
        """Raw values in, the named answers out, by the SavedModel itself (loads TensorFlow, no Keras model).

        Args:
            inputs: a mapping of columns, a table, an array of images, or a list of encoded image files (bytes).

        Returns:
            `label`, `probability`, `scores` or `value`, a NumPy array each, a row an example.

        Raises:
            ZooError: a column is missing or of another type, an image cannot be decoded, or the bundle is broken.
        """
        answers: dict[str, np.ndarray] = self._served.answer(inputs)
        return answers


def find(what: str | Path | Bundle, root: Path) -> Bundle:
    """A bundle by its version's folder, by its name's folder or by name (the newest version)."""
    if isinstance(what, Bundle):
        return what
    for folder in (Path(what), root / str(what)):
        if (folder / MANIFEST).is_file():
            return Bundle(folder)
        if folder.is_dir() and versions(folder):
            return Bundle(folder / str(versions(folder)[-1]))
    known = {path.name for path in root.glob("*") if versions(path)}
    raise ZooError(f"no bundle '{what}'", did_you_mean(what, known))


def columns_of(wanted: Mapping[str, Input], inputs: Any) -> dict[str, np.ndarray]:
    """A mapping of columns, a table or, where one image is wanted, an array, as arrays by served name.

    Args:
        wanted: what is expected, by served name.
        inputs: under served names or the source's own.

    Returns:
        float32 arrays, NaN where a number is missing, and object arrays of str, "" where a category is missing.

    Raises:
        ZooError: what lacks, or has another type or shape, by its name in the source.
    """
    if list(wanted) == ["image"] and wanted["image"]["shape"] and not isinstance(inputs, Mapping):
        inputs = {"image": inputs}
    names = ", ".join(one["name"] for one in wanted.values())
    if not hasattr(inputs, "__getitem__") or not hasattr(inputs, "keys"):
        raise ZooError(f"the input is a {type(inputs).__name__}, where columns are expected", f"expected: {names}")
    columns = {}
    for served, one in wanted.items():
        key = next((key for key in (one["name"], served) if key in inputs), None)
        if key is None:
            raise ZooError(f"the input lacks '{one['name']}'", did_you_mean(one["name"], map(str, inputs.keys())), f"expected: {names}")
        columns[served] = _typed(inputs[key], one)
    sizes = {one["name"]: len(columns[served]) for served, one in wanted.items()}
    if len(set(sizes.values())) != 1:
        raise ZooError("the inputs have different lengths", ", ".join(f"{name} {size}" for name, size in list(sizes.items())[:8]))
    return columns


def _typed(given: Any, one: Input) -> np.ndarray:
    import numpy as np

    name, shape = one["name"], tuple(one["shape"])
    try:
        values = np.asarray(given)
    except ValueError:
        raise ZooError(f"input '{name}' holds arrays of different shapes, where (batch{_dimensions(shape)}) is expected") from None
    if shape and shape[-1] == 1 and values.ndim and values.shape[1:] == shape[:-1]:
        values = values[..., None]  # a grey image without its channel
    if values.ndim == 0 or values.shape[1:] != shape:
        raise ZooError(f"input '{name}' has shape {values.shape}, where (batch{_dimensions(shape)}) is expected")
    if one["dtype"] == "string":
        return np.array([_word(value, name) for value in values.tolist()], object)
    return _numbers(values, name, may_lack=not shape)


def _dimensions(shape: tuple[int, ...]) -> str:
    return "".join(f", {size}" for size in shape)


def _is_missing(value: Any) -> bool:
    if value is None or (isinstance(value, float) and value != value):
        return True
    pandas = sys.modules.get("pandas")  # its NA, NaT and the like come from nowhere else
    return pandas is not None and bool(pandas.isna(value))


def _word(value: Any, name: str) -> str:
    if _is_missing(value):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float):
        raise ZooError(f"input '{name}' holds the number {value}, where text is expected", "give it as it stands in the table, as text")
    return str(value)


def _numbers(values: np.ndarray, name: str, may_lack: bool) -> np.ndarray:
    import numpy as np

    try:
        if values.dtype.kind == "O":
            values = np.array([np.nan if _is_missing(value) else value for value in values.reshape(-1)], np.float64).reshape(values.shape)
        if values.dtype.kind not in "biufSU":
            raise ValueError
        with np.errstate(over="ignore"):
            numbers = values.astype(np.float32)
    except (ValueError, TypeError):
        raise ZooError(f"input '{name}' holds {_kind(values)}, where numbers are expected") from None
    if np.isinf(numbers).any() or not (may_lack or np.isfinite(numbers).all()):
        raise ZooError(f"input '{name}' holds a number that is not finite")
    return numbers


def _kind(values: np.ndarray) -> str:
    if values.dtype.kind in "OSU":
        return f"text, as {values.reshape(-1)[0]!s:.40}" if values.size else "text"
    return f"{values.dtype} values"


def in_batches(
    call: Callable[[dict[str, np.ndarray]], Mapping[str, Any]], columns: Mapping[str, np.ndarray], batch: int
) -> dict[str, np.ndarray]:
    """Calls a function of named arrays on slices of at most `batch` rows, and joins its answers; text comes as str."""
    import numpy as np

    pieces = [{name: np.asarray(value) for name, value in call(part).items()} for part in _slices(columns, batch)]
    return {name: _as_text(np.concatenate([piece[name] for piece in pieces])) for name in pieces[0]}


def _slices(columns: Mapping[str, np.ndarray], batch: int) -> Iterator[dict[str, np.ndarray]]:
    size = len(next(iter(columns.values())))
    if size == 0:
        raise ZooError("the input has no rows")
    for start in range(0, size, batch):
        yield {name: values[start : start + batch] for name, values in columns.items()}


def _as_text(values: np.ndarray) -> np.ndarray:
    """Arrays of bytes as arrays of str; others as they are."""
    import numpy as np

    if values.dtype.kind not in "OS":
        return values
    return np.array([one.decode() if isinstance(one, bytes) else str(one) for one in values.reshape(-1)]).reshape(values.shape)
