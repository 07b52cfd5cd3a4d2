"""Autoencoders: what comes out is what came in, told from a few numbers."""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from zoo import ZooError, create_model
from zoo.models.autoencoder_denoising import Noise
from zoo.models.autoencoder_sparse import FewActive
from zoo.training.snapshot import Snapshot, restore, state_of

OF_IMAGES = ("autoencoder_dense", "autoencoder_conv", "autoencoder_sparse", "autoencoder_denoising")
NAMES = (*OF_IMAGES, "autoencoder_lstm")
TRAIN = 1200


@cache
def digits():
    """Pixels 0..255 and labels of scikit-learn's digits; the last 597 are held out."""
    found = load_digits()
    return (found.images[..., None] * 255 / 16).astype("float32"), found.target


@cache
def examples(name):
    """Digits as the model takes them: an LSTM reads a row of pixels a step."""
    images, _ = digits()
    return ((images[..., 0] - 80) / 96).astype("float32") if name == "autoencoder_lstm" else images


@cache
def trained(name):
    keras.utils.set_random_seed(1)
    x = examples(name)
    model = create_model(name, input_shape=x.shape[1:])
    model.compile(keras.optimizers.Adam(5e-3), loss="mse", steps_per_execution=16)
    model.fit(x[:TRAIN], x[:TRAIN], epochs=8, batch_size=40, verbose=0)
    return model


@pytest.mark.parametrize("name", NAMES)
def test_it_reconstructs_digits_that_it_never_saw(name):
    """Half the squared error of the training mean, and more: on fewer epochs, or with a broken decoder, this fails."""
    x = examples(name)
    told = trained(name).predict(x[TRAIN:], verbose=0)
    assert np.mean((told - x[TRAIN:]) ** 2) < 0.5 * np.mean((x[:TRAIN].mean(axis=0) - x[TRAIN:]) ** 2)
    if name in OF_IMAGES:
        assert told.min() >= 0
        assert told.max() <= 255


@pytest.mark.parametrize("name", NAMES)
def test_its_code_knows_digits_that_nobody_named(name):
    codes = trained(name).get_layer("encoder").predict(examples(name), verbose=0).reshape(len(examples(name)), -1)
    labels = digits()[1]
    assert KNeighborsClassifier(1).fit(codes[:TRAIN], labels[:TRAIN]).score(codes[TRAIN:], labels[TRAIN:]) > 0.75


@pytest.mark.parametrize("name", NAMES)
def test_its_two_halves_are_the_whole(name):
    model, x = trained(name), examples(name)[:3]
    np.testing.assert_array_equal(model.get_layer("decoder")(model.get_layer("encoder")(x)), model(x))


@pytest.mark.parametrize("name", NAMES)
def test_a_code_of_nothing_is_refused(name):
    with pytest.raises(ZooError, match=f"^model '{name}': latent_dim = 0: input should be greater than 0$"):
        create_model(name, input_shape=examples(name).shape[1:], latent_dim=0)


@pytest.mark.parametrize("shape", [(1, 1, 1), (33, 18, 3), (7, 5, 2), (1, 1), (7, 1), (150, 3)])
@pytest.mark.parametrize("latent_dim", [4, None])
def test_the_convolutional_one_takes_sizes_that_cannot_be_halved(shape, latent_dim):
    model = create_model("autoencoder_conv", input_shape=shape, filters=(4, 4, 4), latent_dim=latent_dim)
    assert model(np.ones((2, *shape), "float32")).shape == (2, *shape)


def test_it_is_as_large_as_the_example_of_keras():
    """https://keras.io/examples/timeseries/timeseries_anomaly_detection: Total params: 9,505."""
    model = create_model("autoencoder_conv", input_shape=(288, 1), filters=(32, 16), size=7, latent_dim=None)
    assert model.count_params() == 9505


def test_a_shape_of_no_example_is_refused_with_all_that_it_takes():
    with pytest.raises(ZooError, match=r"a vector is .*; a sequence is .*; an image is \(height, width, channels\)"):
        create_model("autoencoder_dense", input_shape=(2, 2, 2, 2))
    with pytest.raises(ZooError, match=r": a sequence is .*; an image is"):
        create_model("autoencoder_conv", input_shape=(30,))


