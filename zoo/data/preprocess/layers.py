"""Layers of preprocessing, which Keras lacks. They are registered under the package name `zoo`: that is a file format.

They compute in float32 whatever the policy is. Each of a table is named with a dot, which no served name has: Keras refuses a
name twice, and names bare operations (`cast`) as a column may be named.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


def as_float32(settings: dict[str, Any]) -> dict[str, Any]:
    """A layer's common settings, with the dtype of preprocessing."""
    return {**settings, "dtype": "float32"}


@keras.saving.register_keras_serializable("zoo")
class Standardise(layers.Layer):
    """(x - mean) / scale on the last axis, NaN filled first. float32 (batch, …, n) in and out.

    `keras.layers.Normalization` has no filling, and one NaN makes all of its statistics NaN.
    """

    def __init__(self, mean: list[float], scale: list[float], fill: list[float] | None = None, **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))
        self.mean, self.scale, self.fill = mean, scale, fill

    def call(self, x: Any) -> Any:
        if self.fill is not None:
            x = ops.where(ops.isnan(x), ops.convert_to_tensor(self.fill, "float32"), x)
        return (x - ops.convert_to_tensor(self.mean, "float32")) / ops.convert_to_tensor(self.scale, "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "scale": self.scale, "fill": self.fill}


@keras.saving.register_keras_serializable("zoo")
class Clip(layers.Layer):
    """NaN filled, then the last axis clipped to [low, high]; None is no bound. float32 (batch, n) in and out."""

    def __init__(self, low: list[float | None], high: list[float | None], fill: list[float] | None = None, **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))
        self.low, self.high, self.fill = low, high, fill

    def call(self, x: Any) -> Any:
        if self.fill is not None:
            x = ops.where(ops.isnan(x), ops.convert_to_tensor(self.fill, "float32"), x)
        low = ops.convert_to_tensor([float("-inf") if one is None else one for one in self.low], "float32")
        high = ops.convert_to_tensor([float("inf") if one is None else one for one in self.high], "float32")
        return ops.minimum(ops.maximum(x, low), high)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "low": self.low, "high": self.high, "fill": self.fill}


@keras.saving.register_keras_serializable("zoo")
class Scale(layers.Layer):
    """(x - mean) / scale of each place of the last axis; of those that `logs` names sign(x) * log(1 + |x|) instead of x.

    float32 (batch, n) in and out, without NaN. In between it is float64: TensorFlow makes x / scale - mean / scale of it, which
    loses digits of small differences between large numbers, as years or longitudes are.
    """

    def __init__(self, mean: list[float], scale: list[float], logs: list[bool], **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))
        self.mean, self.scale, self.logs = mean, scale, logs

    def call(self, x: Any) -> Any:
        x = ops.cast(x, "float64")
        if any(self.logs):
            x = ops.where(ops.convert_to_tensor(self.logs, "bool"), ops.sign(x) * ops.log1p(ops.abs(x)), x)
        x = (x - ops.convert_to_tensor(self.mean, "float64")) / ops.convert_to_tensor(self.scale, "float64")
        return ops.cast(x, "float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "scale": self.scale, "logs": self.logs}


@keras.saving.register_keras_serializable("zoo")
class Interpolate(layers.Layer):
    """Each place of the last axis along its own line of points; beyond its ends it stays at them. float32 (batch, n), no NaN.

    Args:
        points: for each place x, rising, and y as long, at least two of each.
    """

    def __init__(self, points: list[tuple[list[float], list[float]]], **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))
        self.points = points

    def call(self, x: Any) -> Any:
        return ops.stack([self._line(x[:, place], *points) for place, points in enumerate(self.points)], -1)

    def _line(self, x: Any, xs: list[float], ys: list[float]) -> Any:
        knots, values = ops.convert_to_tensor(xs, "float32"), ops.convert_to_tensor(ys, "float32")
        right = ops.clip(ops.searchsorted(knots, x), 1, len(xs) - 1)
        low, high = ops.take(knots, right - 1), ops.take(knots, right)
        share = ops.clip((x - low) / (high - low), 0.0, 1.0)
        start = ops.take(values, right - 1)
        return start + share * (ops.take(values, right) - start)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "points": self.points}


@keras.saving.register_keras_serializable("zoo")
class Stack(layers.Layer):
    """Columns (batch,) beside each other: (batch, n)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))

    def call(self, columns: list[Any]) -> Any:
        return ops.stack(columns, -1)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return (*input_shape[0], len(input_shape))


@keras.saving.register_keras_serializable("zoo")
class Missing(layers.Layer):
    """1 where a value is NaN, else 0. float32 (batch, n) in and out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))

    def call(self, x: Any) -> Any:
        return ops.cast(ops.isnan(x), "float32")


@keras.saving.register_keras_serializable("zoo")
class YesNo(layers.Layer):
    """1 for a yes (at least 0.5), 0 for a no and for NaN, which is missing. float32 (batch, n) in and out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))

    def call(self, x: Any) -> Any:
        return ops.cast(ops.greater_equal(x, 0.5), "float32")


@keras.saving.register_keras_serializable("zoo")
class Bins(layers.Layer):
    """The place of the bin that a number falls into: float32 (batch,) -> int32 (batch,).

    0 is for NaN, 1 for what is below the first edge; a number that is an edge belongs to the bin above it.
    """

    def __init__(self, edges: list[float], **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))
        self.edges = edges

    def call(self, x: Any) -> Any:
        above = ops.searchsorted(ops.convert_to_tensor(self.edges, "float32"), x, side="right")
        return ops.where(ops.isnan(x), 0, ops.cast(above, "int32") + 1)

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        return keras.KerasTensor(x.shape, "int32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "edges": self.edges}


@keras.saving.register_keras_serializable("zoo")
class OneHot(layers.Layer):
    """Places, integers (batch,), as float32 (batch, size)."""

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))
        self.size = size

    def call(self, places: Any) -> Any:
        return ops.one_hot(places, self.size, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable("zoo")
class Places(layers.Layer):
    """Integers (batch,), any number of them, beside each other: int32 (batch, n)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))

    def call(self, places: list[Any]) -> Any:
        return ops.stack([ops.cast(one, "int32") for one in places], -1)

    def compute_output_spec(self, places: list[Any]) -> keras.KerasTensor:
        return keras.KerasTensor((places[0].shape[0], len(places)), "int32")


@keras.saving.register_keras_serializable("zoo")
class Nothing(layers.Layer):
    """No value an example: (batch, …) -> (batch, 0) of a dtype. What a table gives for the half of it that it lacks."""

    def __init__(self, of: str, **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))
        self.of = of

    def call(self, x: Any) -> Any:
        return ops.zeros((ops.shape(x)[0], 0), self.of)

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        return keras.KerasTensor((x.shape[0], 0), self.of)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "of": self.of}
