"""One contract for every registered model. What a model may do otherwise stands in the lists below, and is asserted too.

The whole of it holds for one variant of each builder (`FULL`), for every modality and task that it learns; the other names are
built and counted. Backbones go through the whole of it by `make backbones`.
"""

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
from zoo.jobs import catalogue, drawn

ALL = registry.load_all()
NAMES = list_models()


def smallest_of_each_builder() -> list[str]:
    found: dict[tuple[str, str], str] = {}
    for name in sorted(NAMES, key=lambda name: registry.entry(name).params or 0):
        builder = ALL[name].builder
        found.setdefault((builder.__module__, builder.__qualname__), name)
    return sorted(found.values())


CELLS = ("lstm", "gru", "bilstm")  # of one builder with `rnn`, but other layers
FULL = sorted({*smallest_of_each_builder(), *(name for name in CELLS if name in NAMES)})
SAME = {"regression": "classification", "reconstruction": "generation"}  # another loss or reading, the same model
CASES = [
    (name, modality, task)
    for name in FULL
    for modality, task in drawn.learned(registry.entry(name))
    if SAME.get(task) not in registry.entry(name).tasks
]
IMAGES = [name for name in FULL if "image" in registry.entry(name).modalities]
TOKENS = [name for name in FULL if "tokens" in registry.entry(name).modalities and "language" not in registry.entry(name).tasks]
CHOICES = [(name, key, value) for name in FULL for key, values in registry.entry(name).space.items() for value in values]
SIZES = [(8, 8, 1), (12, 12, 3), (28, 28, 1), (33, 18, 3), (64, 64, 3)]

# Exceptions, by name. Each is asserted: a model that meets the contract after all must leave the list.
PHOTOGRAPHS = [name for name in IMAGES if drawn.small_facts(registry.entry(name), "image")["input_shape"] == drawn.PHOTO["input_shape"]]
REFUSED_SIZES = {
    ("lenet5", (8, 8, 1)),
    *((name, size) for name in PHOTOGRAPHS for size in SIZES if min(size[:2]) < 32),
    *((name, (64, 64, 3)) for name in ("inception_v3", "inception_resnet_v2", "xception")),
}
FAILING_EXPORTS: dict[tuple[str, str, str], str] = {}  # (name, modality, format) -> the reason
NO_FEATURES = {"linear": "its features are its input"}
GANS = {"gan_dense", "dcgan", "cgan", "lsgan", "wgan_gp"}
VAES = {"vae_dense", "vae_conv", "beta_vae", "cvae", "vq_vae"}
NOT_FUNCTIONAL = {*GANS, *VAES}  # a class of its own, for its own loss
NOT_TRAINED = {"repeat_last", "seasonal_naive"}  # without a weight
NOT_COMPILED_BY_XLA: dict[str, str] = {}
ELSEWHERE = {  # name -> the stem of its file, where the name does not lead there
    **dict.fromkeys(("rnn", "lstm", "gru", "bilstm", "bigru", "stacked_lstm", "attention_bilstm"), "recurrent"),
    "repeat_last": "naive",
}
OWN_LOSS = {*GANS, *VAES}  # `fit` without a loss and without targets
STEPS = 200  # in which a batch is learned by heart
SLOW = {"autoencoder_lstm": 700}  # noise through a narrow code

LEARNING = [case for case in CASES if case[0] not in NOT_TRAINED | OWN_LOSS]  # the others' own tests say how they learn

FIRST = {name: case for name, *case in reversed(CASES)}  # one modality and task of each name
ONCE = [(name, *FIRST[name]) for name in FULL]
BY_HEART = [case for case in ONCE if case in LEARNING]

# One construction around keras.applications: of these CI builds, asks and measures each; the rest of the contract takes half an hour
# and is run by `make long`. mobilenet_v2_035 goes through all of it everywhere, but for what is HEAVY.
BACKBONES = sorted(set(PHOTOGRAPHS) - {"mobilenet_v2_035"})
HEAVY = (  # what learns a batch by heart, is exported or compiled by XLA in more than eight seconds; `make long` does that
    *("inception_small", "vit_tiny", "mobilenet_v2_035", "densenet40_12", "tab_transformer", "mobilenet_small", "autoencoder_lstm"),
    *("convmixer", "inception_time", "nbeats", "resnet20_cifar"),
)

