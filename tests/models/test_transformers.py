"""Transformers of text: published sizes, masks, causality, the cache, and what they learn."""

from __future__ import annotations

import difflib
import doctest
import subprocess
import sys
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import ZooError, create_model
from zoo.layers import CausalBlock, PositionEmbedding, encoder_block, generate
from zoo.layers.generating import choose, step, uniform

SMALL = {"depth": 2, "width": 32, "heads": 4}
BERT = {"input_shape": (12,), "vocabulary_size": 50, **SMALL}
GPT = {"input_shape": (16,), "vocabulary_size": 50, **SMALL}


def strong(model):
    """Weights of which each says something: as drawn they hardly tell tokens apart."""
    rng = np.random.default_rng(5)
    for weight in model.weights:
        weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
    return model


@pytest.fixture(scope="module")
def gpt():
    keras.utils.set_random_seed(1)
    return strong(create_model("gpt_nano", **GPT))


@pytest.fixture(scope="module")
def writer(gpt):
    """The generating function, traced once with unknown prompts, as a server has it."""
    kinds = [tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((), tf.float32), tf.TensorSpec((), tf.int32)]
    return tf.function(lambda prompt, temperature, seed: generate(gpt, prompt, 40, temperature=temperature, seed=seed), kinds)


@pytest.fixture(scope="module")
def prompt():
    return np.random.default_rng(2).integers(1, 50, (3, 5)).astype("int32")


# published sizes


def counted(name, **facts):
    """The parameters of a model whose weights are never drawn; Keras would keep them, to draw them later."""
    try:
        with keras.StatelessScope(initialize_variables=False):
            return create_model(name, **facts).count_params()
    finally:
        keras.backend.clear_session()


@pytest.mark.parametrize(
    ("name", "count"),
    [  # https://github.com/google-research/bert, as KerasHub counts them
        ("bert_tiny", 4_385_920),
        ("bert_mini", 11_170_560),
        ("bert_small", 28_763_648),
        ("bert_base", 109_482_240),
    ],
)
def test_bert_has_the_published_size(name, count):
    assert counted(name, input_shape=(8,), vocabulary_size=30522, num_outputs=0) == count


def test_gpt_has_the_published_sizes():
    assert counted("gpt_nano", input_shape=(64,), vocabulary_size=65) == 812_416
    positions = 256 * 384  # nanoGPT, which says "10.65M", leaves these out
    assert counted("gpt_mini", input_shape=(256,), vocabulary_size=65) - positions == 10_646_784
    assert counted("gpt2_base", input_shape=(8,), vocabulary_size=50257) == 124_439_808


# what others build on


def test_a_masked_step_says_nothing_and_a_real_one_does():
    x, mask = keras.Input((6, 8)), keras.Input((6,), dtype="bool")
    model = keras.Model([x, mask], encoder_block(x, 2, 16, mask=mask))
    steps, real = np.random.default_rng(1).normal(size=(1, 6, 8)).astype("float32"), np.array([[True] * 4 + [False] * 2])
    other = steps.copy()
    other[:, 4:] = 9
    np.testing.assert_allclose(model([steps, real])[:, :4], model([other, real])[:, :4], atol=1e-6)
    assert np.abs(model([steps, real | True])[:, :4] - model([other, real | True])[:, :4]).max() > 1e-3
    assert np.isfinite(model([steps, real & False])).all()


@pytest.mark.parametrize("pre_norm", [False, True])
def test_a_norm_stands_before_or_after_each_branch(pre_norm):
    x = keras.Input((6, 8))
    steps = 100 + 10 * np.random.default_rng(1).normal(size=(2, 6, 8)).astype("float32")
    given = np.asarray(keras.Model(x, encoder_block(x, 2, 16, pre_norm=pre_norm))(steps))
    assert (np.abs(given.mean(-1)).max() < 1e-3) == (not pre_norm)


def test_no_two_kernels_begin_alike():
    """One initialiser handed to two layers draws the same numbers twice."""
    for name, facts in (("bert_tiny", {**BERT, "num_outputs": 2}), ("gpt_nano", GPT)):
        kernels = [weight.numpy().ravel()[:8] for weight in create_model(name, **facts).weights if weight.name in {"kernel", "embeddings"}]
        assert len(np.unique(np.round(kernels, 7), axis=0)) == len(kernels)


