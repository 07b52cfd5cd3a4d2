"""Generative adversarial networks: two networks and two optimizers behind one `fit`, which resumes exactly."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from zoo import ZooError, create_model
from zoo.layers.adversarial import LOSSES, Adversarial
from zoo.optimizers import LearningRate
from zoo.training import snapshot
from zoo.training.snapshot import state_of

SMALL = {  # facts and hparams with which training takes seconds; dropout wherever there is one: its seeds are state too
    "gan_dense": {"hidden": (64, 64), "maxout": (32, 32)},
    "cgan": {"num_classes": 10, "hidden": (32, 64, 96), "maxout": (48, 16, 48), "dropout": 0.2},
    "dcgan": {"width": 16, "dropout": 0.1},
    "lsgan": {"width": 16, "dropout": 0.1},
    "wgan_gp": {"width": 16, "critic_steps": 2},
}
NAMES = sorted(SMALL)
LATENT = 16
TRAINED = {  # epochs, learning rate, beta_1, beta_2: what the samples' quality is measured after, some CPU-seconds each
    "gan_dense": (15, 1e-3, 0.5, 0.999),
    "cgan": (40, 2e-3, 0.5, 0.999),
    "dcgan": (10, 1e-3, 0.5, 0.999),
    "lsgan": (10, 1e-3, 0.5, 0.999),
    "wgan_gp": (20, 1e-3, 0.0, 0.9),
}


def make(name: str, shape: tuple[int, int, int] = (8, 8, 1), **more) -> Adversarial:
    keras.utils.set_random_seed(1)
    return create_model(name, input_shape=shape, latent_dim=LATENT, **{**SMALL[name], **more})


def noise(name: str, count: int, seed: int = 0):
    z = np.random.default_rng(seed).normal(size=(count, LATENT)).astype("float32")
    return {"z": z, "label": np.arange(count, dtype="int32") % 10} if name == "cgan" else z


def values_of(model: Adversarial) -> list[np.ndarray]:
    return [np.array(variable) for variable in state_of(model)]


def assert_same(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits: pixels 0..255 (1797, 8, 8, 1), and their classes."""
    found = load_digits()
    return (found.images * 255 / 16).astype("float32")[..., None], found.target


def test_a_model_generates_pixels_from_z():
    for name, shape in [
        ("gan_dense", (5, 3, 2)),
        ("cgan", (8, 8, 1)),
        ("dcgan", (33, 18, 3)),
        ("lsgan", (28, 28, 1)),
        ("wgan_gp", (9, 40, 2)),
    ]:
        model, z = make(name, shape), noise(name, 3)
        samples = np.asarray(model(z))
        assert samples.shape == (3, *shape)
        assert samples.dtype == "float32"
        assert 0 <= samples.min() < samples.max() <= 255
        np.testing.assert_array_equal(model(z), samples)  # it draws nothing itself
        np.testing.assert_array_equal(model.generator(z), samples)
        label = np.zeros(3, "int32")
        judged = model.discriminator({"image": samples, "label": label} if name == "cgan" else samples)
        assert judged.shape == (3, 1)
        assert judged.dtype == "float32"


def test_pixels_reach_black_and_white():
    model = make("dcgan")
    model.generator.layers[-3].bias.assign([50.0])
    assert np.min(model(noise("dcgan", 2))) > 254.9
    model.generator.layers[-3].bias.assign([-50.0])
    assert np.max(model(noise("dcgan", 2))) < 0.1


def test_dcgan_is_as_large_as_its_authors_code():
    """PyTorch's DCGAN tutorial, after the authors' code for Torch, 64x64x3, 100 numbers, 64 maps: 3,576,704 and 2,765,568 weights.

    Ours have a bias wherever nothing is normalised: 3 channels; 64 maps of the first convolution, 1 logit.
    """
    model = create_model("dcgan", input_shape=(64, 64, 3))
    counts = [sum(int(np.prod(one.shape)) for one in part.trainable_weights) for part in (model.generator, model.discriminator)]
    assert counts == [3_576_704 + 3, 2_765_568 + 64 + 1]
    assert model.generator.layers[2].output.shape == (None, 4, 4, 512)


