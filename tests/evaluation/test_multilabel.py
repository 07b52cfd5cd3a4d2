"""Several labels and several values at once, from the card to the served answer: trained, measured, exported, asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet as pq
from sklearn import datasets, metrics

import zoo
from zoo import tasks
from zoo.config import load_experiment
from zoo.config.experiment import TaskChoice
from zoo.errors import ZooError
from zoo.evaluation import evaluate
from zoo.evaluation.metrics import baseline_metrics
from zoo.runs import Run
from zoo.tasks.multilabel import Multilabel
from zoo.training import train

LABELS = ["even", "round", "big"]
TRAIN = {"batch_size": 64, "tensorboard": False, "optimizer": {"name": "adamw", "learning_rate": 0.01}}


def digits_by_labels(folder: Path) -> dict[str, Any]:
    """scikit-learn's digits; a label says whether the number is even, is drawn with a closed loop, is 5 or more. No label: 1 and 3."""
    found = datasets.load_digits()
    marks = np.stack([found.target % 2 == 0, np.isin(found.target, (0, 6, 8, 9)), found.target >= 5], 1)
    np.savez(folder / "digits.npz", x_train=found.images, y_train=marks.astype(np.uint8))
    return {
        "title": "Digits, by what is true of them",
        "source": {"kind": "npz", "file": str(folder / "digits.npz")},
        "licence": "CC BY 4.0",
        "task": "classification",
        "image": {"shape": [8, 8, 1], "range": [0, 16]},
        "target": {"name": "traits", "columns": LABELS},
    }


def diabetes_twice(folder: Path) -> dict[str, Any]:
    """scikit-learn's diabetes: how it goes on, and the blood pressure, from the rest."""
    found = datasets.load_diabetes(scaled=False)
    frame = pd.DataFrame(found.data, columns=found.feature_names).assign(progress=found.target)
    frame.rename(columns={"bp": "blood pressure"}).to_csv(folder / "diabetes.csv", index=False)
    return {
        "title": "Diabetes, two values",
        "source": {"kind": "csv", "file": str(folder / "diabetes.csv")},
        "licence": "none",
        "task": "regression",
        "columns": dict.fromkeys(("age", "bmi", "s1", "s2", "s3", "s4", "s5", "s6"), "number"),
        "target": {"name": "health", "columns": ["blood pressure", "progress"]},
    }


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("labels")
    experiment = {
        "dataset": digits_by_labels(folder),
        "model": {"name": "cnn_small", "width": 8},
        "augment": ["mixup"],
        "train": {**TRAIN, "epochs": 4, "keep_best": "val.f1_macro"},
    }
    return evaluate(train(load_experiment(experiment), runs=folder))


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("values")
    experiment = {"dataset": diabetes_twice(folder), "model": {"name": "mlp", "hidden": [16]}, "train": {**TRAIN, "epochs": 10}}
    return evaluate(train(load_experiment(experiment), runs=folder))


def asked(run: Run, split: str = "test") -> tuple[dict[str, np.ndarray], Any]:
    """Raw inputs and target of a split."""
    data = run.dataset
    rows = data.rows[split]
    features = data.raw.take(rows)
    return {name: features[name] for name in features}, data.raw.target[rows]


def test_labels_are_learned_and_measured_as_scikit_learn_does(labels):
    inputs, texts = asked(labels)
    truth = np.array([[name in text.split(";") for name in LABELS] for text in texts])
    answers, found = labels.predict(inputs), labels.metrics["test"]
    assert {name: values.shape for name, values in answers.items()} == {"label": (270,), "probability": (270,), "scores": (270, 3)}
    said = answers["scores"] >= np.array(labels.reading["thresholds"], np.float32)
    assert [";".join(np.array(LABELS)[row]) for row in said] == answers["label"].tolist()
    assert "" in answers["label"]
    chance = np.where(said, answers["scores"], 1 - answers["scores"]).prod(1)
    assert answers["probability"] == pytest.approx(chance, abs=1e-6)
    wanted = {
        "accuracy": metrics.accuracy_score(truth, said),
        "precision_macro": metrics.precision_score(truth, said, average="macro"),
        "recall_macro": metrics.recall_score(truth, said, average="macro"),
        "f1_macro": metrics.f1_score(truth, said, average="macro"),
        "f1_weighted": metrics.f1_score(truth, said, average="weighted"),
        "roc_auc": metrics.roc_auc_score(truth, answers["scores"], average="macro"),
        "log_loss": np.mean([metrics.log_loss(truth[:, i], answers["scores"][:, i].astype(float)) for i in range(3)]),
    }
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=1e-6)
    assert (found["balanced_accuracy"], found["top_5_accuracy"], "confusion" in found) == (None, None, False)
    for place, (name, one) in enumerate(found["per_class"].items()):
        assert name == LABELS[place]
        assert one["f1"] == pytest.approx(metrics.f1_score(truth[:, place], said[:, place]), abs=1e-6)
        assert one["support"] == truth[:, place].sum()
    base = labels.metrics["baseline"]["test"]
    assert found["f1_macro"] > 0.85 > base["f1_macro"]
    assert found["log_loss"] < base["log_loss"] / 2
    assert base["roc_auc"] == 0.5


