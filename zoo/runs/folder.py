"""A run folder: its file names and states; made whole, read on demand, found by folder, ID or `NAME@last`."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from functools import cached_property
from glob import escape
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.config import yamls
from zoo.config.card import Card
from zoo.config.experiment import Experiment
from zoo.config.metrics import TASK_FACTS
from zoo.errors import ZooError, did_you_mean
from zoo.runs.files import fsync_folder, make_folder, read_json, reason, sweep, write_json, write_text
from zoo.shelf import check_name

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from zoo.data import Dataset

UNFINISHED = ("running", "interrupted")


class Run:
    """A run folder, read. Everything in it is read when it is asked for; nothing of it runs code."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts = read_json(path / "run.json")
        lacking = [key for key in ("experiment", "dataset", "state") if key not in self.facts]
        if lacking:
            raise ZooError(f"{path / 'run.json'} lacks '{lacking[0]}'", "it was changed by hand")
        for key in ("experiment", "dataset"):
            check_name(str(self.facts[key]), str(path / "run.json"))

    def __repr__(self) -> str:
        return f"Run('{self.path}', {self.state})"

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.facts["experiment"])

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def state(self) -> str:
        """running, interrupted, diverged or finished."""
        return str(self.facts["state"])

    @cached_property
    def card(self) -> Card:
        card: Card = _part(Card, self.path / "card.yaml")
        card._name = str(self.facts["dataset"])
        return card

    @cached_property
    def experiment(self) -> Experiment:
        experiment: Experiment = _part(Experiment, self.path / "experiment.yaml")
        experiment._name, experiment._card = self.name, self.card
        return experiment

    @cached_property
    def data(self) -> dict[str, Any]:
        """Fingerprint, split manifest and fitted statistics."""
        return read_json(self.path / "data.json")

    @property
    def metrics(self) -> dict[str, Any]:
        """`metrics.json`: val, test and their baseline."""
        metrics = read_json(self.path / "metrics.json")
        if not all(isinstance(metrics.get(part), dict) for part in ("val", "test", "baseline")):
            raise ZooError(f"{self.path / 'metrics.json'} lacks val, test or baseline", f"write it again: zoo evaluate {self.path}")
        return metrics

    @property
    def baselines(self) -> dict[str, dict[str, Any]]:
        """The test metrics of what the model stands beside, by name; the task's own baseline is the first."""
        metrics = self.metrics
        others = {name: one["test"] for name, one in metrics.get("baselines", {}).items()}
        return {TASK_FACTS[str(self.facts["task"])].baseline: metrics["baseline"]["test"], **others}

    @property
    def reading(self) -> dict[str, Any]:
        """`reading.json`: how the model's outputs become answers; fitted on val."""
        return read_json(self.path / "reading.json")

    @property
    def history(self) -> pd.DataFrame:
        """A row an epoch."""
        pandas = import_module("pandas")
        path = self.path / "history.csv"
        if not path.is_file():
            raise ZooError(f"{path} is missing")
        try:
            return pandas.read_csv(path)
        except ValueError as error:  # pandas' own errors are such
            raise ZooError(f"{path} cannot be read: {str(error).strip()}", "it is truncated or was changed by hand") from None

    @cached_property
    def dataset(self) -> Dataset:
        """The data that it was trained on, read again and checked to be the same (loads Keras)."""
        return import_module("zoo.assembly").data_of(self)

    @cached_property
    def model(self) -> keras.Model:
        """The trained model with its best weights (loads Keras)."""
        return import_module("zoo.assembly").trained_model(self)

    @property
    def goal_met(self) -> bool | None:
        """Whether the experiment's goal is met; None where it has none, or is not evaluated yet."""
        goal = self.experiment.goal
        return goal.reached(self.metrics)[1] if goal and self.evaluated else None

    def predict(self, inputs: Any) -> dict[str, Any]:
        """The answers for raw values, as the bundle gives them: a mapping of columns, a table, or an array of images."""
        return import_module("zoo.assembly").open_run(self).answer(inputs)

    def mark(self, state: str, **facts: Any) -> None:
        """Writes a new state into run.json."""
        self.facts = {**self.facts, "state": state, **facts}
        write_json(self.path / "run.json", {key: value for key, value in self.facts.items() if key != "format"})

    @property
    def resuming(self) -> str:
        """The command that goes on with this run, whatever settings it was started with."""
        return f"zoo run {self.path / 'experiment.yaml'} --resume"

    @property
    def evaluated(self) -> bool:
        """Whether its evaluation ended: metrics.json is written last."""
        return (self.path / "metrics.json").is_file()

    def needs_evaluated(self) -> None:
        """Raises ZooError unless the run has weights and is evaluated."""
        self.needs_weights()
        if not self.evaluated:
            raise ZooError(f"{self.path} is not evaluated yet", f"evaluate it first: zoo evaluate {self.path}")

    def needs_weights(self) -> None:
        """Raises ZooError unless the run's training ended, and left weights: those before it diverged are kept."""
        if not (self.state == "diverged" and (self.path / "model.keras").is_file()):
            self.needs_finished()

    def needs_finished(self) -> None:
        """Raises ZooError unless the run's training ended well."""
        if self.state != "finished":
            raise ZooError(
                f"{self.path} is not finished (it is {self.state})",
                f"finish it first: {self.resuming}" if self.state in UNFINISHED else None,
            )


