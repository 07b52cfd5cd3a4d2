"""What convolutional families of small images are made of."""

from __future__ import annotations

import keras
from keras import layers

from zoo.layers.penalties import l2_penalty


def conv(x: keras.KerasTensor, filters: int, size: int = 3, stride: int = 1, l2: float = 0.0) -> keras.KerasTensor:
    """A convolution without bias, padded: (batch, height, width, maps) -> (batch, height / stride, width / stride, filters)."""
    kwargs = {"kernel_initializer": "he_normal", "kernel_regularizer": l2_penalty(l2)}
    return layers.Conv2D(filters, size, stride, "same", use_bias=False, **kwargs)(x)


def norm(x: keras.KerasTensor) -> keras.KerasTensor:
    """Batch normalisation whose running averages follow within tens of steps (momentum 0.9): small data sets have few."""
    return layers.BatchNormalization(momentum=0.9)(x)


def norm_relu(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU()(norm(x))


def conv_norm(x: keras.KerasTensor, filters: int, size: int = 3, stride: int = 1, l2: float = 0.0) -> keras.KerasTensor:
    """A convolution without bias, and its batch normalisation."""
    return norm(conv(x, filters, size, stride, l2))