def test_the_dense_ones_are_as_large_as_the_papers():
    """MNIST: 1200 and 1200 rectifiers against maxout of 240 times 5, twice; conditional 200 + 1000 -> 1200 against 240 and 50 -> 240."""
    dense, conditional = (
        create_model(name, input_shape=(28, 28, 1), **facts) for name, facts in [("gan_dense", {}), ("cgan", {"num_classes": 10})]
    )
    assert dense.generator.count_params() == 101 * 1200 + 1201 * 1200 + 1201 * 784
    assert dense.discriminator.count_params() == 785 * 1200 + 241 * 1200 + 241
    assert conditional.generator.count_params() == 101 * 200 + 10 * 1000 + 1201 * 1200 + 1201 * 784
    assert conditional.discriminator.count_params() == 785 * 1200 + 10 * 250 + 291 * 960 + 241


def test_each_weight_begins_differently():
    kernels = [
        one for part in ("generator", "discriminator") for one in getattr(make("dcgan", (32, 32, 1)), part).weights if one.name == "kernel"
    ]
    assert len({float(np.array(one).flat[0]) for one in kernels}) == len(kernels) > 6


@pytest.mark.parametrize(
    ("name", "d_loss", "g_loss"),
    [("dcgan", 2 * np.log(2), np.log(2)), ("lsgan", 0.5, 0.5), ("wgan_gp", 10.0, 0.0)],
)
def test_the_losses_are_the_papers(name, d_loss, g_loss, digits):
    """Of a discriminator that says 0 to all: undecided, half way, and as flat as the penalty dislikes."""
    model = make(name)
    logit = model.discriminator.get_layer("logit")
    logit.set_weights([np.zeros_like(one) for one in logit.get_weights()])
    model.compile()
    found = model.evaluate(digits[0][:64], verbose=0, return_dict=True)
    assert found["d_loss"] == pytest.approx(d_loss, rel=1e-4)
    assert found["g_loss"] == pytest.approx(g_loss, rel=1e-4, abs=1e-6)
    assert found["loss"] == pytest.approx(found["d_loss"] + found["g_loss"], rel=1e-5)


@pytest.mark.parametrize("kind", LOSSES)
def test_real_is_to_be_high_and_generated_low_but_for_the_generator(kind):
    """The sign of each loss's slope: by the logit of real images, of generated ones, and of those for the generator."""
    of_discriminator, of_generator = LOSSES[kind]
    real, fake, shown = (tf.Variable(0.5) for _ in range(3))
    with tf.GradientTape() as tape:
        loss = of_discriminator(real, fake) + of_generator(shown)
    assert [np.sign(one) for one in tape.gradient(loss, [real, fake, shown])] == [-1, 1, -1]


@pytest.mark.parametrize("name", NAMES)
def test_fit_trains_both_networks_each_by_its_optimizer(name, digits):
    x, y = digits[0][:200], digits[1][:200]
    model = make(name)
    model.compile(optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5), steps_per_execution=16)
    before = {one.path: np.array(one) for one in model.weights}
    history = model.fit(x, y, batch_size=32, epochs=3, validation_data=(x[:50], y[:50]), verbose=0).history
    assert set(history) == {f"{split}{key}" for split in ("", "val_") for key in ("loss", "g_loss", "d_loss")}
    assert np.isfinite(list(history.values())).all()
    assert [one.path for one in model.weights if np.array_equal(one, before[one.path])] == []  # moving averages too
    assert int(model.optimizer.iterations) == 3 * 7
    assert int(model.d_optimizer.iterations) == 3 * 7 * model.critic_steps
    assert len(model.optimizer.variables) == 2 + 2 * len(model.generator.trainable_variables)
    assert len(model.d_optimizer.variables) == 2 + 2 * len(model.discriminator.trainable_variables)


def test_weights_of_examples_and_labels_say_nothing(digits):
    x, y = digits[0][:96], digits[1][:96]
    ends = []
    for given in ({}, {"y": y, "sample_weight": np.linspace(0, 9, 96)}):
        model = make("dcgan")
        model.compile()
        model.fit(x, **given, shuffle=False, verbose=0)
        ends.append(values_of(model))
    assert_same(*ends)


