"""How long whoever learns waits for data."""

from __future__ import annotations

import tensorflow as tf

TRIALS = 256


class Clock:
    """Sums the seconds between asking for a batch and having it, in the epochs in which it is `on`.

    Two looks at the time a batch cost more than a batch of a tiny model, so one epoch is measured, not all; what the looks
    themselves cost is measured beforehand and taken off.
    """

    def __init__(self) -> None:
        self.on = tf.Variable(False)
        self._seconds = tf.Variable(0.0, dtype=tf.float64)
        self._batches = tf.Variable(0, dtype=tf.int64)
        self._own: float | None = None

    def timed(self, data: tf.data.Dataset, steps: int) -> tf.data.Dataset:
        """The same batches, measured where the clock is on when an epoch begins."""
        measured = self._looking(data)

        def one_epoch(_: tf.Tensor) -> tf.data.Dataset:
            looked_at = tf.where(self.on, tf.constant(steps, tf.int64), 0)
            return data.take(steps - looked_at).concatenate(measured.take(looked_at))

        return tf.data.Dataset.range(1).flat_map(one_epoch).apply(tf.data.experimental.assert_cardinality(steps))

    def _looking(self, data: tf.data.Dataset) -> tf.data.Dataset:
        asked = tf.data.Dataset.range(tf.int64.max).map(lambda _: tf.timestamp())

        def had(begin: tf.Tensor, batch: tuple) -> tuple:
            self._seconds.assign_add(tf.timestamp() - begin)
            self._batches.assign_add(1)
            return batch

        return tf.data.Dataset.zip(asked, data).map(had)

    def seconds(self) -> float:
        """What was waited since the last call."""
        waited, count = self._taken()
        if self._own is None:
            for _ in self._looking(tf.data.Dataset.range(TRIALS).map(lambda step: (step,))):
                pass
            own, trials = self._taken()
            self._own = own / trials
        return max(0.0, waited - count * self._own)

    def _taken(self) -> tuple[float, int]:
        found = float(self._seconds.numpy()), int(self._batches.numpy())
        self._seconds.assign(0.0)
        self._batches.assign(0)
        return found
