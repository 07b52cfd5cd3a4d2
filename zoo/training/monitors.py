"""The callbacks that watch: who decides which weights are kept, and when training ends. Each carries its state into the checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from zoo import optimizers
from zoo.config.experiment import LAST
from zoo.config.metrics import METRICS, split_metric

Watch = Callable[[Mapping[str, list[float]]], bool]


class Stateful(keras.callbacks.Callback):
    """A callback whose named attributes are part of the checkpoint."""

    kept: tuple[str, ...] = ()

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.kept}

    def restore(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


def healthy(model: keras.Model, logs: Mapping[str, float]) -> bool:
    """Whether losses and weights are finite numbers: a rectifier makes 0 of a NaN before it, and the loss says nothing of it."""
    losses = (logs["loss"], logs.get("val_loss", 0.0))
    return all(map(math.isfinite, losses)) and all(np.isfinite(weight).all() for weight in model.get_weights())


class Diverged(Stateful):
    """Stops as soon as the loss, or at an epoch's end a weight, is no finite number."""

    kept = ("epoch",)
    async_safe = True  # looks and sets a flag; Keras need not wait for it

    def __init__(self) -> None:
        super().__init__()
        self.epoch: int | None = None
        self.now = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.now = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if logs and not math.isfinite(logs["loss"]):
            self.epoch = self.now
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if logs and not healthy(self.model, logs):
            self.epoch = epoch
            self.model.stop_training = True


class Monitor(Stateful):
    """Watches one metric of the logs: which value was best, and in which epoch."""

    kept: tuple[str, ...] = ("best", "best_epoch")

    def __init__(self, metric: str, task: str, min_delta: float = 0.0) -> None:
        super().__init__()
        self.metric = metric
        self.monitor = metric.replace(".", "_")
        self.sign = 1.0 if metric != LAST and METRICS[task][split_metric(metric)[1]] == "max" else -1.0
        self.min_delta = min_delta
        self.best: float | None = None
        self.best_epoch: int | None = None

    def improved(self, epoch: int, logs: dict[str, float]) -> bool:
        """Whether this epoch is the best so far, by more than `min_delta`; it is remembered then."""
        value = -float(epoch) if self.metric == LAST else logs[self.monitor]
        if not math.isfinite(value):
            return False
        if self.best is None or self.sign * (value - self.best) > self.min_delta:
            self.best, self.best_epoch = value, epoch
            return True
        return False


class Best(Monitor):
    """Keeps the weights of the best epoch: of `whole`, where only its head is fitted."""

    weights: list[np.ndarray]

    def __init__(self, metric: str, task: str, whole: keras.Model) -> None:
        super().__init__(metric, task)
        self.whole, self.weights = whole, []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        if healthy(self.whole, logs) and self.improved(epoch, logs):
            self.weights = self.whole.get_weights()


class EarlyStopping(Monitor):
    """Stops after `patience` epochs without an improvement, counted from the epoch `first`."""

    kept = ("best", "best_epoch", "stopped_epoch")

    def __init__(self, metric: str, task: str, patience: int, min_delta: float, first: int = 0) -> None:
        super().__init__(metric, task, min_delta)
        self.patience, self.first = patience, first
        self.stopped_epoch: int | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        since = epoch - (self.best_epoch if self.best_epoch is not None else self.first - 1)
        if not self.improved(epoch, logs) and since >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True


class Plateau(Monitor):
    """Multiplies the learning rate by `factor` when val.loss has not improved for `patience` epochs."""

    kept = ("best", "best_epoch", "since", "scale")

    def __init__(self, task: str, factor: float | None, patience: int | None) -> None:
        super().__init__("val.loss", task)
        assert factor is not None
        assert patience is not None
        self.factor, self.patience = factor, patience
        self.since = 0
        self.scale = 1.0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        self.since = 0 if self.improved(epoch, logs) else self.since + 1
        if self.since >= self.patience:
            self.since, self.scale = 0, self.scale * self.factor
            self._apply()

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._apply()

    def _apply(self) -> None:
        rate = self.model.optimizer._learning_rate
        assert isinstance(rate, optimizers.LearningRate)
        assert rate.factor is not None
        rate.factor.assign(self.scale)


class Paced(Stateful):
    """Stops where somebody who watches the history says so (`over`: hopeless), or at the epoch `until` (paused)."""

    kept = ("over",)

    def __init__(self, history: keras.callbacks.History, epochs: int, until: int | None, watch: Watch | None) -> None:
        super().__init__()
        self.history, self.until, self.watch = history, until if until and until < epochs else None, watch
        self.over: str | None = None

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.over = None if self.over == "paused" else self.over  # it goes on now

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.watch and not self.model.stop_training and self.watch(self.history.history):
            self.over = "hopeless"
        elif self.until == epoch + 1 and not self.model.stop_training:
            self.over = "paused"
        self.model.stop_training = self.model.stop_training or self.over is not None
