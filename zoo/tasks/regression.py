"""Regression: one number, or several at once, learned standardised, answered in the targets' own units."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.config.experiment import TaskChoice
from zoo.tasks.base import Reading, Task

LARGEST = 80.0  # of a logarithm: float32 ends at exp(88)


def in_units(learned: Any, reading: Reading) -> Any:
    """What is learned, float32 (batch,) or (batch, targets), in the target's own units."""
    value = learned * reading["std"] + reading["mean"]
    return ops.exp(ops.minimum(value, LARGEST)) - 1 if reading.get("scale") == "log" else value  # tf2onnx knows no expm1


class Regression(Task):
    """Learns standardised values (float32, (batch,), of several targets (batch, targets)) from an output each by squared error."""

    name = "regression"

    def __init__(self, target: dict[str, Any], choice: TaskChoice | None = None, input_shape: Any = None) -> None:
        self.columns: list[str] = list(target.get("columns", ()))  # none where it is one value, which needs no name
        self.mean, self.std, self.unit = np.asarray(target["mean"]), np.asarray(target["std"]), target.get("unit")
        scale = {"scale": "log"} if target.get("scale") == "log" else {}
        self.inverse: Reading = {"mean": target["mean"], "std": target["std"], **scale}

    def facts(self) -> dict[str, int]:
        return {"num_outputs": len(self.columns) or 1}

    def loss(self, imbalance: str | None = None) -> keras.Loss:
        return keras.losses.MeanSquaredError()

    def metrics(self, imbalance: str | None = None) -> list[keras.Metric]:
        """What Keras logs each epoch: the absolute error in the target's units."""
        inverse, shape = self.inverse, (-1, len(self.columns)) if self.columns else (-1,)

        def absolute_error(y: Any, outputs: Any) -> Any:
            truth, said = ops.reshape(y, shape), ops.reshape(outputs, shape)
            if "scale" in inverse:
                return ops.abs(in_units(truth, inverse) - in_units(said, inverse))
            return ops.abs(truth - said) * inverse["std"]

        return [keras.metrics.MeanMetricWrapper(absolute_error, name="mae")]

    def losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Squared error of each example, standardised, the mean over targets, float64 (n,)."""
        return np.square(outputs.astype(np.float64) - y.reshape(outputs.shape)).mean(-1)

    def fit_reading(self, outputs: np.ndarray, y: np.ndarray) -> Reading:
        """The target's inverse; nothing of it is fitted on val."""
        names = {"columns": self.columns} if self.columns else {}
        return {"task": self.name, **names, **self.inverse, "unit": self.unit}

    def served(self) -> dict[str, str]:
        return {"value": "float32"}

    def read(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        """`value` float32 (batch,), of several targets (batch, targets), in their units."""
        return {"value": in_units(outputs if self.columns else outputs[:, 0], reading)}

    def measure(self, outputs: np.ndarray, y: np.ndarray, answers: dict[str, np.ndarray]) -> dict[str, Any]:
        """The metrics of regression, in the target's units, by scikit-learn.

        Of several targets each metric is the mean of theirs, and `per_target` holds them by name. Where the units differ, such a mean
        of `mae`, `mse` or `rmse` is of no unit: the target of the largest numbers rules it. `r2` has none and may be compared.
        """
        truth, said = self._truth(y), answers["value"].astype(np.float64)
        loss = float(self.losses(outputs, y).mean())
        if not self.columns:
            return {"loss": loss, **_errors(truth, said)}
        each = {name: _errors(truth[:, place], said[:, place]) for place, name in enumerate(self.columns)}
        means = {key: _mean([one[key] for one in each.values()]) for key in ("mae", "mse", "rmse", "r2")}
        return {"loss": loss, **means, "per_target": each}

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (len(self.columns) or 1,)

    def baseline(self, y_train: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The training split's mean, always."""
        mean = self.scaled(self._truth(y_train).mean(0)) if "scale" in self.inverse else y_train.mean(0)
        return np.full((len(y), *self.output_shape), mean, np.float32)

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


def _errors(truth: np.ndarray, said: np.ndarray) -> dict[str, float | None]:
    """The metrics of one target."""
    from sklearn import metrics

    mse = float(metrics.mean_squared_error(truth, said))
    return {
        "mae": float(metrics.mean_absolute_error(truth, said)),
        "mse": mse,
        "rmse": mse**0.5,
        "r2": float(metrics.r2_score(truth, said)) if len(truth) > 1 else None,
    }


def _mean(values: list[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