def _part(kind: Any, path: Path) -> Any:
    try:
        return kind.model_validate(yamls.read(path).value)
    except ValueError as error:
        raise ZooError(f"{path} cannot be read: {str(error).splitlines()[0]}", "it is truncated or was changed by hand") from None


def create(root: Path, experiment: Experiment, card: Card, facts: dict[str, Any], data: dict[str, Any]) -> Run:
    """Makes the folder of a new run with everything that is known before training; it appears whole or not at all."""
    parent = root / experiment.name
    make_folder(parent)
    sweep(parent)
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    building = parent / f".new-{os.getpid()}-{stamp}"
    try:
        building.mkdir()
        (building / "checkpoints").mkdir()
        write_text(building / "experiment.yaml", yamls.dump(experiment.model_dump(mode="json")))
        write_text(building / "card.yaml", yamls.dump(card.model_dump(mode="json", exclude_none=True)))
        write_json(building / "data.json", data, indent=None)
        known = {"experiment": experiment.name, "dataset": card.name, "state": "running", **facts}
        write_json(building / "run.json", known)
        path = place(building, parent, stamp, "a run")
    except OSError as error:
        raise ZooError(f"cannot make a run folder in {parent}: {error.strerror}", reason(error)) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Run(path)


def place(building: Path, parent: Path, stamp: str, what: str) -> Path:
    """Renames a folder that was made to the first free name of this second. Raises ZooError, with `what` it is, where none is free."""
    for count in range(1, 1000):
        path = parent / (stamp if count == 1 else f"{stamp}-{count}")
        if path.exists():
            continue
        try:
            building.rename(path)
        except OSError:  # somebody else took the name in between
            continue
        fsync_folder(parent)
        return path
    raise ZooError(f"no free name for {what} in {parent}")


def all_runs(root: Path, name: str | None = None) -> list[Run]:
    """The runs under a folder, newest first; what is no run, or cannot be read, is passed over."""
    found = []
    for path in root.glob(f"{escape(name) if name else '*'}/*/run.json"):
        if path.parent.name.startswith("."):  # not moved to its name yet
            continue
        try:
            found.append(Run(path.parent))
        except ZooError:
            continue
    return sorted(found, key=lambda run: (run.id, run.name), reverse=True)


def find(what: str | Path | Run, root: Path) -> Run:
    """A run by folder, ID, or `NAME@last` (the newest finished one)."""
    if isinstance(what, Run):
        return what
    if os.path.isfile(Path(what) / "run.json"):  # pathlib's raises for a name that is too long
        return Run(Path(what))
    known = all_runs(root)
    name, at, which = str(what).partition("@")
    if at:
        if which != "last":
            raise ZooError(f"'{what}': after @ stands 'last'")
        finished = [run for run in known if run.name == name and run.state == "finished"]
        if finished:
            return finished[0]
        others = [run for run in known if run.name == name]
        hint = f"its newest is {others[0].state}: {others[0].path}" if others else did_you_mean(name, {run.name for run in known})
        raise ZooError(f"no finished run of '{name}' in {root}", hint)
    same = [run for run in known if run.id == str(what)]
    if len(same) > 1:
        raise ZooError(f"'{what}' is the ID of several runs", *[str(run.path) for run in same])
    if same:
        return same[0]
    if os.path.isdir(what):
        raise ZooError(f"{what} is no run folder: it has no run.json")
    ids = {run.id for run in known} | {f"{run.name}@last" for run in known}
    raise ZooError(f"no run '{what}' in {root}", did_you_mean(what, ids), "all of them: zoo runs")
