"""Recurrent models: their equations and sizes by the papers, padding, pooling, and that they learn through a real run."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest

import zoo
from zoo import ZooError, create_model
from zoo.layers import AttentionOverSteps, FirstStepIsReal, MaxOverSteps, MeanOverSteps

TEXT = {"vocabulary_size": 50, "num_outputs": 2}


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def tokens_of(*lengths, length, seed=0):
    """Texts of so many tokens, filled up."""
    rng = np.random.default_rng(seed)
    return np.stack([np.pad(rng.integers(1, 50, size), (0, length - size)) for size in lengths]).astype("int32")


def randomised(model, seed=1):
    """The model with no weight at its initial value: biases are 0 there."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.4, weight.shape) for weight in model.weights])
    return model


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn(x, kernel, recurrent, bias):
    """Elman 1990."""
    h = np.zeros(recurrent.shape[0])
    for step in x:
        h = np.tanh(step @ kernel + h @ recurrent + bias)
    return h


def lstm(x, kernel, recurrent, bias):
    """Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000."""
    h = c = np.zeros(recurrent.shape[0])
    for step in x:
        i, f, g, o = np.split(step @ kernel + h @ recurrent + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return h


def gru(x, kernel, recurrent, bias):
    """Cho et al. 2014, reset after the product."""
    h = np.zeros(recurrent.shape[0])
    for step in x:
        (z, r, new), (old_z, old_r, old) = (np.split(one, 3) for one in (step @ kernel + bias[0], h @ recurrent + bias[1]))
        z, r = sigmoid(z + old_z), sigmoid(r + old_r)
        h = z * h + (1 - z) * np.tanh(new + r * old)
    return h


BY_HAND = {"rnn": rnn, "lstm": lstm, "gru": gru}


@pytest.mark.parametrize("name", BY_HAND)
def test_its_state_is_the_papers(name):
    model, x = randomised(create_model(name, input_shape=(7, 3), num_outputs=0, units=5)), drawn(2, 7, 3)
    expected = [BY_HAND[name](one, *model.get_weights()) for one in x]
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BY_HAND)
def test_of_a_text_it_reads_the_tokens_only(name):
    model, tokens = randomised(create_model(name, input_shape=(9,), **{**TEXT, "num_outputs": 0}, units=5)), tokens_of(9, 4, 1, length=9)
    vectors, *weights = model.get_weights()
    expected = [BY_HAND[name](vectors[one[one > 0]], *weights) for one in tokens]
    np.testing.assert_allclose(model(tokens), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("rnn", lambda d, h: (d + h) * h + h),
        ("lstm", lambda d, h: 4 * ((d + h) * h + h)),
        ("gru", lambda d, h: 3 * ((d + h) * h + 2 * h)),  # two biases, as it resets after the product
        ("bilstm", lambda d, h: 2 * 4 * ((d + h) * h + h)),
        ("bigru", lambda d, h: 2 * 3 * ((d + h) * h + 2 * h)),
        ("stacked_lstm", lambda d, h: 4 * ((d + h) * h + h) + 4 * ((h + h) * h + h)),
        ("attention_bilstm", lambda d, h: 2 * 4 * ((d + h) * h + h) + 2 * h),
    ],
)
def test_it_has_the_weights_of_its_gates(name, weights):
    assert create_model(name, input_shape=(20, 3), num_outputs=0, units=32).count_params() == weights(3, 32)


