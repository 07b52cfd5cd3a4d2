"""Wide residual networks: fewer layers, more maps."""

from __future__ import annotations

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs, logits
from zoo.layers.convolution import conv, norm_relu
from zoo.registry import register_model


@register_model(
    "wide_resnet16_4",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1605.07146",
    example={"input_shape": (32, 32, 3), "num_outputs": 10},
    hparams={"blocks_per_stage": 2, "widen": 4},
    space={"widen": [1, 2, 4], "dropout": [0.0, 0.3], "l2": [0.0, 2.5e-4]},
)
def wide_resnet(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    blocks_per_stage: PositiveInt,
    widen: PositiveInt,
    dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """Wide ResNet (Zagoruyko & Komodakis 2016, https://arxiv.org/abs/1605.07146).

        image -> 3x3 conv, 16 -> n blocks of 16 k -> n of 32 k, halved -> n of 64 k, halved -> norm -> ReLU -> mean -> logits

    Depth is 6n + 4, k is `widen`; WRN-28-10 is `blocks_per_stage=4, widen=10`. Norm and ReLU come before each convolution, dropout
    between the two of a block. Unlike the paper, pixels are scaled to -1..1. Its weight decay of 5e-4 is `l2=2.5e-4`, or the
    optimizer's.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        num_outputs: logits or values; 0 gives the features.
        blocks_per_stage: n.
        widen: k, how many times the maps of a plain ResNet.
        dropout: fraction that is dropped in training between the convolutions of a block; the paper takes 0.3 where it has any.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), float32.
    """
    image = Input(input_shape, name="image")  # pixels 0..255
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = conv(x, 16, l2=l2)
    for stage in range(3):
        for block in range(blocks_per_stage):
            halve = stage > 0 and block == 0
            x = wide_block(x, 16 * widen * 2**stage, stride=2 if halve else 1, dropout=dropout, l2=l2)
    x = layers.GlobalAveragePooling2D()(norm_relu(x))
    return Model(image, logits(x, num_outputs, l2))


def wide_block(x: keras.KerasTensor, filters: int, stride: int, dropout: float, l2: float) -> keras.KerasTensor:
    """Two 3x3 convolutions, normed before, added to what came in; a 1x1 convolution of the normed where the shape changes."""
    normed = norm_relu(x)
    changes = stride > 1 or x.shape[-1] != filters
    shortcut = conv(normed, filters, size=1, stride=stride, l2=l2) if changes else x
    y = norm_relu(conv(normed, filters, stride=stride, l2=l2))
    y = layers.Dropout(dropout)(y) if dropout else y
    return layers.Add()([shortcut, conv(y, filters, l2=l2)])
