"""YAML to an optimizer and its learning rate schedule."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from zoo.config.experiment import OPTIMIZERS, Optimizer, Schedule

CLASSES = {
    "adamw": keras.optimizers.AdamW,
    "adam": keras.optimizers.Adam,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "adamax": keras.optimizers.Adamax,
    "nadam": keras.optimizers.Nadam,
    "lion": keras.optimizers.Lion,
}


@keras.saving.register_keras_serializable("zoo")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """rate(step): a straight rise from 0 in `warmup` steps, then constant, cosine, exponential or plateau.

    Args:
        kind: the name of the schedule.
        rate: the learning rate at its height.
        warmup: steps of the rise.
        steps: all steps of the training.
        end: where cosine and exponential arrive, as a fraction of `rate`.

    On a plateau a callback makes `factor` smaller; it is 1 otherwise.
    """

    def __init__(self, kind: str, rate: float, warmup: int, steps: int, end: float) -> None:
        super().__init__()
        self.kind, self.rate, self.warmup, self.steps, self.end = kind, rate, warmup, steps, end
        self.factor = keras.Variable(1.0, trainable=False, dtype="float32", name="plateau_factor") if kind == "plateau" else None

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        progress = ops.clip((step - self.warmup) / max(1, self.steps - self.warmup), 0.0, 1.0)
        rate = self.rate * self._fall(progress)
        if not self.warmup:
            return rate
        return ops.where(step < self.warmup, self.rate * (step + 1.0) / self.warmup, rate)

    def _fall(self, progress: Any) -> Any:
        if self.kind == "cosine":
            return self.end + (1 - self.end) * 0.5 * (1 + ops.cos(math.pi * progress))
        if self.kind == "exponential":
            return ops.exp(math.log(self.end) * progress)
        return ops.ones_like(progress) * (self.factor if self.factor is not None else 1.0)

    def get_config(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("kind", "rate", "warmup", "steps", "end")}


def make(optimizer: Optimizer, schedule: Schedule, *, steps_per_epoch: int, epochs: int) -> keras.Optimizer:
    """The optimizer with its schedule. Weight decay leaves biases and normalisations alone, as is usual."""
    own = {key: getattr(optimizer, key) for key in OPTIMIZERS[optimizer.name]}
    decay = own.pop("weight_decay")
    steps = steps_per_epoch * epochs
    rate: Any = optimizer.learning_rate
    if schedule.name != "constant" or schedule.warmup:
        rate = LearningRate(schedule.name, rate, round(schedule.warmup * steps), steps, schedule.end or 0.0)
    # Keras's AdamW refuses None; the others take 0 for a decay to be computed
    weight_decay = decay if optimizer.name == "adamw" else decay or None
    made = CLASSES[optimizer.name](learning_rate=rate, global_clipnorm=optimizer.clip_norm, weight_decay=weight_decay, **own)
    if decay:
        made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made
