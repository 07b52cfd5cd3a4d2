"""Layers of preprocessing, which Keras lacks. They are registered under the package name `zoo`: that is a file format."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("zoo")
class Standardise(layers.Layer):
    """(x - mean) / scale on the last axis, NaN filled first. float32 (batch, …, n) in and out.

    `keras.layers.Normalization` has no filling, and one NaN makes all of its statistics NaN.
    """

    def __init__(self, mean: list[float], scale: list[float], fill: list[float] | None = None, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **{key: value for key, value in kwargs.items() if key != "dtype"})
        self.mean, self.scale, self.fill = mean, scale, fill

    def call(self, x: Any) -> Any:
        if self.fill is not None:
            x = ops.where(ops.isnan(x), ops.convert_to_tensor(self.fill, "float32"), x)
        return (x - ops.convert_to_tensor(self.mean, "float32")) / ops.convert_to_tensor(self.scale, "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "scale": self.scale, "fill": self.fill}
