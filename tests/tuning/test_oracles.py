"""Oracles: pure proposals, no point twice, better than chance, and Hyperband's book of brackets."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pretended import NO_TORCH

from zoo.config.search import Search
from zoo.config.space import Point, Space, read_axes, same
from zoo.errors import ZooError
from zoo.tuning.oracles import Oracle, Proposal, Wait, make
from zoo.tuning.trials import COMPLETED, FAILED, PRUNED, RUNNING, Trial

GP = pytest.param("gp", marks=NO_TORCH)
SLOW_GP = pytest.param("gp", marks=[NO_TORCH, pytest.mark.long])
SUGGESTING = ["random", "bayesian", "tpe", GP]
EVERY = ["grid", "hyperband", *SUGGESTING]

TWELVE = {"a": [1, 2, 3], "b": {"float": [0, 0.3], "step": 0.1}}
MIXED = {"model": {"mlp": {"width": [32, 64, None], "hidden": [[8], [8, 8]]}, "linear": {}}, "train.batch_size": {"int": [1, 3]}}
OPEN = {
    "model": {"mlp": {"width": {"log_int": [4, 64]}}, "linear": {"l2": {"float": [0, 1]}}},
    "train.optimizer.learning_rate": {"log": [1e-4, 1e-2]},
}


def space_of(said: Mapping[str, Any]) -> Space:
    return read_axes(said, {}, dict.fromkeys(said, "x.yaml"))


def oracle_of(tuner: str, said: Mapping[str, Any], sign: int = 1, epochs: int = 9, **settings: Any) -> Oracle:
    return make(Search(tuner=tuner, **settings), space_of(said), sign, epochs)  # type: ignore[arg-type]


def tried(oracle: Oracle, score: Callable[[Point], float | None], count: int = 100) -> list[Trial]:
    """The trials of a search with one worker; a score of None is a failed trial."""
    trials: list[Trial] = []
    for number in range(1, count + 1):
        proposal = oracle.ask(number, trials)
        if proposal is None:
            break
        trials.append(ended(number, proposal, score(proposal.values)))
    return trials


def ended(number: int, proposal: Proposal, score: float | None) -> Trial:
    state = FAILED if score is None else COMPLETED
    knows = tuple(range(1, number))
    return Trial(number, proposal.values, knows, state, proposal.epochs, proposal.continues, score, place=number)


def chance(point: Point) -> float:
    """A score that follows from the point, but has no slope."""
    return random.Random(same(point)).random()


def branin(point: Point) -> float:
    x, y = point["x"], point["y"]
    bent = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return float(bent**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


BRANIN = {"x": {"float": [-5, 10]}, "y": {"float": [0, 15]}}


@pytest.mark.parametrize("tuner", EVERY)
def test_a_proposal_is_asked_for_again_and_is_the_same(tuner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = MIXED if tuner == "grid" else OPEN
    trials = tried(oracle_of(tuner, said, seed=7), chance, 12 if tuner == "tpe" else 8)  # TPE learns from the eleventh on
    for number in (1, 3, len(trials)):
        assert oracle_of(tuner, said, seed=7).ask(number, trials[: number - 1]) == Proposal(
            trials[number - 1].values, trials[number - 1].epochs, trials[number - 1].continues
        )
    assert list(tmp_path.iterdir()) == []  # nothing was written


@pytest.mark.parametrize("tuner", ["hyperband", *SUGGESTING])
def test_another_seed_proposes_others(tuner: str) -> None:
    ones, others = (tried(oracle_of(tuner, OPEN, seed=seed), chance, 3) for seed in (1, 2))
    assert not {same(one.values) for one in ones} & {same(one.values) for one in others}


ASK = """
import json, sys
from zoo.config.search import Search
from zoo.config.space import read_axes
from zoo.tuning.oracles import make
from zoo.tuning.trials import Trial
said, trials, tuners = json.load(sys.stdin)
space = read_axes(said, {}, dict.fromkeys(said, ""))
past = [Trial(**{**one, "knows": tuple(one["knows"]), "curve": ()}) for one in trials]
print(json.dumps([make(Search(tuner=tuner), space, 1, 9).ask(len(past) + 1, past).values for tuner in tuners]))
"""


def test_a_fresh_process_proposes_the_same() -> None:
    tuners = ["random", "bayesian", "hyperband", "tpe"]
    past = tried(oracle_of("random", OPEN), chance, 11)
    given = json.dumps([OPEN, [one.__dict__ for one in past], tuners])
    done = subprocess.run([sys.executable, "-c", ASK], input=given, capture_output=True, text=True, check=True)
    proposals = [oracle_of(tuner, OPEN).ask(12, past) for tuner in tuners]
    assert json.loads(done.stdout) == [proposal.values for proposal in proposals if proposal]


@pytest.mark.parametrize("tuner", EVERY)
def test_every_tuner_follows_conditions_and_gives_plain_values(tuner: str) -> None:
    space = space_of(MIXED if tuner == "grid" else OPEN)
    for trial in tried(oracle_of(tuner, MIXED if tuner == "grid" else OPEN), chance, 8 if tuner == "gp" else 14):
        assert [key for axis in space.axes if space.counts(axis, trial.values) for key in [axis.key]] == list(trial.values)
        for axis in space.axes:
            if space.counts(axis, trial.values):
                value = trial.values[axis.key]
                assert type(value) in (int, float, str, list, type(None))
                assert axis.holds(value)
        assert json.loads(json.dumps(trial.values)) == trial.values


@pytest.mark.parametrize("tuner", ["grid", "random", "bayesian", "tpe", SLOW_GP])
@pytest.mark.parametrize("said", [TWELVE, MIXED])
def test_a_space_with_an_end_is_exhausted_exactly(tuner: str, said: Mapping[str, Any]) -> None:
    space = space_of(said)
    trials = tried(oracle_of(tuner, said), chance)
    assert {same(one.values) for one in trials} == {same(point) for point in space.points()}
    assert len(trials) == space.size


def test_a_grid_is_the_points_in_their_order_whatever_is_known() -> None:
    grid, points = oracle_of("grid", MIXED), list(space_of(MIXED).points())
    for number in (1, 5, len(points)):
        assert grid.ask(number, []) == Proposal(points[number - 1])
    assert grid.ask(len(points) + 1, []) is None


@pytest.mark.parametrize("tuner", SUGGESTING)
def test_running_trials_are_not_proposed_again(tuner: str) -> None:
    oracle, trials = oracle_of(tuner, TWELVE), []
    for number in range(1, 13):
        proposal = oracle.ask(number, trials)
        assert proposal is not None
        assert same(proposal.values) not in {same(one.values) for one in trials}
        done = ended(number, proposal, chance(proposal.values))
        trials.append(done if number < 8 else replace(done, state=RUNNING, score=None))
    assert oracle.ask(13, trials) is None


@pytest.mark.parametrize("tuner", ["bayesian", "tpe", GP])
def test_running_trials_are_looked_at(tuner: str) -> None:
    past = tried(oracle_of(tuner, BRANIN, -1), lambda point: 300 + branin(point), 12)
    first = oracle_of(tuner, BRANIN, -1).ask(13, past)
    assert first is not None
    running = Trial(13, first.values, tuple(range(1, 13)))
    second = oracle_of(tuner, BRANIN, -1).ask(14, [*past, running])
    assert second is not None
    assert math.dist(list(first.values.values()), list(second.values.values())) > 0.5  # the domain is 15 wide


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("tuner", ["bayesian", "tpe", SLOW_GP])
def test_who_learns_beats_chance(tuner: str, sign: int) -> None:
    """The median over seeds of the best of 22 on Branin's function, made smaller or its negative made larger."""

    def best(tuner: str, seed: int) -> float:
        trials = tried(oracle_of(tuner, BRANIN, sign, seed=seed), lambda point: -sign * branin(point), 22)
        return min(-sign * (one.score or 0.0) for one in trials)

    at_random = np.median([best("random", seed) for seed in range(30)])
    assert np.median([best(tuner, seed) for seed in range(3)]) < at_random


