"""Encoders and decoders: from an example to a few numbers, and from these to an example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, prod

import keras
from keras import Input, Model, layers

from zoo.layers.examples import in_domain, scaled


def autoencoder(
    example: keras.KerasTensor, code: keras.KerasTensor, decode: Callable[[keras.KerasTensor], keras.KerasTensor]
) -> keras.Model:
    """A model of two inner models: `encoder` from an example to its code, `decoder` from a code to an example."""
    encoder = Model(example, code, name="encoder")
    z = Input(code.shape[1:], name="z")
    decoder = Model(z, decode(z), name="decoder")
    return Model(example, decoder(encoder(example)))


def dense_encode(example: keras.KerasTensor, hidden: Sequence[int]) -> keras.KerasTensor:
    """Rectified dense layers over all values of an example."""
    x = layers.Flatten()(scaled(example))
    for units in hidden:
        x = layers.Dense(units, activation="relu")(x)
    return x


def dense_decode(z: keras.KerasTensor, hidden: Sequence[int], shape: tuple[int, ...]) -> keras.KerasTensor:
    """The layers of `dense_encode` backwards, then one for the values of an example of this shape."""
    for units in reversed(hidden):
        z = layers.Dense(units, activation="relu")(z)
    z = layers.Dense(prod(shape), dtype="float32")(z)
    return in_domain(layers.Reshape(shape, dtype="float32")(z))


def conv_encode(example: keras.KerasTensor, filters: Sequence[int], size: int) -> keras.KerasTensor:
    """Rectified convolutions over an image or a sequence, each of which halves it (and rounds up)."""
    conv = layers.Conv2D if len(example.shape) == 4 else layers.Conv1D
    x = scaled(example)
    for maps in filters:
        x = conv(maps, size, strides=2, padding="same", activation="relu")(x)
    return x


def conv_decode(x: keras.KerasTensor, filters: Sequence[int], size: int, shape: tuple[int, ...]) -> keras.KerasTensor:
    """Transposed convolutions that undo `conv_encode`; where halving had rounded up, the far end is cropped."""
    conv = layers.Conv2DTranspose if len(shape) == 3 else layers.Conv1DTranspose
    for maps in reversed(filters):
        x = conv(maps, size, strides=2, padding="same", activation="relu")(x)
    x = conv(shape[-1], size, padding="same", dtype="float32")(x)
    over = [(0, got - wanted) for got, wanted in zip(x.shape[1:-1], shape[:-1], strict=True)]
    if any(end for _, end in over):
        x = layers.Cropping2D(tuple(over))(x) if len(shape) == 3 else layers.Cropping1D(over[0])(x)
    return in_domain(x)


def unfold(z: keras.KerasTensor, filters: Sequence[int], shape: tuple[int, ...]) -> keras.KerasTensor:
    """A code as the maps that `conv_encode` ends with, by one rectified dense layer."""
    maps = (*(ceil(size / 2 ** len(filters)) for size in shape[:-1]), filters[-1])
    return layers.Reshape(maps)(layers.Dense(prod(maps), activation="relu")(z))
