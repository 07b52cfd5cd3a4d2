"""Data given in Python. Its values are written into the cache, where a run of any process finds them; its card is an ordinary one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from zoo import shelf
from zoo.bundles import file_sha256
from zoo.config.card import Card
from zoo.data.fetch import cache_folder
from zoo.data.frames import cells, columns_of, guess_of, in_order, table, target_of, task_of
from zoo.data.guess import guess, learns
from zoo.errors import ZooError, did_you_mean
from zoo.runs import make_folder, sweep

if TYPE_CHECKING:
    from zoo.data.dataset import Dataset

SHARE = 0.15


def from_dataframe(
    frame: pd.DataFrame,
    target: Any,
    task: str | None = None,
    val: float = SHARE,
    test: float | pd.DataFrame = SHARE,
    name: str = "table",
    *,
    text: str | None = None,
    columns: Mapping[str, Any] | None = None,
    modality: str | None = None,
    batch_size: int = 64,
    seed: int = 1,
    **card: Any,
) -> Dataset:
    """A dataset of a table: a row an example. Types of columns are guessed as `zoo new` does; identifiers are left out.

    Args:
        frame: the rows. Columns go by their names as text.
        target: the column to learn.
        task: `classification` or `regression`; default: by the target's values.
        val: fraction of the rows.
        test: fraction of the rows, or rows of their own.
        name: of the card, and so of what is trained on it.
        text: the column of a text, where the examples are texts and nothing else.
        columns: types of columns, or all of their settings, where the guess is not what they are.
        modality, batch_size, seed: as `zoo.load_dataset` takes them.
        **card: further keys of a card, as `group`, `split`, `preprocess`, `licence`.

    Raises:
        ZooError: no rows, no such target, cells that no table holds, or nothing to learn from.
    """
    target = str(target)
    frame = table(frame, target, "the table")
    rest = table(test, target, "test") if isinstance(test, pd.DataFrame) else None
    found = {one: guess_of(frame[one]) for one in frame.columns}
    task = task or task_of(frame[target], found[target])
    wanted = {text: "text"} if text else columns_of(frame, found, target, dict(columns or {}))
    if text and text not in frame.columns:
        raise ZooError(f"the table has no column '{text}'", did_you_mean(text, frame.columns))
    kinds = {one: settings["type"] if isinstance(settings, Mapping) else settings for one, settings in wanted.items()}
    beside = [one for one in frame.columns if one not in (*kinds, target)]

    def typed(rows: pd.DataFrame) -> pd.DataFrame:
        lacking = [one for one in (*kinds, target) if one not in rows.columns]
        if lacking:
            raise ZooError(f"test has no column '{lacking[0]}'", did_you_mean(lacking[0], rows.columns))
        made = {one: cells(rows[one], kind) for one, kind in kinds.items()}
        made[target] = cells(rows[target], "number" if task == "regression" else "category")
        made |= {one: cells(rows[one], "category") for one in beside if one in rows.columns}
        return pd.DataFrame(made)

    source: dict[str, Any] = {"kind": "parquet", "file": _kept(f"{name}.parquet", typed(frame).to_parquet)}
    if rest is not None:
        source["test_file"] = _kept(f"{name}_test.parquet", typed(rest).to_parquet)
    content = {"text": {"columns": [text]}} if text else {"columns": wanted}
    facts = {"source": source, **content, "target": target_of(target, task, typed(frame)[target]), "task": task}
    return _prepared(name, facts, val, test if rest is None else None, card, modality, batch_size, seed)


def from_arrays(
    x: Any,
    y: Any,
    kind: str | None = None,
    task: str | None = None,
    val: float = SHARE,
    test: float | tuple[Any, Any] = SHARE,
    name: str = "arrays",
    *,
    modality: str | None = None,
    batch_size: int = 64,
    seed: int = 1,
    **card: Any,
) -> Dataset:
    """A dataset of arrays, an example a row.

    Args:
        x: images (n, height, width[, channels]), a matrix (n, columns), series (n, steps, channels), or texts (n,).
        y: labels or numbers (n,).
        kind: `image`, `columns`, `series` or `text`; default: by the dimensions. Three of them are images where they are uint8,
            else series.
        task: `classification` or `regression`; default: by `y`.
        val: fraction of the rows.
        test: fraction of the rows, or (x, y) of their own.
        name: of the card.
        modality, batch_size, seed: as `zoo.load_dataset` takes them.
        **card: further keys of a card; `image`, `series` or `columns` replace what is inferred.

    Raises:
        ZooError: shapes that do not go together, or values that are no numbers.
    """
    values = _array(x, "x")
    kind = kind or _kind_of(values)
    own = (_array(test[0], "test x"), test[1]) if isinstance(test, tuple) else None
    if kind == "text":
        frame = pd.DataFrame({"text": values, "label": _labels(y, len(values))})
        rest: Any = pd.DataFrame({"text": own[0], "label": _labels(own[1], len(own[0]))}) if own else test
        return from_dataframe(
            frame, "label", task, val, rest, name, text="text", modality=modality, batch_size=batch_size, seed=seed, **card
        )
    labels = _labels(y, len(values))
    guessed = learns(guess(pd.Series(labels)), len(labels))[0]
    task = task or guessed
    if task == "classification":
        labels, classes = _words(labels)
    arrays = {"x_train": values, "y_train": labels}
    source: dict[str, Any] = {"kind": "npz"}
    if own:
        arrays |= {
            "x_test": own[0],
            "y_test": _words(_labels(own[1], len(own[0])))[0] if task == "classification" else _labels(own[1], len(own[0])),
        }
        source |= {"test_features": "x_test", "test_target": "y_test"}
    source["file"] = _kept(f"{name}.npz", lambda path: np.savez(path, allow_pickle=False, **arrays))
    target = {"name": "label", "classes": classes} if task == "classification" else {"name": "value"}
    facts = {"source": source, **_feature(values, kind), "target": target, "task": task}
    return _prepared(name, facts, val, None if own else test, card, modality, batch_size, seed)


def from_generator(
    pairs: Iterable[tuple[Any, Any]] | Callable[[], Iterable[tuple[Any, Any]]],
    kind: str | None = None,
    task: str | None = None,
    val: float = SHARE,
    test: float = SHARE,
    name: str = "generated",
    **more: Any,
) -> Dataset:
    """A dataset of (x, y) pairs, all of which are taken: x an array of one shape, a text, or a dict of a row's values by column.

    Args:
        pairs: an iterable, or a function that gives one.
        kind, task, val, test, name, **more: as `from_arrays` takes them, or `from_dataframe` where x is a dict.

    Raises:
        ZooError: there is no pair, or one that is unlike the first.
    """
    examples: list[Any] = []
    labels: list[Any] = []
    for number, pair in enumerate(pairs() if callable(pairs) else pairs):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ZooError(f"from_generator: number {number} is no pair of x and y: {pair!r:.80}")
        x, y = pair
        if examples and _form(x) != _form(examples[0]):
            raise ZooError(f"from_generator: x number {number} is {_form(x)}, and the first one {_form(examples[0])}")
        examples.append(x)
        labels.append(y)
    if not examples:
        raise ZooError("from_generator: there is not one pair")
    if isinstance(examples[0], Mapping):
        target = next(one for one in ("target", "label", "y", "the target") if one not in examples[0])
        frame = pd.DataFrame(examples).assign(**{target: labels})
        return from_dataframe(frame, target, task, val, test, name, **more)
    return from_arrays(np.array(examples) if not isinstance(examples[0], str) else examples, labels, kind, task, val, test, name, **more)


def _form(x: Any) -> str:
    if isinstance(x, Mapping):
        return f"a dict of {', '.join(map(str, x))}"
    return "a text" if isinstance(x, str) else f"an array of shape {np.shape(x)}"


def _prepared(
    name: str, facts: dict[str, Any], val: float, test: Any, more: dict[str, Any], modality: str | None, batch_size: int, seed: int
) -> Dataset:
    """The dataset of a card made of these facts; what the caller says himself comes before them."""
    from pydantic import ValidationError

    from zoo.data.dataset import prepare

    shelf.check_name(name, "name")
    split = {"kind": "given", "val": val} if test is None else {"val": val, "test": test}
    try:
        card = Card.model_validate({"title": f"{name}, given in Python", "licence": "not stated", "split": split, **facts, **more})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(one) for one in first["loc"])
        raise ZooError(f"{name}: {where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}") from None
    card._name = name
    return prepare(card, modality, batch_size=batch_size, seed=seed)


def _kept(name: str, write: Callable[[Path], Any]) -> dict[str, str]:
    """Writes a file into the cache, under its hash; a card finds it there as it finds what was fetched."""
    shelf.check_name(name, "name")
    root = cache_folder()
    make_folder(root)
    sweep(root)
    half = root / f".{os.getpid()}-{name}"
    try:
        write(half)
        file = {"name": name, "sha256": file_sha256(half)}
        make_folder(root / file["sha256"][:16])
        os.replace(half, root / file["sha256"][:16] / name)
    except OSError as error:
        raise ZooError(f"cannot write into {root}: {error.strerror or error}") from error
    finally:
        half.unlink(missing_ok=True)
    return file


def _array(x: Any, what: str) -> np.ndarray:
    """Numbers or texts, a row an example."""
    try:
        values = np.asarray(x)
    except ValueError:
        raise ZooError(f"{what}: its rows are of different shapes", "cut or pad them to one") from None
    if values.dtype == object and values.ndim == 1 and len(values) and all(isinstance(one, str) for one in values):
        return values
    if values.dtype.kind not in "biufUT":
        raise ZooError(f"{what} holds {values.dtype} values, where numbers or texts are expected")
    if values.ndim == 0 or len(values) == 0:
        raise ZooError(f"{what} has no rows")
    return values


def _kind_of(values: np.ndarray) -> str:
    if values.dtype.kind in "UTO":
        return "text"
    kinds = {2: "columns", 3: "image" if values.dtype == np.uint8 else "series", 4: "image"}
    if values.ndim not in kinds:
        raise ZooError(
            f"x has shape {values.shape}: no matrix, series or images", "a row is an example: x[:, None] makes a matrix of a vector"
        )
    return kinds[values.ndim]


def _feature(values: np.ndarray, kind: str) -> dict[str, Any]:
    """The card's part for an array."""
    shape = values.shape
    if kind == "columns" and len(shape) == 2:
        return {"columns": {f"x{place}": "number" for place in range(shape[1])}}
    if kind == "series" and len(shape) == 3:
        return {"series": {"length": shape[1], "channels": shape[2]}}
    if kind == "image" and len(shape) in (3, 4):
        channels = shape[3] if len(shape) == 4 else 1
        if channels not in (1, 3):
            raise ZooError(f"x has shape {shape}: images have 1 or 3 channels", "the channels come last: np.moveaxis(x, 1, -1)?")
        return {"image": {"shape": (*shape[1:3], channels), "range": _range(values)}}
    raise ZooError(f"x has shape {shape}, which is no {kind}", "kinds: image, columns, series, text")


def _range(values: np.ndarray) -> tuple[float, float]:
    """The usual scale that pixels are in: 0..255, 0..1, -1..1; else from their darkest to their brightest."""
    low, high = float(values.min()), float(values.max())
    if values.dtype == np.uint8 or (low >= 0 and 1 < high <= 255):
        return 0.0, 255.0
    if low >= -1 and high <= 1:
        return (0.0 if low >= 0 else -1.0), 1.0
    return low, high


def _labels(y: Any, rows: int) -> np.ndarray:
    """The target (n,), numbers or text."""
    labels = np.asarray(y)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1:
        raise ZooError(
            f"y has shape {labels.shape}, where one label or number a row is expected",
            "one-hot labels: y.argmax(-1); of several targets, one at a time",
        )
    if len(labels) != rows:
        raise ZooError(f"x has {rows} rows, and y {len(labels)}")
    return labels if labels.dtype.kind in "biuf" else labels.astype(str)


def _words(labels: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Labels as text, and the classes in their order."""
    whole = labels.dtype.kind == "f" and bool((labels == np.round(labels)).all())
    words = (labels.astype(np.int64) if whole else labels).astype(str)
    return words, in_order(sorted(set(words.tolist())))
