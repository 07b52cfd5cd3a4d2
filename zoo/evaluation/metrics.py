"""The metrics of a split: of the model, from its outputs and a reading of them, and of the baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from zoo.tasks import Task


def metrics_of(task: Task, outputs: np.ndarray, y: np.ndarray, reading: dict[str, Any]) -> dict[str, Any]:
    """What `task.measure` says of outputs (float32 (n, outputs)), read by `reading`, against the encoded target (n,)."""
    answers = {name: value.numpy() for name, value in task.read(tf.constant(outputs), reading).items()}
    return task.measure(outputs, y, answers)


def baseline_metrics(task: Task, y_train: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The same metrics of whoever looks at no input and knows the training split's target only.

    One example is read and repeated: a vectorised sigmoid may differ in the last bit from row to row, and ranks would be made of that.
    """
    outputs = task.baseline(y_train, len(y))
    answers = {
        name: np.repeat(value.numpy(), len(y), axis=0)
        for name, value in task.read(tf.constant(outputs[:1]), task.baseline_reading()).items()
    }
    return task.measure(outputs, y, answers)
