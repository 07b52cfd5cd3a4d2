"""What a family takes and gives back that learns examples themselves: vectors, sequences and images alike, in their own domain."""

from __future__ import annotations

from typing import Annotated, Any

import keras
from keras import Input, layers
from pydantic import BeforeValidator, PositiveInt

KINDS = {1: "vector", 2: "sequence", 3: "image"}


def _kind(*sizes: int) -> BeforeValidator:
    said = {
        1: "a vector is (length,), for example (30,)",
        2: "a sequence is (steps, channels), for example (150, 1)",
        3: "an image is (height, width, channels), for example (28, 28, 1)",
    }

    def check(shape: Any) -> Any:
        if not isinstance(shape, (tuple, list)) or len(shape) not in sizes:
            raise ValueError("; ".join(said[size] for size in sizes))
        return shape

    return BeforeValidator(check)


ExampleShape = Annotated[tuple[PositiveInt, ...], _kind(1, 2, 3)]
PlacesShape = Annotated[tuple[PositiveInt, ...], _kind(2, 3)]  # of a sequence or an image: what is convolved


def example_input(shape: tuple[int, ...]) -> keras.KerasTensor:
    """The input `vector`, `sequence` or `image`, by how many sizes it has."""
    return Input(shape, name=KINDS[len(shape)])


def scaled(example: keras.KerasTensor) -> keras.KerasTensor:
    """Pixels 0..255 as 0..1; vectors and sequences are standardised already."""
    return layers.Rescaling(1 / 255)(example) if len(example.shape) == 4 else example


def in_domain(x: keras.KerasTensor) -> keras.KerasTensor:
    """The layer `head`, float32: any numbers (batch, height, width, channels) as pixels 0..255, others as they are."""
    if len(x.shape) != 4:
        return layers.Activation("linear", dtype="float32", name="head")(x)
    x = layers.Activation("sigmoid", dtype="float32")(x)
    return layers.Rescaling(255.0, dtype="float32", name="head")(x)
