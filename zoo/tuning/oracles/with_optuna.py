"""The samplers of Optuna: TPE and a Gaussian process. A study is made anew of the trials for each proposal and kept nowhere."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from zoo.config.search import Search
from zoo.config.space import Axis, Point, Space
from zoo.tuning.oracles.base import Suggesting, usable, within
from zoo.tuning.pruning import load_optuna, needs_optuna
from zoo.tuning.trials import PRUNED, Trial

INITIAL = {"tpe": 10, "gp": 5}  # random points before the sampler looks at any


class WithOptuna(Suggesting):
    """TPE (Bergstra et al. 2011; axes together, the branches of a choice apart) or GP (log expected improvement).

    The process knows no conditions: an axis that does not count at a point stands there at its middle.
    """

    def __init__(self, space: Space, seed: int, sign: int, kind: str) -> None:
        super().__init__(space, seed, sign)
        needs_optuna(Search(tuner=kind))  # type: ignore[arg-type]
        self.kind, self.optuna = kind, load_optuna(f"search.tuner: {kind}")
        self.distributions = {axis.name: self._distribution(axis) for axis in space.axes}

    def suggest(self, trials: Sequence[Trial], seed: int) -> Point:
        with warnings.catch_warnings(), _one_thread(self.kind):
            warnings.simplefilter("ignore")  # of what is experimental in Optuna, and of PyTorch that there is no GPU
            study = self.optuna.create_study(direction="maximize" if self.sign > 0 else "minimize", sampler=self._sampler(seed))
            study.add_trials([told for trial in trials if (told := self._told(trial)) is not None])
            asked, point = study.ask(), Point()
            for axis in self.space.axes:
                counts = self.space.counts(axis, point)
                if counts or self.kind == "gp":
                    value = asked._suggest(axis.name, self.distributions[axis.name])
                    if counts:
                        point[axis.key] = axis.at(int(value)) if axis.count is not None else within(axis, value)
        return point

    def _sampler(self, seed: int) -> Any:
        samplers, initial = self.optuna.samplers, INITIAL[self.kind]
        if self.kind == "gp":
            return samplers.GPSampler(seed=seed, n_startup_trials=initial, warn_independent_sampling=False)
        branches = any(axis.when is not None for axis in self.space.axes)
        return samplers.TPESampler(seed=seed, n_startup_trials=initial, multivariate=True, group=branches, constant_liar=True)

    def _distribution(self, axis: Axis) -> Any:
        of = self.optuna.distributions
        if axis.count is not None:
            return of.IntDistribution(0, axis.count - 1) if axis.ordered else of.CategoricalDistribution(range(axis.count))
        if axis.whole:
            return of.IntDistribution(int(axis.low), int(axis.high), log=axis.log)
        return of.FloatDistribution(axis.low, axis.high, log=axis.log)

    def _told(self, trial: Trial) -> Any:
        """A trial in Optuna's words; None where the space does not hold its point."""
        values: dict[str, Any] = {}
        for axis in self.space.axes:
            if self.space.counts(axis, trial.values):
                if axis.key not in trial.values or not axis.holds(trial.values[axis.key]):
                    return None
                values[axis.name] = trial.values[axis.key] if axis.count is None else axis.place(trial.values[axis.key])
            elif self.kind == "gp":
                values[axis.name] = _middle(axis)
        states = self.optuna.trial.TrialState
        pruned = trial.state == PRUNED and self.kind == "tpe"  # of pruned trials the process knows nothing
        state = states.RUNNING if not trial.ended else states.FAIL if not usable(trial) else states.PRUNED if pruned else states.COMPLETE
        return self.optuna.trial.create_trial(
            state=state,
            value=trial.score if state in (states.COMPLETE, states.PRUNED) else None,
            params=values,
            distributions={name: self.distributions[name] for name in values},
            intermediate_values={epoch: float(value) for epoch, value in enumerate(trial.curve)},
        )


@contextmanager
def _one_thread(kind: str) -> Iterator[None]:
    """Of so small matrices more threads only get in each other's way, and in that of the trials."""
    if kind != "gp":
        yield
        return
    torch = importlib.import_module("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _middle(axis: Axis) -> Any:
    if axis.count is not None:
        return axis.count // 2
    return within(axis, (axis.low * axis.high) ** 0.5 if axis.log else (axis.low + axis.high) / 2)
