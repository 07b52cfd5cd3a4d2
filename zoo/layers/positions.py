"""Where a step stands: attention alone does not see an order."""

from __future__ import annotations

from typing import Any

import keras
from keras import initializers, layers, ops


@keras.saving.register_keras_serializable("zoo")
class PositionEmbedding(layers.Layer):
    """Adds a learned vector for each position, as BERT, GPT and ViT do.

        (batch, steps, width) -> (batch, steps, width)

    Args:
        length: positions that there are vectors for; a text, a row of patches may be shorter.
        initializer: of the vectors.
    """

    def __init__(self, length: int, initializer: Any = "uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length = length
        self.initializer = initializers.get(initializer)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.embeddings = self.add_weight(shape=(self.length, input_shape[-1]), initializer=self.initializer, name="embeddings")

    def call(self, x: Any, position: Any = None) -> Any:
        """The sum of steps and positions; `position` is where the first step stands, 0 where it is not given."""
        steps = x.shape[1]
        if position is None:
            return x + self.embeddings[:steps]
        return x + ops.take(self.embeddings, position + ops.arange(steps, dtype="int32"), axis=0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "length": self.length, "initializer": initializers.serialize(self.initializer)}
