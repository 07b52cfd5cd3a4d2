"""Raw values: what a run's model and a bundle take is the same, and is checked here, in one place."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from zoo.errors import ZooError, did_you_mean

if TYPE_CHECKING:
    import numpy as np


ASSERTED = re.compile(r"assertion failed: \[(.*?)\]\s*(?:\[\[|$)", re.DOTALL)


class Input(TypedDict):
    """A raw input: its name in the source, `float32` or `string`, its shape without the batch, the columns it is made of."""

    name: str
    dtype: str
    shape: list[int]
    columns: NotRequired[list[str]]


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
    if alone(wanted) and not isinstance(inputs, Mapping) and not hasattr(inputs, "columns"):
        inputs = {next(iter(wanted)): [inputs] if isinstance(inputs, str) else inputs}
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


def alone(wanted: Mapping[str, Input]) -> str | None:
    """What is wanted, where it is one image, sound, series or text an example and no columns; None for columns of a table."""
    kinds = {("image", 3): "image", ("audio", 1): "audio", ("series", 2): "series", ("text", 0): "text"}
    one = next(iter(wanted.items()), None)
    if one is None or len(wanted) > 1 or (one[0] == "text" and one[1]["dtype"] != "string"):
        return None
    return kinds.get((one[0], len(one[1]["shape"])))


def _typed(given: Any, one: Input) -> np.ndarray:
    import numpy as np

    name, shape = one["name"], tuple(one["shape"])
    plain = one["dtype"] == "string" and isinstance(given, (list, tuple))
    try:
        values = np.asarray(given, object if plain else None)  # else a NaN among words would become the word "nan"
    except ValueError:
        raise ZooError(f"input '{name}' holds arrays of different shapes, where (batch{_dimensions(shape)}) is expected") from None
    if shape and shape[-1] == 1 and values.ndim and values.shape[1:] == shape[:-1]:
        values = values[..., None]  # a grey image without its channel
    if values.ndim == 0 or values.shape[1:] != shape:
        raise ZooError(f"input '{name}' has shape {values.shape}, where (batch{_dimensions(shape)}) is expected")
    if one["dtype"] == "string":
        if values.dtype.kind == "M":  # moments as ISO 8601
            values = np.where(np.isnat(values), "", values.astype(str))
        return np.array([_word(value, name) for value in values.tolist()], object)
    return _numbers(values, name, may_lack=len(shape) in (0, 2))  # a cell of a table, or a step of a series


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
    if isinstance(value, bool) or type(value).__name__ == "bool":  # NumPy's in a column of objects, too
        return "true" if value else "false"  # as the readers of tables write it
    return str(value).encode("utf-8", "replace").decode()  # half a surrogate pair is no character


def _numbers(values: np.ndarray, name: str, may_lack: bool) -> np.ndarray:
    import numpy as np

    try:
        if values.dtype.kind == "O":
            values = np.array([np.nan if _is_missing(value) else value for value in values.reshape(-1)], np.float64).reshape(values.shape)
        if values.dtype.kind not in "biufSU":
            raise ValueError
        with np.errstate(over="ignore"):
            numbers = values.astype(np.float32)
    except OverflowError:
        raise ZooError(f"input '{name}' holds a number that is larger than a float can be") from None
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


@contextmanager
def refusals(refusal: type[Exception]) -> Iterator[None]:
    """Where a model's own graph refuses what it was asked, by an assertion, its words are a ZooError's."""
    try:
        yield
    except refusal as error:
        found = ASSERTED.search(str(error))
        if found is None:
            raise
        raise ZooError(found[1].replace("\\'", "'")) from None  # TensorFlow escapes it


def files_of(inputs: Any) -> list[bytes] | None:
    """The encoded image files, where the input is made of such: bytes, or several, or both under the name `bytes`."""
    import numpy as np

    if isinstance(inputs, Mapping):
        inputs = inputs["bytes"] if set(inputs) == {"bytes"} else None
    if isinstance(inputs, bytes):
        return [inputs]
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind not in "OS":
        return None
    if isinstance(inputs, (list, tuple, np.ndarray)) and len(inputs) and all(isinstance(one, bytes) for one in inputs):
        return list(inputs)
    return None


def answers_to_files(
    call: Callable[[dict[str, np.ndarray]], Mapping[str, Any]], files: list[bytes], batch: int, refusal: type[Exception]
) -> dict[str, np.ndarray]:
    """`in_batches` of encoded image files, as `bytes`. Raises ZooError with the number of the first that `call` refuses."""
    import numpy as np

    try:
        return in_batches(call, {"bytes": np.array(files, object)}, batch)
    except refusal:
        for number, file in enumerate(files):
            try:
                call({"bytes": np.array([file], object)})
            except refusal:
                told = f"file {number} of the input cannot be decoded ({len(file)} bytes)"
                raise ZooError(told, "images are taken as PNG, JPEG, BMP, GIF and WebP files, sounds as WAV files") from None
        raise


def _as_text(values: np.ndarray) -> np.ndarray:
    """Arrays of bytes as arrays of str; others as they are."""
    import numpy as np

    if values.dtype.kind not in "OS":
        return values
    return np.array([one.decode() if isinstance(one, bytes) else str(one) for one in values.reshape(-1)]).reshape(values.shape)
