"""Convolutions of several lengths side by side, over time."""

from __future__ import annotations

from functools import partial

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Channels, Outputs, SequenceShape, Sizes, answer, check_kernels, conv_norm_1d, l2_penalty, over_time
from zoo.registry import register_model


@register_model(
    "inception_time",
    modality="sequence",
    tasks=("classification", "regression", "forecasting"),
    paper="https://arxiv.org/abs/1909.04939",
    example={"input_shape": (150, 1), "num_outputs": 2},
    space={"blocks": [3, 6], "width": [16, 32], "kernels": [(40, 20, 10), (20, 10, 5)], "dropout": [0.0, 0.2], "l2": [0.0, 1e-4]},
    check=check_kernels,
)
def inception_time(
    input_shape: SequenceShape,
    num_outputs: Outputs | None = None,
    horizon: PositiveInt | None = None,
    target_channels: Channels | None = None,
    *,
    blocks: PositiveInt = 6,
    width: PositiveInt = 32,
    bottleneck: PositiveInt = 32,
    kernels: Sizes = (40, 20, 10),
    dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """InceptionTime (Fawaz et al. 2020, https://arxiv.org/abs/1909.04939): one of the networks of its ensemble.

        sequence -> [3 inception blocks, added to what came in] x 2 -> mean over time -> logits

    A block is a bottleneck and convolutions of 40, 20 and 10 steps of it, beside a maximum of 3 steps. Unlike the paper: one
    network instead of the mean of five, averages of the normalisation that follow faster, dropout if asked for. A forecast, which
    is ours too, reads the last step's maps beside the mean. Shorter series come padded with zeros at their end, which the network
    sees as values.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already.
        num_outputs: logits or values; 0 gives the features. None where there is a horizon.
        horizon: steps that are forecast.
        target_channels: where the targets of a forecast stand among the channels.
        blocks: inception blocks; after every third stands a shortcut.
        width: maps of each of a block's convolutions.
        bottleneck: maps that the convolutions of several lengths see; a single channel is seen as it is.
        kernels: steps that the convolutions see at once.
        dropout: fraction of the last features that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, steps, channels) -> (batch, num_outputs), or (batch, horizon, targets); float32.

    Raises:
        ZooError: a series shorter than a kernel; both num_outputs and a horizon, or neither.
    """
    x = shortcut = sequence = Input(input_shape, name="sequence")
    for block in range(1, blocks + 1):
        x = inception(x, width, bottleneck, kernels, l2)
        if block % 3 == 0:
            shortcut = conv_norm_1d(shortcut, x.shape[-1], 1, l2)
            x = shortcut = layers.ReLU()(layers.Add()([shortcut, x]))
    x = over_time(x, forecasts=horizon is not None)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(sequence, answer(x, num_outputs, horizon, target_channels, l2))


def inception(x: keras.KerasTensor, width: int, bottleneck: int, kernels: tuple[int, ...], l2: float) -> keras.KerasTensor:
    """Convolutions of several lengths and a maximum side by side: (batch, steps, (lengths + 1) * width)."""
    conv = partial(layers.Conv1D, padding="same", use_bias=False, kernel_regularizer=l2_penalty(l2))
    narrow = conv(bottleneck, 1)(x) if x.shape[-1] > 1 else x
    found = [conv(width, size)(narrow) for size in kernels]
    found.append(conv(width, 1)(layers.MaxPooling1D(3, 1, padding="same")(x)))
    x = layers.Concatenate()(found)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
