"""VAEs and GANs from training to report: bounds, scores on a classifier's features, alarms for a collapse, and exact resumption."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from zoo import ZooError
from zoo.assembly import open_run
from zoo.config import load_experiment
from zoo.errors import DivergedError, Interrupted
from zoo.evaluation import distances, evaluate, generated
from zoo.evaluation.classifier import find_classifier
from zoo.evaluation.generated import Looked
from zoo.evaluation.samples import arc, tiled
from zoo.exporting import export
from zoo.runs import Run
from zoo.tasks.generation import unlikelihood
from zoo.training import callbacks, monitors, train

TRAIN = {"epochs": 2, "batch_size": 64, "tensorboard": False, "optimizer": {"name": "adam", "learning_rate": 2e-3}}
CLASSIFIER = {"dataset": "digits", "model": {"name": "cnn_small", "width": 8}, "train": {**TRAIN, "early_stopping": None}}
BY = {"name": "generation", "classifier": "digits_cnn_small"}
VAE = {
    "dataset": "digits",
    "model": {"name": "vae_dense", "hidden": [64], "latent_dim": 3},
    "task": {"name": "generation", "importance_samples": 20},
    "train": {**TRAIN, "epochs": 12},
}
GAN = {"dataset": "digits", "model": {"name": "dcgan", "width": 8, "latent_dim": 8}, "task": BY, "train": TRAIN}
CVAE = {"dataset": "digits", "model": {"name": "cvae", "filters": [4, 8], "width": 16}, "task": "generation", "train": TRAIN}
CGAN = {
    "dataset": "digits",
    "model": {"name": "cgan", "latent_dim": 8, "hidden": [16, 16, 32], "maxout": [16, 8, 16], "dropout": 0.2},
    "task": "generation",
    "train": TRAIN,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder of runs that holds the classifier's."""
    folder = tmp_path_factory.mktemp("generation")
    evaluate(train(load_experiment(CLASSIFIER), runs=folder))
    return folder


@pytest.fixture(scope="module")
def vae(home) -> Run:
    return evaluate(train(load_experiment(VAE), runs=home))


@pytest.fixture(scope="module")
def gan(home) -> Run:
    return evaluate(train(load_experiment(GAN), runs=home))


@pytest.fixture
def changed(home, tmp_path):
    """A copy of a run with a spoilt model, evaluated again; the classifier stands beside it."""

    def make(run: Run, spoil) -> Run:
        for one in home.iterdir():
            (tmp_path / one.name).symlink_to(one)
        path = tmp_path / run.name
        path.unlink()
        path = path / run.id
        path.mkdir(parents=True)
        for file in run.path.iterdir():
            if file.is_file() and file.name not in ("metrics.json", ".lock"):
                (path / file.name).write_bytes(file.read_bytes())
        (path / "checkpoints").mkdir()
        model = keras.saving.load_model(path / "model.keras", compile=False)
        spoil(model)
        model.save(path / "model.keras")
        return evaluate(Run(path))

    return make


def test_a_vae_is_told_by_its_bound_beside_who_needs_no_code(vae):
    metrics, history = vae.metrics, vae.history.iloc[-1]
    test, base = metrics["test"], metrics["baseline"]["test"]
    assert test["elbo"] == pytest.approx(test["reconstruction"] + test["kl"], rel=1e-6)
    assert test["elbo"] < base["elbo"]
    assert base["kl"] == 0
    assert metrics["val"]["elbo"] == pytest.approx(history["val.elbo"], rel=1e-5)  # one meaning a metric
    assert metrics["val"]["loss"] == pytest.approx(history["val.loss"], rel=1e-5)
    assert test["kl"] < test["nll"] < test["elbo"]  # many draws come nearer to the truth than the bound
    assert test["fid"] is None
    images = vae.dataset.raw.features["image"][vae.dataset.rows["train"]] * (255 / 16) / 255
    mean = np.clip(images.mean(0), 1e-7, 1 - 1e-7)
    held = vae.dataset.raw.features["image"][vae.dataset.rows["test"]] / 16
    by_hand = -np.mean(np.sum(held * np.log(mean) + (1 - held) * np.log(1 - mean), axis=(1, 2, 3)))
    assert base["elbo"] == pytest.approx(by_hand, rel=1e-4)


