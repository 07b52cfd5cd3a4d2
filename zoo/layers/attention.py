"""Attention that looks back only, step by step if need be."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("zoo")
class CausalSelfAttention(layers.Layer):
    """Each step looks at itself and at those before it (Radford et al. 2018), with a cache of keys and values for generating.

        (batch, steps, width) -> (batch, steps, width)

    Args:
        heads: they share the width.
        dropout: fraction dropped in training, of the attention's weights.
        bias: whether both maps have one.
        initializer: of both kernels.
    """

    def __init__(self, heads: int, dropout: float = 0.0, bias: bool = True, initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.rate, self.bias = heads, dropout, bias
        self.initializer = keras.initializers.get(initializer)
        self.dropout = layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = input_shape[-1]
        assert width is not None
        self.look = self._dense(3 * width, "look")  # queries, keys and values
        self.tell = self._dense(width, "tell")
        self.look.build(input_shape)
        self.tell.build(input_shape)

    def _dense(self, width: int, name: str) -> layers.Dense:
        initial = self.initializer.clone()  # one that is asked twice says the same twice
        return layers.Dense(width, use_bias=self.bias, kernel_initializer=initial, dtype=self.dtype_policy, name=name)

    def call(self, x: Any, cache: Any = None, position: Any = None, training: bool | None = None) -> Any:
        """The steps' answers; with a cache also the cache, in which their keys and values stand from `position` on.

        Args:
            x: (batch, steps, width).
            cache: (batch, 2, places, heads, width / heads), as `empty_cache` gives it.
            position: int32 scalar: where the first step stands.
            training: whether weights are dropped.
        """
        steps, width = x.shape[1:]
        looked = ops.reshape(self.look(x), (-1, steps, 3, self.heads, width // self.heads))
        queries, pairs = looked[:, :, 0], ops.transpose(looked[:, :, 1:], (0, 2, 1, 3, 4))  # pairs: (batch, 2, steps, heads, size)
        if cache is not None:
            pairs = cache = ops.slice_update(cache, (0, 0, position, 0, 0), pairs)
        first = 0 if position is None else position
        back = ops.arange(pairs.shape[2])[None, :] <= first + ops.arange(steps)[:, None]  # (steps, places)
        scores = ops.einsum("bqhs,bkhs->bhqk", queries, pairs[:, 0]) / (width // self.heads) ** 0.5
        scores = ops.where(back, ops.cast(scores, "float32"), -1e9)
        weights = self.dropout(ops.cast(ops.softmax(scores), self.compute_dtype), training=training)
        seen = ops.einsum("bhqk,bkhs->bqhs", weights, pairs[:, 1])
        told = self.tell(ops.reshape(seen, (-1, steps, width)))
        return told if cache is None else (told, cache)

    def empty_cache(self, batch: Any, places: int) -> Any:
        """A cache for texts of at most so many places, of this layer's compute dtype."""
        width = self.look.kernel.shape[0]
        return ops.zeros((batch, 2, places, self.heads, width // self.heads), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        own = {"heads": self.heads, "dropout": self.rate, "bias": self.bias}
        return {**super().get_config(), **own, "initializer": keras.initializers.serialize(self.initializer)}
