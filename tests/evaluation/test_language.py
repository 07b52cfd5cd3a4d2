"""A language model from a text to its bundle: metrics by hand, what it writes, and what a served one refuses and survives."""

from __future__ import annotations

import json
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from zoo.assembly import open_run
from zoo.config.writing import DEFAULTS
from zoo.errors import ZooError
from zoo.exporting.golden import Golden
from zoo.jobs.generating import generate
from zoo.registry import create_model
from zoo.runs import read_json
from zoo.tasks import make

CONTEXT = 16


@pytest.fixture
def run(written):
    return written.run


@pytest.fixture
def bundle(written):
    return written.bundle


@pytest.fixture
def text(rhymes):
    return rhymes.read_text("utf-8")


def asked(prompts, **settings):
    """A row a prompt, as `generate` takes it."""
    kinds = {"max_new_tokens": np.int32, "temperature": np.float32, "top_k": np.int32, "top_p": np.float32, "seed": np.int32}
    rows = {**DEFAULTS, "max_new_tokens": 12, **settings}
    return {"text": np.array(prompts, object), **{name: np.full(len(prompts), rows[name], kind) for name, kind in kinds.items()}}


def test_metrics_are_those_of_the_logits(run, text):
    opened, data = open_run(run), run.dataset
    windows, rows = data.raw.features["text"], data.rows["test"]
    codes = np.stack([windows[row] for row in rows])
    following = np.array([[ord(letter) for letter in text[start + 1 : start + 1 + CONTEXT]] for start in windows.starts[rows]])
    logits = np.asarray(opened.model(opened.graph({"text": tf.constant(codes)})), np.float64)
    place = {code: number for number, code in enumerate(data.spec["codes"], start=2)}
    right = np.vectorize(place.get)(following)
    shares = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    nats = -np.take_along_axis(shares, right[..., None], -1)[..., 0]
    assert run.metrics["test"] == pytest.approx({"loss": nats.mean(), "nats": nats.mean(), "perplexity": np.exp(nats.mean())}, rel=1e-4)
    told = pd.read_parquet(run.path / "predictions.parquet").query("split == 'test'")
    np.testing.assert_allclose(told["nats"], nats.mean(-1), rtol=1e-4)
    assert told["target"].iloc[0] == text[windows.starts[rows[0]] + 1 :][:CONTEXT]
    assert run.metrics["test"]["nats"] < 0.7 * run.metrics["baseline"]["test"]["nats"]


def test_the_baseline_knows_how_often_each_character_stands(run, text):
    data = run.dataset
    starts = data.raw.features["text"].starts
    seen, asked_of = ("".join(text[start + 1 : start + 1 + CONTEXT] for start in starts[data.rows[name]]) for name in ("train", "test"))
    expected = -np.mean([np.log(seen.count(letter) / len(seen)) for letter in asked_of])
    assert run.metrics["baseline"]["test"]["nats"] == pytest.approx(expected, rel=1e-5)


def test_a_token_that_training_never_had_costs_the_baseline_no_infinity():
    task = make("language", {"tokens": "character", "lower": False, "first": 2, "codes": [97, 98]}, (2,))
    told = task.baseline(np.array([[2, 2], [2, 2]]), np.array([[2, 1]]))
    np.testing.assert_allclose(told, [[0, np.log(4)]], rtol=1e-6)


def test_it_is_drawn_and_told(run, text):
    assert {path.stem for path in (run.path / "figures").iterdir()} == {"learning_curves", "places"}
    page = (run.path / "report.html").read_text()
    for said in ("What it writes", "frequency of the tokens", "perplexity", "zoo generate", "windows of 16 characters"):
        assert said in page
    told = read_json(run.path / "baseline.json")
    data = run.dataset
    seen = "".join(text[start : start + CONTEXT] for start in data.raw.features["text"].starts[data.rows["train"]])
    assert told["inputs"]["text"]["tokens"]["ö"] == seen.count("ö")
    assert told["predictions"]["nats"]["mean"] == pytest.approx(run.metrics["val"]["nats"], rel=1e-4)


