"""One contract for every registered model. What a model may do otherwise stands in the lists below, and is asserted too."""

from __future__ import annotations

import inspect
import json
import os
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import ZooError, create_model, list_models, registry
from zoo.jobs import catalogue

NAMES = list_models()
IMAGE_NAMES = list_models(modality="image")
TOKEN_NAMES = list_models(modality="tokens")
SMALLEST_OF_FAMILY = {registry.entry(name).module: name for name in sorted(NAMES, key=lambda name: -(registry.entry(name).params or 0))}
LEARNED = [(name, task) for name in SMALLEST_OF_FAMILY.values() for task in registry.entry(name).tasks]
CHOICES = [(name, key, value) for name, one in registry.load_all().items() for key, values in one.entry.space.items() for value in values]
SIZES = [(8, 8, 1), (12, 12, 3), (28, 28, 1), (33, 18, 3), (64, 64, 3)]

# Exceptions, by name. Each is asserted: a model that meets the contract after all must leave the list.
REFUSED_SIZES = {("lenet5", (8, 8, 1))}
FAILING_EXPORTS: set[tuple[str, str]] = set()  # (name, format)

GOLDENS = Path(__file__).with_name("goldens.json")
RENEW = "ZOO_RENEW_GOLDENS"
LOSSES = {
    "classification": (keras.losses.SparseCategoricalCrossentropy(from_logits=True), np.arange(8) % 3, 3),
    "regression": (keras.losses.MeanSquaredError(), np.random.default_rng(1).normal(size=(8, 1)).astype("float32"), 1),
    "forecasting": (keras.losses.MeanSquaredError(), np.random.default_rng(1).normal(size=(8, 6, 1)).astype("float32"), None),
}


def test_the_exceptions_name_models_that_exist():
    assert {name for name, _ in REFUSED_SIZES | FAILING_EXPORTS} <= set(NAMES)
    assert {size for _, size in REFUSED_SIZES} <= set(SIZES)


@pytest.mark.parametrize("name", NAMES)
def test_its_file_is_found_by_its_name(name):
    stem = registry.entry(name).module.removeprefix("zoo.models.")
    assert name.startswith(stem) or re.sub(r"\d+", "", name).startswith(stem)


@pytest.mark.parametrize("name", NAMES)
def test_its_docstring_says_the_flow_the_shapes_and_the_paper(name):
    one = registry.registered(name)
    text = inspect.getdoc(one.builder)
    assert f" -> {'forecast' if 'horizon' in one.entry.facts else 'logits'}\n" in text
    assert "Returns:" in text
    assert one.entry.paper is None or one.entry.paper in text
    assert [key for key in (*one.entry.facts, *one.entry.hparams) if f"    {key}: " not in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_plain_functional_model_of_fixed_names(name, model_of):
    model = model_of(name)
    assert type(model).__name__ == "Functional"
    assert not model.compiled
    assert model.input.name == registry.entry(name).modality
    assert model.input.dtype == ("int32" if registry.entry(name).modality == "tokens" else "float32")
    assert model.layers[-1].name == "head"
    assert model.name == name


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_it_gives_finite_float32_outputs(name, batch, model_of, inputs_of):
    entry = registry.entry(name)
    outputs = model_of(name)(inputs_of(entry.modality, batch, entry.example["input_shape"]), training=False)
    facts = entry.example
    assert tuple(outputs.shape[1:]) == (
        (facts["horizon"], len(facts["target_channels"])) if "horizon" in facts else (facts["num_outputs"],)
    )
    assert len(outputs) == batch
    assert outputs.dtype == "float32"
    assert np.isfinite(outputs).all()


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_does_not_depend_on_its_batch(name, model_of, inputs_of):
    entry = registry.entry(name)
    inputs = inputs_of(entry.modality, 3, entry.example["input_shape"])
    together = np.asarray(model_of(name)(inputs, training=False))
    alone = np.asarray(model_of(name)(inputs[1:2], training=False))
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_it_takes_other_sizes_and_channels_or_says_why_not(name, size, inputs_of):
    if (name, size) in REFUSED_SIZES:
        with pytest.raises(ZooError, match=r"at least \d+x\d+ pixels, not 8x8"):
            create_model(name, input_shape=size, num_outputs=2)
    else:
        model = create_model(name, input_shape=size, num_outputs=2)
        assert model.compute_output_shape((None, *size)) == (None, 2)


@pytest.mark.parametrize("name", TOKEN_NAMES)
def test_padding_says_nothing(name, inputs_of):
    """A text that is filled up further is the same text; one without a token has an answer too."""
    short = create_model(name, input_shape=(12,), vocabulary_size=50, num_outputs=3)
    long = create_model(name, input_shape=(40,), vocabulary_size=50, num_outputs=3)
    for one, other in zip(long.weights, short.weights, strict=True):
        value = np.random.default_rng(2).normal(size=other.shape)
        one.assign(value)
        other.assign(value)
    tokens = inputs_of("tokens", 3, (12,))
    tokens[2] = 0
    outputs = np.asarray(short(tokens, training=False))
    np.testing.assert_allclose(long(np.pad(tokens, ((0, 0), (0, 28))), training=False), outputs, rtol=1e-5, atol=1e-5)
    assert np.isfinite(outputs).all()
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 3, 3), (224, 224, 3)])
def test_the_default_cnn_takes_any_size(size, inputs_of):
    model = create_model("cnn_small", input_shape=size, num_outputs=4, width=8)
    assert np.isfinite(model(inputs_of("image", 1, size))).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_reaches_every_trainable_weight(name, small, inputs_of):
    facts = small(name)
    model = create_model(name, **facts)
    with tf.GradientTape() as tape:
        outputs = model(inputs_of(registry.entry(name).modality, 4, facts["input_shape"]), training=True)
        loss = keras.ops.sum(outputs * np.random.default_rng(3).normal(size=outputs.shape).astype("float32"))
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    unreached = [
        weight.path for weight, gradient in zip(model.trainable_weights, gradients, strict=True) if gradient is None or not np.any(gradient)
    ]
    assert unreached == []


