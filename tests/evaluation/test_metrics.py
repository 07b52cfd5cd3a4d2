"""The metrics are scikit-learn's, of what the run answers to raw values."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from zoo import tasks
from zoo.bundles import score_columns
from zoo.config.experiment import TaskChoice
from zoo.config.metrics import METRICS
from zoo.data import prepare
from zoo.evaluation.metrics import baseline_metrics, metrics_of


def of_classes(y: np.ndarray, said: np.ndarray, scores: np.ndarray) -> dict[str, float | None]:
    """By scikit-learn's plain calls. y, said: class numbers; scores: (n, classes)."""
    honest = scores.astype(np.float64) / scores.sum(1, keepdims=True, dtype=np.float64)  # it warns of what float32 rounds off
    labels = np.arange(scores.shape[1])
    present = [index for index in labels if 0 < (y == index).sum() < len(y)]
    one_vs_rest = [metrics.roc_auc_score(y == index, scores[:, index]) for index in present]
    return {
        "accuracy": metrics.accuracy_score(y, said),
        "balanced_accuracy": np.mean([metrics.recall_score(y == index, said == index) for index in np.unique(y)]),
        "top_5_accuracy": metrics.top_k_accuracy_score(y, scores, k=5, labels=labels) if len(labels) > 5 else 1.0,
        "precision_macro": metrics.precision_score(y, said, average="macro", zero_division=0),
        "recall_macro": metrics.recall_score(y, said, average="macro", zero_division=0),
        "f1_macro": metrics.f1_score(y, said, average="macro", zero_division=0),
        "f1_weighted": metrics.f1_score(y, said, average="weighted", zero_division=0),
        "roc_auc": metrics.roc_auc_score(y, scores[:, 1]) if len(labels) == 2 else np.mean(one_vs_rest),
        "log_loss": metrics.log_loss(y, honest, labels=labels),
    }


def raw(run, split: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Raw inputs and the source's target of a split, read anew."""
    data = prepare(run.card, run.data["preprocess"]["modality"])
    return data.raw.take(data.rows[split]), data.raw.target[data.rows[split]]


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("name", ["digits", "binary", "hostile"])
def test_classification_is_scikit_learns(name, split, request):
    run = request.getfixturevalue(name)
    inputs, target = raw(run, split)
    classes = run.data["preprocess"]["target"]["classes"]
    y = np.array([classes.index(one) if isinstance(one, str) else one for one in target.tolist()])
    answers = run.predict(inputs)
    said = np.array([classes.index(label) for label in answers["label"]])
    wanted, found = of_classes(y, said, answers["scores"]), run.metrics[split]
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, abs=1e-6)
    assert found["confusion"] == metrics.confusion_matrix(y, said, labels=np.arange(len(classes))).tolist()
    told = metrics.classification_report(y, said, labels=np.arange(len(classes)), output_dict=True, zero_division=0)
    for index, one in enumerate(classes):
        mine = found["per_class"][one]
        assert [mine["precision"], mine["recall"], mine["f1"], mine["support"]] == pytest.approx(list(told[str(index)].values()), abs=1e-6)


@pytest.mark.parametrize("split", ["val", "test"])
def test_regression_is_scikit_learns_in_the_sources_units(values, split):
    inputs, target = raw(values, split)
    said = values.predict(inputs)["value"].astype(np.float64)
    found = values.metrics[split]
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(target, said), rel=1e-9, abs=1e-6)
    assert found["mse"] == pytest.approx(metrics.mean_squared_error(target, said), rel=1e-9, abs=1e-6)
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(target, said), rel=1e-9, abs=1e-6)
    assert found["r2"] == pytest.approx(metrics.r2_score(target, said), abs=1e-6)
    train = raw(values, "train")[1]
    base = values.metrics["baseline"][split]
    assert base["mae"] == pytest.approx(np.abs(target - train.mean()).mean(), abs=1e-5)
    assert base["r2"] == pytest.approx(metrics.r2_score(target, np.full(len(target), train.mean())), abs=1e-6)


def test_the_loss_is_keras_own(digits, values):
    for run, loss in ((digits, keras.losses.SparseCategoricalCrossentropy(from_logits=True)), (values, keras.losses.MeanSquaredError())):
        data = prepare(run.card, run.data["preprocess"]["modality"]).encoded["test"]
        outputs = run.model.predict(data.x.astype(np.float32), verbose=0)
        y = data.y if run is digits else data.y[:, None]
        assert run.metrics["test"]["loss"] == pytest.approx(float(loss(y, outputs)), rel=1e-5)


@pytest.mark.parametrize("name", ["digits", "binary", "hostile"])
def test_the_majority_class_is_the_baseline(name, request):
    run = request.getfixturevalue(name)
    train, test = (pd.Series(raw(run, split)[1]).value_counts(normalize=True) for split in ("train", "test"))
    base = run.metrics["baseline"]["test"]
    majority = train.index[train.to_numpy() == train.max()].min()  # of equal ones the first
    assert base["accuracy"] == pytest.approx(test[majority], abs=1e-9)
    assert base["roc_auc"] == 0.5
    assert base["log_loss"] == pytest.approx(-sum(test[one] * np.log(train[one]) for one in test.index), abs=1e-5)


