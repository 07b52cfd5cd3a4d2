"""Classes of unlike size: weights, draws, a focal loss; labels that are mixed; val.loss stays the task's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.assembly import assemble
from zoo.config import load_experiment
from zoo.data.pipeline import weights_of
from zoo.errors import Interrupted, ZooError
from zoo.tasks import Classification
from zoo.tasks.labels import Accuracy, CrossEntropy, FocalLoss
from zoo.training import train

THREE, TWO = Classification({"classes": ["a", "b", "c"]}), Classification({"classes": ["n", "y"]})
LOGITS = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32) * 2
CLASS = (np.arange(20) % 3).astype(np.int32)
CSV = "size,kind\n" + "\n".join(f"{n % 17},{'rare' if n % 9 == 0 else 'often'}" for n in range(180)) + "\n"


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """A table in which one row of nine is of the rare class."""
    path = tmp_path_factory.mktemp("rare") / "rare.csv"
    path.write_text(CSV)
    return {
        "title": "t",
        "licence": "none",
        "source": {"kind": "csv", "file": str(path)},
        "task": "classification",
        "columns": {"size": "number"},
        "target": {"name": "kind"},
        "split": {"kind": "stratified"},
    }


def experiment(card, imbalance=None, **settings):
    train_part = {"epochs": 3, "batch_size": 32, "early_stopping": None, "tensorboard": False}
    model = {"name": "mlp", "hidden": [4]}
    return load_experiment({"dataset": card, "model": model, "train": train_part, "imbalance": imbalance, **settings})


def test_a_loss_of_class_numbers_is_kerass_own_bit_for_bit():
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(THREE.loss()(CLASS, LOGITS)) == float(plain(CLASS, LOGITS))
    assert isinstance(TWO.loss(), keras.losses.BinaryCrossentropy)


def test_a_loss_of_mixed_labels():
    soft = np.random.default_rng(1).dirichlet(np.ones(3), 20).astype(np.float32)
    logs = LOGITS - np.log(np.exp(LOGITS).sum(-1, keepdims=True))
    np.testing.assert_allclose(float(CrossEntropy(from_logits=True)(soft, LOGITS)), -(soft * logs).sum(-1).mean(), rtol=1e-5)
    hard = np.eye(3, dtype=np.float32)[CLASS]
    np.testing.assert_allclose(float(THREE.loss()(hard, LOGITS)), float(THREE.loss()(CLASS, LOGITS)), rtol=1e-6)
    np.testing.assert_allclose(float(FocalLoss()(hard, LOGITS)), float(FocalLoss()(CLASS, LOGITS)), rtol=1e-6)


def test_the_focal_loss_is_the_papers():
    logs = (LOGITS - np.log(np.exp(LOGITS).sum(-1, keepdims=True)))[np.arange(20), CLASS]
    np.testing.assert_allclose(float(FocalLoss()(CLASS, LOGITS)), (-((1 - np.exp(logs)) ** 2) * logs).mean(), rtol=1e-5)
    one = LOGITS[:, :1]
    keras_own = keras.losses.BinaryFocalCrossentropy(gamma=2.0, from_logits=True)
    np.testing.assert_allclose(float(FocalLoss()(CLASS % 2, one)), float(keras_own((CLASS % 2)[:, None], one)), rtol=1e-5)
    np.testing.assert_allclose(float(FocalLoss(gamma=0.0)(CLASS, LOGITS)), float(THREE.loss()(CLASS, LOGITS)), rtol=1e-5)
    assert keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(FocalLoss(3.0))).gamma == 3.0


@pytest.mark.parametrize("task", [THREE, TWO])
def test_accuracy_of_mixed_labels_is_that_of_the_likelier_class(task):
    hard, soft = task.metrics()[0], task.metrics()[0]
    if task is TWO:
        logits, y = LOGITS[:, :1], CLASS % 2
        mixed = np.where(y, 0.8, 0.3).astype(np.float32)
        plain = keras.metrics.BinaryAccuracy(threshold=0.0)
    else:
        logits, y = LOGITS, CLASS
        mixed = 0.7 * np.eye(3, dtype=np.float32)[y] + 0.1
        plain = keras.metrics.SparseCategoricalAccuracy()
        assert isinstance(hard, Accuracy)
    for metric, truth in ((hard, y), (soft, mixed), (plain, y)):
        metric.update_state(truth, logits)
    assert float(hard.result()) == float(soft.result()) == float(plain.result())


def test_weights_of_mixed_labels_are_the_mean_over_their_classes():
    by_class = tf.constant([1.0, 2.0, 4.0])
    np.testing.assert_array_equal(weights_of(by_class, tf.constant([2, 0])), [4, 1])
    np.testing.assert_allclose(weights_of(by_class, tf.constant([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])), [1.5, 3.5])
    np.testing.assert_allclose(weights_of(by_class[:2], tf.constant([0.25, 1.0])), [1.25, 2])


@pytest.mark.parametrize(("imbalance", "steps"), [(None, 4), ("class_weight", 4), ("focal", 4), ("oversample", 7), ("undersample", 1)])
def test_the_schedule_knows_the_steps_of_an_epoch(card, imbalance, steps):
    made = assemble(experiment(card, imbalance, train={"batch_size": 32, "epochs": 2, "schedule": "cosine"}))
    assert made.model.optimizer._learning_rate.steps == 2 * steps


@pytest.mark.parametrize("imbalance", ["oversample", "undersample", "focal", "class_weight"])
def test_val_loss_is_the_tasks_own_whatever_training_makes_small(card, imbalance, tmp_path):
    run = train(experiment(card, imbalance), runs=tmp_path)
    assert list(run.history) == ["epoch", "accuracy", "loss", "val.accuracy", "val.loss", "learning_rate"]
    val = run.dataset.encoded["val"]
    best = run.facts["best_epoch"] - 1
    losses = Classification(run.data["preprocess"]["target"]).losses(run.model.predict(val.x, verbose=0), val.y)
    np.testing.assert_allclose(run.history["val.loss"][best], losses.mean(), rtol=1e-5)
    assert 0 <= run.facts["waits_for_data"] <= 1


@pytest.mark.parametrize("imbalance", ["focal", "oversample"])
def test_a_run_goes_on_where_it_was_stopped(card, imbalance, tmp_path, monkeypatch):
    """With draws and mixed labels too: the last epoch of three is the same after a stop before it."""
    import zoo.training.fitting as room

    asked = experiment(card, imbalance, augment=["mixup"])
    whole = train(asked, runs=tmp_path / "whole")

    class Stop(room.EpochLines):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr("zoo.training.callbacks.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(room, "EpochLines", Stop)
        with pytest.raises(Interrupted, match="stopped at epoch 2 of 3"):
            train(asked, runs=tmp_path / "stopped")
    resumed = train(asked, runs=tmp_path / "stopped", resume=True)
    assert (whole.path / "history.csv").read_bytes() == (resumed.path / "history.csv").read_bytes()


def test_a_number_has_no_classes(card):
    with pytest.raises(ZooError, match="imbalance: oversample is for classification, and the task is regression"):
        load_experiment({"dataset": "diabetes", "model": "mlp", "imbalance": "oversample"})
