"""Linear forecasting of what comes after the last value."""

from __future__ import annotations

import keras
from keras import Input, Model, layers, ops
from pydantic import NonNegativeFloat, PositiveInt

from zoo.layers import Channels, SequenceShape, check_channels, l2_penalty
from zoo.registry import register_model


@register_model(
    "nlinear",
    modality="sequence",
    tasks=("forecasting",),
    paper="https://arxiv.org/abs/2205.13504",
    example={"input_shape": (336, 7), "horizon": 96, "target_channels": (6,)},
    space={"l2": [0.0, 1e-4, 1e-3]},
    check=check_channels,
)
def nlinear(
    input_shape: SequenceShape,
    horizon: PositiveInt,
    target_channels: Channels,
    *,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """NLinear (Zeng et al. 2023, https://arxiv.org/abs/2205.13504).

        sequence -> the targets' channels -> less their last value -> a linear map of time -> plus their last value -> forecast

    The map is shared by all channels, which are forecast each by its own history alone: a level that moves is followed.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already; any size.
        horizon: steps that are forecast.
        target_channels: where the targets stand among the channels.
        l2: penalty on the kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, steps, channels) -> (batch, horizon, targets), float32.

    Raises:
        ZooError: a target that is none of the channels.
    """
    sequence = Input(input_shape, name="sequence")
    x = ops.take(sequence, list(target_channels), axis=-1)
    last = x[:, -1:]
    x = layers.Permute((2, 1), dtype="float32")(x - last)  # (batch, targets, steps)
    x = layers.Dense(horizon, kernel_regularizer=l2_penalty(l2), dtype="float32")(x)
    x = layers.Permute((2, 1), dtype="float32")(x)  # (batch, horizon, targets)
    return Model(sequence, layers.Add(dtype="float32", name="head")([x, last]))
