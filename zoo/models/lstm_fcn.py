"""A convolutional network over time beside an LSTM across it: often the best of both on short series."""

from __future__ import annotations

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Outputs, SequenceShape, conv_norm_1d, l2_penalty, logits
from zoo.registry import register_model


@register_model(
    "lstm_fcn",
    modality="sequence",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1709.05206",
    example={"input_shape": (150, 1), "num_outputs": 2},
    space={"units": [8, 64, 128], "width": [64, 128], "dropout": [0.0, 0.5, 0.8], "l2": [0.0, 1e-4]},
)
def lstm_fcn(
    input_shape: SequenceShape,
    num_outputs: Outputs,
    *,
    units: PositiveInt = 8,
    width: PositiveInt = 128,
    dropout: Fraction = 0.8,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """LSTM fully convolutional network (Karim et al. 2017, https://arxiv.org/abs/1709.05206).

        sequence -> conv of 8, 128 -> conv of 5, 256 -> conv of 3, 128 -> mean over time
        sequence -> a step a channel, which holds all times -> LSTM -> dropout
        both, side by side -> logits

    Each convolution is followed by batch normalisation and ReLU. The LSTM takes a series of one channel in a single step, as the
    paper's dimension shuffle wants it. Unlike the paper: convolutions have no biases, which the normalisation takes away, and its
    averages follow faster. Shorter series come padded with zeros at their end, which the network sees as values.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already; any size.
        num_outputs: logits or values; 0 gives the features.
        units: of the LSTM; the paper searches among 8, 64 and 128.
        width: maps of the first and the last convolution; the middle one has twice as many.
        dropout: fraction of the LSTM's output that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, steps, channels) -> (batch, num_outputs), float32.
    """
    x = sequence = Input(input_shape, name="sequence")
    for filters, size in ((width, 8), (2 * width, 5), (width, 3)):
        x = layers.ReLU()(conv_norm_1d(x, filters, size, l2))
    seen = layers.GlobalAveragePooling1D()(x)
    shuffled = layers.Permute((2, 1))(sequence)  # (batch, channels, steps)
    kept = layers.LSTM(units, kernel_regularizer=l2_penalty(l2))(shuffled)
    kept = layers.Dropout(dropout)(kept) if dropout else kept
    return Model(sequence, logits(layers.Concatenate()([kept, seen]), num_outputs, l2))
