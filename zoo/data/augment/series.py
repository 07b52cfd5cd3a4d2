"""Values over time, after scaling (Um et al. 2017, https://arxiv.org/abs/1706.00527): float32 (batch, steps, channels)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from zoo.data.augment.chance import normal


def jitter(sigma: float) -> Callable[..., Any]:
    """Noise on every value, its deviation a share of the channel's. Steps at the end that are 0, as behind a shorter series, stay 0."""

    def change(x: Any, keys: Any) -> Any:
        known = tf.cast(tf.not_equal(x, 0.0), tf.float32)
        known = tf.reduce_max(known, -1, keepdims=True) if len(x.shape) == 3 else known
        return x + sigma * normal(keys, *x.shape[1:]) * tf.sign(tf.cumsum(known, 1, reverse=True))

    return change


def scale(sigma: float) -> Callable[..., Any]:
    """Each channel times a number near 1."""

    def change(x: Any, keys: Any) -> Any:
        channels = x.shape[-1] if len(x.shape) == 3 else 1
        factor = 1.0 + sigma * normal(keys, channels)
        return x * (tf.expand_dims(factor, 1) if len(x.shape) == 3 else factor)

    return change
