"""A generative adversarial network whose critic measures a distance."""

from __future__ import annotations

import keras
from pydantic import PositiveFloat, PositiveInt

from zoo.layers import ImageShape
from zoo.layers.adversarial import Adversarial
from zoo.models.dcgan import check_image, drawing, judging
from zoo.registry import register_model


@register_model(
    "wgan_gp",
    modality="image",
    tasks=("generation",),
    paper="https://arxiv.org/abs/1704.00028",
    example={"input_shape": (32, 32, 3)},
    space={"latent_dim": [32, 128], "width": [16, 32, 64], "critic_steps": [1, 3, 5]},
    check=check_image,
)
def wgan_gp(
    input_shape: ImageShape,
    *,
    latent_dim: PositiveInt = 128,
    width: PositiveInt = 64,
    penalty: PositiveFloat = 10.0,
    critic_steps: PositiveInt = 5,
) -> keras.Model:
    """Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028).

        z -> DCGAN's generator -> sample
        image -> DCGAN's discriminator without batch normalisation and the last bias -> a value, high for real images

    The critic is to be steep by 1 between real and generated images: then the difference of its means is the distance between both kinds.
    Unlike the paper: the critic's steps before one of the generator see the same real images, with new noise each. Its optimizer was
    Adam of learning rate 1e-4, beta_1 0 and beta_2 0.9.

    Args:
        input_shape: (height, width, channels) of the images, pixels 0..255; at least 8x8.
        latent_dim: numbers in z, the float32 input of the model; standard normal.
        width: maps of the critic's first layer, and of the generator's last but one.
        penalty: weight of (slope - 1)^2 in the critic's loss.
        critic_steps: steps of the critic before one of the generator.

    Returns:
        (batch, latent_dim) -> (batch, height, width, channels), pixels 0..255, float32. `fit(images)` trains it; its `discriminator` is
        (batch, height, width, channels) -> (batch, 1), the critic's value.

    Raises:
        ZooError: the image is smaller than 8x8.
    """
    critic = judging(input_shape, width, norm=False)
    return Adversarial(drawing(input_shape, latent_dim, width), critic, "wasserstein", gradient_penalty=penalty, critic_steps=critic_steps)