def test_the_same_seed_writes_the_same_and_another_another(run, bundle):
    settings = {"max_new_tokens": 40, "temperature": 1.0, "top_k": 20, "top_p": 0.95}
    first = generate(run, "7 fl", seed=3, **settings)
    assert len(first) == 40  # more than the context holds
    assert generate(run, "7 fl", seed=3, **settings) == first == generate(bundle, "7 fl", seed=3, **settings)
    assert generate(bundle, "7 fl", seed=4, **settings) != first
    assert generate(bundle, "7 fl", seed=-4, **settings) != first
    assert generate(bundle, "7 fl", seed=4, **{**settings, "temperature": 0}) == generate(
        bundle, "7 fl", seed=5, **{**settings, "top_k": 1}
    )


def test_a_row_does_not_depend_on_its_batch(bundle):
    prompts = ["1", "12 flösse ·", "‹b", "1"]
    columns = asked(prompts, temperature=1.0)
    columns["max_new_tokens"], columns["seed"] = np.array([3, 12, 30, 12], np.int32), np.array([1, 2, 3, 1], np.int32)
    together = bundle.ask("generate", columns)["text"]
    alone = [bundle.ask("generate", {name: values[[row]] for name, values in columns.items()})["text"][0] for row in range(4)]
    assert together.tolist() == alone
    assert [len(one) for one in alone] == [3, 12, 30, 12]
    assert alone[3].startswith(alone[0])


def test_a_plain_prompt_is_answered_by_the_defaults(run, bundle):
    reading = read_json(run.path / "reading.json")
    assert reading["defaults"] == DEFAULTS
    assert bundle.predict(["7 fl"])["text"][0] == generate(bundle, "7 fl", **DEFAULTS) == open_run(run).answer(["7 fl"])["text"][0]
    assert bundle.manifest["inputs"] == {"text": {"name": "text", "dtype": "string", "shape": []}}
    assert bundle.manifest["reading"]["defaults"] == DEFAULTS


def test_the_proof_replays_every_text(bundle):
    proof = bundle.proof["saved_model"]
    assert (proof["examples"], proof["batch_sizes"], proof["max_difference"]) == (16, [1, 16], 0)
    golden = Golden.load(bundle.path / "assets.extra/zoo/golden.npz")
    asked_for = golden.inputs["generate"]
    assert [len(text) for text in golden.answers["generate"]["text"]] == asked_for["max_new_tokens"].tolist()
    assert {len(text) for text in asked_for["text"]} == set(range(1, CONTEXT + 1))
    assert not bundle.formats.joinpath("model.onnx").exists()


REFUSED = [
    ({"prompts": [""]}, "the prompt is empty"),
    ({"prompts": ["7 flé"]}, "the prompt holds the character é, which"),
    ({"prompts": ["a]", "7"]}, "the prompt holds the character a, which"),
    ({"prompts": ["7" * 17]}, "the prompt has 17 characters, more than the context of 16"),
    ({"temperature": -0.5}, "temperature should be"),
    ({"temperature": np.nan}, "temperature should be"),
    ({"top_k": -1}, "top_k should be"),
    ({"top_p": 0}, "top_p should be"),
    ({"top_p": 1.5}, "top_p should be"),
    ({"max_new_tokens": 0}, "max_new_tokens should be at least 1"),
    ({"max_new_tokens": 1_000_000}, "max_new_tokens should be at most"),
]

SERVER = """
import sys, json
import numpy as np
from zoo.exporting.proof import NoKeras
sys.meta_path.insert(0, NoKeras())
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
write = loaded.signatures["generate"]
kinds = {"text": tf.string, "temperature": tf.float32, "top_p": tf.float32}
def answer(columns):
    try:
        tensors = {name: tf.constant(values, kinds.get(name, tf.int32)) for name, values in columns.items()}
        return write(**tensors)["text"].numpy()[0].decode()
    except tf.errors.InvalidArgumentError as error:
        return {"refused": str(error)}
print(json.dumps([answer(one) for one in json.loads(sys.argv[2])]))
assert "keras" not in sys.modules
"""