@pytest.mark.parametrize("tuner", SUGGESTING)
def test_failed_and_pruned_trials_do_not_poison(tuner: str) -> None:
    past = tried(oracle_of(tuner, BRANIN, -1), branin, 12)
    states = [FAILED, PRUNED, FAILED, PRUNED]
    odd = [
        replace(one, state=state, score=score) for one, state, score in zip(past, states, [None, math.nan, math.inf, 30.0], strict=False)
    ]
    trials = [*odd, *past[4:], Trial(13, {"x": 100.0, "elsewhere": 3}, state=COMPLETED, score=0.0)]
    proposal = oracle_of(tuner, BRANIN, -1).ask(14, trials)
    assert proposal is not None
    assert same(proposal.values) not in {same(one.values) for one in trials}
    failed = [replace(one, state=FAILED, score=None) for one in past]
    assert oracle_of(tuner, BRANIN, -1).ask(13, failed) is not None


def test_without_optuna_its_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ZooError, match=r'search.tuner: tpe needs Optuna(.|\n)*pip install "keras-zoo\[optuna\]"'):
        oracle_of("tpe", BRANIN)


# Hyperband


def halves(trials: Sequence[Trial]) -> list[tuple[int | None, int]]:
    """The rounds of trials with one worker: until which epoch, and how many."""
    rounds: list[tuple[int | None, int]] = []
    before = None
    for one in trials:
        of = (one.epochs, one.continues is None)
        rounds = [*rounds[:-1], (one.epochs, rounds[-1][1] + 1)] if of == before else [*rounds, (one.epochs, 1)]
        before = of
    return rounds