def test_history_has_the_accuracy_of_whole_sets(labels):
    history, outputs = labels.history, labels.model.predict(labels.dataset.val, verbose=0)
    truth = labels.dataset.encoded["val"].y > 0.5
    right = float(((outputs > 0) == truth).all(1).mean())
    best = history[history["epoch"] == labels.facts["best_epoch"]].iloc[0]
    assert best["val.accuracy"] == pytest.approx(right, abs=1e-6)
    assert best["val.f1_macro"] == pytest.approx(metrics.f1_score(truth, outputs > 0, average="macro"), abs=1e-6)
    assert best["val.loss"] == pytest.approx(labels.metrics["val"]["loss"], abs=1e-5)


def test_the_files_of_a_run_of_labels(labels):
    frame = pq.read_table(labels.path / "predictions.parquet").to_pandas()
    assert list(frame) == ["split", "id", "target", "label", "probability", *(f"score_{name}" for name in LABELS)]
    test = frame[frame["split"] == "test"]
    assert (test["target"] == test["label"]).mean() == pytest.approx(labels.metrics["test"]["accuracy"])
    told = json.loads((labels.path / "baseline.json").read_text("utf-8"))["predictions"]
    said = frame[frame["split"] == "val"]["label"].str.split(";").explode().value_counts()
    assert told["labels"] == {name: int(said[name]) for name in LABELS}
    drawn = {path.name for path in (labels.path / "figures").iterdir()}
    assert drawn == {"learning_curves.svg", "calibration.svg", "examples.png"}
    report = (labels.path / "report.html").read_text("utf-8")
    assert "which of 3 labels of traits hold" in report


def test_a_bundle_of_labels_says_the_same(labels, tmp_path):
    bundle = zoo.export(labels, bundles=tmp_path)
    assert set(bundle.proof) == {"saved_model", "onnx"}
    images = asked(labels)[0]["image"]
    mine, its = zoo.predict(labels, images), zoo.predict(bundle, images)
    assert list(its) == ["label", "probability", *(f"score_{name}" for name in LABELS)]
    assert (mine["label"] == its["label"]).all()
    assert its.drop(columns="label").to_numpy() == pytest.approx(mine.drop(columns="label").to_numpy(), abs=1e-5)
    assert bundle.manifest["classes"] == LABELS
    assert len(bundle.manifest["reading"]["thresholds"]) == 3


def test_several_values_are_measured_in_their_own_units(values):
    inputs, target = asked(values)
    said, found, names = values.predict(inputs)["value"], values.metrics["test"], ["blood pressure", "progress"]
    assert said.shape == target.shape == (66, 2)
    for place, name in enumerate(names):
        truth, mine = target[:, place], said[:, place].astype(float)
        wanted = {
            "mae": metrics.mean_absolute_error(truth, mine),
            "mse": metrics.mean_squared_error(truth, mine),
            "rmse": metrics.root_mean_squared_error(truth, mine),
            "r2": metrics.r2_score(truth, mine),
        }
        assert found["per_target"][name] == pytest.approx(wanted, rel=1e-5)
    for key in ("mae", "mse", "rmse", "r2"):
        assert found[key] == pytest.approx(np.mean([one[key] for one in found["per_target"].values()]))
    base = values.metrics["baseline"]["test"]
    assert found["r2"] > 0.1 > base["r2"]
    mean = asked(values, "train")[1].mean(0)
    away = metrics.mean_absolute_error(target, np.tile(mean, (66, 1)), multioutput="raw_values")
    assert [one["mae"] for one in base["per_target"].values()] == pytest.approx(away.tolist(), rel=1e-5)


def test_the_metric_that_keras_logs_is_in_units_too(values):
    best = values.history[values.history["epoch"] == values.facts["best_epoch"]].iloc[0]
    assert best["val.mae"] == pytest.approx(values.metrics["val"]["mae"], rel=1e-4)
    assert best["val.loss"] == pytest.approx(values.metrics["val"]["loss"], rel=1e-4)


