"""Tokens, int32 (batch, length): 0 is padding, 1 an unknown token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from zoo.data.augment.chance import uniform

UNKNOWN = 1


def word_dropout(rate: float) -> Callable[..., Any]:
    """Tokens become unknown (Bowman et al. 2016, https://arxiv.org/abs/1511.06349)."""

    def change(x: Any, keys: Any) -> Any:
        dropped = (uniform(keys, x.shape[1]) < rate) & (x > UNKNOWN)
        return tf.where(dropped, tf.constant(UNKNOWN, x.dtype), x)

    return change
