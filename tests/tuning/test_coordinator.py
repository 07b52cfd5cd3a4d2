"""The coordinator keeps its promises: budgets, failures, losses, and a kill at any write changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pretended import TUNERS, Pretend, coordinator, iris

from zoo.config.space import same
from zoo.config.tunable import load_tunable
from zoo.errors import ZooError
from zoo.tuning.coordinator import LOSSES
from zoo.tuning.folder import SearchFolder, best_of, create
from zoo.tuning.workers import Event


class Killed(BaseException):
    """As SIGKILL: nobody catches it."""


def facts(folder: SearchFolder) -> list:
    """All of the trials but how often they were started."""
    return [replace(trial, attempts=0) for trial in folder.trials()]


@pytest.mark.parametrize("tuner", TUNERS)
def test_a_search_killed_at_every_write_ends_as_one_that_never_was(tuner, tried, tmp_path, monkeypatch):
    budget = {} if tuner == "hyperband" else {"trials": 12}
    whole, why = tried(tuner=tuner, **budget)
    write, left = SearchFolder.write, [0, False]

    def mortal(self, trial):
        if left[0] == 0 and not left[1]:
            raise Killed
        write(self, trial)
        if left[0] == 0:
            raise Killed
        left[0] -= 1

    monkeypatch.setattr(SearchFolder, "write", mortal)
    tunable = load_tunable(iris(tuner=tuner, **budget))
    folder, ends, lives = create(tmp_path / "killed", tunable, threads=1), None, 0
    while ends is None:
        lives += 1
        left[:] = [2 + lives % 3, lives % 2 == 0]  # some writes, then death before one or after one
        try:
            ends = coordinator(folder, tunable, Pretend()).run()
        except Killed:
            assert lives < 100
    assert lives > 4
    assert ends == why
    assert facts(folder) == facts(whole)


@pytest.mark.parametrize("tuner", TUNERS)
def test_no_point_is_tried_twice_with_several_workers(tuner, tried):
    folder, _ = tried(Pretend(seats=3), tuner=tuner, **({} if tuner == "hyperband" else {"trials": 15}))
    first = [trial for trial in folder.trials() if trial.continues is None]
    assert len({same(trial.values) for trial in first}) == len(first) >= 15
    assert sorted(trial.place for trial in folder.trials()) == list(range(1, len(folder.trials()) + 1))


def test_a_grid_ends_with_its_points(tried):
    folder, why = tried(tuner="grid")
    assert len(folder.trials()) == 24
    assert why == "every point was tried"


def test_budgets_end_a_search(tried):
    assert tried(tuner="random", trials=3)[1] == "3 trials were made"
    folder, why = tried(tuner="random", epochs=20)
    assert (len(folder.trials()), why) == (3, "20 epochs were trained")
    folder, why = tried(tuner="random", patience=4)
    trials = folder.trials()
    assert why == "4 trials went by without a better one"
    assert best_of(trials, 1).number == len(trials) - 4
    folder, why = tried(tuner="random", time=1e-9)
    assert (folder.trials(), why) == ([], "the time was over")


def test_a_stopped_trial_is_gone_on_with_when_there_is_more_time(tried, monkeypatch):
    tunable = load_tunable(iris(tuner="random", time="1000s"))
    folder, _ = tried(Pretend(), tuner="random", trials=2)
    wait = Pretend.wait
    monkeypatch.setattr(Pretend, "wait", lambda self, seconds: wait(self, seconds) if self.killed else [])
    ticking = iter([0.0, *[1.0] * 7, *[2000.0] * 99])
    monkeypatch.setattr("zoo.tuning.coordinator.time.monotonic", lambda: next(ticking))
    assert coordinator(folder, tunable, Pretend()).run() == "the time was over"
    stopped = folder.trials()[-1]
    assert (stopped.number, stopped.state, stopped.score) == (3, "running", None)
    monkeypatch.undo()
    more = load_tunable(iris(tuner="random", time="9000s", trials=4))
    assert coordinator(folder, more, Pretend()).run() == "4 trials were made"
    assert [(trial.number, trial.state, trial.attempts) for trial in folder.trials()[2:]] == [(3, "completed", 2), (4, "completed", 1)]
    assert folder.trials()[2].values == stopped.values


def test_failures_cost_their_trial_only_and_too_many_in_a_row_end_the_search(tried):
    def odd(task):
        return Event(0, died="its process was killed by SIGSEGV") if int(task["folder"][-4:]) % 2 else None

    folder, _ = tried(Pretend(answers=odd), tuner="bayesian", trials=8)
    assert [trial.state for trial in folder.trials()] == ["failed", "completed"] * 4
    assert folder.trials()[0].reason == "its process was killed by SIGSEGV"
    folder, why = tried(Pretend(answers=lambda task: Event(0, died="why not")), tuner="tpe", trials=8, failures=3)
    assert len(folder.trials()) == 3
    assert why == "3 trials failed in a row, the last: why not"


def test_a_trial_that_hangs_fails_when_its_time_is_over(tried, monkeypatch):
    wait = Pretend.wait

    def hanging(self, seconds):
        busy = [int(task["folder"][-4:]) for task in self.busy.values()]
        return [] if busy == [2] and not self.killed else wait(self, seconds)

    monkeypatch.setattr(Pretend, "wait", hanging)
    folder, _ = tried(tuner="random", trials=3, trial_time=0.05)
    assert [trial.state for trial in folder.trials()] == ["completed", "failed", "completed"]
    assert folder.trials()[1].reason == "it took longer than search.trial_time: 0.05 s"


def test_values_that_do_not_go_together_fail_their_trial(tried, monkeypatch):
    from zoo.config.tunable import Tunable

    at = Tunable.at

    def picky(self, point):
        if point.get("model.dropout") == 0.2 and "model.hidden" in point and point["model.hidden"] == [32]:
            raise ZooError("32 does not go with 0.2")
        return at(self, point)

    monkeypatch.setattr(Tunable, "at", picky)
    folder, _ = tried(tuner="grid")
    failed = [trial for trial in folder.trials() if trial.state == "failed"]
    assert len(failed) == 4
    assert {trial.reason for trial in failed} == {"32 does not go with 0.2"}


def test_a_trial_that_is_lost_with_its_machine_is_tried_again_until_it_is_too_much(tried):
    losses = {1: 1, 3: LOSSES + 1}

    def losing(task):
        number = int(task["folder"][-4:])
        losses[number] = losses.get(number, 0) - 1
        return Event(0, lost="the node went away") if losses[number] >= 0 else None

    folder, _ = tried(Pretend(answers=losing), tuner="random", trials=4)
    assert [(trial.state, trial.attempts) for trial in folder.trials()] == [
        ("completed", 2),
        ("completed", 1),
        ("failed", LOSSES + 1),
        ("completed", 1),
    ]
    assert "the node went away" in folder.trials()[2].reason


def test_a_trial_whose_folder_was_removed_is_tried_again(tried):
    folder, _ = tried(tuner="random", trials=5)
    before = folder.trials()
    import shutil

    shutil.rmtree(folder.of(3))
    tunable = load_tunable(iris(tuner="random", trials=5))
    assert coordinator(folder, tunable, Pretend()).run() == "5 trials were made"
    after = folder.trials()
    assert [trial.number for trial in after] == [1, 2, 3, 4, 5]
    assert after[3:] == before[3:]
    assert len({same(trial.values) for trial in after}) == 5


def test_trials_of_other_data_are_not_compared(tried):
    folder, _ = tried(tuner="random", trials=2)
    other = Pretend(answers=lambda task: Event(0, {"state": "completed", "score": 1.0, "curve": [1.0], "epochs": 1, "data": "other"}))
    with pytest.raises(ZooError, match="changed since"):
        coordinator(folder, load_tunable(iris(tuner="random", trials=3)), other).run()


def test_a_pruned_trial_is_measured_by_what_was_known_when_it_was_proposed(tried):
    workers = Pretend()
    tried(workers, tuner="random", trials=6, pruner="median")
    assert [len(task["past"]) for task in workers.tasks] == [0, 1, 2, 3, 4, 5]
    assert workers.tasks[-1]["past"][0] == pytest.approx([*map(float, workers.tasks[-1]["past"][0])])


def test_hyperband_goes_on_with_the_weights_of_the_best(tried):
    workers = Pretend()
    folder, _ = tried(workers, tuner="hyperband")
    trials = {trial.number: trial for trial in folder.trials()}
    later = [trial for trial in trials.values() if trial.continues]
    assert later
    for trial in later:
        parent = trials[trial.continues]
        assert trial.values == parent.values
        assert trial.epochs > parent.epochs
        assert trial.trained == trial.epochs - parent.epochs
        assert workers.tasks[trial.number - 1]["continues"].endswith(f"{parent.number:04d}")