def test_the_bound_is_that_of_many_free_draws_and_a_score_is_one_wherever_it_stands(vae):
    model, x = open_run(vae).model, np.concatenate([batch for batch, _ in vae.dataset.test])

    def elbo(call) -> np.ndarray:
        return np.sum(np.array(call(x)), axis=0)

    free = np.mean([elbo(lambda given: model.bound(given, training=True)) for _ in range(20)], axis=0)
    assert elbo(model.bound).mean() == pytest.approx(free.mean(), abs=0.2)
    assert elbo(model.score).mean() == pytest.approx(free.mean(), abs=0.4)
    assert np.corrcoef(elbo(model.score), free)[0, 1] > 0.98
    np.testing.assert_allclose(np.array(model.score(x[7:8]))[:, 0], np.array(model.score(x))[:, 7], rtol=1e-5)


def test_importance_weights_find_a_likelihood_that_is_known():
    """A linear decoder of one normal number: p(x) is a normal distribution that can be written down."""
    x_in = keras.Input((2,), name="vector")
    codes = {name: keras.layers.Dense(1, name=name)(x_in) for name in ("mean", "log_variance")}
    z = keras.Input((1,), name="z")
    from zoo.layers import VariationalAutoencoder

    decoder = keras.Model(z, keras.layers.Dense(2, name="out")(z))
    model = VariationalAutoencoder(keras.Model(x_in, codes), decoder)
    decoder.get_layer("out").set_weights([np.array([[1.0, -0.5]]), np.array([0.2, 0.1])])
    model.encoder.get_layer("mean").set_weights([np.array([[0.3], [-0.1]]), np.zeros(1)])  # not the true posterior
    model.encoder.get_layer("log_variance").set_weights([np.zeros((2, 1)), np.array([-0.3])])
    from scipy.stats import multivariate_normal

    w = np.array([1.0, -0.5])
    x = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    truth = -multivariate_normal([0.2, 0.1], np.eye(2) + np.outer(w, w)).logpdf(x)
    bound = np.sum(np.array(model.score(x)), axis=0)
    found = {count: tf.function(unlikelihood)(model, tf.constant(x), count).numpy() for count in (1, 2000)}
    np.testing.assert_allclose(found[2000], truth, atol=0.08)
    assert bound.mean() > truth.mean() + 0.05
    assert found[1].mean() > found[2000].mean()


def test_a_gan_is_scored_on_the_features_of_a_classifier_that_is_named(gan, home):
    metrics, test = gan.metrics, gan.metrics["test"]
    assert metrics["val"]["loss"] == pytest.approx(gan.history.iloc[-1]["val.loss"], rel=1e-5)
    assert {"g_loss", "d_loss", "val.g_loss", "val.d_loss"} <= set(gan.history)
    (run,) = (home / "digits_cnn_small").iterdir()
    known = {"experiment": "digits_cnn_small", "run": run.name, "model": "cnn_small", "accuracy": Run(run).metrics["test"]["accuracy"]}
    assert test["classifier"] == known
    assert test["fid"] > 2 * test["fid_of_val"] > 0
    assert test["kid"] > 0
    assert metrics["baseline"]["test"]["fid"] > 2 * test["fid_of_val"]
    assert "elbo" not in test
    report = (gan.path / "report.html").read_text()
    assert re.search(rf"features of cnn_small, run digits_cnn_small/{run.name}, test.accuracy 0\.\d+", report)
    assert f"zoo sample {gan.path} -n 64" in report
    assert {"samples", "between"} <= set(re.findall(r'<figure class="box" id="(\w+)">', report))


