"""What Keras Tuner's oracles share: a space and trials in their words; and random search.

They are made anew for each proposal and asked for nothing else, so that they never write their files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial as KerasTrial

from zoo.config.space import Axis, Point, Space
from zoo.tuning.oracles.base import Suggesting, usable, within
from zoo.tuning.trials import Trial

OBJECTIVE = "score"


class Random(Suggesting):
    """Keras Tuner's RandomSearchOracle."""

    def suggest(self, trials: Sequence[Trial], seed: int) -> Point:
        oracle = keras_tuner.oracles.RandomSearchOracle(seed=seed, **common(self.space, self.sign))
        return point_of(self.space, oracle.populate_space("next")["values"])


def common(space: Space, sign: int) -> dict[str, Any]:
    """What every oracle of Keras Tuner is given."""
    return {
        "objective": keras_tuner.Objective(OBJECTIVE, "max" if sign > 0 else "min"),
        "hyperparameters": hyperparameters(space),
        "allow_new_entries": False,
        "tune_new_entries": True,
    }


def hyperparameters(space: Space) -> keras_tuner.HyperParameters:
    """The axes in Keras Tuner's words: what can be counted by places, because its choices hold no lists, no None, no mixed types."""
    found = keras_tuner.HyperParameters()
    for axis in space.axes:
        above: dict[str, Any] = {}
        if axis.when is not None:
            above = {"parent_name": axis.when[0], "parent_values": [space.named[axis.when[0]].place(axis.when[1])]}
        sampling = "log" if axis.log else "linear"
        if axis.choices:
            found.Choice(axis.name, list(range(len(axis.choices))), ordered=axis.ordered, **above)
        elif axis.count is not None:
            found.Int(axis.name, 0, axis.count - 1, **above)
        elif axis.whole:
            found.Int(axis.name, int(axis.low), int(axis.high), sampling=sampling, **above)
        else:
            found.Float(axis.name, axis.low, axis.high, sampling=sampling, **above)
    return found


def point_of(space: Space, values: dict[str, Any]) -> Point:
    """A point of Keras Tuner's values, plain."""
    point: Point = {}
    for axis in space.axes:
        if space.counts(axis, point):
            point[axis.key] = _plain(axis, values[axis.name])
    return point


def _plain(axis: Axis, value: Any) -> Any:
    return axis.at(int(value)) if axis.count is not None else within(axis, float(value))


def values_of(space: Space, point: Point) -> dict[str, Any] | None:
    """Keras Tuner's values of a point; None where the space does not hold it."""
    values: dict[str, Any] = {}
    for axis in space.axes:
        if space.counts(axis, point):
            if axis.key not in point or not axis.holds(point[axis.key]):
                return None
            values[axis.name] = point[axis.key] if axis.count is None else axis.place(point[axis.key])
    return values


def put(oracle: keras_tuner.Oracle, space: Space, trial: Trial, name: str) -> None:
    """Tells an oracle of a trial, as if it had proposed it."""
    values = values_of(space, trial.values)
    if values is None:
        return
    known = oracle.hyperparameters.copy()
    known.values = values
    told = KerasTrial(known, trial_id=name, status="COMPLETED" if usable(trial) else "FAILED" if trial.ended else "RUNNING")
    told.score = trial.score
    oracle.trials[name] = told
    if told.status == "RUNNING":
        oracle.ongoing_trials[name] = told
