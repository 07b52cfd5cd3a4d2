"""Experiment to run: train, resumable at any moment, and keep the best weights."""

from __future__ import annotations

import logging
import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import runs as folders
from zoo.assembly import Assembled, assemble, check_data, set_up
from zoo.config import Experiment
from zoo.config.load import absolute
from zoo.config.metrics import LOGGED_BY_KERAS, split_metric
from zoo.data import audit, batches
from zoo.data.clock import Clock
from zoo.data.draw import BALANCES
from zoo.errors import DivergedError, Interrupted, ZooError
from zoo.evaluation.metrics import baseline_metrics
from zoo.runs import Run, locked, sweep, write_atomically
from zoo.training import snapshot
from zoo.training.callbacks import Best, Checkpoint, Diverged, EarlyStopping, Epoch, EpochLines, Events, History, MoreMetrics, Plateau
from zoo.training.progress import ProgressLine
from zoo.training.waiting import Waiting

log, epochs = logging.getLogger("zoo"), logging.getLogger("zoo.epochs")
epochs.propagate = False  # a line an epoch is for the file only
epochs.setLevel(logging.INFO)

PACKAGES = ("keras-zoo", "tensorflow", "keras", "numpy", "pandas", "scikit-learn")
VAL_BATCH = 256


def train(experiment: Experiment, *, runs: Path, resume: bool = False) -> Run:
    """Trains an experiment into a run folder; returns the finished run.

    Args:
        experiment: resolved, as `zoo.config.load_experiment` gives it.
        runs: the folder that holds `NAME/ID`.
        resume: go on with the newest unfinished run of the same experiment; where it is finished, return it as it is;
            where there is none, start one.

    Raises:
        ZooError: the experiment or its data cannot be used, or the folder cannot be written.
        DivergedError: the loss became NaN or infinite; the best weights until then are kept.
        Interrupted: Ctrl-C or SIGTERM; the run can be resumed.
    """
    run = same_run(experiment, runs)
    if resume and run and run.state == "finished":
        log.info("%s is finished already", run.path)
        return run
    before = keras.mixed_precision.dtype_policy()
    try:
        return _train(experiment, runs, run, resume)
    finally:
        keras.mixed_precision.set_dtype_policy(before)  # the precision is this run's, not the process's


def _train(experiment: Experiment, runs: Path, run: Run | None, resume: bool) -> Run:
    process = set_up(experiment.train)
    if run and not resume and run.state in folders.UNFINISHED and not folders.held(run.path):
        log.warning("note: %s stopped at epoch %d of %d; add --resume to finish it. Starting a new run.", run.path, *_how_far(run))
    assembled = assemble(experiment)
    _check_monitors(assembled)
    if not (resume and run):
        run = _new_run(assembled, runs, process)
        run.dataset = assembled.data  # read, and of this run by construction
    about = f"{experiment.model.name}, {assembled.model.count_params():,} parameters, on {assembled.data.card.name}"
    log.info("%s    %s: %s", experiment.name, about, assembled.data.describe())
    with locked(run.path, "the run"), _log_file(run.path):
        run = run if "dataset" in vars(run) else Run(run.path)  # as it is now that we hold its lock
        if run.state == "finished":
            log.info("%s is finished already", run.path)
            return run
        sweep(run.path, run.path / "checkpoints")
        epochs.info("%s    %s, in process %d", experiment.name, about, os.getpid())
        _check_same(run, assembled, process)
        audit.tell(assembled.data)
        return _learn(run, assembled)


def _watched(assembled: Assembled) -> set[str]:
    """The metrics of val that somebody monitors and Keras does not log."""
    part = assembled.experiment.train
    monitors = [part.best_metric, *([part.early_stopping.monitor] if part.early_stopping else [])]
    return {split_metric(name)[1] for name in monitors} - set(LOGGED_BY_KERAS[assembled.task.name])


