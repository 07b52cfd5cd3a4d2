"""Forecasts that repeat what was: nothing is learned, and many a network is beaten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import Input, Model, layers, ops
from pydantic import PositiveInt

from zoo.errors import ZooError
from zoo.layers import Channels, SequenceShape, check_channels
from zoo.registry import register_model


def check(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    """Raises ZooError for a season longer than the history, and where a value of the history means another one in the forecast."""
    check_channels(facts)
    if not facts.get("same_scale", True):
        raise ZooError(
            "what repeats values needs inputs and targets of one scale",
            "leave preprocess.series.scale and preprocess.target.scale as they are, or make both none",
        )
    season, steps = facts.get("season", 1), facts["input_shape"][0]
    if season > steps:
        raise ZooError(f"a season of {season} steps is longer than the history of {steps}", f"task.history: {season}, or repeat_last")


@register_model(
    "repeat_last",
    modality="sequence",
    tasks=("forecasting",),
    paper="https://otexts.com/fpp3/simple-methods.html",
    example={"input_shape": (336, 7), "horizon": 96, "target_channels": (6,)},
    check=check,
)
def repeat_last(
    input_shape: SequenceShape,
    horizon: PositiveInt,
    target_channels: Channels,
    same_scale: bool = True,
) -> keras.Model:
    """The last value, at every step ahead (Hyndman and Athanasopoulos 2021, https://otexts.com/fpp3/simple-methods.html).

        sequence -> the targets' channels -> the last step -> the same at every step -> forecast

    It has no weights: an epoch of training changes nothing.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`.
        horizon: steps that are forecast.
        target_channels: where the targets stand among the channels.
        same_scale: whether the targets are scaled as the inputs are; else it is refused.

    Returns:
        (batch, steps, channels) -> (batch, horizon, targets), float32.

    Raises:
        ZooError: a target that is none of the channels; another scale.
    """
    return repeated(input_shape, horizon, target_channels, season=1)


@register_model(
    "seasonal_naive",
    modality="sequence",
    tasks=("forecasting",),
    paper="https://otexts.com/fpp3/simple-methods.html",
    example={"input_shape": (336, 7), "horizon": 96, "target_channels": (6,), "season": 24},
    check=check,
)
def seasonal_naive(
    input_shape: SequenceShape,
    horizon: PositiveInt,
    target_channels: Channels,
    season: PositiveInt,
    same_scale: bool = True,
) -> keras.Model:
    """The value of one season before (Hyndman and Athanasopoulos 2021, https://otexts.com/fpp3/simple-methods.html).

        sequence -> the targets' channels -> the last season -> the same again and again -> forecast

    It has no weights: an epoch of training changes nothing. A card without a `season` has one of a single step.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`.
        horizon: steps that are forecast.
        target_channels: where the targets stand among the channels.
        season: steps from a value to the one that it repeats; the card's `series.season`.
        same_scale: whether the targets are scaled as the inputs are; else it is refused.

    Returns:
        (batch, steps, channels) -> (batch, horizon, targets), float32.

    Raises:
        ZooError: a season longer than the history; a target that is none of the channels; another scale.
    """
    return repeated(input_shape, horizon, target_channels, season)


def repeated(input_shape: tuple[int, int], horizon: int, target_channels: tuple[int, ...], season: int) -> keras.Model:
    """The last `season` steps again and again."""
    sequence = Input(input_shape, name="sequence")
    x = ops.take(sequence, list(target_channels), axis=-1)
    x = ops.take(x, [input_shape[0] - season + step % season for step in range(horizon)], axis=1)  # (batch, horizon, targets)
    return Model(sequence, layers.Activation("linear", dtype="float32", name="head")(x))