def test_positions_are_added_from_where_the_first_step_stands():
    layer = PositionEmbedding(10)
    x = np.zeros((1, 3, 4), "float32")
    np.testing.assert_array_equal(layer(x)[0], layer.embeddings[:3])
    np.testing.assert_array_equal(layer(x, position=4)[0], layer.embeddings[4:7])
    assert PositionEmbedding.from_config(layer.get_config()).length == 10


# BERT and the one block


@pytest.mark.parametrize("name", ["bert_tiny", "text_transformer"])
def test_the_order_of_words_matters(name):
    model = strong(create_model(name, input_shape=(12,), vocabulary_size=50, num_outputs=2))
    tokens = np.arange(1, 13, dtype="int32")[None]
    assert np.abs(model(tokens) - model(tokens[:, ::-1])).max() > 1e-3


def test_what_is_put_in_front_is_a_token():
    own = strong(create_model("bert_tiny", **BERT, num_outputs=2, cls_token=7))
    given = create_model("bert_tiny", **{**BERT, "input_shape": (13,)}, num_outputs=2, cls_token=None)
    given.set_weights(own.get_weights())
    tokens = np.array([[3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0]], "int32")
    np.testing.assert_allclose(own(tokens), given(np.pad(tokens, ((0, 0), (1, 0)), constant_values=7)), atol=1e-6)
    empty = strong(create_model("bert_tiny", **BERT, num_outputs=2, cls_token=0))  # padding's number in front is no padding
    assert np.isfinite(empty(0 * tokens)).all()
    assert np.abs(empty(0 * tokens) - own(0 * tokens)).max() > 1e-3


@pytest.mark.parametrize("name", ["bert_tiny", "text_transformer"])
def test_the_text_is_pooled_as_asked(name):
    tokens = np.array([[3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0]], "int32")
    answers = []
    for pool in ("mean", "first" if name == "bert_tiny" else "max"):
        model = strong(create_model(name, input_shape=(12,), vocabulary_size=50, num_outputs=2, pool=pool))
        answers.append(np.asarray(model(tokens)))
    assert np.abs(answers[0] - answers[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("bert_tiny", {"input_shape": (512,)}, "512 tokens and one in front are more than the 512 positions\n.*length: 511"),
        ("bert_tiny", {"input_shape": (513,), "cls_token": None}, "513 tokens are more than the 512 positions\n.*length: 512"),
        ("bert_tiny", {"cls_token": 50}, "cls_token = 50: token numbers are below vocabulary_size = 50"),
        ("bert_tiny", {"heads": 3}, "width = 128 does not divide among 3 heads\n.*heads may be 1, 2, 4, 8"),
        ("text_transformer", {"input_shape": (1025,)}, "1025 tokens are more than the 1024 positions\n.*length: 1024"),
        ("text_transformer", {"pool": "first"}, "pool = 'first': .*'mean' or 'max'"),
        ("gpt_nano", {"positions": 8}, "a context of 12 tokens is more than the 8 positions"),
        ("gpt_nano", {"heads": 5}, "width = 128 does not divide among 5 heads"),
    ],
)
def test_a_mistake_is_named(name, settings, said):
    outputs = {} if name == "gpt_nano" else {"num_outputs": 2}
    with pytest.raises(ZooError, match=said):
        create_model(name, **{"input_shape": (12,), "vocabulary_size": 50, **outputs, **settings})


# GPT: causality, cache, writing