def _check_monitors(assembled: Assembled) -> None:
    """Raises ZooError where val cannot give a monitored metric, as the ROC of one class: training would keep nothing."""
    train, val = assembled.data.encoded["train"], assembled.data.encoded["val"]
    names = _watched(assembled)
    found = baseline_metrics(assembled.task, train.y, val.y) if names else {}
    for name in sorted(names):
        if found[name] is None:
            raise ZooError(
                f"val.{name} cannot be computed on the {len(val)} val rows of '{assembled.data.card.name}'",
                "monitor val.loss, or give val more rows",
            )


def same_run(experiment: Experiment, runs: Path) -> Run | None:
    """The newest unfinished run of the same resolved experiment and card, else the newest finished one."""
    wanted, card = experiment.model_dump(), absolute(experiment.card).model_dump()
    same = []
    for run in folders.all_runs(runs, experiment.name):
        try:
            if run.state != "diverged" and run.experiment.model_dump() == wanted and run.card.model_dump() == card:
                same.append(run)
        except ZooError:  # a run of an older or a broken kind is none to go on with
            continue
    unfinished = [run for run in same if run.state in folders.UNFINISHED]
    return next(iter([*unfinished, *same]), None)


def _how_far(run: Run) -> tuple[int, int]:
    found = snapshot.read(run.path)
    return (found.epoch if found else 0), run.experiment.train.epochs


def _new_run(assembled: Assembled, runs: Path, process: dict[str, Any]) -> Run:
    facts = {
        "task": assembled.task.name,
        "model": assembled.experiment.model.name,
        "params": assembled.model.count_params(),
        **process,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: version(name) for name in PACKAGES},
        "started": _now(),
    }
    return folders.create(runs, assembled.experiment, absolute(assembled.experiment.card), facts, assembled.data.record())


def _check_same(run: Run, assembled: Assembled, process: dict[str, Any]) -> None:
    """A run goes on only with the threads and the data it began with: else its end would be another."""
    if run.facts["threads"] != process["threads"]:
        raise ZooError(
            f"{run.path} was started with {run.facts['threads']} threads, and this process has {process['threads']}",
            "results differ with the count: resume it on as many processors, or start a new run without --resume",
        )
    if "dataset" not in vars(run):
        check_data(run, assembled.data)
        run.dataset = assembled.data


def _learn(run: Run, assembled: Assembled) -> Run:
    model, train_part = assembled.model, assembled.experiment.train
    preprocessing = run.path / "preprocess.keras"
    if not preprocessing.exists():
        write_atomically(preprocessing, assembled.data.graph.save)
    start = snapshot.read(run.path)
    model.optimizer.build(model.trainable_variables)
    if start:
        snapshot.restore(model, start, run.path)
        log.info("going on after epoch %d of %d in %s", start.epoch, train_part.epochs, run.path)
    run.mark("running")
    epoch = tf.Variable(0, dtype=tf.int64)
    named, callbacks = _callbacks(run, assembled, epoch, start)
    try:
        _fit(assembled, epoch, named["waiting"].clock, callbacks, start)
    except KeyboardInterrupt:
        run.mark("interrupted")
        raise Interrupted(f"stopped at epoch {_how_far(run)[0]} of {train_part.epochs}: {run.path}", f"go on: {run.resuming}") from None
    finally:
        named["progress"].close()
    return _finish(run, assembled, named)


def _callbacks(run: Run, assembled: Assembled, epoch: tf.Variable, start: snapshot.Snapshot | None) -> tuple[dict[str, Any], list[Any]]:
    """The callbacks by name, and in the order that matters: who computes before who reads, the checkpoint last."""
    part, task = assembled.experiment.train, assembled.task
    stop, schedule = part.early_stopping, part.schedule
    named: dict[str, Any] = {
        "epoch": Epoch(epoch),
        "metrics": MoreMetrics(task, assembled.data.encoded["val"], _watched(assembled), VAL_BATCH),
        "diverged": Diverged(),
        "best": Best(part.best_metric, task.name),
    }
    if schedule.name == "plateau":
        named["plateau"] = Plateau(task.name, schedule.factor, schedule.patience)
    if stop:
        named["early_stopping"] = EarlyStopping(stop.monitor, task.name, stop.patience, stop.min_delta)
    if part.tensorboard:
        named["events"] = Events(run.path / "events")
    named["waiting"] = Waiting(Clock(), start.epoch if start else 0, part.epochs)
    named["lines"] = EpochLines()
    named["progress"] = ProgressLine(start.epoch if start else 0, part.epochs)
    named["history"] = History()
    stateful = {name: one for name, one in named.items() if hasattr(one, "restore")}
    named["checkpoint"] = Checkpoint(run.path, named["best"], named["history"], stateful, start)
    return named, list(named.values())