GOLDENS = Path(__file__).with_name("goldens.json")
RENEW = "ZOO_RENEW_GOLDENS"
EXAMPLES = 8


def facts_of(name, modality=None, task=None, **more):
    return {**drawn.small_facts(registry.entry(name), modality, task), **more}


def answer_shape(facts, task):
    """What a model gives for an example."""
    if task == "forecasting":
        return (facts["horizon"], len(facts["target_channels"]))
    if task == "language":
        return (*facts["input_shape"], facts["vocabulary_size"])
    return (facts["num_outputs"],) if task in ("classification", "regression") else tuple(facts["input_shape"])


def whole(cases, heavy=()):
    """Cases of the whole contract; those of the backbones, and of what is heavy, are marked."""
    named = [(case, case if isinstance(case, str) else case[0]) for case in cases]
    return [
        pytest.param(*([case] if isinstance(case, str) else case), marks=[pytest.mark.long] if name in BACKBONES or name in heavy else [])
        for case, name in named
    ]


def test_the_exceptions_name_models_that_exist():
    names = {name for name, *_ in REFUSED_SIZES | set(FAILING_EXPORTS)} | set(NO_FEATURES) | NOT_FUNCTIONAL | NOT_TRAINED
    names |= set(NOT_COMPILED_BY_XLA) | set(ELSEWHERE) | OWN_LOSS | set(SLOW)
    assert names <= set(NAMES)
    assert {size for _, size in REFUSED_SIZES} <= set(SIZES)


@pytest.mark.parametrize("name", NAMES)
def test_its_file_is_found_by_its_name(name):
    stem = registry.entry(name).module.removeprefix("zoo.models.")
    leads = stem in name or stem in re.sub(r"\d+", "", name)
    assert leads == (name not in ELSEWHERE)
    assert ELSEWHERE.get(name, stem) == stem


@pytest.mark.parametrize("name", FULL)
def test_its_docstring_says_the_flow_the_shapes_and_the_paper(name):
    one = registry.registered(name)
    text = inspect.getdoc(one.builder)
    assert re.search(r" -> (logits|forecast|reconstruction|sample)\n", text)
    assert "Returns:" in text
    assert one.entry.paper is None or one.entry.paper in text
    assert [key for key in (*one.entry.facts, *one.entry.hparams) if f"    {key}: " not in text] == []


@pytest.mark.parametrize(("name", "modality", "task"), CASES)
def test_it_is_a_plain_model_of_fixed_names(name, modality, task, model_of):
    model = model_of(name, modality, task)
    assert (type(model).__name__ == "Functional") == (name not in NOT_FUNCTIONAL)
    assert not model.compiled
    assert model.name == name
    wanted = {"table": {"numbers": "float32", "categories": "int32"}, "tokens": {"tokens": "int32"}}.get(modality, {modality: "float32"})
    taken = model.input if isinstance(model.input, dict) else {model.input.name: model.input}
    if task != "generation":
        assert {key: one.dtype for key, one in taken.items()} == wanted
    if name not in NOT_FUNCTIONAL:
        last = model.layers[-1]
        assert (last.layers[-1] if last.name == "decoder" else last).name == "head"


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("name", "modality", "task"), CASES)
def test_it_gives_finite_float32_outputs(name, modality, task, batch, model_of, inputs_of):
    outputs = model_of(name, modality, task)(inputs_of(name, batch, modality, task), training=False)
    assert tuple(outputs.shape) == (batch, *answer_shape(facts_of(name, modality, task), task))
    assert outputs.dtype == "float32"
    assert np.isfinite(outputs).all()


