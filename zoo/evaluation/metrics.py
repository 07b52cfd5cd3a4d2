"""The metrics of a split: of the model, from its outputs and a reading of them, and of the baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from zoo.tasks import Forecasting, Task


def metrics_of(task: Task, outputs: np.ndarray, y: Any, reading: dict[str, Any]) -> dict[str, Any]:
    """What `task.measure` says of outputs (float32 (n, outputs)), read by `reading`, against the encoded target (n,)."""
    return task.measure(outputs, y, read(task, outputs, reading))


def read(task: Task, outputs: np.ndarray, reading: dict[str, Any]) -> dict[str, np.ndarray]:
    """The named answers; text as bytes."""
    return {name: value.numpy() for name, value in task.read(tf.constant(outputs), reading).items()}


def baseline_metrics(task: Task, y_train: Any, y: Any) -> dict[str, Any]:
    """The same metrics of whoever looks at no input, and knows the training split's target or, of a forecast, the last value.

    Where all outputs are equal one is read and repeated: a vectorised sigmoid may differ in the last bit from row to row, and ranks
    would be made of that.
    """
    outputs, reading = task.baseline(y_train, y), task.baseline_reading()
    if outputs is None:
        return {}
    if isinstance(task, Forecasting):
        return task.measure(outputs, y, read(task, outputs, reading))
    one = read(task, outputs[:1], reading)
    return task.measure(outputs, y, {name: np.repeat(value, len(y), axis=0) for name, value in one.items()})
