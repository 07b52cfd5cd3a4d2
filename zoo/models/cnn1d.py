"""A convolutional network over time: the usual thing to beat on series."""

from __future__ import annotations

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Channels, Outputs, SequenceShape, answer, check_answer, conv_norm_1d, over_time
from zoo.registry import register_model


@register_model(
    "cnn1d",
    modality="sequence",
    tasks=("classification", "regression", "forecasting"),
    paper="https://arxiv.org/abs/1611.06455",
    example={"input_shape": (150, 1), "num_outputs": 2},
    space={"width": [32, 64, 128], "dropout": [0.0, 0.2], "l2": [0.0, 1e-4]},
    check=check_answer,
)
def cnn1d(
    input_shape: SequenceShape,
    num_outputs: Outputs | None = None,
    horizon: PositiveInt | None = None,
    target_channels: Channels | None = None,
    *,
    width: PositiveInt = 64,
    dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """Fully convolutional network over time (Wang et al. 2017, https://arxiv.org/abs/1611.06455), in small.

        sequence -> conv of 8, width -> conv of 5, 2 width -> conv of 3, width -> mean over time -> logits

    Each convolution is followed by batch normalisation and ReLU. The paper's network has a width of 128 (`fcn1d`); dropout is ours.
    A forecast, which is ours too, reads the last step's maps beside the mean. Shorter series come padded with zeros at their end,
    which the network sees as values.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already; any size.
        num_outputs: logits or values; 0 gives the features. None where there is a horizon.
        horizon: steps that are forecast.
        target_channels: where the targets of a forecast stand among the channels.
        width: maps of the first and the last convolution.
        dropout: fraction of the last features that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, steps, channels) -> (batch, num_outputs), or (batch, horizon, targets); float32.

    Raises:
        ZooError: both num_outputs and a horizon, or neither.
    """
    x = sequence = Input(input_shape, name="sequence")
    for filters, size in ((width, 8), (2 * width, 5), (width, 3)):
        x = layers.ReLU()(conv_norm_1d(x, filters, size, l2))
    x = over_time(x, forecasts=horizon is not None)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(sequence, answer(x, num_outputs, horizon, target_channels, l2))
