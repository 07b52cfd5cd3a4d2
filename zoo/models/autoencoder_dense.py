"""A deep autoencoder: dense layers down to a few numbers, and up again."""

from __future__ import annotations

import keras
from keras import layers
from pydantic import PositiveInt

from zoo.layers import ExampleShape, autoencoder, dense_decode, dense_encode, example_input
from zoo.registry import register_model


@register_model(
    "autoencoder_dense",
    modality=("image", "vector", "sequence"),
    tasks=("reconstruction",),
    paper="https://doi.org/10.1126/science.1127647",
    example={"input_shape": (28, 28, 1)},
    space={"hidden": [(128,), (256, 128), (512, 256, 128)], "latent_dim": [8, 16, 32, 64]},
)
def autoencoder_dense(
    input_shape: ExampleShape,
    *,
    hidden: tuple[PositiveInt, ...] = (256, 128),
    latent_dim: PositiveInt = 32,
) -> keras.Model:
    """Deep autoencoder (Hinton and Salakhutdinov 2006, https://doi.org/10.1126/science.1127647).

        example -> [dense -> ReLU] per hidden layer -> code -> [dense -> ReLU] backwards -> reconstruction

    Unlike the paper: rectifiers instead of sigmoids, and nothing is trained layer by layer before. The paper's is
    `hidden=(1000, 500, 250), latent_dim=30`.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; (length,) of `vector` or
            (steps, channels) of `sequence`, which are standardised already; any size.
        hidden: units of the encoder's layers; the decoder's are the same backwards.
        latent_dim: numbers of the code.

    Returns:
        (batch, *input_shape) -> the same, float32, pixels 0..255 of an image. Its layers `encoder` (to the code) and
        `decoder` are models too.
    """
    example = example_input(input_shape)
    code = layers.Dense(latent_dim, dtype="float32", name="code")(dense_encode(example, hidden))
    return autoencoder(example, code, lambda z: dense_decode(z, hidden, input_shape))