def test_one_sweep_is_the_papers() -> None:
    """Table 1 for R = 9, eta = 3: n_i configurations until r_i epochs."""
    trials = tried(oracle_of("hyperband", OPEN), chance)
    assert halves(trials) == [(1, 9), (3, 3), (9, 1), (3, 5), (9, 1), (9, 3)]
    assert len({same(one.values) for one in trials}) == 9 + 5 + 3


@pytest.mark.parametrize("sign", [1, -1])
def test_the_best_of_a_round_go_on_with_their_weights(sign: int) -> None:
    trials = tried(oracle_of("hyperband", OPEN, sign), chance)
    first, second = trials[:9], trials[9:12]
    best = sorted(first, key=lambda one: -sign * (one.score or 0))[:3]
    assert [one.continues for one in second] == [one.number for one in best]
    assert [one.values for one in second] == [one.values for one in best]
    assert {one.continues for one in trials} - {None} <= {one.number for one in trials}


def test_further_sweeps_begin_with_other_points() -> None:
    trials = tried(oracle_of("hyperband", OPEN, trials=44), chance, 44)
    assert halves(trials[22:]) == halves(trials[:22])
    fresh = [same(one.values) for one in trials if one.continues is None]
    assert len(set(fresh)) == len(fresh) == 2 * (9 + 5 + 3)


def test_failed_trials_do_not_go_on_and_a_round_of_too_few_goes_on_with_them() -> None:
    counted = iter(range(100))
    trials = tried(oracle_of("hyperband", OPEN), lambda point: chance(point) if next(counted) in (2, 5) else None, 11)
    assert [one.continues for one in trials[9:11]] == sorted([3, 6], key=lambda number: -(trials[number - 1].score or 0))
    rest = tried(oracle_of("hyperband", OPEN), lambda point: None)  # all fail
    assert halves(rest) == [(1, 9), (3, 5), (9, 3)]


