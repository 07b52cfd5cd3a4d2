"""A small convolutional network that a CPU trains in minutes: the first thing to try on images."""

from __future__ import annotations

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs, l2_penalty, logits
from zoo.registry import register_model


@register_model(
    "cnn_small",
    modality="image",
    tasks=("classification", "regression"),
    example={"input_shape": (28, 28, 1), "num_outputs": 10},
    space={"width": [16, 32, 48], "dropout": [0.0, 0.1, 0.2, 0.3], "l2": [0.0, 1e-5, 1e-4]},
)
def cnn_small(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    width: PositiveInt = 32,
    dropout: Fraction = 0.2,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """Small CNN: four 3x3 convolutions, the maps growing while the picture shrinks twice.

        image -> 3x3 conv, width -> max pool -> 2 of 2 width -> max pool -> 4 width -> mean -> dropout -> logits

    No paper. Each convolution is followed by batch normalisation and ReLU; a pool stands before them, so that they pass over a
    quarter of the pixels.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        num_outputs: logits or values; 0 gives the features.
        width: maps of the first convolution.
        dropout: fraction of the last features that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), float32.
    """
    image = Input(input_shape, name="image")  # pixels 0..255
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    for filters, halve in ((width, True), (2 * width, False), (2 * width, True), (4 * width, False)):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_regularizer=l2_penalty(l2))(x)
        x = layers.MaxPooling2D(padding="same")(x) if halve else x
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(image, logits(x, num_outputs, l2))
