"""Raw values in, the named answers out, by a run or by a bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.bundles import Bundle, Input, identifiers
from zoo.errors import ZooError
from zoo.jobs import inputs
from zoo.jobs.opening import load_trained
from zoo.runs import Run, home

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from zoo.assembly import Opened

Answers = dict[str, "np.ndarray"]


@dataclass(frozen=True)
class Model:
    """Something trained that answers.

    Attributes:
        inputs: what it takes, by served name.
        answer: raw values, or a list of encoded image files (bytes), to the named answers.
        classes: the names behind the columns of `scores`, if there are any.
        missing: words of a table that say that a value is missing.
    """

    inputs: Mapping[str, Input]
    answer: Callable[[Any], Answers]
    classes: list[str] | None
    missing: tuple[str, ...]


def predict(
    model: str | Path | Run | Bundle, values: Any, *, runs: str | Path | None = None, bundles: str | Path | None = None
) -> pd.DataFrame:
    """The answers of a run or a bundle, one row an example, as `zoo predict` writes them.

    Args:
        model: a Run or a Bundle, or what names one: a folder, a run's ID, `NAME@last`, a bundle's name.
        values: files (a path or a list of paths: CSV tables, `.npy`, `.npz`, images); or the values themselves: a mapping
            of columns, a DataFrame, an array of images (n, H, W, C) in the source's units, a list of encoded images (bytes).
        runs: where runs are; default `ZOO_HOME`'s, else `./runs`.
        bundles: where bundles are; default `ZOO_HOME`'s, else `./bundles`.

    Returns:
        A DataFrame. Of classification: `label`, `probability`, and `score_CLASS` for each class; of regression: `value`, in the
        target's units. Before them `file`, where images or several files were given.

    Raises:
        ZooError: no such run or bundle; a file or a column is missing or of another type, with its row.
    """
    import pandas

    opened = open_model(load_trained(model, home("runs", runs), home("bundles", bundles)))
    files = _files(values)
    if files is None:
        return _frame(opened, opened.answer(values))
    return pandas.concat(list(stream(opened, files)), ignore_index=True)


def stream(model: Model, files: list[Path]) -> Iterator[pd.DataFrame]:
    """The answers to files, in parts of bounded size, so that a table of any length passes through."""
    name_files = len(files) > 1 or files[0].suffix.lower() not in inputs.TABLES | inputs.ARRAYS
    for part in inputs.parts(files, model.inputs, model.missing):
        frame = _frame(model, model.answer(part.values))
        if name_files:
            frame.insert(0, "file", part.files)
        yield frame


def _frame(model: Model, answers: Mapping[str, np.ndarray]) -> pd.DataFrame:
    import pandas

    columns: dict[str, Any] = {name: values for name, values in answers.items() if name != "scores"}
    if "scores" in answers:
        names = identifiers(list(model.classes or [])).values()  # as in predictions.parquet
        columns |= {f"score_{name}": answers["scores"][:, index] for index, name in enumerate(names)}
    return pandas.DataFrame(columns)


def _files(values: Any) -> list[Path] | None:
    """The paths, where what is given is such."""
    if isinstance(values, (str, Path)):
        return [Path(values)]
    if (
        isinstance(values, Iterable)
        and isinstance(values, (list, tuple))
        and values
        and all(isinstance(one, (str, Path)) for one in values)
    ):
        return [Path(one) for one in values]
    return None


def open_model(trained: Run | Bundle) -> Model:
    """Loads a run's model, or a bundle's SavedModel. Raises ZooError for a file that is missing or broken."""
    if isinstance(trained, Bundle):
        manifest = trained.manifest
        return Model(manifest["inputs"], trained.predict, manifest["classes"], tuple(manifest["missing"]))
    trained.needs_evaluated()
    from zoo.assembly import open_run, served_inputs

    opened = open_run(trained)
    return Model(served_inputs(opened.spec), _answering(opened), trained.reading.get("classes"), trained.card.missing)


def _answering(opened: Opened) -> Callable[[Any], Answers]:
    """A run's answers; image files go the way that they go in its bundle."""
    import tensorflow as tf

    from zoo.bundles import in_batches
    from zoo.exporting.saved_model import after_pixels, pixels_of

    read_files = tf.function(lambda files: opened.read(after_pixels(opened)(pixels_of(files, opened.spec["shape"]))), autograph=False)

    def answer(values: Any) -> Answers:
        if not (isinstance(values, list) and values and isinstance(values[0], bytes)):
            return opened.answer(values)
        try:
            return in_batches(lambda part: read_files(tf.constant(part["bytes"])), {"bytes": values}, inputs.IMAGES)  # type: ignore[dict-item]
        except tf.errors.InvalidArgumentError as error:
            raise ZooError("an image of the input cannot be decoded", "PNG, JPEG, BMP and GIF files are taken") from error

    return answer
