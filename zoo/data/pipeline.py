"""One tf.data pipeline: batches that are a pure function of (seed, epoch).

Work is done on batches, never on single examples. The order of an epoch is drawn without state, so a resumed run sees
what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.data.windows import Windows


@dataclass(frozen=True)
class Encoded:
    """A split, encoded once: what the model takes, and the target.

    Attributes:
        x: an array (in memory or memory-mapped), Windows, or a dict of such by name. uint8 are pixels 0..255: they are cast to
            float32 a batch at a time, at a quarter of the memory.
        y: class numbers int32 (n,), values float32 (n, …), or Windows.
        finish: what is left to do for a batch of `x` before the model takes it, as TensorFlow: windows are not encoded one by
            one, and sound that is augmented is encoded afterwards.
    """

    x: Any
    y: Any
    finish: Callable[[Any], Any] | None = None

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
    x, y = tf.nest.map_structure(getter, split.x), getter(split.y)
    by_class = None if weights is None else tf.constant(weights, tf.float32)
    own_epoch = tf.Variable(-1, dtype=tf.int64) if seed is not None and epoch is None else None

    def take(order: tf.Tensor, step: tf.Tensor) -> tuple[Any, ...]:
        rows = order[step * batch_size : tf.minimum((step + 1) * batch_size, size)]
        target, example = y(rows), tf.nest.map_structure(lambda get: as_floats(get(rows)), x)
        example = split.finish(example) if split.finish else example
        return (example, target) if by_class is None else (example, target, tf.gather(by_class, target))

    def one_epoch(_: tf.Tensor) -> tf.data.Dataset:
        order = tf.range(size, dtype=tf.int64)
        if seed is not None:
            now = own_epoch.assign_add(1) if own_epoch is not None else epoch
            order = tf.random.experimental.stateless_shuffle(order, seed=tf.stack([tf.constant(seed, tf.int64), tf.cast(now, tf.int64)]))
        return tf.data.Dataset.range(steps).map(lambda step: take(order, step), num_parallel_calls=2, deterministic=True)

    data = tf.data.Dataset.range(1).flat_map(one_epoch).apply(tf.data.experimental.assert_cardinality(steps))
    return data.prefetch(tf.data.AUTOTUNE)


def as_floats(values: Any) -> Any:
    """Pixels as float32; everything else as it is."""
    return tf.cast(values, tf.float32) if values.dtype == tf.uint8 else values


def getter(values: Any) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function from row numbers to those rows of an array: a gather in memory, a read where it is memory-mapped."""
    if isinstance(values, Windows):
        steps, starts = getter(values.values), tf.constant(values.starts, tf.int64)
        return lambda rows: steps(tf.gather(starts, rows)[:, None] + tf.range(values.length, dtype=tf.int64))
    if isinstance(values, np.memmap):

        def read(rows: tf.Tensor) -> tf.Tensor:
            found = tf.numpy_function(lambda wanted: np.asarray(values[wanted]), [rows], values.dtype, stateful=False)
            return tf.ensure_shape(found, (*rows.shape, *values.shape[1:]))

        return read
    held = tf.constant(values)
    return lambda rows: tf.gather(held, rows)
