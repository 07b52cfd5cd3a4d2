"""The fully convolutional network over time, as wide as published."""

from __future__ import annotations

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Channels, Outputs, SequenceShape, answer, check_kernels, conv_norm_1d, over_time
from zoo.registry import register_model

Kernels = tuple[PositiveInt, PositiveInt, PositiveInt]


@register_model(
    "fcn1d",
    modality="sequence",
    tasks=("classification", "regression", "forecasting"),
    paper="https://arxiv.org/abs/1611.06455",
    example={"input_shape": (150, 1), "num_outputs": 2},
    space={"width": [64, 128], "kernels": [(8, 5, 3), (16, 10, 6)], "dropout": [0.0, 0.2], "l2": [0.0, 1e-4]},
    check=check_kernels,
)
def fcn1d(
    input_shape: SequenceShape,
    num_outputs: Outputs | None = None,
    horizon: PositiveInt | None = None,
    target_channels: Channels | None = None,
    *,
    width: PositiveInt = 128,
    kernels: Kernels = (8, 5, 3),
    dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """Fully convolutional network over time (Wang et al. 2017, https://arxiv.org/abs/1611.06455).

        sequence -> conv of 8, 128 -> conv of 5, 256 -> conv of 3, 128 -> mean over time -> logits

    Each convolution is followed by batch normalisation and ReLU. Unlike the paper: convolutions have no biases, which the
    normalisation takes away, its averages follow faster, and dropout can be asked for. A forecast, which is ours too, reads the
    last step's maps beside the mean. Shorter series come padded with zeros at their end, which the network sees as values.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already.
        num_outputs: logits or values; 0 gives the features. None where there is a horizon.
        horizon: steps that are forecast.
        target_channels: where the targets of a forecast stand among the channels.
        width: maps of the first and the last convolution; the middle one has twice as many.
        kernels: steps that each convolution sees at once.
        dropout: fraction of the last features that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, steps, channels) -> (batch, num_outputs), or (batch, horizon, targets); float32.

    Raises:
        ZooError: a series shorter than a kernel; both num_outputs and a horizon, or neither.
    """
    x = sequence = Input(input_shape, name="sequence")
    for filters, size in zip((width, 2 * width, width), kernels, strict=True):
        x = layers.ReLU()(conv_norm_1d(x, filters, size, l2))
    x = over_time(x, forecasts=horizon is not None)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(sequence, answer(x, num_outputs, horizon, target_channels, l2))
