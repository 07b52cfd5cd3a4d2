"""Chance without state: uniform and normal numbers that follow from an example's key alone, drawn for a whole batch at once.

`tf.random.stateless_uniform` takes one seed a call, and a batch has one an example. So numbers come from hashing: the key
(a hash of seed, epoch, example) and a counter, mixed by lowbias32 (Wellons 2018, https://nullprogram.com/blog/2018/07/31/).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

GOLDEN = 0x9E3779B9


def mix(values: Any) -> tf.Tensor:
    """A bijection of uint32 in which every bit of the input moves every bit of the output."""
    values = _folded(values, 16) * tf.constant(0x7FEB352D, tf.uint32)
    values = _folded(values, 15) * tf.constant(0x846CA68B, tf.uint32)
    return _folded(values, 16)


def _folded(values: Any, bits: int) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(values, tf.bitwise.right_shift(values, tf.constant(bits, tf.uint32)))


def keys_of(seed: Any, epoch: Any, examples: Any) -> tf.Tensor:
    """A uint32 an example (int64 numbers), another in another epoch or under another seed."""
    key = mix(_low(tf.cast(seed, tf.int64)) + tf.constant(GOLDEN, tf.uint32))
    key = mix(tf.bitwise.bitwise_xor(key, _low(tf.cast(epoch, tf.int64))))
    key = mix(tf.bitwise.bitwise_xor(key, _low(examples)))
    return mix(tf.bitwise.bitwise_xor(key, _low(tf.bitwise.right_shift(examples, tf.constant(32, tf.int64)))))


def _low(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.bitwise.bitwise_and(values, tf.constant(0xFFFFFFFF, tf.int64)), tf.uint32)


def salted(keys: tf.Tensor, salt: int) -> tf.Tensor:
    """Keys of a stream of its own: what one step draws says nothing of what another does."""
    return mix(keys + tf.constant((salt + 1) * GOLDEN % 2**32, tf.uint32))


def uniform(keys: tf.Tensor, *shape: int) -> tf.Tensor:
    """float32 (batch, *shape), 0 <= number < 1; of one number without a shape (batch,)."""
    count = math.prod(shape)
    counter = np.arange(count, dtype=np.uint64) * 0xC2B2AE35 % 2**32
    bits = mix(mix(keys)[:, None] ^ tf.constant(counter.astype(np.uint32))[None])
    numbers = tf.cast(tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.int32), tf.float32) * 2.0**-24
    return tf.reshape(numbers, (-1, *shape))


def normal(keys: tf.Tensor, *shape: int) -> tf.Tensor:
    """float32 (batch, *shape), of the standard normal distribution (Box and Muller 1958)."""
    count = math.prod(shape)
    half = -(-count // 2)
    numbers = uniform(keys, 2, half)
    radius = tf.sqrt(-2.0 * tf.math.log(1.0 - numbers[:, 0]))
    angle = (2.0 * math.pi) * numbers[:, 1]
    return tf.reshape(tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], -1)[:, :count], (-1, *shape))


def beta(keys: tf.Tensor, alpha: float) -> tf.Tensor:
    """float32 (batch,), of the distribution Beta(alpha, alpha), by a table of its quantiles."""
    from scipy.stats import beta as distribution

    table = tf.constant(distribution.ppf(np.linspace(0, 1, TABLE + 1), alpha, alpha), tf.float32)
    place = uniform(keys) * TABLE
    below = tf.cast(place, tf.int32)
    low, high = tf.gather(table, below), tf.gather(table, below + 1)
    return low + (high - low) * (place - tf.cast(below, tf.float32))


TABLE = 4096


def among(keys: tf.Tensor, count: int) -> tf.Tensor:
    """int32 (batch,), each of 0..count-1 as likely."""
    return tf.cast(uniform(keys) * count, tf.int32)


def signed(keys: tf.Tensor, *shape: int) -> tf.Tensor:
    """float32 (batch, *shape), -1 <= number < 1."""
    return 2.0 * uniform(keys, *shape) - 1.0
