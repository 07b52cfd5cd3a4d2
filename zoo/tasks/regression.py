"""Regression: one number, learned standardised, answered in the target's own units."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

Reading = dict[str, Any]
LARGEST = 80.0  # of a logarithm: float32 ends at exp(88)


def in_units(learned: Any, reading: Reading) -> Any:
    """What is learned, float32, in the target's own units."""
    value = learned * reading["std"] + reading["mean"]
    return ops.exp(ops.minimum(value, LARGEST)) - 1 if reading.get("scale") == "log" else value  # tf2onnx knows no expm1


class Regression:
    """Learns a standardised value (float32, (batch,)) from one output (float32, (batch, 1)) by squared error."""

    name = "regression"

    def __init__(self, target: dict[str, Any]) -> None:
        self.mean, self.std, self.unit = float(target["mean"]), float(target["std"]), target.get("unit")
        self.inverse = {"mean": self.mean, "std": self.std, **({"scale": "log"} if target.get("scale") == "log" else {})}

    def facts(self) -> dict[str, int]:
        return {"num_outputs": 1}

    def loss(self) -> keras.Loss:
        return keras.losses.MeanSquaredError()

    def metrics(self) -> list[keras.Metric]:
        """What Keras logs each epoch: the absolute error in the target's units."""
        std, inverse = self.std, self.inverse

        def absolute_error(y: Any, outputs: Any) -> Any:
            truth, said = ops.reshape(y, (-1,)), ops.reshape(outputs, (-1,))
            return ops.abs(in_units(truth, inverse) - in_units(said, inverse)) if "scale" in inverse else ops.abs(truth - said) * std

        return [keras.metrics.MeanMetricWrapper(absolute_error, name="mae")]

    def losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Squared error of each example, standardised, float64 (n,)."""
        return np.square(outputs[:, 0].astype(np.float64) - y)

    def fit_reading(self, outputs: np.ndarray, y: np.ndarray) -> Reading:
        """The target's inverse; nothing of it is fitted on val."""
        return {"task": self.name, **self.inverse, "unit": self.unit}

    def served(self) -> dict[str, str]:
        return {"value": "float32"}

    def read(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        """`value` float32 (batch,), in the target's units."""
        return {"value": in_units(outputs[:, 0], reading)}

    numbers = read  # all of it is numbers

    def measure(self, outputs: np.ndarray, y: np.ndarray, answers: dict[str, np.ndarray]) -> dict[str, Any]:
        """The metrics of regression, in the target's units, by scikit-learn."""
        from sklearn import metrics

        truth = self._truth(y)
        said = answers["value"].astype(np.float64)
        mse = float(metrics.mean_squared_error(truth, said))
        return {
            "loss": float(self.losses(outputs, y).mean()),
            "mae": float(metrics.mean_absolute_error(truth, said)),
            "mse": mse,
            "rmse": mse**0.5,
            "r2": float(metrics.r2_score(truth, said)) if len(truth) > 1 else None,
        }

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (1,)

    def baseline(self, y_train: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The training split's mean, always."""
        if "scale" not in self.inverse:
            return np.full((len(y), 1), y_train.mean(), np.float32)
        return np.full((len(y), 1), self.scaled(self._truth(y_train).mean()), np.float32)

    def baseline_reading(self) -> Reading:
        return self.inverse

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Values in the target's own units, float64, as they are learned."""
        return ((np.log1p(values) if "scale" in self.inverse else values) - self.mean) / self.std

    def _truth(self, y: np.ndarray) -> np.ndarray:
        """Targets as they were before they were scaled, float64."""
        learned = y.astype(np.float64) * self.std + self.mean
        return np.expm1(learned) if "scale" in self.inverse else learned

    baseline_name = "training mean"
