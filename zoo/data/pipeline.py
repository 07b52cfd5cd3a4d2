"""One tf.data pipeline: batches that are a pure function of (seed, epoch).

Work is done on batches, never on single examples. The order of an epoch is drawn without state, so a resumed run sees
what an uninterrupted one would have seen; what augmentation draws follows from (seed, epoch, example).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.data.augment import Augment
from zoo.data.augment.chance import keys_of
from zoo.data.clock import Clock
from zoo.data.draw import COPIES, Orders, length
from zoo.data.mapped import Mapped
from zoo.data.windows import Rows, Windows

PARALLEL = max(2, min(8, os.cpu_count() or 2))  # batches that are made at a time


@dataclass(frozen=True)
class Encoded:
    """A split, encoded once: what the model takes, and the target.

    Attributes:
        x: an array (in memory or memory-mapped), Windows, Rows, or a dict of such by name. uint8 are pixels 0..255: they are cast
            to float32 a batch at a time, at a quarter of the memory.
        y: class numbers int32 (n,), values float32 (n, …), or Windows.
        finish: what is left to do for a batch of `x` before the model takes it, as TensorFlow: windows are not encoded one by
            one, and what is augmented raw is encoded afterwards.
        augment: what is done to the batches of whoever learns; it needs a seed.
        pair: what `fit` takes of a whole batch (x, y), where that is another: of an autoencoder (x, x).
    """

    x: Any
    y: Any
    finish: Callable[[Any], Any] | None = None
    augment: Augment | None = None
    pair: Callable[[Any, Any], tuple[Any, Any]] | None = None

    def __len__(self) -> int:
        return len(self.y)


def batches(
    split: Encoded,
    batch_size: int,
    *,
    seed: int | None = None,
    epoch: tf.Variable | None = None,
    weights: np.ndarray | None = None,
    balance: str | None = None,
    clock: Clock | None = None,
) -> tf.data.Dataset:
    """(x, y) or (x, y, weight) batches of one epoch.

    Args:
        split: the examples.
        batch_size: examples a batch; the last batch may be smaller.
        seed: draws the order, and what augmentation does, together with `epoch`; without it the order is the source's and
            nothing is augmented.
        epoch: an int64 variable that whoever iterates sets before each epoch; without one each iteration counts it up.
        weights: float32, one a class number of `y`.
        balance: `oversample` or `undersample`: an epoch sees each class alike often. It needs a seed.
        clock: measures how long whoever iterates waits.
    """
    size = length(split.y, balance)
    steps = -(-size // batch_size)
    x, y = tf.nest.map_structure(getter, split.x), getter(split.y)
    by_class = None if weights is None else tf.constant(weights, tf.float32)
    orders = Orders(len(split), seed, balance, split.y)
    own_epoch = tf.Variable(-1, dtype=tf.int64) if seed is not None and epoch is None else None

    def take(order: Callable[[Any, Any], tf.Tensor], now: Any, step: tf.Tensor) -> tuple[Any, ...]:
        numbers = order(step * batch_size, tf.minimum((step + 1) * batch_size, size))
        rows = numbers % COPIES if balance else numbers
        target, example = y(rows), tf.nest.map_structure(lambda get: as_floats(get(rows)), x)
        augment = split.augment if seed is not None else None
        keys = keys_of(seed, now, numbers) if augment else None
        if augment and augment.before:
            example, target = augment.before(example, target, keys)
        example = split.finish(example) if split.finish else example
        if augment and augment.after:
            example, target = augment.after(example, target, keys)
        weights = () if by_class is None else (weights_of(by_class, target),)
        return (*(split.pair(example, target) if split.pair else (example, target)), *weights)

    def one_epoch(_: tf.Tensor) -> tf.data.Dataset:
        now = tf.zeros((), tf.int64) if seed is None else own_epoch.assign_add(1) if own_epoch is not None else tf.identity(epoch)
        order = orders.of(now)
        return tf.data.Dataset.range(steps).map(lambda step: take(order, now, step), num_parallel_calls=PARALLEL, deterministic=True)

    data = tf.data.Dataset.range(1).flat_map(one_epoch).apply(tf.data.experimental.assert_cardinality(steps))
    data = data.prefetch(tf.data.AUTOTUNE)
    return clock.timed(data, steps) if clock else data


def weights_of(by_class: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """The weight of each example: of its class, or of mixed labels the mean over its classes."""
    if not y.dtype.is_floating:
        return tf.gather(by_class, y)
    return by_class[0] + (by_class[1] - by_class[0]) * y if len(y.shape) == 1 else tf.linalg.matvec(y, by_class)


def as_floats(values: Any) -> Any:
    """Pixels as float32; everything else as it is."""
    return tf.cast(values, tf.float32) if values.dtype == tf.uint8 else values


def getter(values: Any) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function from row numbers to those rows of an array: a gather in memory, a read where it is memory-mapped."""
    if isinstance(values, Rows):
        whole, numbers = getter(values.values), tf.constant(values.rows, tf.int64)
        return lambda rows: whole(tf.gather(numbers, rows))
    if isinstance(values, Windows):
        steps, starts = getter(values.values), tf.constant(values.starts, tf.int64)
        return lambda rows: steps(tf.gather(starts, rows)[:, None] + tf.range(values.length, dtype=tf.int64))
    if isinstance(values, np.memmap):
        mapped = Mapped(values)

        def read(rows: tf.Tensor) -> tf.Tensor:
            found = tf.numpy_function(mapped, [rows], values.dtype, stateful=False)
            return tf.ensure_shape(found, (*rows.shape, *values.shape[1:]))

        return read
    held = tf.constant(values)
    return lambda rows: tf.gather(held, rows)
