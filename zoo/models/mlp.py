"""Multilayer perceptron: dense layers between a vector and its logits."""

from __future__ import annotations

from typing import Literal

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Outputs, VectorShape, l2_penalty, logits
from zoo.registry import register_model


@register_model(
    "mlp",
    modality="vector",
    tasks=("classification", "regression"),
    paper="https://doi.org/10.1038/323533a0",
    example={"input_shape": (30,), "num_outputs": 3},
    space={
        "hidden": [(32,), (64, 64), (128, 128), (256, 128, 64)],
        "activation": ["relu", "gelu", "silu", "tanh"],
        "dropout": [0.0, 0.1, 0.3],
        "l2": [0.0, 1e-4, 1e-3],
        "batch_norm": [False, True],
    },
)
def mlp(
    input_shape: VectorShape,
    num_outputs: Outputs,
    *,
    hidden: tuple[PositiveInt, ...] = (64, 64),
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu",
    dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
    batch_norm: bool = False,
) -> keras.Model:
    """Multilayer perceptron (Rumelhart et al. 1986, https://doi.org/10.1038/323533a0).

        vector -> [dense -> batch norm? -> activation -> dropout] per hidden layer -> logits

    Unlike the paper: rectifiers instead of sigmoids, dropout and batch normalisation if asked for.

    Args:
        input_shape: (length,) of the float32 input `vector`, which is standardised already.
        num_outputs: logits or values; 0 gives the features.
        hidden: units of each hidden layer; none make it linear.
        activation: of the hidden layers; gelu is the tanh approximation, which ONNX runtimes take.
        dropout: fraction of each hidden layer that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.
        batch_norm: normalise each hidden layer over the batch.

    Returns:
        (batch, length) -> (batch, num_outputs), float32.
    """
    x = vector = Input(input_shape, name="vector")
    for units in hidden:
        x = layers.Dense(units, use_bias=not batch_norm, kernel_regularizer=l2_penalty(l2))(x)
        x = layers.BatchNormalization(momentum=0.9)(x) if batch_norm else x
        x = activate(x, activation)
        x = layers.Dropout(dropout)(x) if dropout else x
    return Model(vector, logits(x, num_outputs, l2))


def activate(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.ops.gelu(x, approximate=True) if name == "gelu" else layers.Activation(name)(x)