@pytest.mark.parametrize(("name", "modality", "task"), CASES)
def test_an_answer_does_not_depend_on_its_batch(name, modality, task, model_of, inputs_of):
    inputs = inputs_of(name, 3, modality, task)
    together = np.asarray(model_of(name, modality, task)(inputs, training=False))
    alone = np.asarray(model_of(name, modality, task)(drawn.rows(inputs, 1, 2), training=False))
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FULL)
def test_without_outputs_it_gives_its_features(name):
    entry = registry.entry(name)
    if "num_outputs" not in entry.facts:
        assert not {"classification", "regression"} & set(entry.tasks)
        return
    facts = facts_of(name, num_outputs=0)
    if name in NO_FEATURES:
        with pytest.raises(ZooError, match="num_outputs = 0"):
            create_model(name, **facts)
        return
    features = create_model(name, **facts)
    assert "head" not in [layer.name for layer in features.layers]
    given = features(drawn.inputs_of(features, facts, 2), training=False)
    assert given.dtype == "float32"
    assert given.shape == (2, features.output_shape[-1])
    assert features.output_shape[-1] > 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", IMAGES)
def test_it_takes_other_sizes_and_channels_or_says_why_not(name, size):
    facts = facts_of(name, "image", input_shape=size)
    if (name, size) in REFUSED_SIZES:
        with pytest.raises(ZooError, match=rf"at least \d+x\d+ pixels, not {size[0]}x{size[1]}"):
            create_model(name, **facts)
    else:
        model = create_model(name, **facts)
        assert model.output_shape == (None, *answer_shape(facts, registry.entry(name).tasks[0]))


@pytest.mark.parametrize("name", TOKENS)
def test_padding_says_nothing(name):
    """A text that is filled up further is the same text; one without a token has an answer too."""
    short = create_model(name, **facts_of(name, "tokens"))
    long = create_model(name, **facts_of(name, "tokens", input_shape=(41,)))
    for one, other in zip(long.weights, short.weights, strict=True):
        value = 0.5 * np.random.default_rng(2).normal(size=one.shape)
        one.assign(value)
        other.assign(value[tuple(slice(size) for size in other.shape)])  # of learned positions the first
    tokens = drawn.inputs_of(short, facts_of(name, "tokens"), 3)
    tokens[2] = 0
    outputs = np.asarray(short(tokens, training=False))
    np.testing.assert_allclose(long(np.pad(tokens, ((0, 0), (0, 29))), training=False), outputs, rtol=1e-4, atol=1e-4)
    assert np.isfinite(outputs).all()
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 3, 3), (224, 224, 3)])
def test_the_default_cnn_takes_any_size(size):
    model = create_model("cnn_small", input_shape=size, num_outputs=4, width=8)
    assert np.isfinite(model(np.ones((1, *size), "float32"))).all()


@pytest.mark.parametrize("name", sorted(NOT_TRAINED))
def test_what_is_not_trained_has_no_weight(name):
    assert create_model(name, **facts_of(name)).weights == []


@pytest.mark.parametrize(("name", "modality", "task"), whole(LEARNING))
def test_a_gradient_reaches_every_trainable_weight(name, modality, task):
    facts = facts_of(name, modality, task)
    model = create_model(name, **facts)
    inputs = drawn.inputs_of(model, facts, 4)
    assert model.trainable_weights
    with tf.GradientTape() as tape:
        outputs = model(inputs, training=True)
        loss = keras.ops.sum(outputs * np.random.default_rng(3).normal(size=outputs.shape).astype("float32"))
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    pairs = zip(model.trainable_weights, gradients, strict=True)
    unreached = [weight.path for weight, gradient in pairs if gradient is None or not np.any(tf.convert_to_tensor(gradient))]
    assert unreached == []


