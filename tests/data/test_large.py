"""Tables of more rows than may be copied: the same examples, statistics and predictions as in memory, at a fraction of it."""

from __future__ import annotations

import hashlib

import keras
import numpy as np
import pytest
from made import card_of

from zoo.data import cuts, mapped, prepare, splits
from zoo.data.preprocess import numbers
from zoo.data.sources import Raw, read, tables
from zoo.data.sources.words import Words
from zoo.evaluation.distributions import of_numbers, of_words

ROWS = 3_000
COLUMNS = {
    "a": "number",
    "b": {"type": "number", "scale": "robust", "clip": [-2, 2]},
    "c": {"type": "number", "scale": "quantile"},
    "d": {"type": "number", "scale": "log", "fill": "mean", "indicator": True},
    "e": {"type": "number", "scale": "minmax"},
    "f": {"type": "number", "bins": 7},
    "word": "category",
    "yes": "boolean",
    "when": "datetime",
    "said": "text",
}


@pytest.fixture
def few_are_many(monkeypatch):
    """What holds from a million rows on holds from 400 on."""
    monkeypatch.setattr(mapped, "BLOCK", 301)
    monkeypatch.setattr(cuts, "LARGE", 400)
    monkeypatch.setattr(cuts, "BLOCK", 301)


@pytest.fixture
def on_disk(monkeypatch, tmp_path):
    """Whatever is read or encoded is kept in the store, memory-mapped."""
    monkeypatch.setenv("ZOO_MEMORY", "10")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tables, "BIG", 0)


def lines():
    rng = np.random.default_rng(5)
    words = np.array(["red", "green", "blue", "rare", ""])[rng.choice(5, ROWS, p=[0.5, 0.3, 0.1, 0.05, 0.05])]
    yield "a,b,c,d,e,f,word,yes,when,said,y"
    for word, day in zip(words, rng.integers(1, 28, ROWS), strict=True):
        cells = ["" if rng.random() < 0.05 else f"{value:.4f}" for value in rng.normal(size=6)]
        label = rng.choice(["up", "down", "still"], p=[0.6, 0.3, 0.1])
        yield ",".join([*cells, word, "no" if day % 2 else "yes", f"2026-01-{day:02}", f"{word} day {day}", label])


@pytest.fixture
def card(csv_card):
    def make(**more):
        return csv_card("\n".join(lines()), columns=COLUMNS, preprocess={"crosses": [["word", "yes"]]}, **more)

    return make


def kept(card, modality):
    """Everything that somebody could learn from a card's data."""
    data = prepare(card, modality, batch_size=64, seed=3)
    return data, data.encoded, [[part.numpy() for part in (x, y)] for x, y in data.train], data.record()


def test_what_is_held_does_not_change_the_data(card, few_are_many, monkeypatch, tmp_path):
    made = card()
    _, held_parts, held_epoch, held_record = kept(made, "vector")
    for name, value in (("ZOO_MEMORY", "10"), ("ZOO_CACHE", str(tmp_path / "cache"))):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tables, "BIG", 0)
    data, parts, epoch, record = kept(made, "vector")
    assert isinstance(data.raw.target, Words)
    assert isinstance(parts["train"].x, np.memmap)
    assert not isinstance(held_parts["train"].x, np.memmap)
    assert record["parts"] == held_record["parts"]
    assert record["preprocess"] == held_record["preprocess"]
    for name in splits.SPLITS:
        np.testing.assert_array_equal(parts[name].x, held_parts[name].x)
        np.testing.assert_array_equal(parts[name].y, held_parts[name].y)
    model = keras.Sequential([keras.Input(data.input_shape), keras.layers.Dense(3)])
    for (x, y), (other, other_y) in zip(epoch, held_epoch, strict=True):
        np.testing.assert_array_equal(y, other_y)
        np.testing.assert_array_equal(model(x), model(other))


def test_statistics_in_blocks_are_those_of_the_whole(card, on_disk, monkeypatch):
    whole = prepare(card(), "vector").spec
    monkeypatch.setattr(mapped, "BLOCK", 301)
    blocks = prepare(card(), "vector").spec
    assert same(blocks, whole)
    assert not same(blocks, {**whole, "numbers": whole["numbers"][::-1]})