def test_two_bilstms_have_as_many_weights_as_in_keras():
    """2,757,761 in https://keras.io/examples/nlp/bidirectional_lstm_imdb."""
    model = create_model("bilstm", input_shape=(200,), vocabulary_size=20000, num_outputs=1, embedding=128, depth=2)
    assert model.count_params() == 2_757_761


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("tokens", [False, True])
def test_both_directions_are_one_and_one_backwards(cell, tokens):
    """Of a text the second reads from its last token, not from the end of its padding."""
    facts = {"input_shape": (9,), **TEXT, "num_outputs": 0} if tokens else {"input_shape": (9, 3), "num_outputs": 0}
    both, one = (randomised(create_model(name, **facts, units=5)) for name in (f"bi{cell}", cell))
    x = tokens_of(9, 5, length=9) if tokens else drawn(2, 9, 3)
    turned = np.stack([np.concatenate([row[row > 0][::-1], row[row == 0]]) for row in x]) if tokens else x[:, ::-1]
    shared, weights = (both.get_weights()[:1], both.get_weights()[1:]) if tokens else ([], both.get_weights())
    expected = []
    for given, own in ((x, weights[:3]), (turned, weights[3:])):
        one.set_weights(shared + own)
        expected.append(np.asarray(one(given)))
    np.testing.assert_allclose(both(x), np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pool", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("name", ["stacked_lstm", "bigru"])
def test_padding_says_nothing_to_any_pool(name, pool):
    short, long = (randomised(create_model(name, input_shape=(length,), **TEXT, pool=pool)) for length in (6, 11))
    tokens = tokens_of(6, 3, 0, length=6)
    answers = np.asarray(short(tokens))
    np.testing.assert_allclose(long(np.pad(tokens, ((0, 0), (0, 5)))), answers, rtol=1e-4, atol=1e-5)
    assert np.isfinite(answers).all()
    assert np.abs(answers[0] - answers[1]).max() > 1e-3


@pytest.mark.parametrize("stride", [1, 3, 4])
def test_padding_says_nothing_to_a_cnn_lstm(stride):
    """Lengths that the stride does not divide, texts that end within one."""
    short, long = (randomised(create_model("cnn_lstm", input_shape=(length,), **TEXT, stride=stride)) for length in (10, 17))
    tokens = tokens_of(10, 7, 1, 0, length=10)
    answers = np.asarray(short(tokens))
    np.testing.assert_allclose(long(np.pad(tokens, ((0, 0), (0, 7)))), answers, rtol=1e-4, atol=1e-5)
    assert np.isfinite(answers).all()


def test_a_cnn_lstm_gives_its_lstm_the_maxima():
    model = create_model("cnn_lstm", input_shape=(10, 2), num_outputs=2, filters=4, stride=4)
    x, maps = drawn(3, 10, 2), None
    inside = keras.Model(model.input, [layer.output for layer in model.layers if layer.output.shape[-1] == 4])
    maps, pooled = inside(x)
    expected = [np.asarray(maps)[:, start : start + 4].max(axis=1) for start in (0, 4, 8)]
    np.testing.assert_allclose(pooled, np.stack(expected, axis=1))


def test_no_text_is_without_a_step():
    """A recurrence on cuDNN refuses a row whose mask has none."""
    layer, tokens = FirstStepIsReal(), tokens_of(4, 2, 0, length=4)
    mask = np.asarray(layer.compute_mask(drawn(3, 4, 2), tokens > 0))
    assert mask.tolist() == [[True] * 4, [True, True, False, False], [True, False, False, False]]
    assert layer.compute_mask(drawn(3, 4, 2)) is None


def test_attention_sums_to_one_over_real_steps_only():
    layer, x = AttentionOverSteps(), 5 * drawn(3, 6, 4)
    mask = tokens_of(6, 2, 0, length=6) > 0
    given = np.asarray(layer(x, mask=mask))
    weights = np.asarray(layer.weights_of(x, mask))
    np.testing.assert_allclose(weights.sum(axis=1), [1, 1, 0], atol=1e-6)
    assert np.all(weights[~mask] == 0)
    assert weights[0].max() > 1.5 / 6
    np.testing.assert_allclose(given, np.einsum("bs,bsw->bw", weights, x), rtol=1e-4, atol=1e-5)
    scores = np.tanh(x[0]) @ np.asarray(layer.query)[:, 0]
    np.testing.assert_allclose(weights[0], np.exp(scores) / np.exp(scores).sum(), rtol=1e-4)


def test_mean_and_maximum_are_over_real_steps():
    x, mask = drawn(3, 6, 4) - 3, tokens_of(6, 2, 0, length=6) > 0
    for layer, reduce in ((MeanOverSteps(), np.mean), (MaxOverSteps(), np.max)):
        expected = [reduce(x[0], axis=0), reduce(x[1, :2], axis=0), np.zeros(4)]
        np.testing.assert_allclose(layer(x, mask=mask), expected, rtol=1e-5)
        np.testing.assert_allclose(layer(x), reduce(x, axis=1), rtol=1e-5)


def test_a_mean_of_many_bfloat16_steps_counts_them_all():
    x = keras.ops.ones((1, 999, 2), "bfloat16")
    assert np.asarray(MeanOverSteps(dtype="mixed_bfloat16")(x, mask=np.ones((1, 999), bool)), "float32").tolist() == [[1, 1]]


def test_lstm_fcn_shuffles_dimensions():
    """Its LSTM is given all times of a channel at once: kernels are as high as the series is long."""
    model = create_model("lstm_fcn", input_shape=(30, 2), num_outputs=3, units=8, width=16)
    convolutions = 8 * 2 * 16 + 5 * 16 * 32 + 3 * 32 * 16 + 4 * (16 + 32 + 16)
    assert model.count_params() == convolutions + 4 * ((30 + 8) * 8 + 8) + (16 + 8) * 3 + 3


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ZooError, match="do not go together"):
        create_model("lstm", input_shape=(20,), num_outputs=2)
    with pytest.raises(ZooError, match="do not go together"):
        create_model("gru", input_shape=(20, 3), vocabulary_size=9, num_outputs=2)
    for name in ("lstm", "cnn_lstm"):
        with pytest.raises(ZooError, match="a forecast is of a sequence"):
            create_model(name, input_shape=(20,), vocabulary_size=9, horizon=2, target_channels=(0,))
        with pytest.raises(ZooError, match="either for num_outputs, or for a horizon"):
            create_model(name, input_shape=(20, 3))


