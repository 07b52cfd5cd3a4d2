"""GoogLeNet for small images: convolutions of several sizes side by side."""

from __future__ import annotations

from functools import partial

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs, logits
from zoo.layers.convolution import conv_norm
from zoo.registry import register_model

# The paper's table 1, of a width of 64: maps of 1x1, then of 3x3 and of 5x5 with those of the 1x1 before them, and behind the pool.
STAGES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)


@register_model(
    "inception_small",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1409.4842",
    example={"input_shape": (32, 32, 3), "num_outputs": 10},
    space={"width": [16, 32, 64], "dropout": [0.0, 0.2, 0.4], "l2": [0.0, 1e-4]},
)
def inception_small(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    width: PositiveInt = 32,
    dropout: Fraction = 0.4,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """GoogLeNet for small images (Szegedy et al. 2015, https://arxiv.org/abs/1409.4842).

        image -> 3x3 convs, width, 3 width -> 2 inceptions -> max pool -> 5 -> max pool -> 2 -> mean -> dropout -> logits

    The nine inceptions are the paper's, of half the width. Unlike the paper: the images are small, so nothing is halved before
    the first inception; each convolution is followed by batch normalisation; there are no logits on the way, which helped
    training before that.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        num_outputs: logits or values; 0 gives the features.
        width: maps of the first convolution, 64 in the paper; all other maps go with it.
        dropout: fraction of the last features that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), float32.
    """
    image = Input(input_shape, name="image")  # pixels 0..255
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = conv_relu(x, width, 3, l2)
    x = conv_relu(x, 3 * width, 3, l2)
    for stage, blocks in enumerate(STAGES):
        x = layers.MaxPooling2D(3, 2, "same")(x) if stage else x
        for maps in blocks:
            x = inception(x, [max(1, one * width // 64) for one in maps], l2)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(image, logits(x, num_outputs, l2))


def inception(x: keras.KerasTensor, maps: list[int], l2: float) -> keras.KerasTensor:
    """Four branches, their maps beside each other."""
    conv = partial(conv_relu, l2=l2)
    of_1, before_3, of_3, before_5, of_5, of_pool = maps
    branches = [
        conv(x, of_1, 1),
        conv(conv(x, before_3, 1), of_3, 3),
        conv(conv(x, before_5, 1), of_5, 5),
        conv(layers.MaxPooling2D(3, 1, "same")(x), of_pool, 1),
    ]
    return layers.Concatenate()(branches)


def conv_relu(x: keras.KerasTensor, filters: int, size: int, l2: float) -> keras.KerasTensor:
    return layers.ReLU()(conv_norm(x, filters, size, l2=l2))
