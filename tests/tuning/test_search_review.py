"""What a hostile user found: damaged files, trials that leave processes behind, keys without an effect, a winner after a winner."""

from __future__ import annotations

import json
import math
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pretended import Pretend, coordinator, iris

from zoo.config.tunable import load_tunable
from zoo.errors import ZooError
from zoo.tuning import winner
from zoo.tuning.folder import FILE, SearchFolder, best_of
from zoo.tuning.scales import short_keys
from zoo.tuning.trials import RUNNING, read_trial
from zoo.tuning.workers import LocalWorkers

HASTY = '''
"""A nursery whose workers need no TensorFlow."""
import json, os, subprocess, time

from zoo.tuning import nursery


def serve(results, waiting, there):
    while there.acquire():
        task = json.loads(waiting.pop(0))
        child = os.fork() if task["way"] == "fork" else subprocess.Popen(["sleep", "60"]).pid
        if child == 0:
            time.sleep(60)
        with open(task["file"], "w") as file:
            file.write(str(child))
        if task["way"] == "fork":
            os._exit(3)
        nursery._write(results, {"state": "failed"})


nursery._serve = serve
nursery.LOOKS = 0.1
nursery.Nursery().serve()
'''


def damage(path: Path, **facts: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


@pytest.mark.parametrize(
    "facts", [{"score": "high"}, {"score": math.nan}, {"state": "done"}, {"seconds": None}, {"curve": ["a"]}, {"place": "x"}, {"reason": 5}]
)
def test_a_trial_with_a_fact_of_another_kind_is_told(facts, tried):
    folder, _ = tried(tuner="random", trials=2)
    damage(folder.of(2) / "trial.json", **facts)
    with pytest.raises(ZooError, match=r"0002/trial\.json cannot be read") as caught:
        folder.trials()
    assert f"remove the folder {folder.of(2)}" in caught.value.details[-1]


@pytest.mark.parametrize("facts", [{"search": None}, {"keys": 3}, {"seconds": "x"}, {"threads": None}])
def test_a_search_with_a_fact_of_another_kind_is_told(facts, tried):
    folder, _ = tried(tuner="random", trials=1)
    damage(folder.path / FILE, **facts)
    with pytest.raises(ZooError, match=f"has {next(iter(facts))}: "):
        SearchFolder(folder.path)


def test_an_epoch_without_a_value_is_the_same_when_it_is_read_again(tried):
    folder, _ = tried(tuner="tpe", trials=3)
    folder.write(replace(folder.trials()[0], curve=(math.nan, 0.5)))
    assert math.isnan(read_trial(folder.of(1)).curve[0])
    more = load_tunable(iris(tuner="tpe", trials=6, pruner="median"))
    assert coordinator(folder, more, Pretend()).run() == "6 trials were made"


@pytest.mark.parametrize(("tuner", "pruner"), [("tpe", "median"), ("hyperband", None)])
def test_a_search_goes_on_without_the_folder_of_a_trial_that_others_know(tuner, pruner, tried):
    folder, _ = tried(tuner=tuner, pruner=pruner, trials=14)
    last = next(trial for trial in reversed(folder.trials()) if trial.continues or pruner)
    folder.write(replace(last, state=RUNNING, score=None))
    shutil.rmtree(folder.of(last.continues or last.knows[0]))
    coordinator(folder, load_tunable(iris(tuner=tuner, pruner=pruner, trials=14)), Pretend()).run()
    assert len(SearchFolder(folder.path).trials()) == 14
    assert all(trial.ended for trial in SearchFolder(folder.path).trials())


@pytest.mark.parametrize(
    "space",
    [{"train.keep_best": ["val.loss", "last"]}, {"dataset": ["iris", "wine"]}, {"goal.at_least": [0.1, 0.2]}, {"search.seed": [1, 2]}],
)
def test_a_key_that_no_trial_follows_is_refused(space):
    with pytest.raises(ZooError, match="cannot be searched for"):
        load_tunable("iris_mlp", {"search.space": space, "search.objective": "val.accuracy"})


@pytest.mark.parametrize("way", ["fork", "start"])
def test_what_a_trial_leaves_behind_neither_hangs_the_search_nor_lives_on(way, tmp_path, monkeypatch):
    (tmp_path / "hasty_nursery.py").write_text(HASTY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(LocalWorkers, "module", "hasty_nursery")
    workers = LocalWorkers(1)
    try:
        workers.start(0, {"way": way, "file": str(tmp_path / "pid")})
        events = next(found for found in (workers.wait(1) for _ in range(20)) if found)
        assert events[0].died == ("its process ended with exit code 3" if way == "fork" else None)
        left = Path("/proc") / (tmp_path / "pid").read_text()
        ends = time.monotonic() + 5
        while left.exists() and (left / "stat").read_text().split()[2] != "Z" and time.monotonic() < ends:
            time.sleep(0.05)
        assert not left.exists() or (left / "stat").read_text().split()[2] == "Z"
    finally:
        workers.close()


def test_who_shows_a_search_that_goes_on_is_told_the_best_of_before(tried):
    folder, _ = tried(tuner="random", trials=3)
    told = []

    class View:
        def started(self, trial):
            pass

        def ended(self, trial):
            pass

        def best(self, trial):
            told.append(trial.number)

    again = coordinator(folder, load_tunable(iris(tuner="random", trials=3)), Pretend())
    again.view = View()
    again.run()
    assert told == [best_of(folder.trials(), folder.sign).number]


def test_a_winner_after_a_tested_winner_says_so_and_saw_the_same_data(tried):
    folder, _ = tried(tuner="random", trials=3)
    tunable = load_tunable(iris(tuner="random", trials=3))
    trial = best_of(folder.trials(), folder.sign)
    folder.mark(winner={"number": 99, "run": "runs/one", "earlier": [98]})
    assert winner.train_again(folder, tunable, trial, Pretend, folder.path)["earlier"] == [98, 99]
    folder.mark(data="others")
    with pytest.raises(ZooError, match="the data of 'iris' changed"):
        winner.train_again(folder, tunable, trial, Pretend, folder.path)


def test_a_choice_of_optimizers_has_a_name_of_its_own():
    assert short_keys(["model.name", "train.optimizer.name"]) == {"model.name": "model.name", "train.optimizer.name": "optimizer.name"}
