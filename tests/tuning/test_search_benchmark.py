"""`benchmarks/search.py` compares like with like: every tuner spends the same epochs on the same scores."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import pytest

from zoo.config.space import LEARNING_RATE
from zoo.errors import ZooError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TRIALS = 4


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The comparison of tuners, with a formula in place of trainings."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    found = importlib.import_module("search_tuners")
    monkeypatch.setattr(found, "curve", lambda task, point, epochs=found.EPOCHS: _curve(point, epochs))
    return found


def _curve(point: dict[str, Any], epochs: int) -> tuple[float, ...]:
    rate = abs(math.log10(point[LEARNING_RATE]) + 2)
    return tuple(rate + point["model.dropout"] + 1 / epoch for epoch in range(1, epochs + 1))


@pytest.mark.parametrize("name", ["random", "bayesian", "tpe", "hyperband"])
def test_ours_spends_the_epochs_that_it_is_given(bench: Any, name: str) -> None:
    try:
        course = bench.ours("digits", 1, TRIALS * bench.EPOCHS, tuner=name)
    except ZooError as error:
        pytest.skip(error.what)
    _check(bench, course, name)


@pytest.mark.parametrize("name", ["random", "bayesian", "hyperband"])
def test_keras_tuner_spends_as_many(bench: Any, name: str) -> None:
    _check(bench, bench.plain("digits", 1, TRIALS * bench.EPOCHS, f"Keras Tuner {name}"), name)


def _check(bench: Any, course: Any, name: str) -> None:
    whole = TRIALS * bench.EPOCHS
    assert whole <= course.spent[-1] < whole + bench.EPOCHS
    assert course.best == sorted(course.best, reverse=True)
    assert len(course.spent) > 2 * TRIALS if name == "hyperband" else len(course.spent) == TRIALS


def test_a_pruned_trial_spends_less_and_is_not_the_best(bench: Any) -> None:
    pytest.importorskip("optuna")
    whole = 12 * bench.EPOCHS
    course = bench.ours("digits", 1, whole, tuner="random", pruner="median")
    assert len(course.spent) > 12
    assert min(course.best) == bench.ours("digits", 1, len(course.spent) * bench.EPOCHS, tuner="random").best[-1]


def test_reached_and_the_table(bench: Any) -> None:
    course = bench.Course()
    for epochs, score in ((27, 0.5), (3, math.inf), (27, 0.2)):
        course.add(epochs, score)
    assert (course.reached(0.5), course.reached(0.3), course.reached(0.1)) == (27, 57, None)
    scores = {"a": {"random": [0.3, 0.5], "gp": [0.2, 0.3]}, "b": {"random": [2.0, 1.0], "gp": [3.0, 2.0]}}
    table = bench._beside_random(scores)
    assert table["gp"]["rank"] == 1.5
    assert table["gp"]["tasks"]["a"]["regret"] == pytest.approx(0.05 / 0.2)
    assert table["random"]["tasks"]["a"]["regret"] == 1
