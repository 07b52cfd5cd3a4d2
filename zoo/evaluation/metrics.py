"""The metrics of a split, from the model's outputs and a reading of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from zoo.tasks import Task


def metrics_of(task: Task, outputs: np.ndarray, y: np.ndarray, reading: dict[str, Any]) -> dict[str, Any]:
    """What `task.measure` says of outputs (float32 (n, outputs)), read by `reading`, against the encoded target (n,)."""
    answers = {name: value.numpy() for name, value in task.read(tf.constant(outputs), reading).items()}
    return task.measure(outputs, y, answers)
