"""A generative adversarial network whose discriminator is a regression."""

from __future__ import annotations

import keras
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.layers import ImageShape
from zoo.layers.adversarial import Adversarial
from zoo.models.dcgan import check_image, drawing, judging
from zoo.registry import register_model


@register_model(
    "lsgan",
    modality="image",
    tasks=("generation",),
    paper="https://arxiv.org/abs/1611.04076",
    example={"input_shape": (32, 32, 3)},
    space={"latent_dim": [32, 100], "width": [16, 32, 64], "dropout": [0.0, 0.2]},
    check=check_image,
)
def lsgan(
    input_shape: ImageShape,
    *,
    latent_dim: PositiveInt = 100,
    width: PositiveInt = 64,
    dropout: Fraction = 0.0,
) -> keras.Model:
    """Least squares GAN (Mao et al. 2017, https://arxiv.org/abs/1611.04076).

        z -> DCGAN's generator -> sample
        image -> DCGAN's discriminator -> a value, which is to be 1 for real images and 0 for generated ones

    The generator is to bring its images to 1 (the paper's equation 9): those that are judged right but lie far from the real ones are
    pulled too. Unlike the paper: the networks are DCGAN's, without the two layers that its generator has more.

    Args:
        input_shape: (height, width, channels) of the images, pixels 0..255; at least 8x8.
        latent_dim: numbers in z, the float32 input of the model; standard normal.
        width: maps of the discriminator's first layer, and of the generator's last but one.
        dropout: fraction of each of the discriminator's layers that is dropped in training; the paper drops none.

    Returns:
        (batch, latent_dim) -> (batch, height, width, channels), pixels 0..255, float32. `fit(images)` trains it; its `discriminator` is
        (batch, height, width, channels) -> (batch, 1).

    Raises:
        ZooError: the image is smaller than 8x8.
    """
    return Adversarial(drawing(input_shape, latent_dim, width), judging(input_shape, width, dropout), "least_squares")