@pytest.mark.parametrize("name", ["digits", "binary", "values", "hostile"])
def test_metrics_json_has_the_agreed_keys_and_no_other(name, request):
    run = request.getfixturevalue(name)
    more = set() if name == "values" else {"per_class", "confusion"}
    assert set(run.metrics) == {"format", "val", "test", "baseline"}
    for split in ("val", "test"):
        for found in (run.metrics[split], run.metrics["baseline"][split]):
            assert set(found) == set(METRICS[run.experiment.task.name]) | more


def test_equal_scores_and_absent_classes_are_counted_as_scikit_learn_does():
    task = tasks.make("classification", {"classes": list("abcdefgh")})
    rng = np.random.default_rng(3)
    y = rng.integers(0, 6, 60)  # g and h are absent; h is never said either
    outputs = rng.integers(-2, 3, (60, 8)).astype(np.float32)  # many of them equal
    outputs[:, 7] = -9
    found = metrics_of(task, outputs, y, task.baseline_reading())
    scores = np.asarray(task.read(outputs, task.baseline_reading())["scores"])
    wanted = of_classes(y, outputs.argmax(1), scores)
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, abs=1e-6)


def test_a_split_of_one_class_has_no_roc_auc_and_still_a_reading():
    task = tasks.make("classification", {"classes": ["no", "yes"]})
    outputs, y = np.linspace(-3, 3, 20, dtype=np.float32)[:, None], np.ones(20, np.int32)
    reading = task.fit_reading(outputs, y)
    assert reading["threshold"] == 0.5
    assert metrics_of(task, outputs, y, reading)["roc_auc"] is None
    assert baseline_metrics(task, np.array([0, 1, 1]), y)["roc_auc"] is None


def test_the_threshold_is_the_best_one_of_val_even_where_scores_are_almost_1(monkeypatch):
    monkeypatch.setattr(tasks.Classification, "_temperature", lambda *_: 1.0)  # as where val is answered well
    task = tasks.make("classification", {"classes": ["no", "yes"]})
    for outputs in (np.array([14.0, 14.5, 14.2, 15.5, 15.8, 16.4]), np.array([-2.0, -1.0, 0.3, -0.4, 1.0, 2.0])):
        y = np.array([0, 0, 1, 0, 1, 1])
        outputs = outputs.astype(np.float32)[:, None]
        reading = task.fit_reading(outputs, y)
        found = metrics_of(task, outputs, y, reading)["f1_macro"]
        positive = 1 / (1 + np.exp(-outputs[:, 0].astype(np.float64)))
        best = max(metrics.f1_score(y, positive >= cut, average="macro", zero_division=0) for cut in positive)
        assert found == pytest.approx(best, abs=1e-9)


def test_the_threshold_is_fitted_for_accuracy_where_that_is_asked_for():
    rng = np.random.default_rng(0)
    outputs = rng.normal(-1, 1.5, (300, 1)).astype(np.float32)
    y = (rng.random(300) < 1 / (1 + np.exp(-outputs[:, 0]))).astype(np.int32)
    found = {}
    for threshold in ("f1_macro", "accuracy"):
        task = tasks.make(TaskChoice(name="classification", threshold=threshold), {"classes": ["no", "yes"]})
        found[threshold] = metrics_of(task, outputs, y, task.fit_reading(outputs, y))
    assert found["accuracy"]["accuracy"] == pytest.approx(max(((outputs[:, 0] >= cut) == y).mean() for cut in outputs[:, 0]))
    assert found["accuracy"]["accuracy"] > found["f1_macro"]["accuracy"]
    assert found["accuracy"]["f1_macro"] < found["f1_macro"]["f1_macro"]


def test_reading_json_is_what_was_applied(binary, digits):
    table = pd.read_parquet(binary.path / "predictions.parquet")
    reading = binary.reading
    classes = reading["classes"]
    second = table[score_columns(classes)[1]]
    np.testing.assert_array_equal(np.where(second >= np.float32(reading["threshold"]), classes[1], classes[0]), table["label"])
    encoded = prepare(digits.card, "image").encoded["test"]
    logits = digits.model.predict(encoded.x.astype(np.float32), verbose=0) / digits.reading["temperature"]
    told = pd.read_parquet(digits.path / "predictions.parquet").query("split == 'test'").filter(like="score_")
    np.testing.assert_allclose(keras.ops.softmax(logits), told.to_numpy(), atol=1e-5)
    val = prepare(digits.card, "image").encoded["val"]
    task = tasks.make("classification", digits.data["preprocess"]["target"])
    fitted = task.fit_reading(digits.model.predict(val.x.astype(np.float32), verbose=0), val.y)
    assert digits.reading["temperature"] == pytest.approx(fitted["temperature"], abs=1e-3)
    assert digits.reading["temperature"] != 1.0
