"""How unlikely an example is, given what a decoder says of it: nats an example."""

from __future__ import annotations

from math import log, pi
from typing import Any

from keras import ops

TINY = 1e-7  # probabilities are kept so far from 0 and 1


def nats(example: Any, decoded: Any) -> Any:
    """Negative log likelihood of each example, float32 (batch,).

    An image's pixels are taken as probabilities (Bernoulli, of pixels / 255, as Keras's example of a VAE does); the values of a
    vector or a sequence as normally distributed around what was decoded, with a variance of 1.

    Args:
        example: pixels 0..255 (batch, height, width, channels), or standardised values of another rank.
        decoded: the same shape and domain.
    """
    example, decoded = ops.cast(example, "float32"), ops.cast(decoded, "float32")
    axes = tuple(range(1, len(decoded.shape)))
    if len(decoded.shape) != 4:
        return 0.5 * ops.sum(ops.square(example - decoded) + log(2 * pi), axis=axes)
    wanted, said = example / 255, ops.clip(decoded / 255, TINY, 1 - TINY)
    return -ops.sum(wanted * ops.log(said) + (1 - wanted) * ops.log(1 - said), axis=axes)
