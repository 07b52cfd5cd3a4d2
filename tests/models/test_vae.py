"""Variational autoencoders: trained by their bound alone, and exactly resumable although they draw numbers."""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.datasets import load_digits

from zoo import ZooError, create_model
from zoo.layers import Sampling, nats
from zoo.models.vq_vae import Perplexity, Quantizer
from zoo.training.snapshot import Snapshot, restore, state_of

SMALL = {
    "vae_dense": {"hidden": (32,), "latent_dim": 3, "warmup": 5},
    "vae_conv": {"filters": (4, 8), "latent_dim": 3},
    "cvae": {"filters": (4, 8), "latent_dim": 3, "num_classes": 10},
    "vq_vae": {"filters": (4, 8), "latent_dim": 4, "codes": 16},
}
TRAIN = 1200


@cache
def digits():
    found = load_digits()
    return (found.images[..., None] * 255 / 16).astype("float32"), found.target.astype("int32")


def examples(name, rows):
    images, labels = (values[rows] for values in digits())
    return {"image": images, "label": labels} if name == "cvae" else images


def new(name, seed=1, rate=1e-3, compiled=None, **more):
    keras.utils.set_random_seed(seed)
    model = create_model(name, input_shape=(8, 8, 1), **{**SMALL.get(name, {}), **more})
    model.compile(keras.optimizers.Adam(rate), **(compiled or {}))
    return model


@cache
def trained(name, **more):
    wide = {"vae_dense": {"hidden": (256,), "latent_dim": 8, "warmup": 0}, "cvae": {"filters": (8, 16)}, "vq_vae": {"filters": (16, 32)}}
    model = new(name, rate=5e-3, compiled={"steps_per_execution": 16}, **wide[name], **more)
    model.fit(examples(name, slice(TRAIN)), epochs=8, batch_size=40, verbose=0)
    return model


def bernoulli_baseline():
    """Nats of held-out digits whose pixels are independent, each on as often as in training."""
    images = digits()[0] / 255
    share, held = np.clip(images[:TRAIN].mean(axis=0), 1e-7, 1 - 1e-7), images[TRAIN:]
    return -np.mean(np.sum(held * np.log(share) + (1 - held) * np.log(1 - share), axis=(1, 2, 3)))


@pytest.mark.parametrize("name", ["vae_dense", "cvae"])
def test_it_explains_unseen_digits_better_than_their_mean(name):
    found = trained(name).evaluate(examples(name, slice(TRAIN, None)), verbose=0, return_dict=True)
    assert found["elbo"] < bernoulli_baseline() - 1
    assert found["kl"] > 0.1  # the code says something


def test_a_quantized_code_explains_digits_with_many_of_its_vectors():
    found = trained("vq_vae").evaluate(examples("vq_vae", slice(TRAIN, None)), verbose=0, return_dict=True)
    assert found["reconstruction"] < bernoulli_baseline() - 3
    assert found["perplexity"] > 4


def test_a_class_that_is_asked_for_is_drawn():
    z = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    drawn = np.asarray(trained("cvae").decoder({"z": z, "label": np.zeros(40, "int32")}))
    images, labels = digits()
    distance = [np.mean((drawn - images[labels == one].mean(axis=0)) ** 2) for one in (0, 1)]
    assert distance[0] < 0.5 * distance[1]
    assert drawn.min() >= 0
    assert drawn.max() <= 255
    assert drawn.max() > 100  # pixels, not shares of 1


def test_a_conditional_one_needs_its_classes():
    with pytest.raises(ZooError, match=r"model 'cvae' needs num_classes\n.*create_model\('cvae', .*num_classes=10\)"):
        create_model("cvae", input_shape=(8, 8, 1))
    with pytest.raises(ZooError, match="num_classes = 1: input should be greater than or equal to 2"):
        create_model("cvae", input_shape=(8, 8, 1), num_classes=1)


@pytest.mark.parametrize("name", ["vae_dense", "vae_conv", "beta_vae", "cvae", "vq_vae"])
def test_a_code_of_nothing_is_refused(name):
    with pytest.raises(ZooError, match=f"^model '{name}': latent_dim = 0: input should be greater than 0$"):
        create_model(name, input_shape=(8, 8, 1), **({"num_classes": 2} if name == "cvae" else {}), latent_dim=0)