@pytest.mark.parametrize(("name", "modality", "task"), whole(BY_HEART, HEAVY))
def test_it_learns_a_batch_by_heart(name, modality, task):
    keras.utils.set_random_seed(1)
    facts = facts_of(name, modality, task)
    model = create_model(name, **facts)
    inputs = drawn.inputs_of(model, facts, EXAMPLES)
    rng = np.random.default_rng(1)
    if task == "classification":
        loss, targets = keras.losses.SparseCategoricalCrossentropy(from_logits=True), np.arange(EXAMPLES) % facts["num_outputs"]
    elif task == "language":
        loss, targets = keras.losses.SparseCategoricalCrossentropy(from_logits=True), np.roll(inputs, -1, axis=1)
    elif task == "reconstruction":
        loss, targets = keras.losses.MeanSquaredError(), inputs
    else:
        loss, targets = keras.losses.MeanSquaredError(), rng.normal(size=(EXAMPLES, *answer_shape(facts, task))).astype("float32")
    model.compile(keras.optimizers.Adam(3e-3), loss=loss)
    losses = [float(model.train_on_batch(inputs, targets))]
    while len(losses) < SLOW.get(name, STEPS) and np.mean(losses[-5:]) >= 0.25 * losses[0]:
        losses.append(float(model.train_on_batch(inputs, targets)))
    assert np.mean(losses[-5:]) < 0.25 * losses[0]
    assert (len(losses) > STEPS) == (name in SLOW)


@pytest.mark.parametrize("name", whole(FULL))
def test_the_same_seed_gives_the_same_weights(name):
    def weights(seed):
        keras.utils.set_random_seed(seed)
        return create_model(name, **facts_of(name)).get_weights()

    first, again, other = weights(3), weights(3), weights(4)
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert name in NOT_TRAINED or not all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))


@pytest.mark.parametrize(("name", "modality", "task"), whole(CASES))
def test_it_is_the_same_after_save_and_load(name, modality, task, model_of, inputs_of, tmp_path):
    model, inputs = model_of(name, modality, task), inputs_of(name, 3, modality, task)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(inputs, training=False), model(inputs, training=False))


@pytest.mark.parametrize("kind", catalogue.EXPORTERS)
@pytest.mark.parametrize(("name", "modality"), whole(sorted({(name, modality) for name, modality, _ in CASES}), HEAVY))
def test_its_exports_answer_as_it_does(name, modality, kind, model_of):
    task = next(task for one, task in drawn.learned(registry.entry(name)) if one == modality)
    error = catalogue.export_error(model_of(name, modality, task), facts_of(name, modality, task), kind)
    assert (error is not None) == ((name, modality, kind) in FAILING_EXPORTS), error
    assert (kind in registry.entry(name).exports) == (not any(one[::2] == (name, kind) for one in FAILING_EXPORTS))


@pytest.mark.parametrize(("name", "modality", "task"), whole(ONCE, HEAVY))
def test_it_runs_compiled_by_xla(name, modality, task, model_of, inputs_of):
    model, inputs = model_of(name, modality, task), inputs_of(name, 2, modality, task)
    compiled = tf.function(lambda given: model(given, training=False), jit_compile=True)
    if name in NOT_COMPILED_BY_XLA:
        with pytest.raises(Exception, match=NOT_COMPILED_BY_XLA[name]):
            compiled(inputs)
        return
    np.testing.assert_allclose(compiled(inputs), model(inputs, training=False), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("name", "key", "value"), whole(CHOICES))
def test_every_choice_of_its_space_builds(name, key, value):
    assert key in registry.entry(name).hparams
    model = create_model(name, **facts_of(name), **{key: value})
    assert model.count_params() > 0 or name in NOT_TRAINED


@pytest.mark.parametrize("name", whole(FULL))
def test_its_hparams_change_the_model(name):
    """A regulariser that is asked for is there, and is not there unasked."""
    hparams = registry.entry(name).hparams
    if "l2" in hparams:
        kernels = [w for w in create_model(name, **facts_of(name), l2=1e-3).weights if w.name == "kernel"]
        assert all(weight.regularizer is not None for weight in kernels)
        assert create_model(name, **facts_of(name), l2=0.0).losses == []
    if "dropout" in hparams:
        for rate in (0.0, 0.5):
            model = create_model(name, **facts_of(name), dropout=rate)
            dropouts = (keras.layers.Dropout, keras.layers.AlphaDropout)
            rates = {float(one.rate) for one in model._flatten_layers() if isinstance(one, dropouts)}
            assert (max(rates, default=0.0) == 0.5) == (rate == 0.5)


