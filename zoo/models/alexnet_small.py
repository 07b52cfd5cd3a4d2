"""AlexNet for small images: the network that brought convolutions back."""

from __future__ import annotations

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs, l2_penalty, logits
from zoo.registry import register_model


@register_model(
    "alexnet_small",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://doi.org/10.1145/3065386",
    example={"input_shape": (32, 32, 3), "num_outputs": 10},
    space={"width": [8, 16, 32], "hidden": [128, 512], "dropout": [0.0, 0.3, 0.5], "l2": [0.0, 1e-4]},
)
def alexnet_small(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    width: PositiveInt = 16,
    hidden: PositiveInt = 512,
    dropout: Fraction = 0.5,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """AlexNet for small images (Krizhevsky et al. 2012, https://doi.org/10.1145/3065386).

        image -> 5x5 conv, 3 width -> pool -> 5x5 conv, 8 width -> pool -> 3x3 convs, 12, 12, 8 width -> pool -> 2 dense -> logits

    With the default width the maps are those of one of the paper's two halves: 48, 128, 192, 192, 128. Unlike the paper: the first
    convolution is 5x5 without a stride instead of 11x11 with 4, as the images are small; batch normalisation instead of that of
    neighbouring maps; 512 units instead of 4,096. What the dense layers see grows with the image.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        num_outputs: logits or values; 0 gives the features.
        width: a third of the maps of the first convolution.
        hidden: units of both dense layers.
        dropout: fraction that is dropped in training before each dense layer.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), float32.
    """
    image = Input(input_shape, name="image")  # pixels 0..255
    kwargs = {"kernel_initializer": "he_normal", "kernel_regularizer": l2_penalty(l2)}
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    for maps, size, pool in ((3, 5, True), (8, 5, True), (12, 3, False), (12, 3, False), (8, 3, True)):
        x = layers.Conv2D(maps * width, size, padding="same", use_bias=False, **kwargs)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D(3, 2, "same")(x) if pool else x
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dropout(dropout)(x) if dropout else x
        x = layers.Dense(hidden, activation="relu", **kwargs)(x)
    return Model(image, logits(x, num_outputs, l2))
