"""Tasks: how an output is learned and read. A task is a class of the same few methods, a file each.

facts()                              what the model's builder must know (`num_outputs`; `horizon`, `num_targets`, `season`)
output_shape                         of the model, without the batch
loss(), metrics()                    for `compile`
losses(outputs, y)                   the loss of each example, NumPy
fit_reading(outputs, y)              val -> what `reading.json` holds
read(outputs, reading)               outputs -> the named answers, as TensorFlow in the exported graph
numbers(outputs, reading)            the part of `read` without text, for ONNX
served()                             the answers' names and dtypes
measure(outputs, y, answers)         the metrics of NAMES, NumPy
baseline(y_train, y)                 outputs of whoever looks at no input, for the examples of y; a forecast's knows the values before y
"""

from __future__ import annotations

from typing import Any

from zoo.errors import ZooError, did_you_mean
from zoo.tasks.classification import Classification
from zoo.tasks.forecasting import Forecasting
from zoo.tasks.regression import Regression

Task = Classification | Regression | Forecasting
TASKS: dict[str, type[Task]] = {"classification": Classification, "regression": Regression, "forecasting": Forecasting}

__all__ = ["TASKS", "Classification", "Forecasting", "Regression", "Task", "make"]


def make(name: str, target: dict[str, Any], threshold: str | None = None) -> Task:
    """The task `name` for a fitted target: `{classes, …}`, `{mean, std, unit, …}` or `{columns, horizon, …}`.

    `threshold`, of classification, is the metric that its threshold is fitted for.
    """
    if name not in TASKS:
        raise ZooError(f"no task named '{name}'", did_you_mean(name, TASKS))
    return Classification(target, threshold) if threshold else TASKS[name](target)
