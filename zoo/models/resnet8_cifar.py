"""The residual network of MLPerf Tiny, for small images on small devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.errors import ZooError
from zoo.layers import ImageShape, Outputs, l2_penalty, logits
from zoo.layers.trunk import take
from zoo.registry import register_model
from zoo.registry.weights import find, load_weights

CIFAR10 = "cifar10"


def pretrained(model: keras.Model, weights: str, facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> bool:
    """Loads `cifar10`, the weights of the benchmark, with a new head where there are other than 10 outputs. False for other weights."""
    if weights != CIFAR10:
        return False
    network = resnet8_cifar((32, 32, 3), 10)
    load_weights(network, find("ResNet8", None, top=True), model.name)
    taken = take(model, network, f"weights: {weights}")
    if set(taken.fresh) - {"head"}:
        raise ZooError(f"weights: {weights} do not fit the model '{model.name}'", "they are of three channels and width: 16")
    return True


@register_model(
    "resnet8_cifar",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/2106.07597",
    example={"input_shape": (32, 32, 3), "num_outputs": 10},
    space={"width": [8, 16, 32], "dropout": [0.0, 0.2], "l2": [0.0, 1e-4]},
    pretrained=pretrained,
)
def resnet8_cifar(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    width: PositiveInt = 16,
    dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """The ResNet of the benchmark MLPerf Tiny (Banbury et al. 2021, https://arxiv.org/abs/2106.07597).

        image -> 3x3 conv, width -> block of width -> block of 2 width, halved -> block of 4 width, halved -> mean -> logits

    A block is two 3x3 convolutions, added to what came in. Unlike `resnet20_cifar`: pixels stay 0..255, convolutions have biases, and
    the 1x1 convolution of a shortcut is not normalised. The benchmark's penalty is `l2=1e-4`, of convolutions only. `weights="cifar10"`
    are its own weights (0.8719 on the test set of CIFAR-10).

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        num_outputs: logits or values; 0 gives the features.
        width: maps of the first block.
        dropout: fraction of the last features that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), float32.
    """

    def conv(x: keras.KerasTensor, filters: int, size: int = 3, stride: int = 1) -> keras.KerasTensor:
        penalty = l2_penalty(l2)
        return layers.Conv2D(filters, size, stride, "same", kernel_initializer="he_normal", kernel_regularizer=penalty)(x)

    image = Input(input_shape, name="image")  # pixels 0..255
    x = layers.ReLU()(layers.BatchNormalization()(conv(image, width)))
    for stage in range(3):
        filters, stride = width * 2**stage, 2 if stage else 1
        y = layers.ReLU()(layers.BatchNormalization()(conv(x, filters, stride=stride)))
        y = layers.BatchNormalization()(conv(y, filters))
        x = conv(x, filters, size=1, stride=stride) if stage else x
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(image, logits(x, num_outputs, l2))
