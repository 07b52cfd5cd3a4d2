"""What convolutional networks over time are made of, and how their steps become one vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from zoo.errors import ZooError
from zoo.layers.heads import check_answer
from zoo.layers.penalties import l2_penalty


def conv_norm_1d(x: keras.KerasTensor, filters: int, size: int, l2: float = 0.0) -> keras.KerasTensor:
    """A convolution over time without bias, as long as what comes in, and its batch normalisation.

    The running averages follow within tens of steps (momentum 0.9): series data sets are small.
    """
    x = layers.Conv1D(filters, size, padding="same", use_bias=False, kernel_regularizer=l2_penalty(l2))(x)
    return layers.BatchNormalization(momentum=0.9)(x)


def over_time(x: keras.KerasTensor, forecasts: bool) -> keras.KerasTensor:
    """One vector of (batch, steps, width): the mean over time. A forecast starts where the history ends, so the last step stands beside it.

    Returns:
        (batch, width), or of a forecast (batch, 2 width).
    """
    mean = layers.GlobalAveragePooling1D()(x)
    return layers.Concatenate()([mean, x[:, -1]]) if forecasts else mean


def check_length(facts: Mapping[str, Any], least: int, why: str, *hints: str) -> None:
    """Raises ZooError for a series shorter than `least` steps: what needs them, and what to try."""
    steps = facts["input_shape"][0]
    if steps < least:
        raise ZooError(f"{why} needs at least {least} steps, and the series has {steps}", *hints)


def check_kernels(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    """A `check` for a family with the hparam `kernels`. Raises ZooError for a series shorter than one, and for no answer or two."""
    longest = max(hparams["kernels"], default=1)
    check_length(facts, longest, f"a kernel of {longest} steps", "give it shorter ones, as kernels=(3, 3, 3), or take cnn1d")
    check_answer(facts, hparams)