@pytest.mark.parametrize(("name", "task"), LEARNED)
def test_it_learns_a_batch_by_heart(name, task, small, inputs_of):
    loss, targets, outputs = LOSSES[task]
    keras.utils.set_random_seed(1)
    facts = small(name, **({"num_outputs": outputs} if outputs else {}))
    model = create_model(name, **facts)
    inputs = inputs_of(registry.entry(name).modality, len(targets), facts["input_shape"])
    model.compile(keras.optimizers.Adam(1e-2), loss=loss)
    losses = [float(model.train_on_batch(inputs, targets)) for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.25 * losses[0]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_same_after_save_and_load(name, model_of, inputs_of, tmp_path):
    entry, model = registry.entry(name), model_of(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    inputs = inputs_of(entry.modality, 3, entry.example["input_shape"])
    np.testing.assert_array_equal(loaded(inputs, training=False), model(inputs, training=False))


@pytest.mark.parametrize("kind", catalogue.EXPORTERS)
@pytest.mark.parametrize("name", NAMES)
def test_its_exports_answer_as_it_does(name, kind, model_of):
    error = catalogue.export_error(model_of(name), kind)
    assert (error is not None) == ((name, kind) in FAILING_EXPORTS), error
    assert (kind in registry.entry(name).exports) == (error is None)


@pytest.mark.parametrize(("name", "key", "value"), CHOICES)
def test_every_choice_of_its_space_builds(name, key, value, small):
    assert key in registry.entry(name).hparams
    assert create_model(name, **small(name), **{key: value}).count_params() > 0


@pytest.mark.parametrize("name", SMALLEST_OF_FAMILY.values())
def test_its_hparams_change_the_model(name, small):
    """A regulariser that is asked for is there, and is not there unasked."""
    hparams = registry.entry(name).hparams
    if "l2" in hparams:
        kernels = [w for w in create_model(name, **small(name), l2=1e-3).weights if w.name == "kernel"]
        assert all(weight.regularizer is not None for weight in kernels)
        assert create_model(name, **small(name), l2=0.0).losses == []
    if "dropout" in hparams:
        for rate in (0.0, 0.5):
            rates = [one.rate for one in create_model(name, **small(name), dropout=rate).layers if isinstance(one, keras.layers.Dropout)]
            assert set(rates) == ({rate} if rate else set())


@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_is_answered_with_what_is_right(name):
    entry = registry.entry(name)
    for key in entry.hparams:
        with pytest.raises(ZooError, match=f"no hparam '{key}x'\n.*{key}"):
            create_model(name, **entry.example, **{f"{key}x": 1})
        with pytest.raises(ZooError, match=f"{name}.*{key} = {{'not': 'this'}}: .*should be"):
            create_model(name, **entry.example, **{key: {"not": "this"}})
    for key in entry.facts:
        facts = {fact: value for fact, value in entry.example.items() if fact != key}
        with pytest.raises(ZooError, match=f"needs {key}\n.*example: create_model\\('{name}', "):
            create_model(name, **facts)
        with pytest.raises(ZooError, match=f"{name}.*{key} = 'many': "):
            create_model(name, **facts, **{key: "many"})
    with pytest.raises(ZooError, match=r"for example \("):
        create_model(name, **{**entry.example, "input_shape": (28, 28, 28, 28)})
    size = "horizon" if "horizon" in entry.facts else "num_outputs"
    with pytest.raises(ZooError, match=rf"{size} = 0: .*greater than 0"):
        create_model(name, **{**entry.example, size: 0})


@pytest.mark.parametrize("name", NAMES)
def test_mixed_precision_gives_float32_outputs(name, small, inputs_of, bfloat16):
    facts = small(name)
    model = create_model(name, **facts)
    outputs = model(inputs_of(registry.entry(name).modality, 2, facts["input_shape"]))
    assert outputs.dtype == "float32"
    assert any(layer.compute_dtype == "bfloat16" for layer in model.layers)
    assert all(weight.dtype == "float32" for weight in model.weights)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_the_golden_says(name, model_of, inputs_of):
    entry, model = registry.entry(name), model_of(name)
    outputs = np.asarray(model(inputs_of(entry.modality, 2, entry.example["input_shape"]), training=False))
    goldens = json.loads(GOLDENS.read_text("utf-8")) if GOLDENS.exists() else {}
    if os.environ.get(RENEW):
        goldens[name] = {"params": model.count_params(), "outputs": np.round(outputs.astype(float), 6).tolist()}
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(goldens[key])}" for key in sorted(set(goldens) & set(NAMES)))
        GOLDENS.write_text(f"{{\n{lines}\n}}\n", "utf-8")
    assert model.count_params() == goldens[name]["params"]
    np.testing.assert_allclose(outputs, goldens[name]["outputs"], rtol=1e-4, atol=1e-4)


def test_there_is_no_golden_too_many():
    assert sorted(json.loads(GOLDENS.read_text("utf-8"))) == NAMES
