"""Deep convolutional generative adversarial networks."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log2, prod
from typing import Any

import keras
from keras import Input, Model, layers
from keras.initializers import RandomNormal
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.errors import ZooError
from zoo.layers import ImageShape
from zoo.layers.adversarial import Adversarial
from zoo.models.gan import pixels
from zoo.registry import register_model

SMALLEST = 8  # from a field of 4x4, doubled once


def check_image(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    """Raises ZooError for an image that cannot be halved to a field of 4x4."""
    height, width, _ = facts["input_shape"]
    if min(height, width) < SMALLEST:
        raise ZooError(
            f"the convolutional GANs need images of at least {SMALLEST}x{SMALLEST} pixels, not {height}x{width}",
            "gan_dense takes smaller ones; or enlarge yours",
        )


@register_model(
    "dcgan",
    modality="image",
    tasks=("generation",),
    paper="https://arxiv.org/abs/1511.06434",
    example={"input_shape": (32, 32, 3)},
    space={"latent_dim": [32, 100], "width": [16, 32, 64], "dropout": [0.0, 0.2]},
    check=check_image,
)
def dcgan(
    input_shape: ImageShape,
    *,
    latent_dim: PositiveInt = 100,
    width: PositiveInt = 64,
    dropout: Fraction = 0.0,
) -> keras.Model:
    """DCGAN (Radford et al. 2016, https://arxiv.org/abs/1511.06434).

        z -> dense, a field of 4x4 -> [transposed conv, twice as wide and high, half the maps] until the image -> tanh -> pixels -> sample
        image -> [conv, half as wide and high, twice the maps] until 4x4 -> logit

    Batch normalisation follows each layer but the generator's last and the discriminator's first and last; then ReLU in the generator,
    leaky ReLU in the discriminator. Unlike the paper: kernels are 4x4 and the narrowest layers have 64 maps, as in its authors' code for
    Torch. The field is at least 4x4: 7x7 for 28x28 pixels; sizes that no doubling meets are cut off.

    Args:
        input_shape: (height, width, channels) of the images, pixels 0..255; at least 8x8.
        latent_dim: numbers in z, the float32 input of the model; standard normal.
        width: maps of the discriminator's first layer, and of the generator's last but one.
        dropout: fraction of each of the discriminator's layers that is dropped in training; the paper drops none.

    Returns:
        (batch, latent_dim) -> (batch, height, width, channels), pixels 0..255, float32. `fit(images)` trains it; its `discriminator` is
        (batch, height, width, channels) -> (batch, 1), a logit.

    Raises:
        ZooError: the image is smaller than 8x8.
    """
    return Adversarial(drawing(input_shape, latent_dim, width), judging(input_shape, width, dropout))


def doublings(input_shape: tuple[int, int, int]) -> int:
    """How often a field of at least 4x4 is doubled until it is the image, or a little more."""
    return int(log2(min(input_shape[:2]) / 4))


def drawing(input_shape: tuple[int, int, int], latent_dim: int, width: int) -> keras.Model:
    """DCGAN's generator."""
    height, across, channels = input_shape
    times = doublings(input_shape)
    field = (ceil(height / 2**times), ceil(across / 2**times), width * 2 ** (times - 1))
    z = Input((latent_dim,), name="z")
    x = layers.Reshape(field)(layers.Dense(prod(field), use_bias=False, kernel_initializer=RandomNormal(stddev=0.02))(z))
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    for stage in reversed(range(times - 1)):
        x = layers.Conv2DTranspose(width * 2**stage, 4, 2, "same", use_bias=False, kernel_initializer=RandomNormal(stddev=0.02))(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=RandomNormal(stddev=0.02))(x)
    if x.shape[1:] != input_shape:
        x = layers.Cropping2D(((0, x.shape[1] - height), (0, x.shape[2] - across)))(x)
    return Model(z, pixels(x), name="generator")


def judging(input_shape: tuple[int, int, int], width: int, dropout: float = 0.0, norm: bool = True) -> keras.Model:
    """DCGAN's discriminator; without `norm` a critic, of whose values only differences count."""
    x = image = Input(input_shape, name="image")  # pixels 0..255
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    for stage in range(doublings(input_shape)):
        normed = norm and stage > 0
        x = layers.Conv2D(width * 2**stage, 4, 2, "same", use_bias=not normed, kernel_initializer=RandomNormal(stddev=0.02))(x)
        x = layers.BatchNormalization(momentum=0.9)(x) if normed else x
        x = layers.LeakyReLU(0.2)(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    logit = layers.Dense(1, use_bias=norm, kernel_initializer=RandomNormal(stddev=0.02), dtype="float32", name="logit")
    return Model(image, logit(layers.Flatten()(x)), name="discriminator")