def test_a_forecast_of_an_lstm_beats_repeating(tmp_path):
    """A wave of 12 hours under noise."""
    steps, rng = np.arange(400), np.random.default_rng(0)
    wave = 50 + 10 * np.sin(2 * np.pi * steps / 12) + rng.normal(0, 0.5, 400)
    times = pd.date_range("2024-01-01", periods=400, freq="h").astype(str)
    pd.DataFrame({"time": times, "sales": wave}).to_csv(tmp_path / "hours.csv", index=False)
    card = {
        "title": "Hours",
        "source": {"kind": "csv", "file": str(tmp_path / "hours.csv")},
        "licence": "none",
        "task": "forecasting",
        "series": {"columns": ["sales"], "time": "time", "step": "1h", "history": 24, "horizon": 6},
        "target": {"name": "sales"},
        "split": {"kind": "time", "val": 0.2, "test": 0.2},
    }
    train = {"epochs": 12, "batch_size": 32, "optimizer": {"name": "adam", "learning_rate": 0.01}}
    made = {"dataset": card, "model": {"name": "lstm", "units": 16}, "train": train}
    metrics = zoo.evaluate(zoo.train(made, runs=tmp_path)).metrics
    assert metrics["test"]["mse"] < 0.3 * metrics["baseline"]["test"]["mse"]


def test_a_gru_reads_texts_in_their_order(tmp_path):
    """`a ... b` or `b ... a`: the words of both kinds are the same."""
    rng, rows = np.random.default_rng(0), []
    for row in range(300):
        few = ["the", "film", "was", "so"] * 2
        first, second = sorted(rng.choice(9, 2, replace=False))
        for place, word in ((second, "bad"), (first, "good")) if row % 2 else ((second, "good"), (first, "bad")):
            few.insert(place, word)
        rows.append((" ".join(few), "up" if row % 2 else "down"))
    pd.DataFrame(rows, columns=["said", "kind"]).to_csv(tmp_path / "said.csv", index=False)
    card = {
        "title": "Said",
        "source": {"kind": "csv", "file": str(tmp_path / "said.csv")},
        "licence": "none",
        "task": "classification",
        "text": {"columns": ["said"]},
        "target": {"name": "kind"},
        "split": {"kind": "random", "val": 0.2, "test": 0.2, "seed": 0},
        "preprocess": {"text": {"length": 14}},
    }
    train = {"epochs": 15, "batch_size": 16, "optimizer": {"name": "adam", "learning_rate": 0.01}, "early_stopping": None}
    made = {"dataset": card, "model": {"name": "gru", "units": 16, "embedding": 8}, "train": train}
    metrics = zoo.run(made, runs=tmp_path / "runs", bundles=tmp_path / "bundles").metrics
    assert metrics["test"]["accuracy"] > metrics["baseline"]["test"]["accuracy"] + 0.3
