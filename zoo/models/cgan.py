"""A generative adversarial network that is told what to draw."""

from __future__ import annotations

import keras
from keras import Input, Model, layers
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Classes, ImageShape
from zoo.layers.adversarial import Adversarial
from zoo.models.gan import flat_pixels, largest_piece
from zoo.registry import register_model


@register_model(
    "cgan",
    modality="image",
    tasks=("generation",),
    paper="https://arxiv.org/abs/1411.1784",
    example={"input_shape": (28, 28, 1), "num_classes": 10},
    space={
        "latent_dim": [16, 100],
        "hidden": [(64, 64, 256), (200, 1000, 1200)],
        "maxout": [(64, 16, 64), (240, 50, 240)],
        "dropout": [0.0, 0.3, 0.5],
    },
)
def cgan(
    input_shape: ImageShape,
    num_classes: Classes,
    *,
    latent_dim: PositiveInt = 100,
    hidden: tuple[PositiveInt, PositiveInt, PositiveInt] = (200, 1000, 1200),
    maxout: tuple[PositiveInt, PositiveInt, PositiveInt] = (240, 50, 240),
    dropout: Fraction = 0.5,
) -> keras.Model:
    """Conditional generative adversarial network (Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784), with its sizes for MNIST.

        z -> dense -> ReLU, label -> dense -> ReLU: joined -> dense -> ReLU -> dense -> tanh -> pixels -> sample
        image -> maxout of 5, label -> maxout of 5: joined -> maxout of 4 -> logit

    Unlike the paper: tanh instead of a sigmoid, and z is normal instead of uniform.

    Args:
        input_shape: (height, width, channels) of the images, pixels 0..255; any size.
        num_classes: labels are below it; `label` is an int32 input, (batch,), beside `z`.
        latent_dim: numbers in z, a float32 input; standard normal.
        hidden: units of the generator for z, for the label, and of both joined.
        maxout: units of the discriminator for the image, for the label, and of both joined.
        dropout: fraction of the discriminator's units that is dropped in training.

    Returns:
        {"z": (batch, latent_dim), "label": (batch,)} -> (batch, height, width, channels), pixels 0..255, float32. `fit(images, labels)`
        trains it; its `discriminator` is {"image", "label"} -> (batch, 1), a logit.
    """
    z, label = Input((latent_dim,), name="z"), Input((), dtype="int32", name="label")
    of_z = layers.Dense(hidden[0], activation="relu")(z)
    of_label = layers.ReLU()(of_one_hot(label, num_classes, hidden[1]))
    x = layers.Dense(hidden[2], activation="relu")(layers.Concatenate()([of_z, of_label]))
    generator = Model({"z": z, "label": label}, flat_pixels(x, input_shape), name="generator")

    image, label = Input(input_shape, name="image"), Input((), dtype="int32", name="label")
    flat = layers.Flatten()(layers.Rescaling(1 / 127.5, offset=-1)(image))
    of_image = largest_piece(flat, maxout[0], 5)
    of_label = layers.GlobalMaxPooling1D()(layers.Reshape((5, maxout[1]))(of_one_hot(label, num_classes, 5 * maxout[1])))
    x = layers.Concatenate()([of_image, of_label])
    x = layers.Dropout(dropout)(x) if dropout else x
    x = largest_piece(x, maxout[2], 4)
    x = layers.Dropout(dropout)(x) if dropout else x
    discriminator = Model({"image": image, "label": label}, layers.Dense(1, dtype="float32", name="logit")(x), name="discriminator")
    return Adversarial(generator, discriminator)


def of_one_hot(label: keras.KerasTensor, num_classes: int, units: int) -> keras.KerasTensor:
    """A dense layer of the one-hot label. It begins as one: an embedding's usual first weights say too little beside the pixels."""
    return layers.Embedding(num_classes, units, embeddings_initializer="glorot_uniform")(label)
