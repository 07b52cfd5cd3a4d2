"""LeNet: the convolutional network that read cheques."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat

from zoo.config.card import Fraction
from zoo.errors import ZooError
from zoo.layers import ImageShape, Outputs, l2_penalty, logits
from zoo.registry import register_model

SMALLEST = 12  # halved to 6, less the 5x5 kernel's border 2, halved to 1


def check(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    """Raises ZooError for an image that shrinks to nothing on the way."""
    height, width, _ = facts["input_shape"]
    if min(height, width) < SMALLEST:
        raise ZooError(
            f"lenet5 needs images of at least {SMALLEST}x{SMALLEST} pixels, not {height}x{width}",
            "cnn_small takes smaller ones; or enlarge yours",
        )


@register_model(
    "lenet5",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://doi.org/10.1109/5.726791",
    example={"input_shape": (28, 28, 1), "num_outputs": 10},
    space={"activation": ["tanh", "relu"], "dropout": [0.0, 0.2, 0.5], "l2": [0.0, 1e-4]},
    check=check,
)
def lenet5(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    activation: Literal["tanh", "relu"] = "tanh",
    dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """LeNet-5 (LeCun et al. 1998, section II-B, https://doi.org/10.1109/5.726791).

        image -> 5x5 conv, 6 -> mean pool -> 5x5 conv, 16 -> mean pool -> dense 120 -> dense 84 -> logits

    Unlike the paper: each map of the second convolution sees all maps of the first; pooling has no weights; tanh is not
    scaled; logits instead of distances to drawn digits. The first convolution pads, as the paper's 28x28 digits stand in a
    field of 32x32; another size than that changes what the layer of 120 sees.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; at least 12x12.
        num_outputs: logits or values; 0 gives the features.
        activation: of every layer but the last.
        dropout: fraction of the last features that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), float32.

    Raises:
        ZooError: the image is smaller than 12x12.
    """
    image = Input(input_shape, name="image")  # pixels 0..255
    kwargs = {"activation": activation, "kernel_regularizer": l2_penalty(l2)}
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.Conv2D(6, 5, padding="same", **kwargs)(x)
    x = layers.AveragePooling2D(2)(x)
    x = layers.Conv2D(16, 5, **kwargs)(x)
    x = layers.AveragePooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(120, **kwargs)(x)
    x = layers.Dense(84, **kwargs)(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(image, logits(x, num_outputs, l2))
