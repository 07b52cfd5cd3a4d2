"""`baseline.json`: the training split's inputs and val's answers, as monitoring will find them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from zoo.data import prepare
from zoo.evaluation.distributions import of_numbers, of_words
from zoo.runs import read_json


def in_bins(values: np.ndarray, edges: list[float]) -> list[int]:
    """The rule that the page documents, in other words: below the first edge, from each to below the next, the rest."""
    bounds = [-np.inf, *edges, np.inf]
    return [int(((values >= low) & (values < high)).sum()) for low, high in pairwise(bounds)]


def test_numbers_are_those_of_the_training_split(values):
    told, data = read_json(values.path / "baseline.json"), prepare(values.card)
    train = data.raw.take(data.rows["train"])
    assert told["rows"] == len(data.rows["train"])
    assert set(told["inputs"]) == set(values.card.columns)
    for name, column in train.items():
        one, known = told["inputs"][name], column.astype(np.float64)
        moments = [known.mean(), known.std(), known.min(), known.max()]
        assert [one["mean"], one["std"], one["min"], one["max"]] == pytest.approx(moments)
        assert one["counts"] == in_bins(known, one["edges"])
        assert (one["count"], one["missing"], one["input"]) == (len(known), 0, name)
    said = told["predictions"]["value"]
    assert sum(said["counts"]) == said["count"] == len(data.rows["val"])


def test_words_and_missing_cells_are_counted(hostile):
    told, data = read_json(hostile.path / "baseline.json")["inputs"], prepare(hostile.card)
    train = data.raw.take(data.rows["train"])
    words = train["colour"].tolist()
    assert told["colour"]["counts"] == {word: words.count(word) for word in ("red", "green", "<i>blue</i>")}
    assert told["colour"]["missing"] == words.count("") > 0
    assert told["<b>size</b>"]["missing"] == np.isnan(train["<b>size</b>"]).sum() > 0
    assert told["<b>size</b>"]["mean"] == pytest.approx(np.nanmean(train["<b>size</b>"]), rel=1e-6)
    assert told["<b>size</b>"]["input"].isidentifier()


def test_images_by_their_brightness_and_contrast(digits):
    told, data = read_json(digits.path / "baseline.json"), prepare(digits.card, "image")
    train = data.raw.features["image"][data.rows["train"]].astype(np.float64)
    image = told["inputs"]["image"]
    assert image["brightness"]["mean"] == pytest.approx(train.mean())
    assert image["brightness"]["counts"] == in_bins(train.mean((1, 2, 3)), image["brightness"]["edges"])
    assert image["contrast"]["max"] == pytest.approx(train.std((1, 2, 3)).max())
    said = told["predictions"]
    assert sum(said["labels"].values()) == sum(said["confidence"]["counts"]) == said["rows"] == 270
    assert set(said["labels"]) == set("0123456789")


def test_numbers_that_never_change_that_are_few_and_that_are_none():
    still = of_numbers(np.full(7, 3.0, np.float32))
    assert (still["edges"], still["counts"]) == ([3.0], [0, 7])
    two = of_numbers(np.array([0.0] * 5 + [1.0] * 5))
    assert sum(two["counts"]) == 10
    assert in_bins(np.array([0.0] * 5 + [1.0] * 5), two["edges"]) == two["counts"]
    none = of_numbers(np.array([np.nan, np.nan]))
    assert (none["count"], none["missing"], none["mean"]) == (0, 2, None)


def test_of_many_words_the_frequent_ones_are_kept():
    words = np.array([f"w{number:03d}" for number in range(80) for _ in range(number + 1)])
    told = of_words(words)
    assert len(told["counts"]) == 50
    assert next(iter(told["counts"])) == "w079"
    assert told["other"] == sum(number + 1 for number in range(30))
    assert told["count"] == len(words)
