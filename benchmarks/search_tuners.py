"""Who proposes better: the tuners of `zoo search` beside plain Keras Tuner, on the trials of `search_curves`; and what pruning saves."""

from __future__ import annotations

import contextlib
import math
import statistics
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import keras_tuner
from search_curves import DATASETS, EPOCHS, curve, space
from threadpoolctl import threadpool_limits

from zoo.config.search import Search
from zoo.config.space import Point
from zoo.errors import ZooError
from zoo.tuning import oracles
from zoo.tuning.hypermodel import declare
from zoo.tuning.pruning import Pruner, needs_optuna
from zoo.tuning.trials import COMPLETED, PRUNED, Trial

OURS = ("random", "bayesian", "tpe", "gp", "hyperband")
PLAIN = {
    "Keras Tuner random": keras_tuner.oracles.RandomSearchOracle,
    "Keras Tuner bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    "Keras Tuner hyperband": keras_tuner.oracles.HyperbandOracle,
}
WHOLE, QUICK = (list(DATASETS), 5, 25), (["diabetes"], 1, 6)  # tasks, seeds, trials
OTHERS = 100  # seeds of the random searches whose best is to be found: from the same seed the first points would be the same
PRUNING = {
    "random": {"tuner": "random"},
    "random, median": {"tuner": "random", "pruner": "median"},
    "bayesian, median": {"tuner": "bayesian", "pruner": "median"},
    "tpe, median": {"tuner": "tpe", "pruner": "median"},
    "gp, median": {"tuner": "gp", "pruner": "median"},
    "hyperband": {"tuner": "hyperband"},
}


@dataclass
class Course:
    """How a search went: after each trial the epochs that were spent so far, and the best score of a completed trial."""

    spent: list[int] = field(default_factory=list)
    best: list[float] = field(default_factory=list)
    seconds: float = 0.0  # that its oracle thought

    def add(self, epochs: int, score: float) -> None:
        self.spent.append((self.spent[-1] if self.spent else 0) + epochs)
        self.best.append(min(score, self.best[-1]) if self.best else score)

    def reached(self, score: float) -> int | None:
        """The epochs after which a score was reached; None: it was not."""
        return next((spent for spent, best in zip(self.spent, self.best, strict=True) if best <= score), None)


def ours(task: str, seed: int, epochs: int, target: float = -math.inf, **settings: Any) -> Course:
    """A search of ours, as the coordinator does it, until so many epochs were trained, or a score is found that is as good as `target`."""
    search = Search(seed=seed, epochs=epochs, **settings)
    needs_optuna(search)
    oracle, trials, course = oracles.make(search, space(), -1, EPOCHS), list[Trial](), Course()
    while not course.spent or (course.spent[-1] < epochs and course.best[-1] > target):
        began = time.monotonic()
        proposal = oracle.ask(len(trials) + 1, trials)
        course.seconds += time.monotonic() - began
        assert proposal is not None
        past = [one.curve for one in trials if one.state == COMPLETED]
        losses = curve(task, proposal.values, proposal.epochs or EPOCHS)
        kept = _until_hopeless(losses, past) if search.pruner else losses
        state = COMPLETED if kept == losses else PRUNED
        before = len(trials[proposal.continues - 1].curve) if proposal.continues else 0
        trained, known = len(kept) - before, tuple(one.number for one in trials)
        trials.append(
            Trial(
                len(trials) + 1,
                proposal.values,
                known,
                state,
                proposal.epochs,
                proposal.continues,
                min(kept),
                kept,
                trained,
                place=len(known) + 1,
            )
        )
        course.add(trained, min(kept) if state == COMPLETED else math.inf)
    return course


def _until_hopeless(losses: tuple[float, ...], past: list[tuple[float, ...]]) -> tuple[float, ...]:
    pruner = Pruner(-1, past)
    end = next((epoch for epoch in range(1, len(losses)) if pruner.hopeless(losses[:epoch])), len(losses))
    return losses[:end]


class Spent(keras_tuner.errors.FatalError):
    """Ends a search of Keras Tuner."""


