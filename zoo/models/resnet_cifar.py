"""Residual networks for small images."""

from __future__ import annotations

from functools import partial

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs, logits
from zoo.layers.convolution import conv_norm
from zoo.registry import register_model


@register_model("resnet56_cifar", hparams={"blocks_per_stage": 9})
@register_model("resnet44_cifar", hparams={"blocks_per_stage": 7})
@register_model("resnet32_cifar", hparams={"blocks_per_stage": 5})
@register_model(
    "resnet20_cifar",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1512.03385",
    example={"input_shape": (32, 32, 3), "num_outputs": 10},
    hparams={"blocks_per_stage": 3},
    space={"width": [8, 16, 32], "dropout": [0.0, 0.2], "l2": [0.0, 5e-5]},
)
def resnet_cifar(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    blocks_per_stage: PositiveInt,
    width: PositiveInt = 16,
    dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """ResNet for small images (He et al. 2016, section 4.2, https://arxiv.org/abs/1512.03385).

        image -> 3x3 conv, width -> n blocks of width -> n of 2 width, halved -> n of 4 width, halved -> mean -> logits

    Depth is 6n + 2. Unlike the paper, a shortcut that changes shape is a 1x1 convolution, pixels are scaled to -1..1 instead of
    less their mean, and dropout can be asked for. The paper's weight decay of 1e-4 is `l2=5e-5`, or the optimizer's.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        num_outputs: logits or values; 0 gives the features.
        blocks_per_stage: n.
        width: maps of the first stage.
        dropout: fraction of the last features that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), float32.
    """
    image = Input(input_shape, name="image")  # pixels 0..255
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.ReLU()(conv_norm(x, width, l2=l2))
    for stage in range(3):
        for block in range(blocks_per_stage):
            halve = stage > 0 and block == 0
            x = residual_block(x, width * 2**stage, stride=2 if halve else 1, l2=l2)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(image, logits(x, num_outputs, l2))


def residual_block(x: keras.KerasTensor, filters: int, stride: int, l2: float) -> keras.KerasTensor:
    """Two 3x3 convolutions, added to what came in."""
    conv = partial(conv_norm, filters=filters, l2=l2)
    shortcut = conv(x, size=1, stride=stride) if stride > 1 else x
    x = layers.ReLU()(conv(x, stride=stride))
    return layers.ReLU()(layers.Add()([shortcut, conv(x)]))
