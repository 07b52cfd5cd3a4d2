"""fastText: how runs of tokens are hashed, what their mean is, and that it learns what no bag of words can."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import zoo
from zoo import create_model
from zoo.models.fasttext import FACTORS, MOST_BUCKETS, HashedNgrams

VOCABULARY = 20_000


def by_hand(tokens, vocabulary_size, ngrams, buckets):
    """The numbers of a text's runs in Python's own integers, which have no end."""
    found, factor = list(tokens), FACTORS[0] * FACTORS[1]
    for length in range(2, ngrams + 1):
        for start in range(len(tokens) - length + 1):
            run, hashed = tokens[start : start + length], 0
            for token in run:
                hashed = (hashed * factor + token) % buckets
            found.append(0 if 0 in run else vocabulary_size + hashed)
    return found


@pytest.mark.parametrize("buckets", [1, 7, 1000, 2**16, 2**18, MOST_BUCKETS - 1, MOST_BUCKETS])
@pytest.mark.parametrize(("ngrams", "vocabulary_size"), [(2, VOCABULARY), (3, VOCABULARY), (3, 2**30)])
def test_the_hash_is_exact(buckets, ngrams, vocabulary_size):
    """Also where tokens and buckets are as large as they come: int32 does not overflow."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, vocabulary_size, (5, 9), dtype="int32")
    tokens[0] = vocabulary_size - 1
    tokens[1, 4:] = 0
    tokens[2] = 0
    found = np.asarray(HashedNgrams(vocabulary_size, ngrams, buckets)(tokens))
    assert found.dtype == "int32"
    assert found.tolist() == [by_hand(one, vocabulary_size, ngrams, buckets) for one in tokens.tolist()]
    assert found.max() < vocabulary_size + buckets


def buckets_of(pairs, buckets=2**18):
    return np.asarray(HashedNgrams(VOCABULARY, 2, buckets)(pairs.astype("int32")))[:, 2] - VOCABULARY


def test_order_matters():
    """`not good` is not `good not`, whatever the words."""
    pairs = np.random.default_rng(0).integers(1, VOCABULARY, (50_000, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    assert np.all(buckets_of(pairs) != buckets_of(pairs[:, ::-1]))


@pytest.mark.parametrize("buckets", [2**16, 10**5, 2**18, 2**20])
@pytest.mark.parametrize("words", [200, VOCABULARY])
def test_buckets_are_shared_no_more_than_by_chance(words, buckets):
    """Runs of frequent words, whose numbers are small, as of all words."""
    every = np.random.default_rng(1).integers(1, words, (20_000, 2))
    pairs = np.unique(every, axis=0)
    used = len(np.unique(buckets_of(pairs, buckets)))
    by_chance = buckets * (1 - np.exp(-len(pairs) / buckets))
    assert used > 0.98 * by_chance


def test_its_features_are_the_mean_of_all_runs():
    model = create_model("fasttext", input_shape=(8,), vocabulary_size=30, num_outputs=0, width=4, ngrams=3, buckets=50)
    rows = np.random.default_rng(2).normal(size=(30 + 50, 4)).astype("float32")
    model.set_weights([rows])
    tokens = np.array([[3, 9, 4, 3, 9, 0, 0, 0], [7, 0, 0, 0, 0, 0, 0, 0], [0] * 8], "int32")
    places = [[place for place in by_hand(text, 30, 3, 50) if place] for text in tokens.tolist()]
    assert [len(one) for one in places] == [5 + 4 + 3, 1, 0]
    expected = [rows[one].mean(axis=0) if one else np.zeros(4) for one in places]
    np.testing.assert_allclose(model(tokens), expected, rtol=1e-4, atol=1e-5)


def test_it_has_a_row_a_token_and_a_bucket():
    assert create_model("fasttext", input_shape=(400,), vocabulary_size=20000, num_outputs=2).count_params() == (20000 + 2**18) * 16 + 34
    alone = create_model("fasttext", input_shape=(400,), vocabulary_size=20000, num_outputs=2, ngrams=1)
    assert alone.count_params() == 20000 * 16 + 34


@pytest.mark.parametrize("length", [1, 2])
def test_a_text_may_be_shorter_than_a_run(length):
    model = create_model("fasttext", input_shape=(length,), vocabulary_size=30, num_outputs=2, ngrams=3, buckets=50)
    assert np.isfinite(model(np.ones((2, length), "int32"))).all()


@pytest.mark.long
def test_it_learns_what_no_bag_of_words_can(tmp_path):
    """`not bad but good` is praise, `not good but bad` is none; both hold the same words."""
    rng, rows = np.random.default_rng(0), []
    for row in range(300):
        around = list(rng.choice(["film", "plot", "end", "cast", "it", "was"], 4))
        said = ["not", "bad", "but", "good"] if row % 2 else ["not", "good", "but", "bad"]
        rows.append((" ".join(around[:2] + said + around[2:]), "praise" if row % 2 else "none"))
    pd.DataFrame(rows, columns=["said", "kind"]).to_csv(tmp_path / "said.csv", index=False)
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
    train = {"epochs": 10, "batch_size": 16, "optimizer": {"name": "adam", "learning_rate": 0.05}, "early_stopping": None}
    made = {"dataset": card, "model": {"name": "fasttext", "buckets": 2000}, "train": train}
    run = zoo.run(made, runs=tmp_path / "runs", bundles=tmp_path / "bundles")
    alone = zoo.evaluate(zoo.train(made, {"model.ngrams": 1}, runs=tmp_path / "alone"))
    assert run.metrics["test"]["accuracy"] == 1.0
    assert alone.metrics["test"]["accuracy"] < 0.7
