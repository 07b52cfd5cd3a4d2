"""An experiment that is searched: its space, its objective, and the experiment that it is at a point of the space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from zoo import registry
from zoo.config import yamls
from zoo.config.experiment import LAST, OPTIMIZERS, SCHEDULES, Experiment
from zoo.config.load import from_document, opened, override
from zoo.config.metrics import TASK_FACTS, split_metric
from zoo.config.search import Search
from zoo.config.space import LEARNING_RATE, PARTS, Point, Space, read_axes
from zoo.errors import ZooError, did_you_mean

DEFAULT_TRIALS = 20
BESIDE = ("fid_of_val",)  # a yardstick of val and test, not a score
FIXED = {  # keys that a space may not have
    "dataset": "scores on other data cannot be compared",
    **dict.fromkeys(("search", "goal"), "no training follows it"),
    "train.keep_best": "a trial keeps the weights of its best epoch by the objective",
    **dict.fromkeys(("train.threads", "train.deterministic"), "it is of a process, not of a model"),
}


@dataclass(frozen=True)
class Tunable:
    """What is searched.

    Attributes:
        what: the experiment as it was asked for; its card may be an object.
        document: the same, opened, with what was set from outside.
        experiment: the same, resolved.
        search: with its objective and number of trials filled in.
        space: what is tried.
    """

    what: Any
    document: yamls.Document
    experiment: Experiment
    search: Search
    space: Space

    @property
    def objective(self) -> str:
        assert self.search.objective is not None
        return self.search.objective

    @property
    def watched(self) -> bool:
        """Whether training can watch the objective; else it is measured on val when a trial ends."""
        facts = TASK_FACTS[self.task]
        return split_metric(self.objective)[1] in (facts.watched or facts.metrics)

    @property
    def task(self) -> str:
        assert self.experiment.task is not None
        return self.experiment.task.name

    @property
    def sign(self) -> int:
        """1 where a higher score is better, else -1."""
        return 1 if TASK_FACTS[self.task].metrics[split_metric(self.objective)[1]] == "max" else -1

    def plain(self, point: Point) -> dict[str, Any]:
        """The experiment's YAML at a point, without a search."""
        value: dict[str, Any] = self._at(point).value
        return value

    def at(self, point: Point) -> Experiment:
        """The experiment at a point, resolved. Raises ZooError where it cannot be."""
        return from_document(self._at(point), self.experiment.name, self.what)

    def _at(self, point: Point) -> yamls.Document:
        document = replace(self.document, value=deepcopy(self.document.value), overridden=set(self.document.overridden))
        document.outside = "the key"
        document.value.pop("search", None)
        chosen = {part: point[f"{part}.name"] for part in PARTS if f"{part}.name" in point}
        override(document, {part: {"name": name} for part, name in chosen.items() if self._name(part) != name})
        names = {f"{part}.name" for part in chosen}
        override(document, {key: value for key, value in point.items() if key not in names})
        if self.watched and self.experiment.train.best_metric != self.objective:
            override(document, {"train.keep_best": self.objective})
        return document

    def _name(self, part: str) -> str:
        model, train = self.experiment.model, self.experiment.train
        return {"model": model.name, "train.optimizer": train.optimizer.name, "train.schedule": train.schedule.name}[part]


def load_tunable(what: Any, overrides: Mapping[str, Any] | Iterable[str] = ()) -> Tunable:
    """Opens an experiment for a search; every axis of its space is tried on it.

    Args:
        what: a name of the shelf, a YAML file, the same as a mapping, or an Experiment.
        overrides: as `load_experiment` takes them; the search's own settings are `search.trials` and so on.

    Raises:
        ZooError: the experiment, a key, a value or the objective cannot be; with file and line.
    """
    document, name = opened(what)
    override(document, dict(overrides) if isinstance(overrides, Mapping) else list(overrides))
    experiment = from_document(document, name, what)
    search = experiment.search or Search()
    said = search.space if search.space is not None else {"model": "default", LEARNING_RATE: _rates(experiment)}
    expanded, defaults = _expanded(experiment, said)
    where = {key: document.at(("search", "space", key)) for key in expanded}
    space = read_axes(expanded, defaults, where)
    search = search.model_copy(update={"objective": _objective(search, experiment, document)})
    search = search.model_copy(update={"trials": _trials(search, space, document)})
    tunable = Tunable(what, document, experiment, search, space)
    _check(tunable, where)
    return tunable


def _rates(experiment: Experiment) -> dict[str, list[float]]:
    rate = experiment.train.optimizer.learning_rate
    return {"log": [rate / 10, rate * 10]}


