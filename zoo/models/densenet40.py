"""Densely connected networks for small images: every layer sees all before it."""

from __future__ import annotations

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs, logits
from zoo.layers.convolution import conv, norm_relu
from zoo.registry import register_model


@register_model(
    "densenet40_12",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1608.06993",
    example={"input_shape": (32, 32, 3), "num_outputs": 10},
    hparams={"layers_per_block": 12, "growth": 12},
    space={"layers_per_block": [4, 8, 12], "growth": [8, 12, 24], "dropout": [0.0, 0.2], "l2": [0.0, 5e-5]},
)
def densenet_cifar(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    layers_per_block: PositiveInt,
    growth: PositiveInt,
    dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """DenseNet for small images (Huang et al. 2017, section 3, https://arxiv.org/abs/1608.06993), without bottlenecks.

        image -> 3x3 conv, 16 -> 3 x [n x (norm -> ReLU -> 3x3 conv, growth -> beside its input) -> 1x1 conv, halved] -> mean -> logits

    Depth is 3n + 4; the last block is not halved. Unlike the paper, pixels are scaled to -1..1. Its weight decay of 1e-4 is
    `l2=5e-5`, or the optimizer's.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        num_outputs: logits or values; 0 gives the features.
        layers_per_block: n.
        growth: maps that each layer adds.
        dropout: fraction that is dropped in training behind each convolution; the paper takes 0.2 without augmentation.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), float32.
    """
    image = Input(input_shape, name="image")  # pixels 0..255
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = conv(x, 16, 3, l2=l2)
    for block in range(3):
        for _ in range(layers_per_block):
            x = layers.Concatenate()([x, normed_conv(x, growth, 3, dropout, l2)])
        if block < 2:
            x = layers.AveragePooling2D(2, padding="same")(normed_conv(x, x.shape[-1], 1, dropout, l2))
    x = layers.GlobalAveragePooling2D()(norm_relu(x))
    return Model(image, logits(x, num_outputs, l2))


def normed_conv(x: keras.KerasTensor, filters: int, size: int, dropout: float, l2: float) -> keras.KerasTensor:
    x = conv(norm_relu(x), filters, size, l2=l2)
    return layers.Dropout(dropout)(x) if dropout else x