def test_the_sparse_code_is_mostly_off():
    x = examples("autoencoder_sparse")
    mean = {}
    for weight in (0.0, 0.1):
        keras.utils.set_random_seed(1)
        model = create_model("autoencoder_sparse", input_shape=(8, 8, 1), weight=weight)
        model.compile(keras.optimizers.Adam(5e-3), loss="mse", steps_per_execution=16)
        model.fit(x[:TRAIN], x[:TRAIN], epochs=4, batch_size=40, verbose=0)
        mean[weight] = model.get_layer("encoder").predict(x[TRAIN:], verbose=0).mean()
    assert mean[0.1] < 0.6 * mean[0.0]


def test_the_penalty_is_the_divergence_from_the_activity_that_was_asked_for():
    penalty = FewActive(0.1, weight=3.0)
    x = np.array([[0.05, 0.4], [0.15, 0.4]], "float32")
    of_second = 0.1 * np.log(0.1 / 0.4) + 0.9 * np.log(0.9 / 0.6)
    assert float(penalty(x)) / 2 == pytest.approx(3.0 * of_second / 2, rel=1e-5)  # Keras divides by the batch
    model = create_model("autoencoder_sparse", input_shape=(8, 8, 1))
    once = examples("autoencoder_sparse")[:16]
    for given in (once, np.concatenate([once, once])):
        model(given)
        np.testing.assert_allclose(model.losses[0], 0.1 * 255**2 * divergence(model, once), rtol=1e-4)


def divergence(model, x, wanted=0.05):
    mean = model.get_layer("encoder").predict(x, verbose=0).astype(float).mean(axis=0)
    return np.mean(wanted * np.log(wanted / mean) + (1 - wanted) * np.log((1 - wanted) / (1 - mean)))


@pytest.mark.parametrize(("kind", "amount"), [("masking", 0.25), ("gaussian", 10.0)])
def test_noise_is_added_in_training_only(kind, amount):
    x = np.full((100, 50), 60, "float32")
    noise = Noise(kind, amount, seed=5)
    np.testing.assert_array_equal(noise(x), x)
    spoilt, other = np.asarray(noise(x, training=True)), np.asarray(noise(x, training=True))
    assert not np.array_equal(spoilt, other)
    np.testing.assert_array_equal(Noise(kind, amount, seed=5)(x, training=True), spoilt)
    if kind == "masking":
        assert set(np.unique(spoilt)) == {0, 60}
        assert np.mean(spoilt == 0) == pytest.approx(0.25, abs=0.03)
    else:
        assert spoilt.mean() == pytest.approx(60, abs=0.6)
        assert spoilt.std() == pytest.approx(10, rel=0.05)


def test_noise_goes_on_where_it_was(tmp_path):
    """Trained for four epochs, or for two, kept, and for two more by another model: not a bit differs."""
    x = examples("autoencoder_denoising")[:128]

    def new(seed):
        keras.utils.set_random_seed(seed)
        model = create_model("autoencoder_denoising", input_shape=(8, 8, 1), latent_dim=8)
        model.compile(keras.optimizers.Adam(1e-3), loss="mse")
        model.optimizer.build(model.trainable_variables)
        return model

    through, first, second = new(1), new(1), new(2)
    through.fit(x, x, epochs=4, shuffle=False, verbose=0)
    first.fit(x, x, epochs=2, shuffle=False, verbose=0)
    restore(second, Snapshot(2, False, [np.array(one) for one in state_of(first)], []), tmp_path)
    second.fit(x, x, epochs=4, initial_epoch=2, shuffle=False, verbose=0)
    assert any("seed_generator" in one.path for one in through.variables)
    for one, two in zip(state_of(through), state_of(second), strict=True):
        np.testing.assert_array_equal(one, two, err_msg=one.path)
    second.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, two in zip(loaded.variables, second.variables, strict=True):
        np.testing.assert_array_equal(one, two, err_msg=one.path)