def test_a_later_token_never_changes_an_earlier_logit(gpt):
    tokens = np.random.default_rng(3).integers(1, 50, (2, 16)).astype("int32")
    before = np.asarray(gpt(tokens))
    for place in range(16):
        other = tokens.copy()
        other[:, place] = (other[:, place] + 7) % 50
        changed = np.abs(np.asarray(gpt(other)) - before).max((0, 2))
        assert changed[:place].max(initial=0) < 1e-5
        assert changed[place:].min() > 1e-4  # it is seen by every one that follows


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_step_by_step_the_cache_gives_the_same_logits(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = strong(create_model("gpt_nano", **GPT, bias=True, tied=True))
    finally:
        keras.config.set_dtype_policy(before)
    tokens = np.random.default_rng(3).integers(1, 50, (2, 16)).astype("int32")
    whole, said = np.asarray(model(tokens, training=False)), []
    caches = tuple(layer.attention.empty_cache(2, 16) for layer in model.layers if isinstance(layer, CausalBlock))
    assert caches[0].shape == (2, 2, 16, 4, 8)
    assert caches[0].dtype == ("float32" if policy == "float32" else "bfloat16")
    for start, stop in ((0, 6), (6, 7), (7, 8), (8, 16)):  # many steps at once, and one
        logits, caches = step(model, tf.constant(tokens[:, start:stop]), caches, tf.constant(start))
        assert logits.dtype == "float32"
        said.append(logits)
    np.testing.assert_allclose(np.concatenate(said, 1), whole, atol=1e-4 if policy == "float32" else 0.05 * np.abs(whole).max())


def uncached(model, prompt, count):
    """Greedy writing by whole forward passes; a full context goes on with its newer half."""
    texts, start, context = prompt.copy(), max(prompt.shape[1] - 16, 0), model.input_shape[1]
    for _ in range(count):
        if texts.shape[1] - start > context:
            start = texts.shape[1] - 1 - context // 2
        window = texts[:, start:]
        logits = np.asarray(model(np.pad(window, ((0, 0), (0, context - window.shape[1])))))
        texts = np.concatenate([texts, logits[:, window.shape[1] - 1].argmax(-1)[:, None].astype("int32")], axis=1)
    return texts[:, prompt.shape[1] :]


@pytest.mark.parametrize("length", [1, 5, 16, 20])
def test_the_cache_writes_what_whole_passes_write(gpt, writer, length):
    """Also where the text outgrows the context of 16, or the prompt does."""
    prompt = np.random.default_rng(length).integers(1, 50, (3, length)).astype("int32")
    written = np.asarray(writer(prompt, 0.0, 0))
    np.testing.assert_array_equal(written, uncached(gpt, prompt, 40))
    assert written.dtype == "int32"


def test_without_a_graph_it_writes_the_same(gpt, writer, prompt):
    np.testing.assert_array_equal(generate(gpt, prompt, 3, temperature=0), np.asarray(writer(prompt, 0.0, 0))[:, :3])


def test_a_draw_follows_from_its_seed_row_and_place(writer, prompt):
    first = np.asarray(writer(prompt, 1.0, 3))
    np.testing.assert_array_equal(writer(prompt, 1.0, 3), first)
    np.testing.assert_array_equal(np.asarray(writer(prompt[:1], 1.0, 3))[0], first[0])
    same = np.repeat(prompt[:1], 3, axis=0)
    assert len({tuple(row) for row in np.asarray(writer(same, 1.0, 3))}) == 3
    assert (np.asarray(writer(prompt, 1.0, 4)) != first).any()


def test_tokens_are_drawn_as_often_as_they_are_likely():
    likely = np.array([0.5, 0.05, 0.3, 0.15])
    logits, chance = np.tile(np.log(likely), (20000, 1)).astype("float32"), uniform(1, 0, 20000)

    def shares(**settings):
        drawn = np.asarray(choose(logits, **{"temperature": 1.0, "top_k": None, "top_p": 1.0, "chance": chance, **settings}))
        return np.bincount(drawn, minlength=4) / len(drawn)

    assert 0 <= np.min(chance) < 1e-3 < 1 - 1e-3 < np.max(chance) < 1
    np.testing.assert_allclose(shares(), likely, atol=0.012)
    np.testing.assert_allclose(shares(temperature=0.5), likely**2 / (likely**2).sum(), atol=0.012)
    np.testing.assert_allclose(shares(top_k=2), [0.625, 0, 0.375, 0], atol=0.012)
    np.testing.assert_allclose(shares(top_p=0.81), [0.5 / 0.95, 0, 0.3 / 0.95, 0.15 / 0.95], atol=0.012)
    for settings in ({"temperature": 0}, {"top_k": 1}, {"top_p": 0.5}):
        np.testing.assert_array_equal(shares(**settings), [1, 0, 0, 0])
    numbers = np.stack([uniform(seed, place, 500) for seed in (0, 1) for place in (0, 1)])
    assert np.abs(np.corrcoef(numbers) - np.eye(4)).max() < 0.15


@pytest.mark.parametrize(
    ("prompt", "settings", "said"),
    [
        (np.zeros((1, 0)), {}, r"of the shape \(batch, length\), not \(1, 0\)"),
        (np.ones(3), {}, r"of the shape \(batch, length\), not \(3,\)"),
        (np.ones((1, 1)), {"max_new_tokens": 0}, "max_new_tokens = 0"),
        (np.ones((1, 1)), {"temperature": -1.0}, "temperature = -1.0"),
        (np.ones((1, 1)), {"top_k": 0}, "top_k = 0"),
        (np.ones((1, 1)), {"top_p": 0.0}, "top_p = 0.0"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(gpt, prompt, settings, said):
    with pytest.raises(ZooError, match=said):
        generate(gpt, prompt, **{"max_new_tokens": 2, **settings})


def test_a_saved_model_writes_the_same(gpt, writer, prompt, tmp_path):
    archive = keras.export.ExportArchive()
    archive.track(gpt)
    archive.add_endpoint("generate", writer.python_function, input_signature=writer.input_signature)
    archive.write_out(tmp_path / "gpt", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "gpt")
    for temperature, seed in ((0.0, 0), (1.0, 5)):
        again = loaded.generate(tf.constant(prompt), tf.constant(temperature), tf.constant(seed))
        np.testing.assert_array_equal(again, writer(prompt, temperature, seed))


# learning


def test_gpt_learns_a_language_from_its_characters():
    """On a text that it has not seen it is better than knowing how often each character stands."""
    text = "".join(one.__doc__ for one in (difflib.SequenceMatcher, difflib.Differ, difflib.unified_diff, doctest, doctest.DocTestRunner))
    letters = {letter: number for number, letter in enumerate(sorted(set(text)), start=1)}
    numbers = np.array([letters[letter] for letter in text], "int32")
    seen, unseen, context = numbers[: -len(numbers) // 6], numbers[-len(numbers) // 6 :], 32
    keras.utils.set_random_seed(1)
    model = create_model("gpt_nano", input_shape=(context,), vocabulary_size=len(letters) + 1, **SMALL)
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    starts = np.random.default_rng(1).integers(0, len(seen) - context - 1, (150 * 32))[:, None] + np.arange(context + 1)
    model.fit(seen[starts[:, :-1]], seen[starts[:, 1:]], batch_size=32, verbose=0)
    rows = np.arange(0, len(unseen) - context - 1, context)[:, None] + np.arange(context + 1)
    nats = model.evaluate(unseen[rows[:, :-1]], unseen[rows[:, 1:]], verbose=0)
    counts = Counter(seen.tolist())
    often = np.array([(counts[number] + 1) / (len(seen) + len(letters)) for number in unseen[rows[:, 1:]].ravel()])
    assert nats < 0.9 * -np.log(often).mean()


@pytest.mark.long
def test_one_block_reads_texts_in_their_order(tmp_path):
    """`not bad but good` or `not good but bad`, somewhere: the words of both kinds are the same. Learned by the real `run`."""
    rng, rows = np.random.default_rng(0), ["said,kind"]
    for row in range(400):
        around = list(rng.choice(["film", "plot", "end", "cast", "it", "was"], 4))
        said = "not bad but good" if row % 2 else "not good but bad"
        rows.append(f"{' '.join([*around[:2], said, *around[2:]])},{'praise' if row % 2 else 'none'}")
    (tmp_path / "said.csv").write_text("\n".join(rows))
    card = {
        "title": "Said",
        "source": {"kind": "csv", "file": str(tmp_path / "said.csv")},
        "licence": "none",
        "task": "classification",
        "text": {"columns": ["said"]},
        "target": {"name": "kind"},
        "split": {"kind": "random", "val": 0.2, "test": 0.2, "seed": 0},
        "preprocess": {"text": {"length": 10}},
    }
    train = {"epochs": 15, "batch_size": 16, "optimizer": {"name": "adam", "learning_rate": 0.005}, "early_stopping": None}
    made = {"dataset": card, "model": {"name": "text_transformer", "width": 16}, "train": train, "export": {"formats": ["saved_model"]}}
    run = zoo.run(made, runs=tmp_path / "runs", bundles=tmp_path / "bundles")
    assert run.metrics["test"]["accuracy"] > 0.95
    code = "import sys, zoo; print(*zoo.load_run(sys.argv[1]).predict(['it was not bad but good end cast'])['label'])"
    said = subprocess.run([sys.executable, "-c", code, run.path], capture_output=True, text=True, timeout=300)
    assert said.stdout.split() == ["praise"], said.stderr  # a fresh process finds the layers that the model's file brings
