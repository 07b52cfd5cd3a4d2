"""Padding (token 0) fills texts up to one length, and says nothing."""

from __future__ import annotations

import keras
from keras import ops


def real_tokens(tokens: keras.KerasTensor) -> keras.KerasTensor:
    """True where a token is none of the padding: bool, (batch, length)."""
    return ops.not_equal(tokens, 0)


def masked_max(x: keras.KerasTensor, mask: keras.KerasTensor) -> keras.KerasTensor:
    """The maximum over the real steps, (batch, steps, width) -> (batch, width); zeros where there is none."""
    there = ops.expand_dims(mask, -1)
    highest = ops.max(ops.where(there, x, -1e4), axis=1)
    return ops.where(ops.any(there, axis=1), highest, 0)