def _expanded(experiment: Experiment, said: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The space with `model: default` opened and lists of names as mappings; and the default spaces of the models in it."""
    space: dict[str, Any] = {}
    for key, value in said.items():
        if key == "model" and value == "default":
            entry = registry.entry(experiment.model.name)
            space |= {f"model.{name}": choices for name, choices in entry.space.items() if f"model.{name}" not in said}
        elif key in PARTS and isinstance(value, (list, tuple)):
            space[key] = {str(name): {} for name in value}
        else:
            space[key] = value
    models = space["model"] if isinstance(space.get("model"), Mapping) else {}
    return space, {name: registry.entry(name).space for name, inner in models.items() if inner == "default"}


def _objective(search: Search, experiment: Experiment, document: yamls.Document) -> str:
    """The metric of val that is searched for: as asked, else the goal's, else what the kept weights are chosen by."""
    assert experiment.task is not None
    known = {name: way for name, way in TASK_FACTS[experiment.task.name].metrics.items() if name not in BESIDE}
    if search.objective is None:
        goal = split_metric(experiment.goal.metric)[1] if experiment.goal else None
        kept = experiment.train.best_metric
        return f"val.{goal}" if goal in known else "val.loss" if kept == LAST else kept
    split, metric = split_metric(search.objective)
    if split == "val" and metric in known:
        return search.objective
    why = "a search must not see the test split" if split == "test" else None
    names = [f"val.{name}" for name in known]
    hint = f"did you mean: val.{metric}" if metric in known else did_you_mean(search.objective, names)
    at = document.at(("search", "objective"))
    raise ZooError(
        f"{at}: '{search.objective}' is no metric of {experiment.task.name} to search for", why, hint or f"known: {', '.join(names)}"
    )


def _trials(search: Search, space: Space, document: yamls.Document) -> int | None:
    """How many trials at most; None where the tuner, or another budget, ends the search."""
    at = document.at(("search", "trials"))
    if not space.axes or space.size == 1:
        raise ZooError(f"{document.at(('search', 'space'))}: the space has one point: there is nothing to search", "name values to try")
    if search.tuner == "grid":
        endless = next((axis.name for axis in space.axes if axis.count is None), None)
        if endless:
            raise ZooError(
                f"{document.at(('search', 'space'))}: a grid needs values that can be listed, and {endless} is a range",
                "list its values, give it a step, or take another tuner",
            )
        if search.trials and search.trials > (space.size or 0):
            raise ZooError(
                f"{at}: search.trials: {search.trials} is more than the {space.size} points of the grid", "leave it out to try all"
            )
        return search.trials
    if search.trials or search.tuner == "hyperband" or search.time or search.epochs or search.patience:
        return search.trials
    return min(DEFAULT_TRIALS, space.size or DEFAULT_TRIALS)


def _check(tunable: Tunable, where: Mapping[str, str]) -> None:
    """Raises ZooError where a value of an axis cannot be: each is tried on the experiment as it stands."""
    search, space = tunable.search, tunable.space
    if search.tuner == "hyperband" and "train.epochs" in space.keys:
        raise ZooError(f"{where['train.epochs']}: hyperband gives out the epochs; train.epochs cannot be searched for, too")
    if not tunable.watched and (search.pruner or search.tuner == "hyperband"):
        asks = "search.pruner" if search.pruner else "hyperband"
        what = f"{tunable.objective} is measured when a trial has ended, and {asks} asks in between"
        raise ZooError(what, "search for one that training can watch, as val.loss")
    for key in space.keys:
        why = FIXED.get(key, FIXED.get(key.partition(".")[0]))
        if why and (key != "train.keep_best" or tunable.watched):
            raise ZooError(f"{where[key]}: {key} cannot be searched for: {why}")
    for axis in space.axes:
        above = {space.named[axis.when[0]].key: axis.when[1]} if axis.when else {}
        place = next(said for key, said in where.items() if f"{axis.key}.".startswith(f"{key}."))
        for value in axis.ends:
            _check_value(tunable, {**above, axis.key: value}, place)


def _check_value(tunable: Tunable, point: Point, place: str) -> None:
    for part, known in (("train.optimizer", OPTIMIZERS), ("train.schedule", SCHEDULES)):
        name = point.get(f"{part}.name")
        if name is not None and name not in known:
            raise ZooError(f"{place}: there is no {part} '{name}'", did_you_mean(name, known))
    try:
        tunable.at(point)
    except ZooError as error:
        what = error.what if not place or place in error.what else f"{place}: {error.what}"
        raise type(error)(what, *error.details) from None