@pytest.mark.parametrize("name", SMALL)
def test_fit_takes_examples_with_or_without_targets(name):
    """The same history, with what was learned of val too; a target says nothing."""
    x, held = examples(name, slice(100)), examples(name, slice(100, 130))
    first = new(name).fit(x, epochs=2, batch_size=50, validation_data=(held,), shuffle=False, verbose=0).history
    y = np.zeros(100)
    second = new(name).fit(x, y, epochs=2, batch_size=50, validation_data=(held, y[:30]), shuffle=False, verbose=0).history
    assert first == second
    parts = {"reconstruction", "distance", "perplexity"} if name == "vq_vae" else {"reconstruction", "kl", "elbo"}
    assert set(first) == {prefix + key for key in {"loss", *parts} for prefix in ("", "val_")}
    assert np.isfinite(list(first.values())).all()


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_the_loss_is_the_bound_with_beta(beta):
    model = new("vae_conv", beta=beta)
    found = model.evaluate(examples("vae_conv", slice(50)), batch_size=50, verbose=0, return_dict=True)
    codes = {name: np.asarray(value, float) for name, value in model.encoder(examples("vae_conv", slice(50))).items()}
    std = np.exp(codes["log_variance"] / 2)
    kl = np.sum(-np.log(std) + (std**2 + codes["mean"] ** 2) / 2 - 0.5, axis=1).mean()  # of two normal distributions
    assert found["kl"] == pytest.approx(kl, rel=1e-3)
    assert found["elbo"] == pytest.approx(found["reconstruction"] + found["kl"], rel=1e-5)
    assert found["loss"] == pytest.approx(found["reconstruction"] + beta * found["kl"], rel=1e-5)


def test_beta_vae_counts_the_divergence_four_times():
    assert create_model("beta_vae", input_shape=(8, 8, 1)).beta == 4.0
    assert create_model("vae_conv", input_shape=(8, 8, 1)).beta == 1.0


def test_beta_grows_over_the_first_steps_of_training_only():
    x, model = examples("vae_dense", slice(40)), new("vae_dense", warmup=4)
    kept = []
    for _ in range(6):
        found = model.train_on_batch(x, return_dict=True)
        kept.append((found["loss"] - found["reconstruction"]) / found["kl"])
        model.reset_metrics()
    np.testing.assert_allclose(kept, [0, 0.25, 0.5, 0.75, 1, 1], atol=2e-3)
    untrained = new("vae_dense", warmup=4).evaluate(x, verbose=0, return_dict=True)
    assert untrained["loss"] == pytest.approx(untrained["elbo"], rel=1e-5)


def test_weights_of_examples_count():
    x, weights = examples("vae_dense", slice(20)), np.repeat([2.0, 0.0], 10).astype("float32")
    model = new("vae_dense", warmup=0)
    weighted = model.compute_loss(x, sample_weight=weights, training=False)
    np.testing.assert_allclose(weighted, model.compute_loss(x[:10], training=False), rtol=0.05)  # other noise
    assert abs(float(weighted) - float(model.compute_loss(x[10:], training=False))) > 0.01


def test_likelihoods_are_those_of_statistics():
    rng = np.random.default_rng(3)
    on, share = rng.integers(0, 2, (4, 5, 5, 1)), rng.uniform(0.05, 0.95, (4, 5, 5, 1))
    expected = -stats.bernoulli.logpmf(on, share).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(nats(255.0 * on, (255 * share).astype("float32")), expected, rtol=1e-4)
    values, said = rng.normal(size=(2, 4, 7)), rng.normal(size=(2, 4, 7)).astype("float32")
    np.testing.assert_allclose(nats(values, said), -stats.norm.logpdf(values, said).sum(axis=(1, 2)), rtol=1e-4)
    black = np.zeros((1, 2, 2, 1), "float32")
    assert np.isfinite(nats(black + 255, black)).all()  # certain, and wrong


@pytest.mark.parametrize("name", SMALL)
def test_nothing_is_drawn_outside_of_training(name):
    model, x = new(name), examples(name, slice(30))
    before = [np.array(one) for one in model.variables]
    np.testing.assert_array_equal(model(x), model(x))
    assert model.evaluate(x, verbose=0) == model.evaluate(x, verbose=0)
    for one, then in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(one, then, err_msg=one.path)


def test_codes_are_drawn_from_the_distribution_that_was_asked_for():
    mean, log_variance = np.full((4000, 2), [1.0, -2.0], "float32"), np.full((4000, 2), np.log([4.0, 0.25]), "float32")
    for training in (True, False):  # a bound that is computed at the mean is none
        z = np.asarray(Sampling(seed=1)(mean, log_variance, training=training))
        np.testing.assert_allclose(z.mean(axis=0), [1, -2], atol=0.1)
        np.testing.assert_allclose(z.std(axis=0), [2, 0.5], rtol=0.05)
    draw = Sampling(seed=1)
    assert not np.array_equal(draw(mean, log_variance, training=True), draw(mean, log_variance, training=True))


@pytest.mark.parametrize("name", SMALL)
def test_its_loss_reaches_every_weight(name):
    model = new(name, **({"warmup": 0} if name == "vae_dense" else {}))
    x = keras.tree.map_structure(tf.constant, examples(name, slice(60)))
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, training=True)
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    pairs = zip(model.trainable_weights, gradients, strict=True)
    assert [one.path for one, gradient in pairs if gradient is None or not np.any(tf.convert_to_tensor(gradient))] == []


