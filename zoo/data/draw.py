"""Which rows an epoch sees, in which order: a pure function of (seed, epoch)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

MATERIALISED = 1_000_000  # rows; a longer order is computed a batch at a time (a format-preserving cipher) instead of being kept
COPIES = 2**40  # a row's number plus so many a further copy of it in one epoch: no dataset has as many rows

BALANCES = ("oversample", "undersample")


def length(y: Any, balance: str | None) -> int:
    """Examples of an epoch: all of them, or with a balance as many of each class as its largest or its smallest has."""
    if balance is None:
        return len(y)
    counts = np.unique(y, return_counts=True)[1]
    return int(len(counts) * (counts.max() if balance == "oversample" else counts.min()))


class Orders:
    """The orders of all epochs.

    Args:
        size: rows of the split.
        seed: what they follow from, together with the epoch; without it the order is the source's.
        balance: draws the classes alike: `oversample` each to the size of the largest, `undersample` to that of the smallest.
        classes: class numbers (n,), for a balance.
    """

    def __init__(self, size: int, seed: int | None, balance: str | None = None, classes: Any = None) -> None:
        assert balance is None or seed is not None
        self.size, self.seed = size, seed
        self.balanced = Balanced(np.asarray(classes), balance) if balance else None

    def of(self, epoch: Any) -> Callable[[Any, Any], tf.Tensor]:
        """Of an epoch (int64) the function from places start and stop to the examples there: a row's number, and COPIES more for
        each further copy of it, int64."""
        if self.seed is None:
            return lambda start, stop: tf.range(start, stop, dtype=tf.int64)
        seed = tf.stack([tf.constant(self.seed, tf.int64), tf.cast(epoch, tf.int64)])
        if self.balanced is None and self.size > MATERIALISED:
            return lambda start, stop: _computed(tf.range(start, stop, dtype=tf.int64), self.size, seed)
        rows = self.balanced.draw(seed) if self.balanced else _shuffled(tf.range(self.size, dtype=tf.int64), seed)
        return lambda start, stop: rows[start:stop]


def _computed(places: tf.Tensor, size: int, seed: tf.Tensor) -> tf.Tensor:
    words = tf.cast(seed % 2**32, tf.uint32)
    return tf.random.experimental.index_shuffle(places, words, tf.constant(size - 1, tf.int64))


def _shuffled(rows: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_shuffle(rows, seed=seed)


class Balanced:
    """As many rows of each class: every row comes before any comes twice, and who comes once more is drawn anew each epoch."""

    def __init__(self, classes: np.ndarray, balance: str) -> None:
        counts = np.unique(classes, return_counts=True)[1]
        each = counts.max() if balance == "oversample" else counts.min()
        starts = np.cumsum(counts) - counts
        self.classes = tf.constant(classes)
        self.drawn = tf.constant((np.arange(each) % counts[:, None] + starts[:, None]).ravel(), tf.int64)
        self.copies = tf.constant((np.arange(each) // counts[:, None] * COPIES).ravel(), tf.int64)

    def draw(self, seed: tf.Tensor) -> tf.Tensor:
        """The examples of an epoch, in its order."""
        shuffled = _shuffled(tf.range(len(self.classes), dtype=tf.int64), seed)
        by_class = tf.gather(shuffled, tf.argsort(tf.gather(self.classes, shuffled), stable=True))
        return _shuffled(tf.gather(by_class, self.drawn) + self.copies, seed + tf.constant([0, 2**62], tf.int64))
