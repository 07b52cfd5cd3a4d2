"""Experiment to run: train, resumable at any moment, and keep the best weights."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras

from zoo import runs as folders
from zoo.assembly import Assembled, assemble, check_data, set_up
from zoo.config import Experiment
from zoo.config.experiment import LAST
from zoo.config.load import absolute
from zoo.config.metrics import split_metric
from zoo.data import audit
from zoo.errors import DivergedError, Interrupted, ZooError
from zoo.evaluation.classifier import find_classifier
from zoo.evaluation.metrics import baseline_metrics
from zoo.runs import Run, locked, sweep, write_atomically
from zoo.training import lora, snapshot, transfer
from zoo.training.fitting import Pace, border, fit_phase, watched
from zoo.training.monitors import Watch
from zoo.training.transfer import Phase

log, epochs = logging.getLogger("zoo"), logging.getLogger("zoo.epochs")
epochs.propagate = False  # a line an epoch is for the file only
epochs.setLevel(logging.INFO)

PACKAGES = ("keras-zoo", "tensorflow", "keras", "numpy", "pandas", "scikit-learn")


def train(
    experiment: Experiment,
    *,
    runs: Path,
    resume: bool = False,
    others: Path | None = None,
    until: int | None = None,
    watch: Watch | None = None,
) -> Run:
    """Trains an experiment into a run folder; returns the finished run.

    Args:
        experiment: resolved, as `zoo.config.load_experiment` gives it.
        runs: the folder that holds `NAME/ID`.
        resume: go on with the newest unfinished run of the same experiment; where it is finished, return it as it is;
            where there is none, start one.
        others: the folder of runs that the experiment may name, to start from or to judge by; default: `runs`.
        until: pause after so many epochs: the run is left as an interrupted one, to be gone on with.
        watch: asked after each epoch with the history so far (Keras's names); True ends the training.

    Raises:
        ZooError: the experiment or its data cannot be used, or the folder cannot be written.
        DivergedError: the loss became NaN or infinite; the best weights until then are kept.
        Interrupted: Ctrl-C or SIGTERM; the run can be resumed.
    """
    run = same_run(experiment, runs)
    if resume and run and run.state == "finished":
        log.info("%s is finished already", run.path)
        return run
    if resume and run and until is not None and _how_far(run)[0] >= until:
        return run  # it came so far before whoever had asked was killed
    before = keras.mixed_precision.dtype_policy()
    try:
        return _train(experiment, runs, run, resume, others or runs, Pace(until, watch))
    finally:
        keras.mixed_precision.set_dtype_policy(before)  # the precision is this run's, not the process's


def _train(experiment: Experiment, runs: Path, run: Run | None, resume: bool, others: Path, pace: Pace) -> Run:
    process = set_up(experiment.train)
    if run and not resume and run.state in folders.UNFINISHED and not folders.held(run.path):
        log.warning("note: %s stopped at epoch %d of %d; add --resume to finish it. Starting a new run.", run.path, *_how_far(run))
    goes_on = bool(resume and run and (run.path / snapshot.FILE).exists())
    assembled = assemble(experiment, runs=others, starts=not goes_on)
    _check_monitors(assembled)
    if experiment.task and experiment.task.classifier:
        find_classifier(experiment.task.classifier, assembled.data, others)  # else hours of training would end without a score
    phases = transfer.plan(assembled)
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
        return _learn(run, assembled, phases, pace)


def _check_monitors(assembled: Assembled) -> None:
    """Raises ZooError where val cannot give a monitored metric, as the ROC of one class: training would keep nothing."""
    part, goal = assembled.experiment.train, assembled.experiment.goal
    for name in (part.keep_best, part.early_stopping and part.early_stopping.monitor, goal and goal.metric):
        why = assembled.task.lacks(split_metric(name)[1]) if name and name != LAST else None
        if why:
            raise ZooError(f"'{name}' will not be known of this '{assembled.experiment.model.name}'", why)
    train, val = assembled.learning["train"], assembled.learning["val"]
    names = watched(assembled)
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
        **({"weights": assembled.started_from} if assembled.started_from else {}),
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
    began, now = run.facts.get("weights"), assembled.started_from
    if began and now and began["sha256"] != now["sha256"]:
        raise ZooError(
            f"{run.path} began with other weights: model.weights: {began['given']} gives others now",
            f"they were taken from {began['run']}, and now from {now['run']}" if "run" in began else None,
            "start a new run without --resume",
        )
    if "dataset" not in vars(run):
        check_data(run, assembled.data)
        run.dataset = assembled.data


def _learn(run: Run, assembled: Assembled, phases: list[Phase], pace: Pace) -> Run:
    preprocessing, epochs = run.path / "preprocess.keras", assembled.experiment.train.epochs
    if not preprocessing.exists():
        write_atomically(preprocessing, assembled.data.graph.save)
    start = snapshot.read(run.path)
    if start:
        log.info("going on after epoch %d of %d in %s", start.epoch, epochs, run.path)
    run.mark("running")
    transfer.tell_start(assembled)
    transfer.add_adapters(assembled, phases)
    named: dict[str, Any] = {}
    try:
        for phase in phases:
            if start is None or start.phase <= phase.number:
                named = fit_phase(run, assembled, phase, start, pace)
                start = border(phase, named)
            if named and (named["diverged"].epoch is not None or named["paced"].over):
                break
    except KeyboardInterrupt:
        run.mark("interrupted")
        raise Interrupted(f"stopped at epoch {_how_far(run)[0]} of {epochs}: {run.path}", f"go on: {run.resuming}") from None
    if named["paced"].over == "paused":
        run.mark("interrupted")
        return run
    named["best"].weights = lora.merge(assembled.model, named["best"].weights)
    return _finish(run, assembled, named)


def _finish(run: Run, assembled: Assembled, named: dict[str, Any]) -> Run:
    """Writes the best weights and the history, then the state; in this order, so that a kill in between is resumed."""
    best, diverged, stopped, history = named["best"], named["diverged"], named.get("early_stopping"), named["history"]
    history.write(run.path / "history.csv")
    kept_some = best.best_epoch is not None  # a model without weights keeps none, and is good all the same
    if kept_some:
        assembled.model.set_weights(best.weights)
        write_atomically(run.path / "model.keras", lambda path: assembled.model.save(path, include_optimizer=False))
    facts = {"epochs": len(history.epoch), "best_epoch": None if best.best_epoch is None else best.best_epoch + 1, "finished": _now()}
    facts |= {"kept_by": best.metric, **named["waiting"].facts}
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
    slower = min(run.experiment.train.optimizer.learning_rate / 10, 0.01)
    told = f"the weights of epoch {run.facts['best_epoch']} are kept: zoo evaluate {run.path}"
    return DivergedError(
        f"training diverged in epoch {epoch + 1}: the loss, or a weight, is no longer a finite number",
        told if kept else f"no epoch went well, so no weights are kept in {run.path}",
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
