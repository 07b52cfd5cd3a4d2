"""How an experiment's settings are searched for: its `search:`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from zoo.config.parts import Part, Seed

TUNERS = ("grid", "random", "bayesian", "hyperband", "tpe", "gp")
OPTUNA = ("tpe", "gp")  # need the extra
KERAS_TUNERS = ("random", "bayesian", "hyperband")  # load Keras and TensorFlow
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: Any) -> Any:
    """`90`, `30m`, `1h30m` as seconds."""
    if isinstance(value, bool):
        raise ValueError(f"a time is seconds, or as 90s, 30m, 1h30m, 2d; {value} is not")
    if not isinstance(value, str):
        return value
    found = re.findall(r"(\d+(?:\.\d+)?)([smhd])", value)
    if not found or "".join(number + unit for number, unit in found) != value:
        raise ValueError(f"a time is seconds, or as 90s, 30m, 1h30m, 2d; '{value}' is not")
    return sum(float(number) * UNITS[unit] for number, unit in found)


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]


class Search(Part):
    """Which settings are tried, how they are proposed, for how long, and what is looked at.

    Attributes:
        tuner: who proposes: `grid`, `random`, `bayesian`, `hyperband`; with the extra `optuna` also `tpe` and `gp`.
        trials: at most so many; default: 20, of a grid all its points, of hyperband one sweep.
        time: at most so long in all, in seconds or as `30m`, `1h30m`. Trials that run then are stopped; a later one goes on with them.
        epochs: no trial starts once so many epochs were trained in all.
        trial_time: a trial that takes longer fails.
        patience: ends after so many finished trials without a better one.
        objective: a metric of val; default: the goal's, else what the kept weights are chosen by.
        space: dotted key -> a list of choices, `{int: [16, 128], step: 16}`, `{float: [0, 0.5]}`, `{log: [1.0e-4, 1.0e-2]}`,
            `{log_int: [16, 1024]}`; `model: default` is the model's own space, `model: {mlp: {width: [32, 64]}, linear: default}`
            chooses among models, each with a space of its own (`train.optimizer` and `train.schedule` likewise). Default: the
            model's own space, and the learning rate from a tenth to ten times the experiment's.
        pruner: `median` stops a trial that is worse than the median of the earlier ones at the same epoch (needs the extra `optuna`).
        folds: a trial's score is the mean over so many folds of train and val together; test is never in them.
        seeds: the winner is trained again with so many fresh seeds, which tells how much of its score was luck.
        seed: of the proposals.
        failures: so many failed trials in a row end the search.
    """

    tuner: Literal["grid", "random", "bayesian", "hyperband", "tpe", "gp"] = "bayesian"
    trials: PositiveInt | None = None
    time: Seconds | None = None
    trial_time: Seconds | None = None
    epochs: PositiveInt | None = None
    patience: PositiveInt | None = None
    objective: str | None = None
    space: dict[str, Any] | None = None
    pruner: Literal["median"] | None = None
    folds: Annotated[int, Field(ge=2)] | None = None
    seeds: PositiveInt = 3
    seed: Seed = 1
    failures: PositiveInt = 5

    @model_validator(mode="after")
    def _go_together(self) -> Search:
        for key in ("pruner", "folds"):
            if self.tuner == "hyperband" and getattr(self, key) is not None:
                raise ValueError(f"hyperband stops trials by itself and needs no {key}; leave it out, or take another tuner")
        if self.pruner and self.folds:
            raise ValueError("a trial of several folds cannot be pruned; leave out pruner or folds")
        return self
