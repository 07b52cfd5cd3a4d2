"""Regression: one number, learned standardised, answered in the target's own units."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

Reading = dict[str, Any]


class Regression:
    """Learns a standardised value (float32, (batch,)) from one output (float32, (batch, 1)) by squared error."""

    name = "regression"

    def __init__(self, target: dict[str, Any]) -> None:
        self.mean, self.std, self.unit = float(target["mean"]), float(target["std"]), target.get("unit")

    def facts(self) -> dict[str, int]:
        return {"num_outputs": 1}

    def loss(self) -> keras.Loss:
        return keras.losses.MeanSquaredError()

    def metrics(self) -> list[keras.Metric]:
        """What Keras logs each epoch: the absolute error in the target's units."""
        std = self.std

        def absolute_error(y: Any, outputs: Any) -> Any:
            return ops.abs(ops.reshape(y, (-1,)) - ops.reshape(outputs, (-1,))) * std

        return [keras.metrics.MeanMetricWrapper(absolute_error, name="mae")]

    def losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Squared error of each example, standardised, float64 (n,)."""
        return np.square(outputs[:, 0].astype(np.float64) - y)

    def fit_reading(self, outputs: np.ndarray, y: np.ndarray) -> Reading:
        """The target's inverse; nothing of it is fitted on val."""
        return {"task": self.name, "mean": self.mean, "std": self.std, "unit": self.unit}

    def served(self) -> dict[str, str]:
        return {"value": "float32"}

    def read(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        """`value` float32 (batch,), in the target's units."""
        return {"value": outputs[:, 0] * reading["std"] + reading["mean"]}

    numbers = read  # all of it is numbers

    def measure(self, outputs: np.ndarray, y: np.ndarray, answers: dict[str, np.ndarray]) -> dict[str, Any]:
        """The metrics of regression, in the target's units, by scikit-learn."""
        from sklearn import metrics

        truth = y.astype(np.float64) * self.std + self.mean
        said = answers["value"].astype(np.float64)
        mse = float(metrics.mean_squared_error(truth, said))
        return {
            "loss": float(self.losses(outputs, y).mean()),
            "mae": float(metrics.mean_absolute_error(truth, said)),
            "mse": mse,
            "rmse": mse**0.5,
            "r2": float(metrics.r2_score(truth, said)) if len(truth) > 1 else None,
        }

    def baseline(self, y_train: np.ndarray, size: int) -> np.ndarray:
        """The training split's mean, always."""
        return np.full((size, 1), y_train.mean(), np.float32)

    def baseline_reading(self) -> Reading:
        return {"mean": self.mean, "std": self.std}

    baseline_name = "training mean"