@pytest.mark.parametrize("name", ["cgan", "wgan_gp"])
def test_validation_leaves_no_trace(name, digits):
    x, y = digits[0][:96], digits[1][:96]
    model = make(name)
    model.compile()
    model.fit(x, y, verbose=0)
    before = values_of(model)
    first, second = (model.evaluate(x, y, verbose=0, return_dict=True) for _ in range(2))
    assert first == second
    assert_same(values_of(model), before)


@pytest.mark.parametrize("name", ["cgan", "lsgan", "wgan_gp"])
def test_a_saved_model_goes_on_as_if_it_had_not_been_saved(name, digits, tmp_path):
    x, y = digits[0][:96], digits[1][:96]
    model = make(name)
    model.compile(keras.optimizers.Adam(LearningRate("cosine", 1e-3, 1, 20, 0.1)), steps_per_execution=2)
    model.fit(x, y, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, Adversarial)
    assert (loaded.steps_per_execution, loaded.kind, loaded.critic_steps, loaded.gradient_penalty) == (
        2,
        model.kind,
        model.critic_steps,
        model.gradient_penalty,
    )
    seeds = [one for one in model.variables if "seed" in one.path]
    for mine, others in zip(seeds, [one for one in loaded.variables if "seed" in one.path], strict=True):
        others.assign(mine)  # Keras saves seed generators nowhere; our snapshot does
    assert len(seeds) == 1 + sum(isinstance(one, keras.layers.Dropout) for one in model._flatten_layers())
    assert_same(values_of(loaded), values_of(model))
    for one in (model, loaded):
        one.fit(x, y, shuffle=False, verbose=0)
    assert_same(values_of(loaded), values_of(model))


def test_the_state_to_resume_from_holds_both_optimizers():
    model = make("gan_dense")
    model.compile()
    held = {id(one) for one in state_of(model)}
    assert len(held) == len(state_of(model))
    assert {id(one) for one in (*model.weights, *model.optimizer.variables, *model.d_optimizer.variables, model.noise.state)} <= held
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(2)])
    plain.compile("adam")
    plain.optimizer.build(plain.trainable_variables)
    assert [id(one) for one in state_of(plain)] == [id(one) for one in (*plain.variables, *plain.optimizer.variables)]


def test_the_second_optimizer_is_a_copy_with_the_same_schedule():
    rate = LearningRate("plateau", 1e-3, 0, 10, 0.0)
    given = keras.optimizers.AdamW(rate, weight_decay=0.01, global_clipnorm=2.0)
    given.exclude_from_weight_decay(var_names=["bias", "gamma"])
    model = make("dcgan")
    model.compile(given)
    assert rate.factor is not None
    rate.factor.assign(0.25)
    assert [float(one.learning_rate) for one in (model.optimizer, model.d_optimizer)] == pytest.approx([2.5e-4, 2.5e-4])
    assert model.d_optimizer is not given
    assert (model.d_optimizer.weight_decay, model.d_optimizer.global_clipnorm) == (0.01, 2.0)
    fading = {one.name for one in model.discriminator.trainable_variables if model.d_optimizer._use_weight_decay(one)}
    assert fading == {"kernel"}


def test_each_network_may_have_its_own_optimizer():
    model = make("wgan_gp")
    model.compile(g_optimizer=keras.optimizers.Adam(1e-4), d_optimizer=keras.optimizers.SGD(3e-4))
    assert isinstance(model.d_optimizer, keras.optimizers.SGD)
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    model.compile("rmsprop", d_optimizer="sgd")
    assert [type(one).__name__ for one in (model.optimizer, model.d_optimizer)] == ["RMSprop", "SGD"]


@pytest.mark.parametrize("name", ["cgan", "wgan_gp"])
def test_it_trains_in_mixed_precision(name, digits, bfloat16):
    x, y = digits[0][:64], digits[1][:64]
    model = make(name)
    model.compile(steps_per_execution=2)
    assert np.isfinite(list(model.fit(x, y, validation_data=(x, y), verbose=0).history.values())).all()
    assert {one.dtype for one in model.trainable_weights} == {"float32"}


