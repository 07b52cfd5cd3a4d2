"""Whether a run is held up by its data: the share of an epoch in which the model waits for the next batch."""

from __future__ import annotations

import time
from typing import Any

import keras

from zoo.data.clock import Clock

MUCH = 0.3  # of an epoch: from here on a person is told,
LONG = 0.5  # where it is that many seconds: the first batch of a tiny epoch is always waited for


class Waiting(keras.callbacks.Callback):
    """Measures the second epoch of this process, the first that traces no graph, or the only one. Nothing of it is in history.csv."""

    def __init__(self, clock: Clock, first: int, epochs: int) -> None:
        super().__init__()
        self.clock, self.measured = clock, min(first + 1, epochs - 1)
        self.waited = 0.0
        self.share: float | None = None
        self.begun: float | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        measured = epoch == self.measured
        self.clock.on.assign(measured)
        if measured:
            self.clock.seconds()
            self.begun = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:
        self._end()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._end()

    def _end(self) -> None:
        if self.begun is not None:
            took, self.begun = time.perf_counter() - self.begun, None
            self.waited = self.clock.seconds()
            self.share = min(1.0, self.waited / took)

    @property
    def facts(self) -> dict[str, float]:
        """For `run.json`: `waits_for_data`, a share; nothing where no epoch was measured."""
        return {} if self.share is None else {"waits_for_data": round(self.share, 3)}

    @property
    def warning(self) -> str | None:
        if self.share is None or self.share < MUCH or self.waited < LONG:
            return None
        return f"note: {100 * self.share:.0f} % of an epoch waits for data: docs/performance.md says what helps"
