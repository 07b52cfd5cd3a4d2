"""A run that is killed, at any moment and again and again, ends as one that never was."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from zoo.evaluation import evaluate
from zoo.runs import Run, all_runs
from zoo.training import snapshot

CHILD = """
import sys
from pathlib import Path
from zoo.config import load_experiment
from zoo.training import callbacks, train
callbacks.SECONDS_BETWEEN_CHECKPOINTS = 0.0
train(load_experiment({experiment!r}), runs=Path(sys.argv[1]), resume=True)
"""

MLP = {
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [32, 32], "dropout": 0.3},
    "train": {
        "epochs": 60,
        "batch_size": 32,
        "early_stopping": {"monitor": "val.f1_macro", "patience": 60},
        "schedule": {"name": "plateau", "patience": 2, "factor": 0.5, "warmup": 0.1},
    },
    "imbalance": "class_weight",
}
CNN = {
    "dataset": "digits",
    "model": {"name": "cnn_small", "width": 8, "dropout": 0.2},
    "train": {"epochs": 24, "schedule": {"name": "cosine"}, "early_stopping": None},
}


def start(experiment: dict, root: Path) -> subprocess.Popen:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen([sys.executable, "-c", CHILD.format(experiment=experiment), str(root)], env=environment, stderr=subprocess.PIPE)


def finish(experiment: dict, root: Path) -> Run:
    child = start(experiment, root)
    _, said = child.communicate(timeout=300)
    assert child.returncode == 0, said.decode()
    (run,) = all_runs(root)
    assert run.state == "finished"
    return run


def kill_when(child: subprocess.Popen, happened) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert child.poll() is None, "the run ended before it could be killed: " + child.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.0005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stderr.close()


def reached(root: Path, epoch: int):
    """True once history.csv has so many rows."""

    def look() -> bool:
        files = list(root.glob("*/*/history.csv"))
        return bool(files) and files[0].read_text().count("\n") > epoch

    return look


def writing(root: Path):
    """True while the temporary file of a checkpoint stands there."""
    return lambda: bool(list(root.glob("*/*/checkpoints/.*-last.npz")))


def weights_of(run: Run) -> list[np.ndarray]:
    return run.model.get_weights()


def assert_same_end(one: Run, other: Run) -> None:
    assert (one.path / "history.csv").read_bytes() == (other.path / "history.csv").read_bytes()
    for left, right in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(left, right)
    mine, theirs = snapshot.read(one.path), snapshot.read(other.path)
    assert mine is not None
    assert theirs is not None
    assert mine.callbacks == theirs.callbacks
    for left, right in zip(mine.variables, theirs.variables, strict=True):  # optimizer and seed generators too
        np.testing.assert_array_equal(left, right)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", [MLP, CNN], ids=["mlp", "cnn"])
def test_killed_runs_end_bit_identical(experiment, tmp_path):
    whole = finish(experiment, tmp_path / "whole")
    root = tmp_path / "killed"
    epochs = experiment["train"]["epochs"]
    moments = random.Random(time.time_ns())
    kill_when(start(experiment, root), writing(root))  # while the first checkpoint is written
    kill_when(start(experiment, root), reached(root, moments.randrange(2, epochs // 2)))
    child = start(experiment, root)
    kill_when(child, reached(root, moments.randrange(epochs // 2, epochs - 4)))
    resumed = finish(experiment, root)
    assert len(whole.history) == epochs
    assert_same_end(whole, resumed)
    if experiment is CNN:
        for run in (whole, resumed):
            evaluate(run)
        assert (whole.path / "metrics.json").read_bytes() == (resumed.path / "metrics.json").read_bytes()


@pytest.mark.slow
def test_a_run_killed_in_any_room_is_finished_in_its_own_folder(tmp_path):
    """`zoo run`, killed again and again, leaves one run folder, one bundle, and the metrics of an undisturbed run."""
    command = [sys.executable, "-m", "zoo", "run", "digits_mlp", "--set", "train.epochs=4", "--resume", "--json"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    whole = subprocess.run(command, cwd=made(tmp_path / "whole"), env=environment, check=True, capture_output=True, text=True)
    root = made(tmp_path / "killed")
    moments = {
        "evaluating": lambda: list(root.glob("runs/*/*/reading.json")),
        "exporting": lambda: list(root.glob("bundles/*/.new-*")),
    }
    for happened in moments.values():
        child = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        kill_when(child, happened)
    done = subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["metrics"] == json.loads(whole.stdout)["metrics"]
    assert len(list(root.glob("runs/*/*/run.json"))) == 1
    assert sorted(path.name for path in (root / "bundles" / "digits_mlp").glob("[!.]*")) == [
        "1",
        "1.formats",
        "docker-compose.yml",
        "models.config",
    ]
    again = subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, text=True)
    assert json.loads(again.stdout)["metrics"] == json.loads(whole.stdout)["metrics"]
    assert len(list(root.glob("runs/*/*/run.json"))) == 1
    assert not (root / "bundles" / "digits_mlp" / "2").exists()


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder
