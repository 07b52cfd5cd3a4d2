"""VGG networks for small images: 3x3 convolutions and nothing else."""

from __future__ import annotations

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs, Sizes, l2_penalty, logits
from zoo.registry import register_model


@register_model("vgg16_small", hparams={"convs": (2, 2, 3, 3, 3)})
@register_model("vgg13_small", hparams={"convs": (2, 2, 2, 2, 2)})
@register_model(
    "vgg11_small",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1409.1556",
    example={"input_shape": (32, 32, 3), "num_outputs": 10},
    hparams={"convs": (1, 1, 2, 2, 2)},
    space={"width": [16, 32, 64], "hidden": [128, 512], "dropout": [0.0, 0.3, 0.5], "l2": [0.0, 2.5e-4]},
)
def vgg_small(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    convs: Sizes,
    width: PositiveInt = 64,
    hidden: PositiveInt = 512,
    dropout: Fraction = 0.5,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """VGG for small images (Simonyan & Zisserman 2015, https://arxiv.org/abs/1409.1556), configurations A, B and D.

        image -> per stage: n 3x3 convs of width, 2, 4, 8, 8 width -> max pool -> mean -> dense -> logits

    The convolutions are the paper's, map by map. Unlike the paper: each is followed by batch normalisation, and the mean over what
    five pools leave (one place of 32x32 pixels) goes through one dense layer instead of two of 4,096.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        num_outputs: logits or values; 0 gives the features.
        convs: n of each stage.
        width: maps of the first stage.
        hidden: units of the dense layer.
        dropout: fraction that is dropped in training before and behind the dense layer.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), float32.
    """
    image = Input(input_shape, name="image")  # pixels 0..255
    kwargs = {"kernel_initializer": "he_normal", "kernel_regularizer": l2_penalty(l2)}
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    for stage, count in enumerate(convs):
        for _ in range(count):
            x = layers.Conv2D(width * 2 ** min(stage, 3), 3, padding="same", use_bias=False, **kwargs)(x)
            x = layers.BatchNormalization(momentum=0.9)(x)
            x = layers.ReLU()(x)
        x = layers.MaxPooling2D(padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    x = layers.Dense(hidden, activation="relu", **kwargs)(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(image, logits(x, num_outputs, l2))
