"""Who learns and who judges: disjoint, whole, the same rows every time, and moved by nothing but the card."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from made import card_of

from zoo.config import load_card, load_experiment
from zoo.data.sources import Raw, read
from zoo.data.splits import SPLITS, manifest, split
from zoo.errors import ZooError

TABLE = {"kind": "npz", "file": "nowhere.npz"}  # never read: the rows are given


def made(sizes, given=None):
    """Rows of classes 0, 1, … of these sizes, mixed."""
    target = np.random.default_rng(1).permutation(np.repeat(np.arange(len(sizes)), sizes))
    return Raw({"a": np.zeros(len(target), np.float32)}, target, np.arange(len(target)), given)


def card(plan, task="classification"):
    return card_of(TABLE, columns={"a": "number"}, split=plan, task=task)


def shares(raw, rows):
    return np.bincount(raw.target[rows], minlength=raw.target.max() + 1) / len(rows)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_the_shelfs_splits_share_no_row_and_leave_none_out(name):
    card = load_card(name)
    raw = read(card)
    rows = split(card, raw)
    np.testing.assert_array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(len(raw)))
    for part in rows.values():
        assert (np.diff(part) > 0).all()
    assert len(rows["test"]) == round(card.split.test * len(raw))
    assert len(rows["val"]) == round(card.split.val * len(raw))
    again = split(card, read(card))
    assert all((rows[name] == again[name]).all() for name in SPLITS)


def test_a_stratified_split_keeps_the_shares():
    raw = made([700, 200, 100])
    rows = split(card({"kind": "stratified", "val": 0.2, "test": 0.1}), raw)
    for name, size in (("train", 700), ("val", 200), ("test", 100)):
        assert len(rows[name]) == size
        np.testing.assert_array_equal(shares(raw, rows[name]), [0.7, 0.2, 0.1])


def test_a_random_split_does_not_look_at_the_labels():
    raw = made([500, 500])
    other = made([500, 500])
    other.target = other.target[::-1].copy()
    plan = card({"kind": "random", "val": 0.2, "test": 0.2})
    rows, same = split(plan, raw), split(plan, other)
    assert all((rows[name] == same[name]).all() for name in SPLITS)
    assert shares(raw, rows["test"])[0] != 0.5


def test_another_seed_of_the_card_moves_rows():
    raw = made([50, 50])
    first, second = (split(card({"kind": "stratified", "seed": seed}), raw) for seed in (0, 1))
    assert (first["test"] != second["test"]).any()


def test_the_seed_of_training_moves_no_row():
    cards = [load_experiment("digits_cnn", {"train.seed": seed, "train.batch_size": seed}).card for seed in (1, 2)]
    first, second = (split(card, read(card)) for card in cards)
    assert all((first[name] == second[name]).all() for name in SPLITS)
    np.random.seed(3)  # nor does whatever else is drawn in the process
    third = split(cards[0], read(cards[0]))
    assert all((first[name] == third[name]).all() for name in SPLITS)


def test_a_given_split_keeps_the_sources_test_part():
    raw = made([60, 40], np.repeat(["train", "test"], [80, 20]))
    rows = split(card({"kind": "given", "val": 0.25}), raw)
    assert rows["test"].tolist() == list(range(80, 100))
    assert len(rows["val"]) == 20
    assert sorted([*rows["train"], *rows["val"]]) == list(range(80))
    np.testing.assert_allclose(shares(raw, rows["val"]), shares(raw, np.arange(80)), atol=0.5 / 20)


def test_a_given_split_needs_a_source_that_gives_it():
    with pytest.raises(ZooError, match="no test part of its own"):
        split(card({"kind": "given"}), made([50, 50]))


def test_a_fixed_split_is_ranges_of_the_source():
    rows = split(card({"kind": "fixed", "train": [10, 60], "val": [60, 70], "test": [0, 10]}), made([50, 50]))
    assert {name: (part[0], part[-1], len(part)) for name, part in rows.items()} == {
        "train": (10, 59, 50),
        "val": (60, 69, 10),
        "test": (0, 9, 10),
    }


def test_a_fixed_split_counts_rows_that_were_left_out(csv_card):
    text = "a,y\n" + "".join(f"{number},{'' if number in (3, 19) else 'pq'[number % 2]}\n" for number in range(20))
    ranges = {"kind": "fixed", "train": [0, 10], "val": [10, 15], "test": [15, 20]}
    card = csv_card(text, columns={"a": "number"}, split=ranges)
    raw = read(card)
    rows = split(card, raw)
    assert raw.features["a"][rows["train"]].tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert raw.features["a"][rows["test"]].tolist() == [15, 16, 17, 18]
    beyond = csv_card(text, columns={"a": "number"}, split={**ranges, "test": [15, 21]})
    with pytest.raises(ZooError, match="goes past its 20 rows"):
        split(beyond, read(beyond))


@pytest.mark.parametrize(
    "ranges",
    [
        {"train": [0, 50], "val": [40, 60], "test": [60, 70]},
        {"train": [0, 50], "val": [50, 50], "test": [60, 70]},
        {"train": [50, 0], "val": [50, 60], "test": [60, 70]},
        {"train": [0, 100], "val": [50, 60], "test": [60, 70]},
    ],
)
def test_fixed_ranges_share_no_row(ranges):
    with pytest.raises(ValueError, match="share no row"):
        card({"kind": "fixed", **ranges})


@pytest.mark.parametrize(
    ("sizes", "says"),
    [([99, 1], "'1' has 1 of 100 rows"), ([2, 2], "1 and 3 rows for 2 classes"), ([3, 3, 3], "1 and 8 rows for 3 classes")],
)
def test_too_few_rows_of_a_class_are_told(sizes, says):
    with pytest.raises(ZooError, match="cannot be split by class") as caught:
        split(card({"kind": "stratified"}), made(sizes))
    assert says in str(caught.value)


@pytest.mark.parametrize("size", [1, 2])
def test_too_few_rows_are_told(size):
    with pytest.raises(ZooError, match="too few rows to split"):
        split(card({"kind": "random"}, "regression"), made([size]))


@pytest.mark.parametrize("size", range(3, 12))
@pytest.mark.parametrize(("val", "test"), [(0.7, 0.29), (0.01, 0.98), (0.98, 0.01), (0.15, 0.15)])
def test_however_small_each_part_has_a_row_or_it_is_told(size, val, test):
    plan = card({"kind": "random", "val": val, "test": test}, "regression")
    if test == 0.98:
        with pytest.raises(ZooError, match="too few rows to split"):
            split(plan, made([size]))
    else:
        rows = split(plan, made([size]))
        assert min(len(part) for part in rows.values()) >= 1
        assert sum(len(part) for part in rows.values()) == size


def test_the_manifest_proves_the_rows():
    raw = made([30, 30])
    plan = card({"kind": "stratified", "seed": 5})
    rows = split(plan, raw)
    written = manifest(plan, raw, rows)
    assert written["split"] == {"kind": "stratified", "val": 0.15, "test": 0.15, "seed": 5}
    for name in SPLITS:
        part = written["parts"][name]
        assert part["ids"] == rows[name].tolist()
        assert part["rows"] == len(rows[name])
        assert part["ids_sha256"] == hashlib.sha256(np.array(part["ids"], "<i8").tobytes()).hexdigest()
    other = manifest(plan, raw, {**rows, "test": rows["test"][:-1]})
    assert other["parts"]["test"]["ids_sha256"] != written["parts"]["test"]["ids_sha256"]


def test_the_manifest_holds_the_sources_row_numbers(csv_card):
    text = "a,y\n" + "".join(f"{number},{'' if number < 10 else 'pq'[number % 2]}\n" for number in range(40))
    card = csv_card(text, columns={"a": "number"})
    raw = read(card)
    parts = manifest(card, raw, split(card, raw))["parts"]
    assert sorted(row for part in parts.values() for row in part["ids"]) == list(range(10, 40))