@pytest.mark.long
@pytest.mark.parametrize("name", ["cgan", "wgan_gp"])
def test_it_trains_compiled_by_xla(name, digits):
    """To the same losses in the first step, apart from rounding; with other seeds' bits, so without dropout."""
    x, y = digits[0][:64], digits[1][:64]
    losses = []
    for jit in (False, True):
        model = make(name, **({} if name == "wgan_gp" else {"dropout": 0.0}))
        model.compile(jit_compile=jit)
        losses.append(model.fit(x, y, batch_size=64, epochs=2, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=2e-2)


def test_a_conditional_one_needs_its_labels(digits):
    model = make("cgan")
    model.compile()
    with pytest.raises(ZooError, match=r"'cgan' learns with labels.*y is None\n.*fit\(images, labels\)"):
        model.fit(digits[0][:32], verbose=0)
    with pytest.raises(ZooError, match=r"a class number an image; y is shape \(\w+, 10\)"):
        model.fit(digits[0][:32], np.eye(10)[digits[1][:32]], verbose=0)


def test_it_has_its_losses_itself():
    with pytest.raises(ZooError, match=r"compile\(loss=…\): an adversarial model brings its losses itself\n.*leave loss away"):
        make("dcgan").compile("adam", loss="mse")


@pytest.mark.parametrize("name", NAMES)
def test_without_a_latent_space_there_is_no_generator(name):
    with pytest.raises(ZooError, match=rf"model '{name}': latent_dim = 0: .*greater than 0"):
        create_model(name, input_shape=(8, 8, 1), latent_dim=0, **SMALL[name])


def test_a_conditional_one_needs_classes():
    with pytest.raises(ZooError, match=r"model 'cgan' needs num_classes\n.*example: create_model\('cgan', "):
        create_model("cgan", input_shape=(8, 8, 1))
    with pytest.raises(ZooError, match=r"num_classes = 1: .*greater than or equal to 2"):
        create_model("cgan", input_shape=(8, 8, 1), num_classes=1)


@pytest.mark.parametrize("name", ["dcgan", "lsgan", "wgan_gp"])
def test_an_image_that_is_too_small_is_refused(name):
    with pytest.raises(ZooError, match=r"at least 8x8 pixels, not 28x7\n.*gan_dense takes smaller ones"):
        make(name, (28, 7, 1))


# ---- real data


def distances(samples: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Between mean images (fraction of the range, mean over pixels), and between each pixel's histograms (0 to 1, mean)."""

    def histograms(images: np.ndarray) -> np.ndarray:
        return np.stack([np.histogram(one, 8, (0, 255.01))[0] / len(images) for one in images.reshape(len(images), -1).T])

    return np.abs(samples.mean(0) - real.mean(0)).mean() / 255, np.abs(histograms(samples) - histograms(real)).sum(1).mean() / 2


@pytest.fixture(scope="module")
def trained(digits):
    """A model of each name before and after some seconds of training: (the model, samples before, after, slopes before)."""

    @cache
    def train(name: str):
        epochs, rate, beta_1, beta_2 = TRAINED[name]
        model, z = make(name), noise(name, 1000)
        before = model.predict(z, verbose=0)
        slopes = np.asarray(model.slopes(digits[0][:256], before[:256])) if name == "wgan_gp" else None
        model.compile(keras.optimizers.Adam(rate, beta_1=beta_1, beta_2=beta_2), steps_per_execution=14)
        model.fit(*digits, batch_size=64, epochs=epochs, verbose=0)
        return model, before, model.predict(z, verbose=0), slopes

    return train


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name == "cgan" else pytest.mark.long) for name in NAMES])
def test_it_learns_to_draw_digits(name, trained, digits):
    _, before, after, _ = trained(name)
    mean, histogram = distances(after, digits[0])
    was_mean, was_histogram = distances(before, digits[0])
    assert mean < 0.5 * was_mean
    assert histogram < 0.5 * was_histogram
    assert after.std(0).mean() > 0.5 * digits[0].std(0).mean()  # not one digit over and over