def test_the_files_of_a_run_of_values(values):
    frame = pq.read_table(values.path / "predictions.parquet").to_pandas()
    assert list(frame) == ["split", "id", *(f"{what}_{name}" for what in ("target", "value") for name in ("blood_pressure", "progress"))]
    test = frame[frame["split"] == "test"]
    error = (test["value_progress"] - test["target_progress"]).abs().mean()
    assert error == pytest.approx(values.metrics["test"]["per_target"]["progress"]["mae"], rel=1e-5)
    told = json.loads((values.path / "baseline.json").read_text("utf-8"))["predictions"]["value"]
    assert told["progress"]["mean"] == pytest.approx(frame[frame["split"] == "val"]["value_progress"].mean(), rel=1e-5)
    assert (values.path / "figures" / "residuals.svg").is_file()
    report = (values.path / "report.html").read_text("utf-8")
    assert "Target by target" in report
    assert "<td>blood pressure</td>" in report


def test_a_bundle_of_values_says_the_same(values, tmp_path):
    bundle = zoo.export(values, bundles=tmp_path)
    assert set(bundle.proof) == {"saved_model", "onnx"}
    file = values.card.source.file.name
    its, mine = zoo.predict(bundle, file), zoo.predict(values, file)
    assert list(its) == list(mine) == ["row", "value_blood_pressure", "value_progress"]
    assert its.to_numpy() == pytest.approx(mine.to_numpy(), rel=1e-5)


def test_a_threshold_a_label_is_the_best_for_its_f1():
    rng = np.random.default_rng(0)
    task = tasks.make("classification", {"classes": LABELS, "multilabel": True, "separator": ";"})
    assert isinstance(task, Multilabel)
    y = (rng.random((80, 3)) < [0.5, 0.1, 0.3]).astype(np.float32)
    outputs = (2 * y - 2.5 + rng.normal(0, 1.5, y.shape)).astype(np.float32)
    reading = task.fit_reading(outputs, y)
    scores = np.asarray(task.scores(outputs, reading))
    for place, threshold in enumerate(reading["thresholds"]):
        f1 = metrics.f1_score(y[:, place], scores[:, place] >= np.float32(threshold))
        best = max(metrics.f1_score(y[:, place], scores[:, place] >= cut) for cut in np.unique(scores[:, place]))
        assert f1 == pytest.approx(best)
    exact = tasks.make(TaskChoice(name="classification", threshold="accuracy"), {"classes": LABELS, "multilabel": True, "separator": ";"})
    cuts = exact.fit_reading(outputs, y)["thresholds"]
    best = max(((scores[:, 1] >= cut) == y[:, 1]).mean() for cut in [*np.unique(scores[:, 1]), 2])
    assert ((scores[:, 1] >= np.float32(cuts[1])) == y[:, 1]).mean() == pytest.approx(best)


def test_labels_that_are_always_or_never_true_break_no_metric():
    task = tasks.make("classification", {"classes": LABELS, "multilabel": True, "separator": ";"})
    y = np.tile(np.array([[1, 0, 0]], np.float32), (8, 1))
    found = baseline_metrics(task, y, y)
    assert (found["accuracy"], found["f1_macro"], found["roc_auc"]) == (1.0, 1.0, None)
    assert found["log_loss"] < 1e-6
    nothing = baseline_metrics(task, np.zeros((8, 3), np.float32), np.zeros((8, 3), np.float32))
    assert (nothing["accuracy"], nothing["f1_macro"], nothing["f1_weighted"]) == (1.0, None, None)


def test_two_labels_are_not_two_classes():
    task = tasks.make("classification", {"classes": ["a", "b"], "multilabel": True, "separator": "+"})
    assert task.facts() == {"num_outputs": 2}
    answers = task.read(np.array([[9, 9], [-9, 9], [9, -9], [-9, -9]], np.float32), {"temperature": 1.0, "thresholds": [0.5, 0.5]})
    assert answers["label"].numpy().tolist() == [b"a+b", b"b", b"a", b""]
    assert answers["probability"].numpy() == pytest.approx(np.ones(4), abs=1e-3)
    assert answers["scores"].shape == (4, 2)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"imbalance": "class_weight"}, "imbalance: class_weight needs one class an example"),
        ({"train": {"keep_best": "val.balanced_accuracy"}}, "'val.balanced_accuracy' is of one class an example"),
        ({"goal": {"metric": "test.top_5_accuracy", "at_least": 0.5}}, "'test.top_5_accuracy' is of one class an example"),
        ({"model": "autoencoder_conv", "task": "reconstruction"}, "is for classification, not for reconstruction"),
    ],
)
def test_what_needs_one_class_an_example_is_refused_at_once(more, says, tmp_path):
    with pytest.raises(ZooError, match=says):
        load_experiment({"dataset": digits_by_labels(tmp_path), "model": "cnn_small", **more})