def test_a_server_without_keras_refuses_by_its_graph_and_lives_on(bundle):
    good = asked(["7 fl"])
    requests = [good, *(asked(**{"prompts": ["7"], **one}) for one, _ in REFUSED), good]
    plain = json.dumps([{name: values.tolist() for name, values in one.items()} for one in requests])
    done = subprocess.run([sys.executable, "-c", SERVER, str(bundle.path), plain], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    first, *refused, last = json.loads(done.stdout)
    assert first == last == bundle.ask("generate", good)["text"][0]
    for said, (_, expected) in zip(refused, REFUSED, strict=True):
        assert f"assertion failed: [{expected}" in said["refused"]


@pytest.mark.parametrize(("wrong", "expected"), REFUSED)
def test_a_refusal_of_the_graph_is_one_clear_message(run, bundle, wrong, expected):
    columns = asked(**{"prompts": ["7"], **wrong})
    for ask in (bundle.ask, open_run(run).ask) if expected.endswith("empty") else (bundle.ask,):
        with pytest.raises(ZooError) as caught:
            ask("generate", columns)
        assert caught.value.what.startswith(expected)
        assert "\n" not in str(caught.value)


def small(tokens, codes, lower=False):
    return make("language", {"tokens": tokens, "lower": lower, "first": 2, "codes": codes}, (8,))


def test_characters_become_their_numbers_and_text_again():
    spelling = small("character", [101, 233, 10, 0x1F600, 93]).spelling
    text = "é\ne😀]"
    numbers = spelling.numbers(tf.constant(text))
    assert numbers.numpy().tolist() == [3, 4, 2, 5, 6]
    assert spelling.text(numbers).numpy().decode() == text
    assert spelling.checked(tf.constant(text), 5).numpy().decode() == text


def test_bytes_become_valid_text_whatever_is_drawn():
    spelling = small("byte", list(range(256)), lower=True).spelling
    numbers = spelling.numbers(tf.constant("É€"))
    assert numbers.numpy().tolist() == [2 + one for one in "é€".encode()]
    assert spelling.text(numbers).numpy().decode() == "é€"
    assert spelling.text(numbers[:1]).numpy().decode() == "\ufffd"
    with pytest.raises(tf.errors.InvalidArgumentError, match="the prompt has 6 bytes, more than the context of 5"):
        spelling.checked(tf.constant("ééé"), 5)


def test_neither_padding_nor_the_unknown_is_written():
    """The model that says nothing else: its likeliest tokens are 0 and 1."""
    task = small("character", [97, 98])
    model = create_model("gpt_nano", input_shape=(8,), vocabulary_size=4, depth=1, width=8, heads=1, tied=True)
    embedding = model.get_layer("embedding")
    embedding.embeddings.assign(np.array([[9.0] * 8, [8.0] * 8, [0.0] * 8, [0.0] * 8]))
    written = task.signatures(model, {"defaults": DEFAULTS})["generate"].call(
        {n: tf.constant(v) for n, v in asked(["ab"], max_new_tokens=4).items()}
    )
    assert set(written["text"].numpy()[0].decode()) <= {"a", "b"}


def test_a_model_without_a_cache_writes_by_reading_anew():
    """Any causal model of the task does; the cache is an economy."""
    task = small("character", [97, 98, 99])
    inner = create_model("gpt_nano", input_shape=(8,), vocabulary_size=5, depth=1, width=8, heads=1)
    for weight in inner.trainable_weights:
        weight.assign(weight + 0.5 * np.random.default_rng(1).normal(size=weight.shape))
    tokens = keras.Input((8,), dtype="int32")
    columns = {name: tf.constant(values) for name, values in asked(["ab", "c"], max_new_tokens=9).items()}
    wrapped, plain = (task.signatures(one, {"defaults": DEFAULTS})["generate"] for one in (keras.Model(tokens, inner(tokens)), inner))
    assert wrapped.call(columns)["text"].numpy().tolist() == plain.call(columns)["text"].numpy().tolist()
