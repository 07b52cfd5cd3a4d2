"""A search that cannot be: one message that says where and what to try, and no folder left behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_bad_folders import mounted, read_only

from zoo.config.tunable import load_tunable
from zoo.runs import locked
from zoo.tuning.folder import SearchFolder, create
from zoo.tuning.trials import Trial

__all__ = ["mounted", "read_only"]  # fixtures

SPACES = {
    "unknown key": ("{model.widht: [1, 2]}", "model 'cnn_small' has no hparam 'widht'", "did you mean: width"),
    "unknown part": ("{trian.epochs: [1, 2]}", "trian is not a setting of an experiment", "train"),
    "unknown model": ("{model: {cnn_smal: {}, lenet5: {}}}", "no model named 'cnn_smal'", "did you mean: cnn_small"),
    "model that does not fit": ("{model: {cnn_small: {}, text_cnn: {}}}", "'text_cnn' takes tokens", "models that fit"),
    "unknown optimizer": ("{train.optimizer: {adamw: {}, adamm: {}}}", "there is no train.optimizer 'adamm'", "did you mean: adam"),
    "value of a wrong type": ("{train.batch_size: [16, many]}", 'train.batch_size should be a whole number, not "many"', ""),
    "empty choice": ("{model.width: []}", "model.width has no values to choose from", ""),
    "empty range": ("{train.optimizer.learning_rate: {log: [0.1, 0.1]}}", "[0.1, 0.1] is empty", ""),
    "reversed range": ("{train.batch_size: {int: [64, 16]}}", "[64, 16] is reversed", "the lowest comes first"),
    "log of zero": ("{train.optimizer.learning_rate: {log: [0, 0.1]}}", "0 has no logarithm", "begin above zero"),
    "one point": ("{model.width: [32]}", "the space has one point", ""),
    "no space": ("{}", "the space has one point", ""),
    "no range": ("{model.width: 32}", "32 is no space", "{log: [1.0e-4, 1.0e-2]}"),
    "unknown range": ("{model.width: {itn: [8, 32]}}", "a range has one of int, float, log, log_int", "did you mean: int"),
    "of a process": ("{train.threads: [1, 2]}", "train.threads cannot be searched for: it is of a process", ""),
}
SEARCHES = {
    "unknown metric": (("search.objective=val.acuracy",), "'val.acuracy' is no metric of classification to search for", "val.accuracy"),
    "metric of test": (("search.objective=test.accuracy",), "a search must not see the test split", "did you mean: val.accuracy"),
    "unknown tuner": (("search.tuner=bayes",), "search.tuner should be", "did you mean: bayesian"),
    "no trials": (("search.trials=0",), "search.trials should be greater than 0", ""),
    "no time": (("search.time=soon",), "a time is seconds, or as 90s, 30m, 1h30m, 2d; 'soon' is not", ""),
    "grid of a continuum": (("search.tuner=grid",), "a grid needs values that can be listed", "train.optimizer.learning_rate"),
    "more trials than points": (
        ("search.tuner=grid", "search.space={model.width: [8, 16]}", "search.trials=3"),
        "search.trials: 3 is more than the 2 points of the grid",
        "leave it out",
    ),
    "hyperband over epochs": (("search.tuner=hyperband", "search.space={train.epochs: [2, 4]}"), "hyperband gives out the epochs", ""),
    "hyperband in folds": (("search.tuner=hyperband", "search.folds=3"), "hyperband stops trials by itself", ""),
    "unknown setting": (("search.trails=3",), "search.trails is not a setting of search", "did you mean: search.trials"),
}


@pytest.mark.parametrize(("space", "what", "hint"), SPACES.values(), ids=SPACES)
def test_a_space_that_cannot_be(refused, space, what, hint):
    said = refused("search", "digits_cnn", "--set", f"search.space={space}")
    assert what in said
    assert hint in said


@pytest.mark.parametrize(("settings", "what", "hint"), SEARCHES.values(), ids=SEARCHES)
def test_a_search_that_cannot_be(refused, settings, what, hint):
    said = refused("search", "digits_cnn", *(word for one in settings for word in ("--set", one)))
    assert what in said
    assert hint in said


def test_a_file_and_its_line_are_told(refused, zoo):
    Path("mine.yaml").write_text(
        "dataset: digits\nmodel: cnn_small\nsearch:\n  space:\n    model.width: [8, 16]\n    model.dropuot: [0, 0.5]\n"
    )
    assert "mine.yaml, line 6: the key model.dropuot: model 'cnn_small' has no hparam 'dropuot'" in refused("search", "mine.yaml")


def test_words_that_do_not_go_together(refused):
    assert "needs an experiment" in refused("search")
    assert "no search's folder" in refused("search", "--show", "nowhere")
    assert "leave the experiment out" in refused("search", "digits_cnn", "--show", "searches")
    assert "workers: 0" in refused("search", "digits_cnn", "--workers", "0")
    assert "no experiment named 'digits_cn'" in refused("search", "digits_cn")


def test_a_folder_that_cannot_be_written(refused, read_only):
    assert "read-only" in refused("search", "iris_mlp", "--searches", str(read_only))
    Path("searches").write_text("a file")
    assert "a file stands where a folder should be" in refused("search", "iris_mlp")


@pytest.fixture
def begun(zoo) -> SearchFolder:
    """A search of iris that was killed after a trial."""
    folder = create(Path("searches"), load_tunable("iris_mlp", ["search.trials=3"]), threads=1)
    folder.write(Trial(1, {"model.dropout": 0.1}, state="completed", score=0.9, curve=(0.9,), trained=1, place=1))
    folder.write(Trial(2, {"model.dropout": 0.3}))
    return folder


def test_a_search_goes_on_with_its_own_settings_only(refused, begun):
    said = refused("search", "iris_mlp", "--trials", "3", "--resume", "--set", "search.tuner=random")
    assert "is a search of other settings: search.tuner=bayesian" in said
    said = refused("search", "iris_mlp", "--trials", "3", "--resume", "--set", "train.batch_size=7")
    assert "asked.train.batch_size" in said or "train.batch_size" in said
    said = refused("search", "iris_mlp", "--trials", "3", "--resume", "--set", "search.space={model.dropout: [0.1, 0.3]}")
    assert "search.space" in said


def test_two_searches_on_one_folder(refused, begun):
    with locked(begun.path, "the search"):
        assert f"{begun.path} is being written by process" in refused("search", "iris_mlp", "--trials", "3", "--resume")


def test_a_corrupt_trial_file(refused, begun):
    (begun.of(1) / "trial.json").write_text('{"format": 1, "number": 1, "val')
    said = refused("search", "iris_mlp", "--trials", "3", "--resume")
    assert "trials/0001/trial.json cannot be read" in said
    assert "remove the folder" in said
    assert "cannot be read" in refused("search", "--show", str(begun.path))
    (begun.of(1) / "trial.json").write_text('{"format": 1, "number": 2, "values": {}}')
    assert "of another trial" in refused("search", "--show", str(begun.path))


def test_an_old_search_that_cannot_be_read_keeps_nobody_from_a_new_one(zoo, begun):
    (begun.path / "search.json").write_text("{")
    done = zoo(
        "search", "iris_mlp", "--set", "search.time=1e-6", "--set", "search.tuner=grid", "--set", "search.space={model.dropout: [0, 0.1]}"
    )
    assert "search.json cannot be read" in done.err
    assert done.code == 3  # there was no time for a trial
    assert zoo("search", "iris_mlp", "--trials", "3", "--resume").code == 2


def test_a_folder_of_another_experiment(refused, begun):
    shutil.copytree(begun.path, Path("searches") / "iris_linear" / begun.path.name)
    Path("experiments").mkdir()
    shutil.copy(begun.path / "experiment.yaml", "experiments/iris_linear.yaml")
    assert "is a search of another experiment: iris_mlp" in refused("search", "iris_linear", "--trials", "3", "--resume")


def test_a_cluster_that_does_not_answer(refused):
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    assert address in refused("search", "iris_mlp", "--trials", "2", "--cluster", address)
    assert time.monotonic() - began < 30


def test_ctrl_c_is_told_how_to_go_on(zoo):
    child = subprocess.Popen(
        [sys.executable, "-m", "zoo", "search", "digits_cnn", "--trials", "4"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    while not list(Path("searches").glob("*/*/trials/0001/trial.log")):
        assert child.poll() is None
        time.sleep(0.1)
    os.kill(child.pid, signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "stopped after 0 trials" in said
    assert "--resume" in said
    (folder,) = Path("searches").glob("*/*")
    assert SearchFolder(folder).state == "interrupted"
    shown = zoo("search", "--show", str(folder))
    assert shown.code == 0
    assert "interrupted" in shown.out
