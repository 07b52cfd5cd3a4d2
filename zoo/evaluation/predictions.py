"""What a model says: its outputs, the answers read from them, and `predictions.parquet`, all of it a batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from zoo.assembly import Opened
from zoo.bundles import identifiers, score_columns
from zoo.data import preprocess
from zoo.data.sources import Raw
from zoo.evaluation.parts import Part
from zoo.tasks import Forecasting, Task

BATCH = 256  # examples a call of the model
CHUNK = 16_384  # rows of answers at a time
Forward = Callable[[Raw, np.ndarray, Any], np.ndarray]


def forward(opened: Opened, give: Callable[[Any, tf.Tensor], tf.Tensor] | None = None) -> Forward:
    """A function of raw examples, their row numbers and their encoded target that gives the task's outputs, float32 (n, …).

    It takes the way of the served graph, raw values first, and never holds more than a batch of inputs. `give` makes something else
    than the outputs of what the model takes and the encoded target.
    """
    give = give or partial(opened.task.outputs, opened.model)
    inputs = {name: tf.TensorSpec((None, *shape), dtype) for name, (shape, dtype) in preprocess.inputs_of(opened.spec).items()}

    def answer(values: dict[str, tf.Tensor], y: tf.Tensor) -> tf.Tensor:
        return give(opened.graph(values), y)

    traced = tf.function(answer, autograph=False)

    def outputs(raw: Raw, rows: np.ndarray, y: Any) -> np.ndarray:
        call, pieces = traced.get_concrete_function(inputs, tf.TensorSpec((None, *y.shape[1:]), y.dtype)), []
        for start in range(0, len(rows), BATCH):
            features = raw.take(rows[start : start + BATCH])
            values = {
                served: tf.cast(preprocess.as_tensor(features[name]), inputs[served].dtype)
                for name, served in preprocess.served_names(opened.spec).items()
            }
            pieces.append(call(values, tf.constant(y[start : start + BATCH])).numpy())
        return np.concatenate(pieces)

    return outputs


def answers(task: Task, outputs: np.ndarray, reading: dict[str, Any]) -> dict[str, np.ndarray]:
    """The named answers to all outputs, read CHUNK rows at a time; text as str."""
    known: dict[bytes, str] = {}
    pieces = [
        {name: _as_text(found.numpy(), known) for name, found in task.read(tf.constant(outputs[start : start + CHUNK]), reading).items()}
        for start in range(0, len(outputs), CHUNK)
    ]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def _as_text(values: np.ndarray, known: dict[bytes, str]) -> np.ndarray:
    """Equal texts are one str."""
    if values.dtype != object:
        return values
    return np.array([known.setdefault(one, one.decode()) for one in values], object)


def write(path: Path, task: Task, ids: np.ndarray, parts: list[Part]) -> None:
    """A row an example: split, id (row number in the source), target, and the answers; `scores` is a column a class, and of several
    values target and answer are a column each, `target_NAME` and `value_NAME`.

    Of a forecast target and answer are a column a target each, `target_NAME` and `forecast_NAME`, a list of the steps in each cell.

    Args:
        path: of the Parquet file.
        task: which gave the answers.
        ids: `Raw.ids`.
        parts: in the order of the file.
    """
    if isinstance(task, Forecasting):
        _write_forecasts(path, task, ids, parts)
    else:
        _write_answers(path, task, ids, parts)


def _write_answers(path: Path, task: Task, ids: np.ndarray, parts: list[Part]) -> None:
    numbers, text = pa.float32(), pa.string()
    several = {"scores": score_columns(getattr(task, "classes", ()))}
    several |= {name: [f"{name}_{one}" for one in identifiers(getattr(task, "columns", [])).values()] for name in ("target", "value")}
    cells = {"target": parts[0].target, **parts[0].answers}
    names = {name: several[name] if values.ndim > 1 else [name] for name, values in cells.items()}
    fields = [("split", text), ("id", pa.int64())]
    fields += [(one, text if parts[0].target.dtype == object else pa.float64()) for one in names["target"]]
    for name, values in parts[0].answers.items():
        kind = text if values.dtype == object else pa.bool_() if values.dtype == bool else numbers
        fields += [(one, kind) for one in names[name]]
    schema = pa.schema(fields)
    with pq.ParquetWriter(path, schema) as file:
        for part in parts:
            for start in range(0, len(part.rows), CHUNK):
                span = slice(start, start + CHUNK)
                rows = part.rows[span]
                columns: dict[str, Any] = {"split": [part.name] * len(rows), "id": ids[rows]}
                for name, values in {"target": part.target, **part.answers}.items():
                    columns |= dict(zip(names[name], values[span].reshape(len(rows), -1).T, strict=True))
                file.write_batch(pa.record_batch(columns, schema=schema))


def _write_forecasts(path: Path, task: Forecasting, ids: np.ndarray, parts: list[Part]) -> None:
    names = identifiers(task.columns).values()
    kinds = {"target": pa.list_(pa.float64()), "forecast": pa.list_(pa.float32())}
    lists = [pa.field(f"{what}_{name}", kind) for what, kind in kinds.items() for name in names]
    schema = pa.schema([("split", pa.string()), ("id", pa.int64()), *lists])
    with pq.ParquetWriter(path, schema) as file:
        for part in parts:
            for start in range(0, len(part.rows), CHUNK):
                span = slice(start, start + CHUNK)
                rows, both = part.rows[span], (part.target[span], part.answers["forecast"][span])
                cells = [_lists(values[..., column]) for values in both for column in range(len(task.columns))]
                file.write_batch(pa.record_batch([pa.array([part.name] * len(rows)), pa.array(ids[rows]), *cells], schema=schema))


def _lists(values: np.ndarray) -> pa.Array:
    """(n, steps) as n lists."""
    return pa.ListArray.from_arrays(np.arange(len(values) + 1, dtype=np.int32) * values.shape[1], pa.array(values.reshape(-1)))