def same(one, other):
    """Equal but for the last digits of what is summed in another order."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == pytest.approx(other, rel=1e-12, abs=1e-12) if isinstance(one, float) else one == other


def test_summaries_in_blocks_are_those_of_the_whole(monkeypatch):
    rng = np.random.default_rng(2)
    values = np.where(rng.random(5_000) < 0.1, np.nan, rng.gamma(2, size=5_000)).astype(np.float32)
    words = Words(rng.integers(0, 4, 5_000).astype(np.int32), np.array(["b", "a", "", "c"], object))
    before, counted = of_numbers(values), of_words(np.asarray(words))
    exact = np.quantile(values[~np.isnan(values)].astype(float), [0, 0.1, 0.5, 0.999, 1])
    monkeypatch.setattr(mapped, "BLOCK", 301)
    assert same(of_numbers(values), before)
    assert of_words(words) == counted
    np.testing.assert_array_equal(numbers.quantiles(values[~np.isnan(values)], [0, 0.1, 0.5, 0.999, 1]), exact)


def raw_of(labels, given=None):
    return Raw({"a": np.zeros(len(labels), np.float32)}, labels, np.arange(len(labels)), given)


def split_card(**plan):
    return card_of({"kind": "npz", "file": "nowhere.npz"}, columns={"a": "number"}, split=plan)


def test_a_large_split_keeps_the_shares(few_are_many):
    labels = np.random.default_rng(1).permutation(np.repeat(["x", "y", "z"], [1401, 599, 100])).astype(object)
    rows = splits.split(split_card(kind="stratified", val=0.2, test=0.1), raw_of(labels))
    assert {name: len(part) for name, part in rows.items()} == {"train": 1470, "val": 420, "test": 210}
    np.testing.assert_array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(2100))
    for name, share in (("train", 0.7), ("val", 0.2), ("test", 0.1)):
        found = [(labels[rows[name]] == label).sum() for label in ("x", "y", "z")]
        np.testing.assert_allclose(found, share * np.array([1401, 599, 100]), atol=1.01)
    assert all(part.dtype == np.int32 for part in rows.values())


def test_a_large_split_is_the_seeds_and_codes_change_nothing(few_are_many):
    codes = np.random.default_rng(1).integers(0, 3, 1_000).astype(np.int32)
    known = np.array(["c", "a", "b"], object)
    first, again, coded = (
        splits.split(split_card(kind="stratified"), raw_of(one)) for one in (known[codes], known[codes], Words(codes, known))
    )
    for name in splits.SPLITS:
        np.testing.assert_array_equal(first[name], again[name])
        np.testing.assert_array_equal(first[name], coded[name])
    other = splits.split(split_card(kind="stratified", seed=1), raw_of(known[codes]))
    assert (first["test"] != other["test"]).any()


def test_every_row_is_drawn_alike_often(few_are_many):
    """Over many seeds; whoever took the same number of each block would spread too little."""
    drawn = np.zeros((400, 900), bool)
    for seed in range(len(drawn)):
        drawn[seed, cuts.cut(split_card(), np.arange(900), 0.3, None, seed)[1]] = True
    assert (drawn.sum(1) == 270).all()
    assert abs(drawn.mean(0) - 0.3).max() < 5 * np.sqrt(0.3 * 0.7 / len(drawn))
    shuffled = 301 * 0.3 * 0.7 * (900 - 301) / 899  # the variance of a block's count, as a shuffle of all gives it
    assert 0.75 * shuffled < drawn[:, :301].sum(1).var() < 1.3 * shuffled


def test_a_large_given_split_keeps_the_sources_test_part(few_are_many):
    labels = np.array(["x", "y"], object)[np.random.default_rng(1).integers(0, 2, 2_000)]
    given = Words(np.repeat([0, 1], [1_500, 500]).astype(np.int8), np.array(["train", "test"], object))
    rows = splits.split(split_card(kind="given", val=0.1), raw_of(labels, given))
    assert rows["test"].tolist() == list(range(1_500, 2_000))
    assert sorted([*rows["train"], *rows["val"]]) == list(range(1_500))
    assert len(rows["val"]) == 150


def test_below_a_million_rows_no_row_moves():
    """Runs that were trained before must stay usable: these are the rows that they had."""
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(3), [700, 200, 100]))
    rows = splits.split(split_card(kind="stratified"), raw_of(labels))
    digests = {name: hashlib.sha256(part.astype("<i8").tobytes()).hexdigest()[:12] for name, part in rows.items()}
    assert digests == {"train": "d80ff0e409d4", "val": "4de4c602d909", "test": "6ce674fd877d"}


def test_a_large_column_stays_codes(card, on_disk):
    raw = read(card())
    rows = np.arange(0, ROWS, 2)
    taken = raw.take(rows)["word"]
    assert isinstance(taken, Words)
    assert taken[:].tolist() == raw.features["word"][rows].tolist()
