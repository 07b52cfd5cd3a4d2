"""The first generative adversarial network: two perceptrons that learn from one another."""

from __future__ import annotations

from math import prod

import keras
from keras import Input, Model, layers
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.layers import ImageShape
from zoo.layers.adversarial import Adversarial
from zoo.registry import register_model


@register_model(
    "gan_dense",
    modality="image",
    tasks=("generation",),
    paper="https://arxiv.org/abs/1406.2661",
    example={"input_shape": (28, 28, 1)},
    space={"latent_dim": [16, 100], "hidden": [(256, 256), (1200, 1200)], "maxout": [(64, 64), (240, 240)], "dropout": [0.0, 0.3, 0.5]},
)
def gan_dense(
    input_shape: ImageShape,
    *,
    latent_dim: PositiveInt = 100,
    hidden: tuple[PositiveInt, ...] = (1200, 1200),
    maxout: tuple[PositiveInt, ...] = (240, 240),
    pieces: PositiveInt = 5,
    dropout: Fraction = 0.5,
) -> keras.Model:
    """Generative adversarial network (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661), with the sizes of its code for MNIST.

        z -> [dense -> ReLU] per hidden layer -> dense -> tanh -> pixels -> sample
        image -> [dropout -> maxout] per maxout layer -> dropout -> logit

    Unlike the paper: tanh instead of a sigmoid, z is normal instead of uniform, and nothing is dropped of the pixels.

    Args:
        input_shape: (height, width, channels) of the images, pixels 0..255; any size.
        latent_dim: numbers in z, the float32 input of the model; standard normal.
        hidden: units of the generator's layers.
        maxout: units of the discriminator's layers.
        pieces: of which each unit takes the largest.
        dropout: fraction of the discriminator's units that is dropped in training.

    Returns:
        (batch, latent_dim) -> (batch, height, width, channels), pixels 0..255, float32. `fit(images)` trains it; its `discriminator` is
        (batch, height, width, channels) -> (batch, 1), a logit.
    """
    x = z = Input((latent_dim,), name="z")
    for units in hidden:
        x = layers.Dense(units, activation="relu")(x)
    generator = Model(z, flat_pixels(x, input_shape), name="generator")

    image = Input(input_shape, name="image")  # pixels 0..255
    x = layers.Flatten()(layers.Rescaling(1 / 127.5, offset=-1)(image))
    for units in maxout:
        x = largest_piece(x, units, pieces)
        x = layers.Dropout(dropout)(x) if dropout else x
    discriminator = Model(image, layers.Dense(1, dtype="float32", name="logit")(x), name="discriminator")
    return Adversarial(generator, discriminator)


def largest_piece(x: keras.KerasTensor, units: int, pieces: int) -> keras.KerasTensor:
    """A maxout layer (Goodfellow et al. 2013, https://arxiv.org/abs/1302.4389): each unit is the largest of some linear maps."""
    x = layers.Reshape((pieces, units))(layers.Dense(units * pieces)(x))
    return layers.GlobalMaxPooling1D()(x)


def flat_pixels(x: keras.KerasTensor, input_shape: tuple[int, int, int]) -> keras.KerasTensor:
    """An image from features, by one dense layer."""
    return pixels(layers.Reshape(input_shape)(layers.Dense(prod(input_shape))(x)))


def pixels(x: keras.KerasTensor) -> keras.KerasTensor:
    """tanh, and its -1..1 as pixels 0..255."""
    x = layers.Activation("tanh", dtype="float32")(x)
    return layers.Rescaling(127.5, offset=127.5, dtype="float32", name="head")(x)
