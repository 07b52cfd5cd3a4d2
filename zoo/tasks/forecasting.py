"""Forecasting: some columns over the next steps, learned scaled, answered in their own units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.config.experiment import TaskChoice
from zoo.tasks.base import Reading, Task

PART = 4096  # windows that are measured at once
SEASONAL = "seasonal naive"


class Forecasting(Task):
    """Learns scaled values (float32, (batch, horizon, targets)) from as many outputs by squared error.

    `y` of NumPy methods is Windows (n, horizon, targets) of scaled values, never all of it at once.
    """

    name = "forecasting"

    def __init__(self, target: dict[str, Any], choice: TaskChoice | None = None, input_shape: Any = None) -> None:
        self.columns: list[str] = list(target["columns"])
        self.history, self.horizon, self.unit = int(target["history"]), int(target["horizon"]), target.get("unit")
        self.mean, self.std, self.log = list(target["mean"]), list(target["std"]), bool(target["log"])
        self.season = int(target.get("season") or 1)
        self.seasonal: list[float | None] = list(target["seasonal"])

    def facts(self) -> dict[str, int]:
        return {"horizon": self.horizon, "num_targets": len(self.columns), "season": self.season}

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (self.horizon, len(self.columns))

    def loss(self, imbalance: str | None = None) -> keras.Loss:
        return keras.losses.MeanSquaredError()

    def metrics(self, imbalance: str | None = None) -> list[keras.Metric]:
        """What Keras logs each epoch: the absolute error of the scaled values."""
        return [keras.metrics.MeanAbsoluteError(name="mae")]

    def losses(self, outputs: np.ndarray, y: Any) -> np.ndarray:
        """Squared error of each example, scaled, the mean over steps and targets, float64 (n,)."""
        return np.concatenate([np.square(outputs[span] - y[span]).mean((1, 2)) for span in _spans(len(outputs))])

    def fit_reading(self, outputs: np.ndarray, y: Any) -> Reading:
        """The targets' inverse; nothing of it is fitted on val."""
        return {"task": self.name, "columns": self.columns, "mean": self.mean, "std": self.std, "log": self.log, "unit": self.unit}

    def served(self) -> dict[str, str]:
        return {"forecast": "float32"}

    def read(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        """`forecast` float32 (batch, horizon, targets), in the targets' units."""
        values = outputs * ops.convert_to_tensor(reading["std"], "float32") + ops.convert_to_tensor(reading["mean"], "float32")
        return {"forecast": ops.expm1(values) if reading["log"] else values}

    def measure(self, outputs: np.ndarray, y: Any, answers: dict[str, np.ndarray]) -> dict[str, Any]:
        """Means over all windows, steps and targets: scaled, in units, and the two that have none.

        `smape` is 2 |error| / (|true| + |said|), 0 where both are 0: 0 to 2. `mase` is a target's absolute error over that of
        whoever repeats the value of one season before, on the training split; None where that is not known, or 0.
        """
        sums = np.zeros((5, len(self.columns)))
        for span in _spans(len(outputs)):
            wanted = y[span].astype(np.float64)
            scaled, true, said = outputs[span] - wanted, self.raw(wanted), answers["forecast"][span].astype(np.float64)
            apart, size = np.abs(said - true), np.abs(said) + np.abs(true)
            relative = 2 * apart / np.where(size > 0, size, 1.0)
            sums += np.stack([one.sum((0, 1)) for one in (np.abs(scaled), np.square(scaled), apart, np.square(apart), relative)])
        mae, mse, mae_raw, mse_raw, smape = sums / (len(outputs) * self.horizon)
        known = None not in self.seasonal
        return {
            "loss": float(mse.mean()),
            "mae": float(mae.mean()),
            "mse": float(mse.mean()),
            "mae_raw": float(mae_raw.mean()),
            "rmse_raw": float(mse_raw.mean() ** 0.5),
            "smape": float(smape.mean()),
            "mase": float((mae_raw / np.array(self.seasonal, np.float64)).mean()) if known else None,
        }

    def raw(self, scaled: np.ndarray) -> np.ndarray:
        """Scaled values in the targets' own units, float64."""
        values = scaled * np.array(self.std) + np.array(self.mean)
        return np.expm1(values) if self.log else values

    def baseline(self, y_train: Any, y: Any) -> np.ndarray:
        """The last value that is known in each history, at every step, else the mean."""
        return np.broadcast_to(self._seen(y, y.starts[:, None] - 1), (len(y), *self.output_shape))

    def more_baselines(self, y_train: Any, y: Any) -> dict[str, np.ndarray]:
        """The values of the last season of each history, again and again; where there is a season, and a history holds one."""
        if not 1 < self.season <= self.history:
            return {}
        last = self._seen(y, y.starts[:, None] - self.season + np.arange(min(self.season, self.horizon)))
        return {SEASONAL: last[:, np.arange(self.horizon) % self.season]}

    def _seen(self, y: Any, steps: np.ndarray) -> np.ndarray:
        """At steps (n, k) of the histories the last value that is known by then, else the mean: float32 (n, k, targets).

        A history stands before its window in `y.values`.
        """
        known = np.where(np.isnan(y.values), -1, np.arange(len(y.values))[:, None])
        places = np.maximum.accumulate(known, axis=0)[steps]
        found = np.take_along_axis(y.values, np.maximum(places, 0).reshape(-1, len(self.columns)), axis=0).reshape(places.shape)
        inside = places >= y.starts[:, None, None] - self.history
        return np.where(inside, found.astype(np.float32), np.float32(0))

    def baseline_reading(self) -> Reading:
        return {"mean": self.mean, "std": self.std, "log": self.log}

    baseline_name = "repeat last value"


def _spans(size: int) -> Iterator[slice]:
    return (slice(start, start + PART) for start in range(0, size, PART))
