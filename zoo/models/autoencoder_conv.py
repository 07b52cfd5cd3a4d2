"""A convolutional autoencoder of images or sequences."""

from __future__ import annotations

import keras
from keras import layers
from pydantic import PositiveInt

from zoo.layers import PlacesShape, Sizes, autoencoder, conv_decode, conv_encode, example_input, unfold
from zoo.registry import register_model


@register_model(
    "autoencoder_conv",
    modality=("image", "sequence"),
    tasks=("reconstruction",),
    paper="https://doi.org/10.1007/978-3-642-21735-7_7",
    example={"input_shape": (28, 28, 1)},
    space={"filters": [(16, 32), (32, 64), (32, 64, 128)], "size": [3, 5, 7], "latent_dim": [8, 16, 32, 64]},
)
def autoencoder_conv(
    input_shape: PlacesShape,
    *,
    filters: Sizes = (32, 64),
    size: PositiveInt = 3,
    latent_dim: PositiveInt | None = 32,
) -> keras.Model:
    """Convolutional autoencoder (Masci et al. 2011, https://doi.org/10.1007/978-3-642-21735-7_7).

        example -> [conv, halved -> ReLU] per filters -> code -> [transposed conv -> ReLU] backwards -> conv -> reconstruction

    Unlike the paper: strides instead of maximum pooling, nothing is trained layer by layer before, and the code is a few numbers;
    with `latent_dim=None` it is the last maps, as in the paper. Of a sequence that is, with `filters=(32, 16), size=7`, the network of
    Keras's example on the Numenta benchmark.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255, or (steps, channels) of `sequence`,
            which is standardised already; any size.
        filters: maps of the encoder's convolutions, each of which halves the example; the decoder's are the same backwards.
        size: of a convolution.
        latent_dim: numbers of the code; None: the last maps.

    Returns:
        (batch, *input_shape) -> the same, float32, pixels 0..255 of an image. Its layers `encoder` (to the code) and
        `decoder` are models too.
    """
    example = example_input(input_shape)
    code = conv_encode(example, filters, size)
    if latent_dim is None:
        return autoencoder(example, code, lambda maps: conv_decode(maps, filters, size, input_shape))
    code = layers.Dense(latent_dim, dtype="float32", name="code")(layers.Flatten()(code))
    return autoencoder(example, code, lambda z: conv_decode(unfold(z, filters, input_shape), filters, size, input_shape))