def test_a_failed_second_round_leaves_the_third_to_the_others() -> None:
    oracle, trials = oracle_of("hyperband", OPEN), []
    for number in range(1, 14):
        proposal = oracle.ask(number, trials)
        assert proposal is not None
        trials.append(ended(number, proposal, None if number in (10, 11) else chance(proposal.values) + number))
    assert (trials[12].epochs, trials[12].continues) == (9, 12)


def test_a_small_space_is_halved_to_its_end() -> None:
    trials = tried(oracle_of("hyperband", {"a": [1, 2, 3, 4]}, epochs=9, trials=50), lambda point: point["a"])
    assert [(one.epochs, one.values["a"]) for one in trials[4:]] == [(3, 4), (3, 3), (3, 2), (9, 4)]
    assert Counter(one.epochs for one in trials) == {1: 4, 3: 3, 9: 1}


def simulated(oracle: Oracle, workers: int, seed: int, fails: float, count: int = 200) -> list[Trial]:
    """A search with several workers whose trials end in any order; one that waits while nothing runs would never end."""
    draw, trials, order = random.Random(seed), {}, []
    for _ in range(1000):
        running = [one for one in trials.values() if not one.ended]
        proposal = None
        waits = False
        if len(running) < workers and len(trials) < count:
            try:
                proposal = oracle.ask(len(trials) + 1, list(trials.values()))
            except Wait:
                waits = True
        if proposal is not None:
            number = len(trials) + 1
            trials[number] = Trial(number, proposal.values, tuple(order), epochs=proposal.epochs, continues=proposal.continues)
            continue
        if not running:
            assert not waits
            return list(trials.values())
        done = draw.choice(running)
        failed = draw.random() < fails
        trials[done.number] = replace(done, state=FAILED if failed else COMPLETED, score=None if failed else draw.random())
        order.append(done.number)
    raise AssertionError("the search has no end")


@pytest.mark.parametrize("fails", [0.0, 0.4])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_several_workers_come_to_an_end_and_play_again(workers: int, fails: float) -> None:
    trials = simulated(oracle_of("hyperband", OPEN), workers, seed=workers, fails=fails)
    fresh = [one for one in trials if one.continues is None]
    assert Counter(one.epochs for one in fresh) == {1: 9, 3: 5, 9: 3}
    going_on = [one.continues for one in trials if one.continues is not None]
    assert len(set(going_on)) == len(going_on)
    assert all(trials[number - 1].state == COMPLETED for number in going_on)
    if not fails:
        assert len(trials) == 22
    for one in trials:  # each again, of what was known when it was proposed
        known = [other if other.number in one.knows else replace(other, state=RUNNING, score=None) for other in trials[: one.number - 1]]
        assert oracle_of("hyperband", OPEN).ask(one.number, known) == Proposal(one.values, one.epochs, one.continues)


@pytest.mark.parametrize(
    ("epochs", "rounds"), [(1, [(1, 1)]), (2, [(2, 1)]), (3, [(1, 3), (3, 1), (3, 2)]), (10, [(2, 9), (4, 3), (10, 1)])]
)
def test_other_lengths_of_training(epochs: int, rounds: list[tuple[int, int]]) -> None:
    assert halves(tried(oracle_of("hyperband", OPEN, epochs=epochs), chance))[: len(rounds)] == rounds


def test_who_must_wait_is_told_so() -> None:
    oracle = oracle_of("hyperband", {"a": {"float": [0, 1]}}, epochs=3)
    trials = [Trial(number, {"a": number / 10}, (), epochs=1 if number < 4 else 3) for number in range(1, 6)]
    with pytest.raises(Wait):
        oracle.ask(6, trials)


def test_a_trial_whose_folder_was_removed_gets_its_place_again() -> None:
    trials = tried(oracle_of("hyperband", OPEN), chance)
    for number in (3, 11, 17):
        left = [one for one in trials if one.number != number]
        gone = trials[number - 1]
        again = oracle_of("hyperband", OPEN).ask(number, left)
        assert again is not None
        assert (again.epochs, again.continues) == (gone.epochs, gone.continues)