@pytest.mark.slow
def test_the_conditional_one_draws_what_it_is_told(trained, digits):
    _, before, after, _ = trained("cgan")
    means = np.stack([digits[0][digits[1] == one].mean(0).ravel() for one in range(10)])

    def right(samples: np.ndarray) -> float:
        nearest = np.square(samples.reshape(len(samples), 1, -1) - means).sum(-1).argmin(1)
        return float((nearest == np.arange(len(samples)) % 10).mean())

    assert right(before) < 0.25
    assert right(after) > 0.5


@pytest.mark.long
def test_the_critic_becomes_steep_by_one(trained, digits):
    model, _, after, slopes = trained("wgan_gp")
    assert slopes.mean() < 0.2
    assert np.asarray(model.slopes(digits[0][:256], after[:256])).mean() == pytest.approx(1, abs=0.2)


# ---- killed and resumed

CHILD = """
import sys
from pathlib import Path
import keras, numpy as np, tensorflow as tf
from sklearn.datasets import load_digits
from zoo import create_model
from zoo.data import Encoded, batches
from zoo.training import callbacks, monitors, snapshot

folder, epochs = Path(sys.argv[1]), int(sys.argv[2])
callbacks.SECONDS_BETWEEN_CHECKPOINTS = 0.0
tf.config.threading.set_intra_op_parallelism_threads(1)
keras.utils.set_random_seed(3)
found = load_digits()
data = Encoded((found.images * 15).astype("uint8")[..., None], found.target.astype("int32"))
model = create_model("dcgan", input_shape=(8, 8, 1), latent_dim=16, width=8, dropout=0.2)
model.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), steps_per_execution=16)
start = snapshot.read(folder)
model.optimizer.build(model.trainable_variables)  # as the training room does: each optimizer keeps to its own network
if start:
    snapshot.restore(model, start, folder)
epoch = tf.Variable(0, dtype=tf.int64)
best, history = monitors.Best("val.loss", "regression", model), callbacks.History()
last = callbacks.Checkpoint(folder, best, history, {"best": best, "history": history}, start, model, 0)
model.fit(
    batches(data, 64, seed=5, epoch=epoch), validation_data=batches(data, 256), epochs=epochs,
    initial_epoch=start.epoch if start else 0, shuffle=False, verbose=0,
    callbacks=[callbacks.Epoch(epoch), monitors.Diverged(), best, history, last],
)
"""
EPOCHS = 25


def start(folder: Path) -> subprocess.Popen:
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen([sys.executable, "-c", CHILD, str(folder), str(EPOCHS)], env=environment, stderr=subprocess.PIPE)


def rows(folder: Path) -> int:
    file = folder / "history.csv"
    return file.read_text().count("\n") - 1 if file.exists() else 0


def end(child: subprocess.Popen) -> None:
    _, said = child.communicate(timeout=300)
    assert child.returncode == 0, said.decode()


@pytest.mark.long
def test_a_killed_training_ends_bit_identical(tmp_path):
    """Every weight, moving average, seed and optimizer variable of both networks, and the history."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    undisturbed, child = start(whole), start(killed)
    moment = random.Random(time.time_ns()).randrange(2, EPOCHS - 5)
    deadline = time.monotonic() + 240
    while rows(killed) < moment:
        assert child.poll() is None, child.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.0005)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert moment <= rows(killed) < EPOCHS
    end(undisturbed)
    end(start(killed))
    one, other = snapshot.read(whole), snapshot.read(killed)
    assert one is not None
    assert other is not None
    assert one.epoch == other.epoch == EPOCHS
    assert len(one.variables) == 11 + 2 + (2 + 2 * 5) + (2 + 2 * 4)  # weights, seeds of noise and dropout, the optimizers
    assert_same(one.variables, other.variables)
    assert_same(one.best, other.best)
    assert one.callbacks == other.callbacks
    assert (whole / "history.csv").read_bytes() == (killed / "history.csv").read_bytes()
    assert rows(whole) == EPOCHS
