"""A temporal convolutional network: what it says of a step follows from that step and those before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import keras
from keras import Input, Model, layers
from keras.initializers import RandomNormal
from pydantic import Field, NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Channels, Outputs, SequenceShape, answer, check_answer, check_length, l2_penalty
from zoo.registry import register_model


def check(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    """Raises ZooError for a series shorter than the kernel, and for no answer or two."""
    check_length(facts, hparams["kernel"], f"a kernel of {hparams['kernel']} steps", "give it a shorter one, as kernel=2, or take cnn1d")
    check_answer(facts, hparams)


@register_model(
    "tcn",
    modality="sequence",
    tasks=("classification", "regression", "forecasting"),
    paper="https://arxiv.org/abs/1803.01271",
    example={"input_shape": (150, 1), "num_outputs": 2},
    space={"levels": [4, 6, 8], "width": [32, 64], "kernel": [3, 5, 7], "dropout": [0.0, 0.1, 0.2], "l2": [0.0, 1e-4]},
    check=check,
)
def tcn(
    input_shape: SequenceShape,
    num_outputs: Outputs | None = None,
    horizon: PositiveInt | None = None,
    target_channels: Channels | None = None,
    *,
    levels: Annotated[int, Field(ge=1, le=16)] = 6,
    width: PositiveInt = 32,
    kernel: PositiveInt = 5,
    dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """Temporal convolutional network (Bai et al. 2018, https://arxiv.org/abs/1803.01271).

        sequence -> per level: [causal conv, dilated -> ReLU -> dropout] x 2, added to what came in -> the last step -> logits

    Level i, from 0, skips 2^i steps between those that it sees: the last step sees 1 + 2 (kernel - 1) (2^levels - 1) steps, which
    should be all of the series. Unlike the paper: weights are not normalised, and begin as He et al. draw them. Shorter series come
    padded with zeros at their end, which the network passes on the way to the last step.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already.
        num_outputs: logits or values; 0 gives the features. None where there is a horizon.
        horizon: steps that are forecast.
        target_channels: where the targets of a forecast stand among the channels.
        levels: residual blocks, each of which looks twice as far back as the one before.
        width: maps of every convolution.
        kernel: steps that a convolution sees.
        dropout: fraction of the maps that is dropped in training after each convolution, at all steps alike.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, steps, channels) -> (batch, num_outputs), or (batch, horizon, targets); float32.

    Raises:
        ZooError: a series shorter than the kernel; both num_outputs and a horizon, or neither.
    """
    x = sequence = Input(input_shape, name="sequence")
    for level in range(levels):
        x = residual_block(x, width, kernel, 2**level, dropout, l2)
    return Model(sequence, answer(x[:, -1], num_outputs, horizon, target_channels, l2))


def residual_block(x: keras.KerasTensor, width: int, kernel: int, dilation: int, dropout: float, l2: float) -> keras.KerasTensor:
    """Two dilated causal convolutions, added to what came in: the layer `block_` and its dilation."""

    def conv(*args: Any, **settings: Any) -> layers.Conv1D:
        return layers.Conv1D(width, *args, kernel_initializer=RandomNormal(0.0, 0.01), kernel_regularizer=l2_penalty(l2), **settings)

    shortcut = x if x.shape[-1] == width else conv(1)(x)
    for _ in range(2):
        x = conv(kernel, padding="causal", dilation_rate=dilation, activation="relu")(x)
        x = layers.SpatialDropout1D(dropout)(x) if dropout else x
    return layers.ReLU(name=f"block_{dilation}")(layers.Add()([shortcut, x]))
