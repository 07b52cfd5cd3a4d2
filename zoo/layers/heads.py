"""The last layer of a family that answers with logits or values."""

from __future__ import annotations

import keras
from keras import layers

from zoo.layers.penalties import l2_penalty


def logits(x: keras.KerasTensor, num_outputs: int, l2: float = 0.0) -> keras.KerasTensor:
    """A dense layer named `head`; what goes into it are the model's features.

    It computes in float32 whatever the policy, so that mixed precision gives float32 answers too.

    Args:
        x: features, (batch, width).
        num_outputs: logits of a classification, or values of a regression.
        l2: the penalty on its kernel.

    Returns:
        (batch, num_outputs), float32; no softmax: reading the output is the task's.
    """
    return layers.Dense(num_outputs, kernel_regularizer=l2_penalty(l2), dtype="float32", name="head")(x)
