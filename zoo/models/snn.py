"""A self-normalising network: deep, of dense layers alone."""

from __future__ import annotations

from typing import Literal

import keras
from keras import Input, Model, layers
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Outputs, VectorShape, logits
from zoo.registry import register_model


@register_model(
    "snn",
    modality="vector",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1706.02515",
    example={"input_shape": (30,), "num_outputs": 3},
    space={"width": [64, 128, 256], "depth": [2, 4, 8, 16], "shape": ["rectangular", "conic"], "dropout": [0.0, 0.05, 0.1]},
)
def snn(
    input_shape: VectorShape,
    num_outputs: Outputs,
    *,
    width: PositiveInt = 128,
    depth: PositiveInt = 8,
    shape: Literal["rectangular", "conic"] = "rectangular",
    dropout: Fraction = 0.05,
) -> keras.Model:
    """Self-normalising network (Klambauer et al. 2017, https://arxiv.org/abs/1706.02515).

        vector -> [dense -> SELU -> alpha dropout] per hidden layer -> logits

    SELU and kernels of variance 1 / inputs keep every layer near mean 0 and variance 1, where the vector is; alpha dropout keeps them
    there. Unlike the paper: sizes are not tuned.

    Args:
        input_shape: (length,) of the float32 input `vector`, which is standardised already.
        num_outputs: logits or values; 0 gives the features.
        width: units of the first hidden layer.
        depth: hidden layers.
        shape: rectangular: all of one width; conic: from layer to layer by a constant factor down to the outputs.
        dropout: fraction of each hidden layer that is dropped in training.

    Returns:
        (batch, length) -> (batch, num_outputs), float32.
    """
    x = vector = Input(input_shape, name="vector")
    for layer in range(depth):
        shrunk = width * (max(1, num_outputs) / width) ** (layer / depth)
        units = width if shape == "rectangular" else max(1, round(shrunk))
        x = layers.Dense(units, activation="selu", kernel_initializer="lecun_normal")(x)
        x = layers.AlphaDropout(dropout)(x) if dropout else x
    return Model(vector, logits(x, num_outputs))