def test_the_report_of_a_vae_shows_what_it_makes_of_examples(vae):
    report = (vae.path / "report.html").read_text()
    assert {"samples", "between", "decoded", "embedding", "learning_curves"} <= set(re.findall(r'<figure class="box" id="(\w+)">', report))
    assert "not measured: name a classifier" in report
    answers = pd.read_parquet(vae.path / "predictions.parquet")
    assert answers[answers["split"] == "test"]["score"].mean() == pytest.approx(vae.metrics["test"]["elbo"], rel=1e-5)


def test_evaluating_again_gives_the_same(gan):
    before = (gan.path / "metrics.json").read_text()
    evaluate(gan)
    assert (gan.path / "metrics.json").read_text() == before


def test_a_generator_that_draws_one_image_raises_the_alarm(gan, changed, caplog):
    def spoil(model):
        dense = model.generator.layers[1]
        dense.set_weights([np.zeros_like(one) for one in dense.get_weights()])  # z says nothing any more

    run = changed(gan, spoil)
    alarms = run.metrics["alarms"]
    assert any(re.match(r"mode collapse: two samples differ by 0 on average, two real examples by \d", one) for one in alarms)
    assert any("hardly or never drawn" in one for one in alarms)
    assert alarms[0] in (run.path / "report.html").read_text()
    assert f"alarm: {alarms[0]}" in caplog.text


def test_a_decoder_that_passes_the_code_over_raises_the_alarm(vae, changed):
    assert not any("posterior" in one for one in vae.metrics["alarms"])
    assert vae.metrics["test"]["active_units"] == vae.metrics["test"]["latent_dim"] == 3

    def spoil(model):
        for name in ("mean", "log_variance"):
            layer = model.encoder.get_layer(name)
            layer.set_weights([np.zeros_like(one) for one in layer.get_weights()])

    run = changed(vae, spoil)
    assert run.metrics["test"]["active_units"] == 0
    assert run.metrics["test"]["kl"] == pytest.approx(0, abs=1e-6)
    assert any(one.startswith("posterior collapse: 0 of the code's 3 numbers") for one in run.metrics["alarms"])


def of_classes(counts: list[int], spread: float = 1.0) -> Looked:
    rng, classes = np.random.default_rng(1), np.repeat(np.arange(len(counts)), counts)
    features = 10 * np.eye(4)[classes % 4] + spread * rng.normal(size=(len(classes), 4))
    return Looked(features.astype("float32"), features, classes)


def test_alarms_are_silent_for_what_is_as_various_and_name_what_lacks():
    real, names = of_classes([100, 100, 100, 50]), ("a", "b", "c", "d")
    assert generated.collapse(real, of_classes([80, 120, 90, 60]), None, names) == []
    (alarm,) = generated.collapse(real, of_classes([120, 120, 110, 0]), None, names)
    assert alarm == "mode collapse: hardly or never drawn: d (0.0%, of real ones 14.3%)"
    labels = real.classes
    assert generated.collapse(real, of_classes([100, 100, 100, 50], 0.01), None, names) == []  # the classes differ
    (alarm,) = generated.collapse(real, of_classes([100, 100, 100, 50], 0.01), labels, names)  # within each all is alike
    assert alarm.startswith("mode collapse: two samples differ by")
    means = np.random.default_rng(0).normal(size=(500, 20))
    assert "alarms" not in generated.posterior(means, 5.0)
    assert "alarms" in generated.posterior(np.where(np.arange(20) < 2, means, 0), 5.0)
    assert "alarms" in generated.posterior(means, 0.05)


def test_distances_are_the_textbooks():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1000, 6)), rng.normal(size=(1000, 6)) @ np.diag([2.0, 1, 1, 1, 1, 1]) + np.array([3.0, 0, 0, 0, 0, 0])
    assert distances.fid(x, x) == pytest.approx(0, abs=1e-8)
    assert distances.fid(x, y) == pytest.approx(9 + 1, rel=0.2)  # (distance of means)^2 + (difference of deviations)^2
    assert distances.fid(x[:3], y[:3]) >= 0  # fewer than features
    assert abs(distances.kid(x[:500], x[500:])) < 0.05
    assert distances.kid(x, y) > 1
    assert distances.kid(x, y) == distances.kid(x, y)
    assert distances.variety(x) == pytest.approx(np.sqrt(2 * 6), rel=0.05)
    assert distances.variety(np.ones((5, 2))) == 0


