"""The pruner: Optuna's median rule on curves, pure and deterministic; what is said where Optuna is not installed."""

from __future__ import annotations

import math
import sys

import pytest

from zoo.config.search import Search
from zoo.errors import ZooError
from zoo.tuning.pruning import SPARED_EPOCHS, SPARED_TRIALS, Pruner, needs_optuna

RISING = [[0.5, 0.6, 0.7, 0.8], [0.4, 0.5, 0.6, 0.7], [0.3, 0.4, 0.5, 0.6], [0.2, 0.3, 0.4, 0.5]]  # medians 0.35, 0.45, 0.55, 0.65
NAN = math.nan


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_worse_than_the_median_is_hopeless(sign: int) -> None:
    pruner = Pruner(sign, [[sign * value for value in curve] for curve in RISING])
    for curve, hopeless in (([0.3, 0.44], True), ([0.3, 0.46], False), ([0.46, 0.1], False), ([0.5, 0.5, 0.54], True)):
        assert pruner.hopeless([sign * value for value in curve]) is hopeless, curve
        assert pruner.hopeless(tuple(sign * value for value in curve)) is hopeless  # asked again


def test_the_first_epochs_and_the_first_trials_are_spared() -> None:
    assert not Pruner(1, RISING).hopeless([0.0] * SPARED_EPOCHS)
    assert Pruner(1, RISING).hopeless([0.0] * (SPARED_EPOCHS + 1))
    assert not Pruner(1, RISING[: SPARED_TRIALS - 1]).hopeless([0.0, 0.0])
    assert not Pruner(1, []).hopeless([0.0, 0.0])
    assert not Pruner(1, RISING).hopeless([])


def test_who_trained_longer_than_all_others_is_not_judged() -> None:
    assert not Pruner(1, RISING).hopeless([0.0] * 5)
    longer = [*RISING, [0.5, 0.6, 0.7, 0.8, 0.9]]
    assert Pruner(1, longer).hopeless([0.0] * 5)


@pytest.mark.filterwarnings("error")
def test_nan_is_passed_over() -> None:
    with_gaps = [[0.5, NAN, 0.7], [0.4, 0.5, NAN], [NAN, 0.4, 0.5], [0.2, 0.3, math.inf], [NAN, NAN, NAN], []]
    pruner = Pruner(1, with_gaps)
    assert pruner.hopeless([0.0, 0.1])
    assert pruner.hopeless([NAN, 0.1])
    assert not pruner.hopeless([0.0, NAN])
    assert not pruner.hopeless([NAN, NAN])
    assert not Pruner(1, [[NAN, NAN]] * 6).hopeless([0.0, 0.1])


@pytest.mark.parametrize(
    ("missing", "search"), [("optuna", {"tuner": "tpe"}), ("optuna", {"pruner": "median"}), ("torch", {"tuner": "gp"})]
)
def test_what_needs_the_extra_says_so(missing: str, search: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ZooError) as caught:
        needs_optuna(Search(**search))  # type: ignore[arg-type]
    assert next(iter(search.values())) in caught.value.what
    assert caught.value.details[0].startswith("pip install torch" if missing == "torch" else 'pip install "keras-zoo[optuna]"')


def test_what_does_not_need_the_extra_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    for tuner in ("grid", "random", "bayesian", "hyperband"):
        needs_optuna(Search(tuner=tuner))  # type: ignore[arg-type]
