"""Many steps become one vector; padding, which a mask names, has no say."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import layers, ops

from zoo.layers.padding import masked_max


class _OverSteps(layers.Layer):
    """(batch, steps, width), mask (batch, steps) -> (batch, width), without a mask from there on."""

    supports_masking = True

    def compute_mask(self, x: Any, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], shape[2])


@keras.saving.register_keras_serializable("zoo")
class MeanOverSteps(_OverSteps):
    """The mean of the real steps; zeros where there is none."""

    def call(self, x: Any, mask: Any = None) -> Any:
        if mask is None:
            return ops.mean(x, axis=1)
        there = ops.expand_dims(ops.cast(mask, "float32"), -1)  # bfloat16 could not count them
        total = ops.sum(ops.cast(x, "float32") * there, axis=1)
        return ops.cast(total / ops.maximum(ops.sum(there, axis=1), 1.0), self.compute_dtype)


@keras.saving.register_keras_serializable("zoo")
class MaxOverSteps(_OverSteps):
    """The maximum of the real steps; zeros where there is none."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return ops.max(x, axis=1) if mask is None else masked_max(x, mask)


@keras.saving.register_keras_serializable("zoo")
class AttentionOverSteps(_OverSteps):
    """The mean of the real steps, weighted by attention: softmax of a learned product with tanh of a step (Zhou et al. 2016)."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.query = self.add_weight(shape=(shape[-1], 1), name="query")

    def call(self, x: Any, mask: Any = None) -> Any:
        weights = ops.expand_dims(self.weights_of(x, mask), 1)  # (batch, 1, steps)
        return ops.squeeze(ops.matmul(ops.cast(weights, x.dtype), x), 1)

    def weights_of(self, x: Any, mask: Any = None) -> Any:
        """How much each step counts: float32 (batch, steps), of sum 1; 0 for padding."""
        scores = ops.cast(ops.squeeze(ops.matmul(ops.tanh(x), ops.cast(self.query, x.dtype)), -1), "float32")
        if mask is None:
            return ops.softmax(scores)
        return ops.softmax(ops.where(mask, scores, -1e9)) * ops.cast(mask, "float32")


POOLS = {"mean": MeanOverSteps, "max": MaxOverSteps, "attention": AttentionOverSteps}


def pooled(x: keras.KerasTensor, pool: Literal["mean", "max", "attention"]) -> keras.KerasTensor:
    """One vector of all real steps, by the layer of this name: (batch, steps, width) -> (batch, width)."""
    return POOLS[pool]()(x)
