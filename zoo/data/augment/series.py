"""Values over time, after scaling (Um et al. 2017, https://arxiv.org/abs/1706.00527): float32 (batch, steps, channels)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from zoo.data.augment.chance import normal


def jitter(sigma: float) -> Callable[..., Any]:
    """Noise on every value, its deviation a share of the channel's."""
    return lambda x, keys: x + sigma * normal(keys, *x.shape[1:])


def scale(sigma: float) -> Callable[..., Any]:
    """Each channel times a number near 1."""

    def change(x: Any, keys: Any) -> Any:
        channels = x.shape[-1] if len(x.shape) == 3 else 1
        factor = 1.0 + sigma * normal(keys, channels)
        return x * (tf.expand_dims(factor, 1) if len(x.shape) == 3 else factor)

    return change
