"""Layers of preprocessing along time: float32 (batch, steps, channels) in and out, NaN for missing, nothing looks ahead."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

Shape = tuple[int | None, ...]


class _Float32(layers.Layer):
    """A layer that computes in float32 whatever the policy."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **{key: value for key, value in kwargs.items() if key != "dtype"})


@keras.saving.register_keras_serializable("zoo")
class FillForward(_Float32):
    """A missing value takes the last known one of its channel; before the first known one it stays NaN."""

    def call(self, x: Any) -> Any:
        return ops.cond(ops.any(ops.isnan(x)), lambda: self._fill(x), lambda: x)  # most batches lack nothing

    def _fill(self, x: Any) -> Any:
        shift = 1
        while shift < x.shape[1]:  # what was not found among the last `shift` steps is looked for in those before them
            before = ops.concatenate([ops.full_like(x[:, :shift], np.nan), x[:, :-shift]], axis=1)
            x = ops.where(ops.isnan(x), before, x)
            shift *= 2
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@keras.saving.register_keras_serializable("zoo")
class BlankEnd(_Float32):
    """[x, raw]: 0 behind the last step at which any channel of the raw series is known, x before."""

    def call(self, inputs: Any) -> Any:
        x, raw = inputs
        known = ops.cast(ops.any(ops.logical_not(ops.isnan(raw)), axis=-1, keepdims=True), "float32")
        later = ops.flip(ops.cumsum(ops.flip(known, axis=1), axis=1), axis=1)
        return ops.where(later > 0, x, ops.zeros_like(x))

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return input_shape[0]


@keras.saving.register_keras_serializable("zoo")
class LookBack(_Float32):
    """Further channels behind those of x: each lag of all channels, then each rolling statistic of all of them.

    Args:
        lags: steps back; before the first step the first one stands.
        rolling: `{window, stat}`: the mean, min, max or std of the last `window` steps, at the beginning of as many as there are.
    """

    def __init__(self, lags: list[int], rolling: list[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lags, self.rolling = list(lags), [dict(one) for one in rolling]

    def call(self, x: Any) -> Any:
        steps = np.arange(x.shape[1])
        lagged = [ops.take(x, np.maximum(steps - lag, 0), axis=1) for lag in self.lags]
        return ops.concatenate([x, *lagged, *(self._rolled(x, steps, **one) for one in self.rolling)], axis=-1)

    def _rolled(self, x: Any, steps: np.ndarray, window: int, stat: str) -> Any:
        back = steps[:, None] - np.arange(window)  # (steps, window)
        last = ops.take(x, np.maximum(back, 0), axis=1)  # (batch, steps, window, channels); a step that repeats changes no min and no max
        if stat in ("min", "max"):
            return getattr(ops, stat)(last, axis=2)
        weights = ((back >= 0) / (back >= 0).sum(1, keepdims=True)).astype("float32")[..., None]
        mean = ops.sum(last * weights, axis=2)
        if stat == "mean":
            return mean
        return ops.sqrt(ops.sum(ops.square(last - ops.expand_dims(mean, 2)) * weights, axis=2))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        *rest, channels = input_shape
        return (*rest, channels and channels * (1 + len(self.lags) + len(self.rolling)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "lags": self.lags, "rolling": self.rolling}
