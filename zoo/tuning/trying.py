"""One trial, in a worker's process: a task of plain data becomes a result of plain data. It sees the training and the val split only."""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from zoo.config import Card, Experiment
from zoo.config.metrics import METRICS, split_metric
from zoo.config.splits import CrossValidation
from zoo.errors import ZooError
from zoo.evaluation import evaluate, val_metrics
from zoo.runs import Run
from zoo.training import train
from zoo.tuning.pruning import Pruner
from zoo.tuning.trials import COMPLETED, FAILED, LOG, PRUNED

RUN = "run"  # the folder of its run, or of one a fold
FLOATX = keras.config.floatx()
MEMORY = ("ResourceExhausted", "MemoryError", "OOM when allocating")


def try_point(task: Mapping[str, Any]) -> dict[str, Any]:
    """Trains what a task says, and gives the result; whatever goes wrong is in it, as state and reason.

    Args:
        task: `folder` of the trial, `experiment` and `card` (plain, resolved), `name`, `dataset`, `objective`, `watched`, `epochs`
            (until which, or null), `continues` (the folder of the trial that it goes on with, or null), `folds` (or null), `past` (curves
            of earlier trials, or null: no pruning), `runs` (where the run of a winner goes, to be tested; or null),
            `others` (where runs are that the experiment names), `imports` (modules
            that register models), `path` (where they are found).

    Returns:
        `state`, `score`, `curve`, `epochs` (of the whole training), `params`, `reason`, `seconds`, `data` (its fingerprint), and of a
        winner `run`, the folder of its evaluated run.
    """
    began = time.monotonic()
    keras.config.set_floatx(FLOATX)  # an earlier trial of this worker may have changed it
    folder = Path(task["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    with _logged(folder / LOG):
        try:
            result = _tried(task, folder)
        except ZooError as error:
            logging.getLogger("zoo").warning("%s", error)
            result = {"state": FAILED, "reason": "; ".join(" ".join(line.split()) for line in (error.what, *error.details[:1]))}
        except (Exception, SystemExit) as error:  # whatever a model, a layer or a library does to itself costs this trial only
            traceback.print_exc()
            said = next(iter(str(error).strip().splitlines()), "")[:300]
            out = "out of memory: " if any(word in f"{type(error).__name__} {said}" for word in MEMORY) else ""
            result = {"state": FAILED, "reason": f"{out}{type(error).__name__}: {said}"}
    keras.utils.clear_session(free_memory=True)
    return {"score": None, "curve": [], "epochs": 0, "params": None, "reason": None, **result, "seconds": time.monotonic() - began}


def _tried(task: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    sys.path[:] = list(dict.fromkeys([*task["path"], *sys.path]))
    for module in task["imports"]:
        importlib.import_module(module)
    experiment = _experiment(task)
    split, metric = split_metric(task["objective"])
    sign = 1 if METRICS[str(experiment.task and experiment.task.name)][metric] == "max" else -1
    folds = task["folds"] or 1
    pruner = Pruner(sign, task["past"]) if task["past"] is not None else None
    if task["continues"]:
        _take_over(Path(task["continues"]) / RUN, folder / RUN)
    runs, curves = [], []
    root = Path(task["runs"] or folder / RUN)
    for fold in range(folds):
        one = experiment if folds == 1 else _of_fold(experiment, folds, fold)
        run = train(
            one, runs=root, resume=True, others=Path(task["others"]), until=task["epochs"], watch=_watch(pruner, f"{split}_{metric}")
        )
        runs.append(run)
        curves.append(_curve(run, task["objective"]) if task["watched"] else [])
    scores = [_best(curve, sign) if task["watched"] else _measured(run, metric, task) for run, curve in zip(runs, curves, strict=True)]
    hopeless = pruner is not None and pruner.hopeless(curves[0])
    result = {
        "data": runs[0].data["fingerprint"],
        "state": PRUNED if hopeless else COMPLETED,
        "score": sum(scores) / len(scores),
        "curve": curves[0] if folds == 1 else [],
        "epochs": sum(len(run.history) for run in runs),
        "params": runs[0].facts["params"],
        "reason": f"worse than the median of the earlier trials at epoch {len(curves[0])}" if hopeless else None,
    }
    if task["runs"]:
        if not runs[0].evaluated:
            evaluate(runs[0])
        return {**result, "run": str(runs[0].path)}
    if task["epochs"] is None:
        shutil.rmtree(folder / RUN, ignore_errors=True)  # nobody goes on with it; the winner is trained again
    return result


def _take_over(theirs: Path, ours: Path) -> None:
    """Copies what another trial has trained so far; where it is not there, training begins anew and comes to the same."""
    if ours.exists() or not theirs.exists():
        return
    building = ours.with_name(f".{os.getpid()}-{ours.name}")
    shutil.copytree(theirs, building, ignore=shutil.ignore_patterns(".lock", ".[0-9]*-*"))
    building.rename(ours)


def _experiment(task: Mapping[str, Any]) -> Experiment:
    told = task["experiment"]
    if not task["runs"]:  # its run is removed when it ends: nobody would see the event files
        told = {**told, "train": {**told["train"], "tensorboard": False}}
    experiment, card = Experiment.model_validate(told), Card.model_validate(task["card"])
    card._name = task["dataset"]
    experiment._name, experiment._card = task["name"], card
    return experiment


def _of_fold(experiment: Experiment, folds: int, fold: int) -> Experiment:
    card = experiment.card.model_copy(update={"cross_validation": CrossValidation(folds=folds, fold=fold)})
    one = experiment.model_copy()
    one._card = card
    return one


def _watch(pruner: Pruner | None, logged: str) -> Any:
    return (lambda history: pruner.hopeless(history[logged])) if pruner else None


def _curve(run: Run, objective: str) -> list[float]:
    history = run.history
    if objective not in history:
        raise ZooError(f"no trial reports {objective}", f"reported are: {', '.join(history.columns)}")
    return [float(value) for value in history[objective]]


def _best(curve: list[float], sign: int) -> float:
    finite = [value for value in curve if math.isfinite(value)]
    if not finite:
        raise ZooError("the objective was a finite number in no epoch")
    return max(finite, key=lambda value: sign * value)


def _measured(run: Run, metric: str, task: Mapping[str, Any]) -> float:
    """The objective on val, where training cannot watch it."""
    found = val_metrics(run, runs=Path(task["others"]))
    value = found.get(metric)
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        known = ", ".join(f"val.{name}" for name, one in found.items() if isinstance(one, (int, float)))
        raise ZooError(f"no trial reports val.{metric} of this data", f"reported are: {known}")
    return float(value)


@contextlib.contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Everything that is said or printed, by libraries in C++ too, goes to the trial's log."""
    log, handle = logging.getLogger("zoo"), os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    before = [os.dup(1), os.dup(2)]
    handler = logging.StreamHandler(sys.stderr)
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, old in enumerate(before, 1):
            os.dup2(old, number)
            os.close(old)
        os.close(handle)
        log.removeHandler(handler)
        log.setLevel(level)
