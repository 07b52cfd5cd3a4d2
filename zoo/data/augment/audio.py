"""Sound: noise on the waveform, float32 (batch, samples); masks on the log-mel, (batch, frames, bins) or (…, 1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from zoo.data.augment.chance import normal, uniform


def noise(decibels: float) -> Callable[..., Any]:
    """White noise, so many decibels below the sound's own mean power."""
    share = 10.0 ** (-decibels / 20.0)

    def change(x: Any, keys: Any) -> Any:
        loudness = tf.sqrt(tf.reduce_mean(tf.square(x), -1, keepdims=True))
        return x + share * loudness * normal(keys, x.shape[-1])

    return change


def spec_augment(count: int, time: float, frequency: float) -> Callable[..., Any]:
    """`count` stripes of frames and as many of bins become the example's mean (Park et al. 2019, https://arxiv.org/abs/1904.08779).

    A stripe is at most `time` of the frames wide, or `frequency` of the bins.
    """

    def change(x: Any, keys: Any) -> Any:
        frames, bins = x.shape[1:3]
        numbers = uniform(keys, 4, count)
        hidden = _stripes(numbers[:, 0], numbers[:, 1], time, frames)[:, :, None]
        hidden = hidden | _stripes(numbers[:, 2], numbers[:, 3], frequency, bins)[:, None, :]
        mean = tf.reduce_mean(x, range(1, len(x.shape)), keepdims=True)
        return tf.where(hidden[..., None] if len(x.shape) == 4 else hidden, mean, x)

    return change


def _stripes(widths: Any, starts: Any, most: float, size: int) -> Any:
    """bool (batch, size): in one of the stripes, whose widths and starts are drawn from numbers 0..1 (batch, count)."""
    widths = tf.floor(widths * (most * size + 1))
    starts = tf.floor(starts * (size - widths + 1))
    places = tf.range(size, dtype=tf.float32)
    inside = (places >= starts[..., None]) & (places < (starts + widths)[..., None])
    return tf.reduce_any(inside, 1)
