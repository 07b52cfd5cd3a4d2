"""Linear and logistic regression: what a deeper model must beat.

vector -> logits
"""

from __future__ import annotations

import keras
from keras import Input, Model
from pydantic import NonNegativeFloat, PositiveInt

from zoo.layers import VectorShape, logits
from zoo.registry import register_model


@register_model(
    "linear",
    modality="vector",
    tasks=("classification", "regression"),
    example={"input_shape": (30,), "num_outputs": 3},
    space={"l2": [0.0, 1e-4, 1e-3, 1e-2]},
)
def linear(input_shape: VectorShape, num_outputs: PositiveInt, *, l2: NonNegativeFloat = 0.0) -> keras.Model:
    """Linear model: one weight a feature and output.

        vector -> logits

    Args:
        input_shape: (length,) of the float32 input `vector`, which is standardised already.
        num_outputs: logits or values.
        l2: penalty on the weights, `l2 * sum(w ** 2)`; with `l2` it is ridge regression.

    Returns:
        (batch, length) -> (batch, num_outputs), float32.
    """
    vector = Input(input_shape, name="vector")
    return Model(vector, logits(vector, num_outputs, l2))