def _fit(assembled: Assembled, epoch: tf.Variable, clock: Clock, callbacks: list[Any], start: snapshot.Snapshot | None) -> None:
    part, imbalance, encoded = assembled.experiment.train, assembled.experiment.imbalance, assembled.data.encoded
    done = part.epochs if start and start.stopped else start.epoch if start else 0
    if done >= part.epochs:  # it had ended by itself; only the callbacks' state is needed for the rest
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
            epochs=part.epochs,
            initial_epoch=done,
            callbacks=callbacks,
            shuffle=False,  # the pipeline has done it
            verbose=0,
        )


def _class_weights(assembled: Assembled) -> np.ndarray | None:
    """n / (classes * count): each class counts the same in the loss. A class without a row weighs nothing."""
    if assembled.experiment.imbalance != "class_weight":
        return None
    y = assembled.data.encoded["train"].y
    counts = np.bincount(y, minlength=assembled.data.num_classes or 0)
    return np.where(counts > 0, len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 0.0).astype(np.float32)


def _finish(run: Run, assembled: Assembled, named: dict[str, Any]) -> Run:
    """Writes the best weights and the history, then the state; in this order, so that a kill in between is resumed."""
    best, diverged, stopped, history = named["best"], named["diverged"], named.get("early_stopping"), named["history"]
    history.write(run.path / "history.csv")
    kept_some = best.best_epoch is not None  # a model without weights keeps none, and is good all the same
    if kept_some:
        assembled.model.set_weights(best.weights)
        write_atomically(run.path / "model.keras", lambda path: assembled.model.save(path, include_optimizer=False))
    facts = {"epochs": len(history.epoch), "best_epoch": None if best.best_epoch is None else best.best_epoch + 1, "finished": _now()}
    facts |= named["waiting"].facts
    if diverged.epoch is not None:
        run.mark("diverged", **facts)
        raise _diverged(run, diverged.epoch, kept_some)
    if not kept_some:
        run.mark("diverged", **facts)
        raise DivergedError(f"{best.metric} was a finite number in no epoch, so no weights are kept in {run.path}", "monitor val.loss")
    kept = f"the weights of epoch {facts['best_epoch']} are kept"
    if stopped and stopped.stopped_epoch is not None:
        said = f"{stopped.metric} has not improved for {stopped.patience} epochs"
        log.info("stopped at epoch %d: %s; %s", stopped.stopped_epoch + 1, said, kept)
    else:
        log.info("trained %d epoch%s; %s", len(history.epoch), "s" * (len(history.epoch) > 1), kept)
    if named["waiting"].warning:
        log.warning(named["waiting"].warning)
    run.mark("finished", **facts)
    return run


def _diverged(run: Run, epoch: int, kept: bool) -> DivergedError:
    slower = run.experiment.train.optimizer.learning_rate / 10
    return DivergedError(
        f"training diverged in epoch {epoch + 1}: the loss is no longer a finite number",
        f"the weights of epoch {run.facts['best_epoch']} are kept in {run.path}" if kept else "no epoch went well, so no weights are kept",
        f"try a smaller learning rate: --set train.optimizer.learning_rate={slower:g}",
    )


@contextmanager
def _log_file(folder: Path) -> Iterator[None]:
    """What is said while training stands in `train.log` too, and a line an epoch."""
    handler = logging.FileHandler(folder / "train.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    spoken = log.level
    log.addHandler(handler)
    epochs.addHandler(handler)
    log.setLevel(min(spoken or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        log.removeHandler(handler)
        epochs.removeHandler(handler)
        log.setLevel(spoken)
        handler.close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
