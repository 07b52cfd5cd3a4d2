"""The last layer of a family: logits, values, or a forecast. What goes into it are the model's features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from zoo.errors import ZooError
from zoo.layers.penalties import l2_penalty


def logits(x: keras.KerasTensor, num_outputs: int, l2: float = 0.0) -> keras.KerasTensor:
    """A dense layer named `head`; of no outputs the features themselves.

    It computes in float32 whatever the policy, so that mixed precision gives float32 answers too.

    Args:
        x: features, (batch, width).
        num_outputs: logits of a classification, values of a regression, or 0.
        l2: the penalty on its kernel.

    Returns:
        (batch, num_outputs), or (batch, width) for 0; float32. No softmax: reading the output is the task's.
    """
    if num_outputs == 0:
        return layers.Activation("linear", dtype="float32", name="features")(x)
    return layers.Dense(num_outputs, kernel_regularizer=l2_penalty(l2), dtype="float32", name="head")(x)


def forecast(x: keras.KerasTensor, horizon: int, targets: int, l2: float = 0.0) -> keras.KerasTensor:
    """Each target at each step ahead from the features, by one dense layer.

    Args:
        x: features, (batch, width).
        horizon: steps ahead.
        targets: series that are forecast.
        l2: the penalty on the kernel.

    Returns:
        (batch, horizon, targets), float32.
    """
    x = layers.Dense(horizon * targets, kernel_regularizer=l2_penalty(l2), dtype="float32", name="forecast")(x)
    return layers.Reshape((horizon, targets), dtype="float32", name="head")(x)


def answer(
    x: keras.KerasTensor,
    num_outputs: int | None,
    horizon: int | None = None,
    target_channels: tuple[int, ...] | None = None,
    l2: float = 0.0,
) -> keras.KerasTensor:
    """The head of a family that learns several tasks: a forecast where there is a horizon, else logits or values."""
    if horizon is None:
        assert num_outputs is not None
        return logits(x, num_outputs, l2)
    return forecast(x, horizon, len(target_channels or (0,)), l2)


def check_answer(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    """A `check` for such a family: either outputs or a horizon, whose targets stand among the channels.

    Raises:
        ZooError: both, neither, or a channel that is not there.
    """
    horizon, outputs, places = facts.get("horizon"), facts.get("num_outputs"), facts.get("target_channels")
    if (horizon is None) == (outputs is None):
        raise ZooError("a model is built either for num_outputs, or for a horizon and target_channels", "num_outputs=0 gives its features")
    if horizon is not None and not places:
        raise ZooError("a forecast needs target_channels beside its horizon", "as target_channels=(0,): which channels are forecast")
    check_channels(facts)


def check_channels(facts: Mapping[str, Any], hparams: Mapping[str, Any] | None = None) -> None:
    """Raises ZooError for target_channels that do not stand among the channels of the input."""
    places, shape = facts.get("target_channels"), facts["input_shape"]
    if places and max(places) >= shape[1]:
        raise ZooError(f"target_channels = {places}: the input has {shape[1]} channels, counted from 0")
