"""MobileNet for small images: convolutions that look and mix in turn."""

from __future__ import annotations

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs, l2_penalty, logits
from zoo.layers.convolution import norm_relu
from zoo.registry import register_model

BLOCKS = ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), *[(16, 1)] * 5, (32, 2), (32, 1))  # maps as a multiple of width, stride


@register_model(
    "mobilenet_small",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1704.04861",
    example={"input_shape": (32, 32, 3), "num_outputs": 10},
    space={"width": [8, 16, 32], "dropout": [0.0, 0.2], "l2": [0.0, 2e-5]},
)
def mobilenet_small(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    width: PositiveInt = 16,
    dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """MobileNet for small images (Howard et al. 2017, https://arxiv.org/abs/1704.04861), half as wide.

        image -> 3x3 conv, width -> 13 x [3x3 depthwise conv -> 1x1 conv], the maps growing to 32 width -> mean -> logits

    Each convolution is followed by batch normalisation and ReLU. Layers and maps are the paper's, whose width is 32. Unlike the
    paper, the first convolution does not halve, as the images are small, and ReLU has no upper end.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        num_outputs: logits or values; 0 gives the features.
        width: maps of the first convolution; 16 is the paper's multiplier of 0.5.
        dropout: fraction of the last features that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`, the depthwise ones too.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), float32.
    """
    image = Input(input_shape, name="image")  # pixels 0..255
    kwargs = {"padding": "same", "use_bias": False}
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = norm_relu(layers.Conv2D(width, 3, kernel_regularizer=l2_penalty(l2), **kwargs)(x))
    for maps, stride in BLOCKS:
        x = norm_relu(layers.DepthwiseConv2D(3, stride, depthwise_regularizer=l2_penalty(l2), **kwargs)(x))
        x = norm_relu(layers.Conv2D(maps * width, 1, kernel_regularizer=l2_penalty(l2), **kwargs)(x))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(image, logits(x, num_outputs, l2))
