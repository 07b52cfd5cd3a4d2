"""One recurrent network reads the history, another writes what follows."""

from __future__ import annotations

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Channels, SequenceShape, check_channels, l2_penalty
from zoo.registry import register_model


@register_model(
    "seq2seq_lstm",
    modality="sequence",
    tasks=("forecasting",),
    paper="https://arxiv.org/abs/1409.3215",
    example={"input_shape": (48, 7), "horizon": 24, "target_channels": (6,)},
    space={"width": [32, 64, 128], "depth": [1, 2], "dropout": [0.0, 0.2], "l2": [0.0, 1e-4]},
    check=check_channels,
)
def seq2seq_lstm(
    input_shape: SequenceShape,
    horizon: PositiveInt,
    target_channels: Channels,
    *,
    width: PositiveInt = 64,
    depth: PositiveInt = 1,
    dropout: Fraction = 0.0,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """Sequence to sequence by LSTM (Sutskever et al. 2014, https://arxiv.org/abs/1409.3215).

        sequence -> LSTM (encoder) -> its last output at each step ahead -> LSTM (decoder), from its state -> dense -> forecast

    Unlike the paper: values instead of words, one layer instead of four, the history is not read backwards, and the decoder is fed
    the encoder's last output at every step instead of what it wrote before, so that training and forecasting are the same.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already; any size.
        horizon: steps that are forecast.
        target_channels: where the targets stand among the channels.
        width: units of each LSTM.
        depth: LSTMs above one another, in the encoder and in the decoder.
        dropout: fraction of the decoder's outputs that is dropped in training.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`.

    Returns:
        (batch, steps, channels) -> (batch, horizon, targets), float32.

    Raises:
        ZooError: a target that is none of the channels.
    """
    x = sequence = Input(input_shape, name="sequence")
    states = []
    for level in names("encoder", depth):
        x, *state = layers.LSTM(width, return_sequences=True, return_state=True, kernel_regularizer=l2_penalty(l2), name=level)(x)
        states.append(state)
    x = layers.RepeatVector(horizon)(states[-1][0])  # (batch, horizon, width)
    for level, state in zip(names("decoder", depth), states, strict=True):
        x = layers.LSTM(width, return_sequences=True, kernel_regularizer=l2_penalty(l2), name=level)(x, initial_state=state)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(sequence, layers.Dense(len(target_channels), kernel_regularizer=l2_penalty(l2), dtype="float32", name="head")(x))


def names(part: str, depth: int) -> list[str]:
    """`encoder`, and of several `encoder_1`, `encoder_2`, …"""
    return [part] if depth == 1 else [f"{part}_{level + 1}" for level in range(depth)]
