"""One phase of a training: its callbacks in their order, and Keras's fit."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.assembly import Assembled
from zoo.config.experiment import LAST, Train
from zoo.config.metrics import TASK_FACTS, split_metric
from zoo.data import batches
from zoo.data.clock import Clock
from zoo.data.draw import BALANCES
from zoo.layers.adversarial import Adversarial
from zoo.runs import Run
from zoo.training import snapshot, transfer
from zoo.training.callbacks import Checkpoint, Epoch, EpochLines, Events, History, MoreMetrics
from zoo.training.monitors import Best, Diverged, EarlyStopping, Paced, Plateau, Watch
from zoo.training.progress import ProgressLine
from zoo.training.transfer import Phase
from zoo.training.waiting import Waiting

VAL_BATCH = 256
OF_A_PHASE = ("early_stopping", "plateau")  # callbacks that begin anew with each


@dataclass(frozen=True)
class Pace:
    """How far to train now: `until` an epoch, and as long as `watch` does not say that it is hopeless."""

    until: int | None = None
    watch: Watch | None = None


def fit_phase(run: Run, assembled: Assembled, phase: Phase, start: snapshot.Snapshot | None, pace: Pace) -> dict[str, Any]:
    """Fits a phase from where `start` says, of it or of the one before, or from its beginning; returns the callbacks by name."""
    model = assembled.model

    def restore() -> None:
        if not model.optimizer.built:  # a GAN has built its two
            model.optimizer.build(model.trainable_variables)
        if start and start.phase == phase.number and start.variables:
            snapshot.restore(model, start, run.path)

    with transfer.begun(phase, assembled, restore) as fitted:
        epoch = tf.Variable(0, dtype=tf.int64)
        named, callbacks = _callbacks(run, fitted, phase, model, epoch, start, pace)
        try:
            _fit(fitted, phase, epoch, named["waiting"].clock, callbacks, start)
        finally:
            named["progress"].close()
    return named


def border(phase: Phase, named: dict[str, Any]) -> snapshot.Snapshot:
    """What the next phase begins with: the callbacks' states and the best weights; the model has its own, the optimizer is new."""
    states = {name: one.state() for name, one in named["checkpoint"].stateful.items() if name not in OF_A_PHASE}
    return snapshot.Snapshot(phase.end, False, [], named["best"].weights, states, phase.number)


def watched(assembled: Assembled) -> set[str]:
    """The metrics of val that somebody monitors and Keras does not log."""
    part = assembled.experiment.train
    monitors = [part.best_metric, *([part.early_stopping.monitor] if part.early_stopping else [])]
    return {split_metric(name)[1] for name in monitors if name != LAST} - set(TASK_FACTS[assembled.task.name].logged)


def _kept_by(model: keras.Model, part: Train) -> str:
    """What the kept weights are chosen by. The losses of a GAN say nothing of its samples: its last weights are kept."""
    said = part.keep_best or part.early_stopping
    return part.best_metric if said or not isinstance(model, Adversarial) else LAST


def _callbacks(
    run: Run,
    assembled: Assembled,
    phase: Phase,
    whole: keras.Model,
    epoch: tf.Variable,
    start: snapshot.Snapshot | None,
    pace: Pace,
) -> tuple[dict[str, Any], list[Any]]:
    """The callbacks by name, and in the order that matters: who computes before who reads, the checkpoint last."""
    part, task = assembled.experiment.train, assembled.task
    stop, schedule = part.early_stopping, part.schedule
    named: dict[str, Any] = {
        "epoch": Epoch(epoch),
        "metrics": MoreMetrics(task, assembled.learning["val"], watched(assembled), VAL_BATCH),
        "diverged": Diverged(),
        "best": Best(_kept_by(whole, part), task.name, whole),
    }
    if schedule.name == "plateau":
        named["plateau"] = Plateau(task.name, schedule.factor, schedule.patience)
    if stop and phase.last:
        named["early_stopping"] = EarlyStopping(stop.monitor, task.name, stop.patience, stop.min_delta, phase.first)
    if part.tensorboard:
        named["events"] = Events(run.path / "events")
    named["waiting"] = Waiting(Clock(), start.epoch if start else 0, phase.end)
    named["lines"] = EpochLines()
    named["progress"] = ProgressLine(start.epoch if start else 0, part.epochs)
    named["history"] = History()
    named["paced"] = Paced(named["history"], part.epochs, pace.until, pace.watch)
    stateful = {name: one for name, one in named.items() if hasattr(one, "restore")}
    named["checkpoint"] = Checkpoint(run.path, named["best"], named["history"], stateful, start, whole, phase.number, pace.until)
    return named, list(named.values())


def _fit(
    assembled: Assembled, phase: Phase, epoch: tf.Variable, clock: Clock, callbacks: list[Any], start: snapshot.Snapshot | None
) -> None:
    part, imbalance, encoded = assembled.experiment.train, assembled.experiment.imbalance, assembled.learning
    done = phase.end if start and start.stopped else start.epoch if start else 0
    if done >= phase.end:  # it had ended by itself; only the callbacks' state is needed for the rest
        keras.callbacks.CallbackList(callbacks, model=assembled.model).on_train_begin()
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The model does not have any trainable weights")  # whoever asks for repeat_last knows
        assembled.model.fit(
            batches(
                encoded["train"],
                part.batch_size,
                seed=part.seed,
                epoch=epoch,
                weights=_class_weights(assembled),
                balance=imbalance if imbalance in BALANCES else None,
                clock=clock,
            ),
            validation_data=batches(encoded["val"], max(part.batch_size, VAL_BATCH)),
            epochs=phase.end,
            initial_epoch=done,
            callbacks=callbacks,
            shuffle=False,  # the pipeline has done it
            verbose=0,
        )


def _class_weights(assembled: Assembled) -> np.ndarray | None:
    """n / (classes * count): each class counts the same in the loss. A class without a row weighs nothing."""
    if assembled.experiment.imbalance != "class_weight":
        return None
    y = assembled.learning["train"].y
    counts = np.bincount(y, minlength=assembled.data.num_classes or 0)
    return np.where(counts > 0, len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 0.0).astype(np.float32)
