"""Penalties on weights, as the hparam `l2` asks for them."""

from __future__ import annotations

from keras import regularizers


def l2_penalty(l2: float) -> regularizers.Regularizer | None:
    """`l2 * sum(kernel ** 2)` on the loss; None for 0, so that nobody pays for adding zeros at each step."""
    return regularizers.L2(l2) if l2 else None
