"""A residual network over a vector: the strong simple baseline of tables."""

from __future__ import annotations

from functools import partial

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Outputs, VectorShape, l2_penalty, logits
from zoo.registry import register_model


@register_model(
    "tabular_resnet",
    modality="vector",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/2106.11959",
    example={"input_shape": (30,), "num_outputs": 3},
    space={
        "width": [64, 128, 192, 256],
        "blocks": [1, 2, 4],
        "hidden_factor": [1.0, 2.0],
        "dropout": [0.0, 0.2, 0.4],
        "l2": [0.0, 1e-4],
    },
)
def tabular_resnet(
    input_shape: VectorShape,
    num_outputs: Outputs,
    *,
    width: PositiveInt = 192,
    blocks: PositiveInt = 2,
    hidden_factor: PositiveFloat = 2.0,
    dropout: Fraction = 0.2,
    residual_dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """ResNet for tables (Gorishniy et al. 2021, section 3.2, https://arxiv.org/abs/2106.11959).

        vector -> dense, width -> [norm -> dense -> ReLU -> dense, added] per block -> norm -> ReLU -> logits

    Normalisation is over the batch. Unlike the paper: categories come one-hot, and not as embeddings; sizes are not tuned.

    Args:
        input_shape: (length,) of the float32 input `vector`, which is standardised already.
        num_outputs: logits or values; 0 gives the features.
        width: of what the blocks add to.
        blocks: residual blocks.
        hidden_factor: units inside a block, as a multiple of width.
        dropout: fraction of the units inside a block that is dropped in training.
        residual_dropout: fraction of what a block adds that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, length) -> (batch, num_outputs), float32.
    """
    vector = Input(input_shape, name="vector")
    dense = partial(layers.Dense, kernel_initializer="he_normal", kernel_regularizer=l2_penalty(l2))
    x = dense(width)(vector)
    for _ in range(blocks):
        branch = layers.BatchNormalization(momentum=0.9)(x)
        branch = dense(max(1, int(width * hidden_factor)), activation="relu")(branch)
        branch = layers.Dropout(dropout)(branch) if dropout else branch
        branch = dense(width)(branch)
        branch = layers.Dropout(residual_dropout)(branch) if residual_dropout else branch
        x = layers.Add()([x, branch])
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return Model(vector, logits(x, num_outputs, l2))