@pytest.mark.parametrize("name", whole(FULL))
def test_a_mistake_is_answered_with_what_is_right(name):
    entry, facts = registry.entry(name), facts_of(name)
    for key in entry.hparams:
        with pytest.raises(ZooError, match=f"no hparam '{key}x'\n.*{key}"):
            create_model(name, **facts, **{f"{key}x": 1})
        with pytest.raises(ZooError, match=f"{name}.*{key} = {{'not': 'this'}}: .*should be"):
            create_model(name, **facts, **{key: {"not": "this"}})
    for key in facts:
        others = {fact: value for fact, value in facts.items() if fact != key}
        if key not in entry.optional:
            with pytest.raises(ZooError, match=f"needs {key}\n.*example: create_model\\('{name}', "):
                create_model(name, **others)
        with pytest.raises(ZooError, match=f"{name}.*{key} = 'many': "):
            create_model(name, **others, **{key: "many"})
    with pytest.raises(ZooError, match=r"for example [\({]"):
        create_model(name, **{**facts, "input_shape": (28, 28, 28, 28)})
    for key, wrong in {"num_outputs": -1, "horizon": 0, "vocabulary_size": 0, "num_classes": 1, "num_targets": 0}.items():
        if key in facts:
            with pytest.raises(ZooError, match=rf"{key} = {wrong}: .*greater than"):
                create_model(name, **{**facts, key: wrong})


@pytest.mark.parametrize(("name", "modality", "task"), whole(CASES))
def test_mixed_precision_gives_float32_outputs(name, modality, task, bfloat16):
    facts = facts_of(name, modality, task)
    model = create_model(name, **facts)
    outputs = model(drawn.inputs_of(model, facts, 2))
    assert outputs.dtype == "float32"
    assert np.isfinite(outputs).all()
    assert any(layer.compute_dtype == "bfloat16" for layer in model._flatten_layers()) or name in NOT_TRAINED
    assert all(weight.dtype == "float32" for weight in model.trainable_weights)


@pytest.mark.parametrize("name", NAMES)
def test_its_size_is_what_the_golden_says(name):
    """Of every variant; that the count is what the file builds, the catalogue's own test asserts."""
    goldens = json.loads(GOLDENS.read_text("utf-8")) if GOLDENS.exists() else {}
    if os.environ.get(RENEW):
        renewed({**goldens, name: {**goldens.get(name, {}), "params": registry.entry(name).params}})
        return
    assert registry.entry(name).params == goldens[name]["params"]


@pytest.mark.parametrize(("name", "modality", "task"), CASES)
def test_its_answers_are_what_the_golden_says(name, modality, task, model_of, inputs_of):
    outputs = np.asarray(model_of(name, modality, task)(inputs_of(name, 2, modality, task), training=False), float).reshape(2, -1)
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3  # it sees what it is given
    print_of = [[*row[:6], row.mean(), row.std()] for row in outputs]
    goldens, key = json.loads(GOLDENS.read_text("utf-8")), f"{modality}, {task}"
    if os.environ.get(RENEW):
        answers = {**goldens[name].get("answers", {}), key: np.round(print_of, 5).tolist()}
        renewed({**goldens, name: {**goldens[name], "answers": answers}})
        return
    np.testing.assert_allclose(print_of, goldens[name]["answers"][key], rtol=1e-3, atol=1e-3)


def renewed(goldens):
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(goldens[key])}" for key in sorted(set(goldens) & set(NAMES)))
    GOLDENS.write_text(f"{{\n{lines}\n}}\n", "utf-8")


def test_there_is_no_golden_too_many():
    goldens = json.loads(GOLDENS.read_text("utf-8"))
    assert sorted(goldens) == NAMES
    assert {(name, key) for name, one in goldens.items() for key in one.get("answers", {})} == {
        (name, f"{modality}, {task}") for name, modality, task in CASES
    }
