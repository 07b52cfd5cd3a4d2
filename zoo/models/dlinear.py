"""Linear forecasting, which many a transformer does not beat."""

from __future__ import annotations

import keras
from keras import Input, Model, layers, ops
from pydantic import NonNegativeFloat, PositiveInt

from zoo.layers import Channels, SequenceShape, check_channels, l2_penalty
from zoo.registry import register_model


@register_model(
    "dlinear",
    modality="sequence",
    tasks=("forecasting",),
    paper="https://arxiv.org/abs/2205.13504",
    example={"input_shape": (336, 7), "horizon": 96, "target_channels": (6,)},
    space={"window": [13, 25, 49], "l2": [0.0, 1e-4]},
    check=check_channels,
)
def dlinear(
    input_shape: SequenceShape,
    horizon: PositiveInt,
    target_channels: Channels,
    *,
    window: PositiveInt = 25,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """DLinear (Zeng et al. 2023, https://arxiv.org/abs/2205.13504).

        sequence -> the targets' channels -> trend (moving mean) and remainder -> a linear map of time each -> sum -> forecast

    Both maps are shared by all channels, which are forecast each by its own history alone. As in the paper's code the ends of the
    history are repeated for the moving mean.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already; any size.
        horizon: steps that are forecast.
        target_channels: where the targets stand among the channels.
        window: steps of the moving mean.
        l2: penalty on both kernels, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, steps, channels) -> (batch, horizon, targets), float32.
    """
    sequence = Input(input_shape, name="sequence")
    x = ops.take(sequence, list(target_channels), axis=-1)
    ahead = (window - 1) // 2
    ends = [ops.repeat(x[:, :1], ahead, axis=1), x, ops.repeat(x[:, -1:], window - 1 - ahead, axis=1)]
    trend = layers.AveragePooling1D(window, 1, name="trend")(ops.concatenate(ends, axis=1))
    parts = [layers.Permute((2, 1))(part) for part in (trend, x - trend)]  # (batch, targets, steps)
    maps = [layers.Dense(horizon, kernel_regularizer=l2_penalty(l2), dtype="float32")(part) for part in parts]
    return Model(sequence, layers.Permute((2, 1), dtype="float32", name="head")(layers.Add(dtype="float32")(maps)))
