"""One tf.data pipeline: batches that are a pure function of (seed, epoch).

Work is done on batches, never on single examples. The order of an epoch is drawn without state, so a resumed run sees
what an uninterrupted one would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Encoded:
    """A split, encoded once: what the model takes, and the target.

    `x` is float32, or uint8 for pixels that are 0..255 already: they are cast a batch at a time, at a quarter of the memory.
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)


def batches(
    split: Encoded,
    batch_size: int,
    *,
    seed: int | None = None,
    epoch: tf.Variable | None = None,
    weights: np.ndarray | None = None,
) -> tf.data.Dataset:
    """(x, y) or (x, y, weight) batches of one epoch.

    Args:
        split: the examples.
        batch_size: examples a batch; the last batch may be smaller.
        seed: draws the order together with `epoch`; without it the order is the source's.
        epoch: an int64 variable that whoever iterates sets before each epoch; without one each iteration counts it up.
        weights: float32, one a class number of `y`.
    """
    size, steps = len(split), -(-len(split) // batch_size)
    x, y = tf.constant(split.x), tf.constant(split.y)
    by_class = None if weights is None else tf.constant(weights, tf.float32)
    own_epoch = tf.Variable(-1, dtype=tf.int64) if seed is not None and epoch is None else None

    def take(order: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        rows = order[step * batch_size : tf.minimum((step + 1) * batch_size, size)]
        target = tf.gather(y, rows)
        example = tf.cast(tf.gather(x, rows), tf.float32)
        return (example, target) if by_class is None else (example, target, tf.gather(by_class, target))

    def one_epoch(_: tf.Tensor) -> tf.data.Dataset:
        order = tf.range(size, dtype=tf.int64)
        if seed is not None:
            now = own_epoch.assign_add(1) if own_epoch is not None else epoch
            order = tf.random.experimental.stateless_shuffle(order, seed=tf.stack([tf.constant(seed, tf.int64), tf.cast(now, tf.int64)]))
        return tf.data.Dataset.range(steps).map(lambda step: take(order, step), num_parallel_calls=2, deterministic=True)

    data = tf.data.Dataset.range(1).flat_map(one_epoch).apply(tf.data.experimental.assert_cardinality(steps))
    return data.prefetch(tf.data.AUTOTUNE)