def test_small_pieces_of_the_pictures():
    images = np.stack([np.full((2, 3, 1), value) for value in (0.0, 100.4, 300.0)])
    grid = tiled(images, 2)
    assert grid.shape == (2 * 3 + 1, 2 * 4 + 1, 3)
    assert grid[1, 1].tolist() == [0, 0, 0]
    assert grid[1, 5].tolist() == [100, 100, 100]
    assert grid[4:, 5:].min() == 255  # nothing there
    way = arc(np.array([2.0, 0]), np.array([0, 2.0]), 5)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 2, rtol=1e-6)  # not through the middle
    np.testing.assert_allclose(way[[0, -1]], [[2, 0], [0, 2]], atol=1e-6)


@pytest.mark.parametrize("experiment", [CGAN, CVAE], ids=["cgan", "cvae"])
def test_a_stopped_training_goes_on_exactly(experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    resolved = load_experiment(experiment, {"train.epochs": 3})
    whole = train(resolved, runs=tmp_path / "whole")
    begin = callbacks.Epoch.on_epoch_begin

    def stop(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.Epoch, "on_epoch_begin", stop)
        with pytest.raises(Interrupted):
            train(resolved, runs=tmp_path / "stopped")
    resumed = train(resolved, runs=tmp_path / "stopped", resume=True)
    assert resumed.history["epoch"].tolist() == [1, 2, 3]
    assert (resumed.path / "history.csv").read_bytes() == (whole.path / "history.csv").read_bytes()
    for left, right in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_training_that_diverges_keeps_the_last_good_weights(tmp_path, monkeypatch):
    begin = callbacks.Epoch.on_epoch_begin

    def poison(self, epoch, logs=None):
        begin(self, epoch, logs)
        if epoch == 2:
            weight = self.model.generator.trainable_weights[-1]
            weight.assign(np.full(weight.shape, np.nan))

    monkeypatch.setattr(callbacks.Epoch, "on_epoch_begin", poison)
    with pytest.raises(DivergedError, match=r"diverged in epoch 3: .*no longer a finite number\n.*weights of epoch 2 are kept") as told:
        train(load_experiment(CGAN, {"train.epochs": 5}), runs=tmp_path)
    assert told.value.exit_code == 6
    (folder,) = tmp_path.glob("*/*/run.json")
    assert json.loads(folder.read_text())["state"] == "diverged"
    run = Run(folder.parent)
    assert np.isfinite(np.concatenate([one.ravel() for one in run.model.get_weights()])).all()
    assert evaluate(run).evaluated  # what is kept can be looked at, but is not released
    with pytest.raises(ZooError, match="is not finished"):
        export(run, tmp_path / "bundles")


def test_a_weight_that_is_no_number_is_seen_though_the_loss_is_one():
    """A rectifier makes 0 of a NaN before it."""
    vector = keras.Input((3,))
    model = keras.Model(vector, keras.layers.Dense(1)(keras.layers.Dense(2)(vector)))
    assert monitors.healthy(model, {"loss": 0.5, "val_loss": 0.5})
    assert not monitors.healthy(model, {"loss": 0.5, "val_loss": float("inf")})
    model.layers[1].kernel.assign(np.full((3, 2), np.nan))
    assert not monitors.healthy(model, {"loss": 0.5, "val_loss": 0.5})


@pytest.mark.parametrize(
    ("experiment", "changes", "said"),
    [
        (GAN, {"task.classifier": None, "goal": {"metric": "test.fid", "at_most": 9}}, r"fid is measured .* task\.classifier names none"),
        (GAN, {"task.importance_samples": 0}, "greater than 0"),
        (VAE, {"task.importance_samples": None, "goal": {"metric": "test.nll", "at_most": 9}}, "importance_samples: 50"),
        (CLASSIFIER, {"task": {"name": "classification", "classifier": "x"}}, "task.classifier is for generation"),
        (CGAN, {"dataset": "diabetes"}, "takes images"),
        (CGAN, {"augment": ["mixup"]}, "mixup mixes several"),
        (GAN, {"train.early_stopping": {"monitor": "val.fid"}}, "'val.fid' is no metric of generation to choose here"),
        (GAN, {"imbalance": "class_weight"}, "is for classification"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_read(experiment, changes, said):
    with pytest.raises(ZooError, match=said):
        load_experiment(experiment, changes)


def test_what_cannot_be_scored_is_refused_before_it_is_trained(home, vae, tmp_path):
    with pytest.raises(
        ZooError, match=r"no finished run of 'digits_cnn_small' in .*\n.*did you mean: digits_cnn.*\n.*task.classifier=null"
    ):
        train(load_experiment(GAN), runs=tmp_path)
    with pytest.raises(ZooError, match=r"'val\.elbo' will not be known of this 'dcgan'\n.*of a VAE"):
        train(load_experiment(GAN, {"train.keep_best": "val.elbo"}), runs=home)
    wine = load_experiment({"dataset": "wine", "model": {"name": "vae_dense", "hidden": [8]}, "task": BY})
    with pytest.raises(ZooError, match="it learned from other examples, 'digits'"):
        train(wine, runs=home)
    assert not (home / "wine_vae_dense").exists()
    flat = replace(vae.dataset, spec={**vae.dataset.spec, "modality": "vector"})
    with pytest.raises(ZooError, match="'image' and 'vector', that are prepared otherwise"):
        find_classifier("digits_cnn_small", flat, home)
    with pytest.raises(ZooError, match="it learned no classes"):
        find_classifier(vae.name, vae.dataset, home)


def test_a_table_is_generated_too(tmp_path):
    wine = {"dataset": "wine", "model": {"name": "vae_dense", "hidden": [16], "latent_dim": 2}, "task": "generation", "train": TRAIN}
    run = evaluate(train(load_experiment(wine), runs=tmp_path))
    assert run.metrics["test"]["elbo"] > 0
    assert run.metrics["baseline"]["test"]["elbo"] > 0
    assert not (run.path / "figures" / "samples.svg").exists()
    assert (run.path / "figures" / "embedding.svg").exists()


def test_a_conditional_vae_that_is_not_told_classes_says_so():
    from zoo import create_model

    model = create_model("cvae", input_shape=(8, 8, 1), num_classes=3, filters=(2,), width=4)
    model.compile("adam")
    x, y = np.zeros((4, 8, 8, 1), "float32"), np.zeros(4, "int32")
    for given in ((x, y), ({"images": x, "label": y},)):
        with pytest.raises(ZooError, match=r'learns images with labels.*\n.*fit\(\{"image": images, "label": labels\}\)'):
            model.fit(*given, verbose=0)
    model.fit({"image": x, "label": y}, verbose=0)


def test_a_critic_of_several_steps_follows_the_generators_schedule():
    from zoo import create_model
    from zoo.optimizers import LearningRate

    model = create_model("wgan_gp", input_shape=(8, 8, 1), width=4, critic_steps=3)
    model.compile(keras.optimizers.Adam(LearningRate("cosine", 1e-3, 0, 10, 0.0)))
    model.optimizer.iterations.assign(5)
    model.d_optimizer.iterations.assign(16)
    assert float(model.d_optimizer.learning_rate) == pytest.approx(float(model.optimizer.learning_rate)) == pytest.approx(5e-4)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(model.d_optimizer))
    again.iterations.assign(16)
    assert float(again.learning_rate) == pytest.approx(5e-4)
