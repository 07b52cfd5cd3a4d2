"""Real searches: trials in processes of their own, the truth about the winner, and a search that is killed again and again."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import zoo
from zoo.config import load_experiment
from zoo.errors import CheckError, ZooError
from zoo.jobs.experiments import open_experiment
from zoo.runs import Run, all_runs
from zoo.training import train
from zoo.tuning.folder import SearchFolder
from zoo.tuning.workers import LocalWorkers

ODD = '''
"""A model that goes wrong as it is told."""
import os

import keras
import numpy as np

import zoo


@zoo.register_model("odd_net", modality="vector", tasks=("classification",), example={"input_shape": (4,), "num_outputs": 3})
def odd_net(input_shape, num_outputs, *, mood="fine", width=4):
    if mood == "crash":
        os.abort()
    if mood == "killed":
        os.kill(os.getpid(), 9)
    if mood == "raise":
        raise AttributeError("it is in no mood")
    if mood == "memory":
        np.ones(2**62, np.int8)
    inputs = keras.Input(input_shape)
    outputs = keras.layers.Dense(num_outputs)(keras.layers.Dense(width)(inputs))
    if mood == "nan":
        outputs = outputs * np.nan
    return keras.Model(inputs, outputs)
'''
TRAIN = {"epochs": 3, "batch_size": 32, "early_stopping": None, "tensorboard": False, "threads": 1}
HERE = {"search": None, "train.threads": None}  # in this process TensorFlow may run already, with the threads that it has


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The name of a model of the user's own, in a module that is imported."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "odd_net_of_a_user.py").write_text(ODD)
    from zoo.registry import known

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        __import__("odd_net_of_a_user")
        yield "odd_net"
    known._registered.pop("odd_net")  # not the whole as it was before: what was imported since is imported once
    sys.modules.pop("odd_net_of_a_user", None)


@pytest.fixture(scope="module", autouse=True)
def workers() -> Iterator[None]:
    """One nursery for all searches here that are of this process: TensorFlow is imported once."""
    shared = LocalWorkers(2)
    close = shared.close

    def hired(seats: int) -> LocalWorkers:
        shared.seats = seats
        return shared

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "close", lambda: None)
        patch.setattr("zoo.jobs.searching.LocalWorkers", hired)
        yield
    close()


def experiment(**search: Any) -> dict[str, Any]:
    space = {"model.hidden": [[4], [8]], "train.optimizer.learning_rate": {"log": [1e-3, 1e-1]}}
    return {"dataset": "iris", "model": {"name": "mlp", "hidden": [8]}, "train": TRAIN, "search": {"space": space, "seeds": 2, **search}}


@pytest.fixture(scope="module")
def moods(odd: str, tmp_path_factory: pytest.TempPathFactory) -> SearchFolder:
    """A grid over all that can go wrong, two trials at once."""
    home = tmp_path_factory.mktemp("moods")
    asked = {"mood": ["fine", "nan", "crash", "fine ", "killed", "raise", "memory"], "width": [4]}
    search = {"tuner": "grid", "space": {f"model.{key}": values for key, values in asked.items()}, "seeds": 2, "failures": 9}
    what = {"dataset": "iris", "model": odd, "train": TRAIN, "search": search}
    return zoo.search(what, workers=2, searches=home / "searches", runs=home / "runs")


def test_what_goes_wrong_costs_its_trial_only(moods):
    told = {trial.values["model.mood"].strip(): (trial.state, trial.reason or "") for trial in moods.trials()}
    assert told["fine"] == ("completed", "")
    reasons = {mood: reason for mood, (state, reason) in told.items() if state == "failed"}
    assert sorted(reasons) == ["crash", "killed", "memory", "nan", "raise"]
    assert "training diverged in epoch 1" in reasons["nan"]
    assert "SIGABRT" in reasons["crash"]
    assert "SIGKILL: out of memory?" in reasons["killed"]
    assert reasons["raise"] == "AttributeError: it is in no mood"
    assert "Unable to allocate 4.00 EiB" in reasons["memory"]
    for trial in moods.trials():
        log = moods.of(trial.number) / "trial.log"
        assert log.is_file()
        if trial.values["model.mood"] == "raise":
            assert "Traceback" in log.read_text()


def test_equal_settings_have_equal_scores_whichever_worker_tries_them(moods):
    one, other = (trial for trial in moods.trials() if trial.state == "completed")
    assert one.curve == other.curve


def test_the_winner_is_trained_again_and_tested_once(moods):
    winner = moods.facts["winner"]
    assert list(winner["seeds"]) == ["2", "3"]
    assert winner["optimism"] == pytest.approx(moods.sign * (winner["score"] - winner["mean"]))
    runs = all_runs(moods.path.parents[2] / "runs")
    assert [str(run.path) for run in runs] == [winner["run"]]  # no other run was tested
    assert runs[0].metrics["test"]["accuracy"] == winner["test"]["accuracy"]
    assert not list(moods.path.glob("**/metrics.json"))
    again = load_experiment(open_experiment(moods.path / "best.yaml"), {"train.threads": 1})
    assert again.model_dump() == runs[0].experiment.model_dump()
    assert again.name == moods.name
    head = (moods.path / "best.yaml").read_text().splitlines()
    assert head[0] == f"# zoo run {moods.path / 'best.yaml'}"
    assert "the best of 7 (2 completed, 5 failed) by val.loss, tuner grid" in head[1]
    assert "measured: test.accuracy" in head[2]


def test_the_table_has_a_column_a_key(moods):
    rows = list(csv.DictReader((moods.path / "trials.csv").open()))
    assert len(rows) == 7
    assert list(rows[0])[:5] == ["number", "model.mood", "model.width", "state", "score"]
    assert rows[2]["reason"] == moods.trials()[2].reason


def test_it_can_be_shown_and_gone_on_with_when_it_is_finished(moods):
    from zoo.cli import main

    assert main(["search", "--show", str(moods.path)]) == 0
    assert (moods.path / "report.html").is_file()


def test_without_one_good_trial_it_fails_with_the_reasons(odd, tmp_path):
    search = {"tuner": "grid", "space": {"model.mood": ["raise", "nan"]}, "failures": 9}
    what = {"dataset": "iris", "model": odd, "train": TRAIN, "search": search}
    with pytest.raises(CheckError) as caught:
        zoo.search(what, searches=tmp_path)
    assert "no trial" in caught.value.what
    assert any("it is in no mood" in line for line in caught.value.details)
    assert SearchFolder(next(tmp_path.glob("*/*"))).state == "failed"
    with pytest.raises(CheckError):  # it is no better when it is asked again
        zoo.search(what, searches=tmp_path, resume=True)


def test_a_model_of_a_script_is_refused(odd, monkeypatch, tmp_path):
    from zoo.registry import known

    one = known._registered[odd]
    monkeypatch.setitem(known._registered, odd, replace(one, entry=replace(one.entry, module="__main__")))
    with pytest.raises(ZooError, match="registered in a script"):
        zoo.search({"dataset": "iris", "model": odd, "search": {"space": {"model.width": [2, 4]}}}, searches=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_training_that_pauses_ends_as_one_that_does_not(tmp_path):
    one = load_experiment(experiment(), {**HERE, "train.epochs": 6, "train.schedule": "cosine"})
    whole = train(one, runs=tmp_path / "whole")
    paused = train(one, runs=tmp_path / "parts", until=2)
    assert (paused.state, len(paused.history)) == ("interrupted", 2)
    assert len(train(one, runs=tmp_path / "parts", resume=True, until=2).history) == 2  # asked again, it stays where it is
    assert len(train(one, runs=tmp_path / "parts", resume=True, until=4).history) == 4
    ended = train(one, runs=tmp_path / "parts", resume=True, until=6)
    assert ended.path == paused.path
    assert ended.state == "finished"
    assert ended.history.equals(whole.history)
    for mine, other in zip(ended.model.get_weights(), whole.model.get_weights(), strict=True):
        assert (mine == other).all()


def test_who_watches_a_training_ends_it(tmp_path):
    one = load_experiment(experiment(), HERE)
    run = train(one, runs=tmp_path, watch=lambda history: len(history["val_loss"]) == 2)
    assert (run.state, len(run.history)) == ("finished", 2)
    assert train(one, runs=tmp_path, resume=True).path == run.path


def test_a_metric_that_training_cannot_watch_is_measured_on_val(tmp_path):
    what = {
        "dataset": "breast_cancer",
        "model": {"name": "autoencoder_dense", "hidden": [8], "latent_dim": 2},
        "task": {"name": "reconstruction", "normal": "benign"},
        "train": {**TRAIN, "epochs": 2},
        "search": {"objective": "val.f1", "tuner": "grid", "space": {"model.latent_dim": [1, 2]}, "seeds": 1},
    }
    folder = zoo.search(what, searches=tmp_path / "searches", runs=tmp_path / "runs")
    assert all(0 < trial.score <= 1 for trial in folder.trials())
    winner = folder.facts["winner"]
    assert winner["seeds"]["2"] == pytest.approx(Run(Path(winner["run"])).metrics["val"]["f1"])


def test_folds_are_averaged(tmp_path):
    what = experiment(tuner="random", trials=1, folds=3, seeds=1)
    folder = zoo.search(what, searches=tmp_path / "searches", runs=tmp_path / "runs")
    (trial,) = folder.trials()
    assert trial.trained == 9
    winner = folder.facts["winner"]
    assert set(winner["seeds"]) == {"2"}
    run = Run(Path(winner["run"]))
    assert run.card.cross_validation is None  # tested on the experiment's own split


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tuner", "words"),
    [
        ("hyperband", ["train.epochs=4"]),
        pytest.param("random", ["search.trials=6"], marks=pytest.mark.long),
        pytest.param("bayesian", ["search.trials=8"], marks=pytest.mark.long),
    ],
)
def test_sigkill_at_any_moment_changes_nothing(tuner, words, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for home in (whole, killed):
        home.mkdir()
        (home / "mine.yaml").write_text(json.dumps(experiment(tuner=tuner, seeds=1)))
    search(whole, words)
    chance, kills = random.Random(tuner), 0
    process = child(killed, words)
    for _ in range(2):
        try:
            process.communicate(timeout=chance.uniform(8, 12))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
            process = child(killed, words)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert kills
    for one, other in zip(told(killed), told(whole), strict=True):
        assert one == other
    search(killed, words)  # finished: nothing is done
    assert told(killed) == told(whole)
    assert len(all_runs(killed / "runs")) == 1


def search(home: Path, words: list[str]) -> SearchFolder:
    return zoo.search(home / "mine.yaml", words, resume=True, searches=home / "searches", runs=home / "runs")


def child(home: Path, words: list[str]) -> subprocess.Popen:
    """The command line, in a process that can be killed."""
    settings = [word for one in words for word in ("--set", one)]
    command = [sys.executable, "-m", "zoo", "search", str(home / "mine.yaml"), "--resume", *settings]
    return subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def told(home: Path) -> list:
    (path,) = (home / "searches" / "mine").glob("*")
    return [replace(trial, attempts=0, seconds=0.0) for trial in SearchFolder(path).trials()]