@pytest.mark.long
@pytest.mark.parametrize("name", SMALL)
def test_it_goes_on_exactly_where_it_was(name, tmp_path):
    """Trained for four epochs, or for two, kept, and for two more by another model: not a bit differs."""
    x = examples(name, slice(96))
    through, first, second = new(name), new(name), new(name, seed=2)
    through.fit(x, epochs=4, shuffle=False, verbose=0)
    first.fit(x, epochs=2, shuffle=False, verbose=0)
    second.optimizer.build(second.trainable_variables)
    restore(second, Snapshot(2, False, [np.array(one) for one in state_of(first)], []), tmp_path)
    second.fit(x, epochs=4, initial_epoch=2, shuffle=False, verbose=0)
    assert any("seed_generator" in one.path for one in through.variables) == (name != "vq_vae")
    for one, two in zip(state_of(through), state_of(second), strict=True):
        np.testing.assert_array_equal(one, two, err_msg=one.path)


@pytest.mark.long
@pytest.mark.parametrize("name", SMALL)
def test_a_saved_one_can_be_trained_on(name, tmp_path):
    """Weights, hparams, the optimizer and the place among the draws come back: both go on alike."""
    model, x = new(name), examples(name, slice(96))
    model.fit(x, epochs=1, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    for one, two in zip(loaded.variables, model.variables, strict=True):
        np.testing.assert_array_equal(one, two, err_msg=one.path)
    again = [one.fit(x, epochs=1, shuffle=False, verbose=0).history for one in (model, loaded)]
    assert again[0] == again[1]


@pytest.mark.long
@pytest.mark.parametrize(("compiled", "within"), [({"jit_compile": True}, 0.1), ({"steps_per_execution": 16}, 1e-3)])
@pytest.mark.parametrize("name", ["vae_dense", "vq_vae"])
def test_fit_gives_the_same_however_it_runs(name, compiled, within):
    """Nearly so compiled by XLA, which draws other noise from the same seed."""
    x = examples(name, slice(96))
    plain, other = (
        new(name, compiled=how).fit(x, epochs=2, shuffle=False, verbose=0).history for how in ({"jit_compile": False}, compiled)
    )
    for key, values in plain.items():
        np.testing.assert_allclose(values, other[key], rtol=within, err_msg=key)


@pytest.mark.parametrize("name", SMALL)
def test_fit_runs_in_mixed_precision(name, bfloat16):
    history = new(name).fit(examples(name, slice(96)), epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]


def test_its_parts_are_as_large_as_those_of_the_examples_of_keras():
    """https://keras.io/examples/generative/vae and https://keras.io/examples/generative/vq_vae."""
    vae, quantized = (create_model(name, input_shape=(28, 28, 1)) for name in ("vae_conv", "vq_vae"))
    assert [part.count_params() for part in (vae.encoder, vae.decoder)] == [69076, 65089]
    assert [part.count_params() for part in (quantized.encoder, quantized.quantizer, quantized.decoder)] == [19856, 1024, 28033]


def test_a_vector_goes_to_the_nearest_of_the_book():
    quantizer = Quantizer(7)
    x = np.random.default_rng(2).normal(size=(2, 3, 3, 4)).astype("float32")
    quantizer.build(x.shape)
    book = np.random.default_rng(4).normal(size=(7, 4)).astype("float32")
    quantizer.set_weights([book])
    vectors, places = (np.asarray(one) for one in quantizer(x))
    np.testing.assert_array_equal(places, np.argmin(((x[..., None, :] - book) ** 2).sum(axis=-1), axis=-1))
    np.testing.assert_allclose(vectors, book[places], rtol=1e-6)


def test_perplexity_counts_the_codes_in_use():
    metric = Perplexity(8)
    metric.update_state(np.array([[0, 1], [2, 3]]))
    assert float(metric.result()) == pytest.approx(4)
    metric.update_state(np.array([[0, 0], [0, 0]]))
    assert float(metric.result()) == pytest.approx(np.exp(stats.entropy([5, 1, 1, 1])), rel=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("name", SMALL)
def test_it_learns_a_batch_by_heart(name):
    """Nearly as likely as grey pixels can be: these are never certain."""
    x = examples(name, slice(8))
    share = np.clip(digits()[0][:8] / 255, 1e-7, 1 - 1e-7)
    least = -np.mean(np.sum(share * np.log(share) + (1 - share) * np.log(1 - share), axis=(1, 2, 3)))
    larger = {"filters": (16, 32)} if "filters" in SMALL[name] else {"hidden": (64,)}
    model = new(name, rate=1e-2, **larger, **({} if name == "vq_vae" else {"beta": 0.1}))
    over = []
    for _ in range(150):
        over.append(model.train_on_batch(x, return_dict=True)["reconstruction"] - least)
        model.reset_metrics()
    assert np.mean(over[-5:]) < 0.25 * over[0]