class Plain(keras_tuner.Tuner):
    """Keras Tuner as it comes, whose trials are ours."""

    def __init__(self, oracle: keras_tuner.Oracle, task: str, epochs: int, folder: str) -> None:
        self.task, self.epochs, self.course = task, epochs, Course()
        super().__init__(oracle, hypermodel=lambda hp: None, directory=folder, overwrite=True)

    def _populate_initial_space(self) -> None:
        """The oracle was given the space."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
        given = trial.hyperparameters.values
        until, begun = given.get("tuner/epochs", EPOCHS), given.get("tuner/initial_epoch", 0)
        losses = curve(self.task, _point(trial.hyperparameters), until)
        self.course.add(until - begun, min(losses))
        if self.course.spent[-1] >= self.epochs:
            raise Spent
        return min(losses)


def _point(hp: keras_tuner.HyperParameters) -> Point:
    return {axis.key: declare(hp, axis) for axis in space().axes}


def plain(task: str, seed: int, epochs: int, name: str) -> Course:
    """The same by Keras Tuner with its defaults."""
    hp = keras_tuner.HyperParameters()
    _point(hp)
    limits = {"max_epochs": EPOCHS, "hyperband_iterations": 100} if "hyperband" in name else {"max_trials": 10 * epochs}
    oracle = PLAIN[name](objective=keras_tuner.Objective("default_objective", "min"), hyperparameters=hp, seed=seed, **limits)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # of a Gaussian process that has not come to its end
        tuner = Plain(oracle, task, epochs, folder)
        with contextlib.suppress(Spent):
            tuner.search(verbose=0)
    tuner.course.seconds = time.monotonic() - began
    return tuner.course


def tuners(quick: bool) -> dict[str, Any]:
    """The best val.loss that each tuner finds in the epochs of so many whole trials."""
    tasks, seeds, trials = QUICK if quick else WHOLE
    epochs, found = trials * EPOCHS, dict[str, dict[str, list[float]]]()
    for task in tasks:
        found[task] = {}
        for name in (*OURS, *PLAIN):
            with _skipped(name):
                courses = [
                    plain(task, seed, epochs, name) if name in PLAIN else ours(task, seed, epochs, tuner=name)
                    for seed in range(1, seeds + 1)
                ]
                found[task][name] = [one.best[-1] for one in courses]
                told = " ".join(f"{one.best[-1]:.4f}" for one in courses)
                print(f"  {task:20} {name:22} mean {statistics.fmean(found[task][name]):.4f}   {told}", flush=True)
    print(f"\nbest val.loss of {trials} trials ({epochs} epochs), mean over {seeds} seeds; rank; regret over random's")
    table = _beside_random(found)
    for name, line in table.items():
        cells = "  ".join(f"{one['mean']:.4f} ({one['rank']})" for one in line["tasks"].values())
        print(f"  {name:22} {cells}   mean rank {line['rank']:.1f}   regret/random's {line['regret']:.2f}")
    return table


def _beside_random(found: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """By tuner: mean and rank of each task, mean rank, and the regret (over the best that anyone found) as a part of random's."""
    table = dict[str, Any]()
    for task, scores in found.items():
        least = min(min(one) for one in scores.values())
        means = {name: statistics.fmean(one) for name, one in scores.items()}
        for name, mean in means.items():
            rank = 1 + sum(other < mean for other in means.values())
            line = table.setdefault(name, {"tasks": {}})
            line["tasks"][task] = {"mean": mean, "rank": rank, "regret": (mean - least) / (means["random"] - least)}
    for line in table.values():
        line |= {key: statistics.fmean(one[key] for one in line["tasks"].values()) for key in ("rank", "regret")}
    return table


def pruning(quick: bool) -> dict[str, Any]:
    """The epochs that each way spends until it has found what random search finds in so many whole trials: the median of other seeds.

    Who does not find it in four times the epochs that those trials have counts with all of these.
    """
    tasks, seeds, trials = QUICK if quick else WHOLE
    whole, found = trials * EPOCHS, dict[str, list[int | None]]()
    most = 4 * whole
    for task in tasks:
        target = statistics.median(ours(task, OTHERS + seed, whole, tuner="random").best[-1] for seed in range(1, seeds + 1))
        for name, settings in PRUNING.items():
            with _skipped(name):
                ones = [ours(task, seed, most, target, **settings).reached(target) for seed in range(1, seeds + 1)]
                found[name] = found.get(name, []) + ones
                print(f"  {task:20} {name:18} epochs until {target:.4f}: {' '.join(str(one or 'never') for one in ones)}", flush=True)
    print(f"\nepochs until random search's usual best of {trials} trials is found; who does not find it counts with {most}")
    spent = {name: statistics.fmean(one or most for one in ones) for name, ones in found.items()}
    table = dict[str, Any]()
    for name, ones in found.items():
        line = {
            "of_budget": spent[name] / whole,
            "of_random": spent[name] / spent["random"],
            "found": sum(map(bool, ones)),
            "of": len(ones),
        }
        parts = "{of_budget:.2f} of those trials' epochs, {of_random:.2f} of random's; found {found} of {of} times".format(**line)
        print(f"  {name:18} {parts}")
        table[name] = line
    return table


@contextlib.contextmanager
def _skipped(name: str) -> Any:
    """Without the extra there is no tpe and no gp."""
    try:
        yield
    except ZooError as error:
        print(f"  {name}: left out: {error.what}", flush=True)
