"""Metrics of val alone: those of metrics.json, and nothing of test is looked at."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from zoo.config import load_experiment
from zoo.data.sources import Raw
from zoo.errors import ZooError
from zoo.evaluation import evaluate, val_metrics
from zoo.runs import Run
from zoo.training import train

TRAIN = {"epochs": 2, "batch_size": 64, "tensorboard": False, "optimizer": {"name": "adam", "learning_rate": 2e-3}}
CLASSIFIER = {"dataset": "digits", "model": {"name": "cnn_small", "width": 4}, "train": {**TRAIN, "early_stopping": None}}
CVAE = {
    "dataset": "digits",
    "model": {"name": "cvae", "filters": [4, 8], "width": 16},
    "task": {"name": "generation", "classifier": "digits_cnn_small"},
    "train": TRAIN,
}


def files(run: Run) -> dict[str, int]:
    return {str(path.relative_to(run.path)): path.stat().st_mtime_ns for path in sorted(run.path.rglob("*"))}


def blind(run: Run, monkeypatch) -> tuple[Run, set[int]]:
    """The run anew, over data whose test rows nobody knows, and the rows that are taken from it."""
    again, taken, take = Run(run.path), set[int](), Raw.take
    again.dataset = replace(run.dataset, rows={name: run.dataset.rows[name] for name in ("train", "val")})
    monkeypatch.setattr(Raw, "take", lambda raw, rows: taken.update(rows.tolist()) or take(raw, rows))
    return again, taken


@pytest.mark.parametrize("name", ["digits", "binary", "values", "hostile", "generated", "ones", "days"])
def test_they_are_those_of_metrics_json_and_test_is_not_looked_at(name, request, monkeypatch):
    run: Run = request.getfixturevalue(name)
    before, (again, taken) = files(run), blind(run, monkeypatch)
    found = json.loads(json.dumps(val_metrics(again)))
    wanted = run.metrics["val"]
    wanted.pop("fid_of_val", None)  # says how far test is from val
    assert found == wanted
    assert taken == set(run.dataset.rows["val"].tolist())
    assert files(run) == before


@pytest.fixture(scope="session")
def generated(tmp_path_factory) -> Run:
    """A conditional VAE, beside the classifier that looks at what it draws."""
    folder = tmp_path_factory.mktemp("validated")
    evaluate(train(load_experiment(CLASSIFIER), runs=folder))
    return evaluate(train(load_experiment(CVAE), runs=folder))


def test_they_hold_what_only_evaluation_knows(generated, ones, days):
    assert {"elbo", "fid", "kid"} <= set(val_metrics(generated))
    assert val_metrics(generated)["fid"] > 0
    assert val_metrics(ones)["f1"] > 0
    assert "event_f1" in val_metrics(days)


def test_the_classifier_may_stand_in_another_folder(generated, copy):
    run = copy(generated)
    with pytest.raises(ZooError, match="there is no finished run of 'digits_cnn_small'"):
        val_metrics(run)
    assert val_metrics(run, runs=generated.path.parents[1]) == val_metrics(generated)


def test_they_need_weights_and_nothing_that_evaluation_writes(values, copy):
    run = copy(values, without=("metrics.json", "reading.json", "baseline.json"))
    assert val_metrics(run) == values.metrics["val"]
    assert not Path(run.path, "reading.json").exists()
    run.mark("interrupted")
    with pytest.raises(ZooError, match="is not finished"):
        val_metrics(Run(run.path))
    run.mark("finished")
    run.path.joinpath("model.keras").unlink()
    with pytest.raises(ZooError, match=r"model\.keras is missing"):
        val_metrics(Run(run.path))
