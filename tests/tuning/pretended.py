"""Workers that answer at once by a formula, so that thousands of trials cost nothing."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from zoo.config.tunable import Tunable
from zoo.tuning import oracles
from zoo.tuning.coordinator import Coordinator
from zoo.tuning.folder import SearchFolder
from zoo.tuning.workers import Event

SPACE = {
    "model": {"mlp": {"hidden": [[8], [16], [32]], "dropout": [0.0, 0.2]}, "linear": {}},
    "train.optimizer.learning_rate": {"log": [1e-4, 1e-1]},
    "train.batch_size": {"int": [16, 64], "step": 16},
}
FINITE = {"model.hidden": [[8], [16], [32]], "model.dropout": [0.0, 0.2], "train.batch_size": {"int": [16, 64], "step": 16}}
NO_TORCH = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the Gaussian process of Optuna needs PyTorch")
TUNERS = ("grid", "random", "bayesian", "hyperband", "tpe", pytest.param("gp", marks=NO_TORCH))


def iris(**search: Any) -> dict[str, Any]:
    """An experiment on iris with a search; a grid gets a space that ends."""
    space = FINITE if search.get("tuner") == "grid" else SPACE
    return {
        "dataset": "iris",
        "model": {"name": "mlp", "hidden": [8]},
        "train": {"epochs": 9, "early_stopping": None, "tensorboard": False},
        "search": {"space": space, "objective": "val.accuracy", **search},
    }


def score(task: Mapping[str, Any]) -> list[float]:
    """A curve that follows from the point alone: best at a learning rate of 0.01 and large layers."""
    train, hidden = task["experiment"]["train"], task["experiment"]["model"].get("hidden") or [1]
    rate = abs(math.log10(train["optimizer"]["learning_rate"]) + 2)
    best = 0.9 - 0.1 * rate + 0.001 * hidden[0] - 0.0001 * train["batch_size"]
    return [best * (1 - 0.5**epoch) for epoch in range(1, (task["epochs"] or train["epochs"]) + 1)]


@dataclass
class Pretend:
    """Workers that train nothing: a task's result is its `score`, or what `answers` makes of it."""

    seats: int = 1
    answers: Callable[[Mapping[str, Any]], Event | None] = lambda task: None
    busy: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    tasks: list[Mapping[str, Any]] = field(default_factory=list)
    killed: list[int] = field(default_factory=list)

    def start(self, seat: int, task: dict[str, Any]) -> None:
        assert seat not in self.busy
        self.busy[seat] = task
        self.tasks.append(task)

    def wait(self, seconds: float) -> list[Event]:
        for seat in self.killed:
            self.busy.pop(seat)
        if self.killed:
            return [Event(self.killed.pop(), died="it was killed") for _ in list(self.killed)]
        seat = max(self.busy)  # the last is the first to end
        task = self.busy.pop(seat)
        answer = self.answers(task)
        if answer is not None:
            return [Event(seat, answer.result, answer.died, answer.lost)]
        curve = score(task)
        result = {"state": "completed", "score": max(curve), "curve": curve, "epochs": len(curve), "params": 10, "seconds": 0.1}
        return [Event(seat, {**result, "reason": None, "data": "d"})]

    def kill(self, seat: int) -> None:
        self.killed.append(seat)

    def close(self) -> None:
        self.busy.clear()


def coordinator(folder: SearchFolder, tunable: Tunable, workers: Any) -> Coordinator:
    oracle = oracles.make(tunable.search, tunable.space, tunable.sign, tunable.experiment.train.epochs)
    return Coordinator(SearchFolder(folder.path), tunable, oracle, lambda: workers, folder.path / "runs")
