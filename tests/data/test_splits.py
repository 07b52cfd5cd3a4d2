"""Who learns and who judges: disjoint, whole, the same rows every time, and moved by nothing but the card."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from made import card_of

from zoo.config import load_card, load_experiment
from zoo.data import splits
from zoo.data.cuts import fractions
from zoo.data.sources import Raw, read
from zoo.data.splits import SPLITS, manifest, split
from zoo.data.windows import LAST, SERIES, TIMES, Windows
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


def table_card(plan, task="classification", **more):
    return card_of(TABLE, columns={"a": "number"}, split=plan, task=task, **more)


def with_columns(size=200, **beside):
    """Rows in two classes with columns beside."""
    target = np.arange(size) % 2
    return Raw({"a": np.arange(size, dtype=np.float32)}, target, np.arange(size), beside=beside)


def disjoint(rows):
    everything = np.concatenate(list(rows.values()))
    return len(np.unique(everything)) == len(everything)


def test_a_given_part_val_is_used_and_none_is_cut():
    raw = made([60, 40], np.repeat(["train", "val", "test"], [70, 10, 20]))
    rows = split(card({"kind": "given", "val": 0.5}), raw)
    assert [len(rows[name]) for name in SPLITS] == [70, 10, 20]
    assert rows["val"].tolist() == list(range(70, 80))


def test_of_train_and_val_alone_val_judges():
    raw = made([60, 40], np.repeat(["train", "val"], [80, 20]))
    rows = split(card({"kind": "given", "val": 0.25}), raw)
    assert rows["test"].tolist() == list(range(80, 100))
    assert [len(rows[name]) for name in SPLITS] == [60, 20, 20]


@pytest.mark.parametrize("values", [np.tile(np.arange(5.0), 40), np.tile(["0", "1", "2", "3", "4"], 40).astype(object)])
def test_a_column_may_say_who_judges(values):
    rows = split(card({"kind": "given", "column": "index", "test": ["3", "4"]}), with_columns(index=values))
    assert (np.isin(rows["test"] % 5, [3, 4])).all()
    assert len(rows["test"]) == 80
    assert disjoint(rows)


def test_a_column_that_never_says_so_is_refused():
    with pytest.raises(ZooError, match="no row of 'inline' has index: 7") as caught:
        split(card({"kind": "given", "column": "index", "test": ["7"]}), with_columns(index=np.arange(200) % 3))
    assert "it holds: '0', '1', '2'" in str(caught.value)


def test_val_is_cut_in_whole_groups_where_the_test_part_is_whole_groups():
    speaker = np.repeat([f"s{n}" for n in range(10)], 20).astype(object)
    raw = with_columns(speaker=speaker, index=speaker)
    rows = split(table_card({"kind": "given", "column": "index", "test": ["s0", "s1"], "val": 0.2}, group="speaker"), raw)
    parts = [set(speaker[rows[name]]) for name in SPLITS]
    assert [len(one) for one in parts] == [6, 2, 2]
    torn = split(table_card({"kind": "given", "column": "a", "test": ["3", "4"], "val": 0.2}, group="speaker"), raw)
    assert len(set(speaker[torn["val"]])) > 2  # nothing to keep whole: speaker 0 is in the test part and in the training part


def test_groups_stay_whole_and_the_shares_are_met():
    rng = np.random.default_rng(0)
    patient = np.repeat([f"p{n}" for n in range(60)], rng.integers(1, 40, 60)).astype(object)
    raw = with_columns(len(patient), patient=patient)
    plan = {"kind": "group", "column": "patient", "val": 0.2, "test": 0.1}
    rows = split(table_card(plan), raw)
    assert disjoint(rows)
    groups = [set(patient[rows[name]]) for name in SPLITS]
    assert apart(groups)
    np.testing.assert_allclose([len(rows[name]) / len(raw) for name in SPLITS], [0.7, 0.2, 0.1], atol=0.02)
    same, other = split(table_card(plan), raw), split(table_card({**plan, "seed": 1}), raw)
    assert all((rows[name] == same[name]).all() for name in SPLITS)
    assert len(rows["test"]) != len(other["test"]) or (rows["test"] != other["test"]).any()
    named = split(table_card({"kind": "group", "val": 0.2, "test": 0.1}, group="patient"), raw)
    assert all((rows[name] == named[name]).all() for name in SPLITS)


@pytest.mark.parametrize("sizes", [(500, 500, 500, 500), (990, 5, 5), (1, 1, 1)])
def test_however_few_groups_each_part_has_one(sizes):
    speaker = np.repeat(np.arange(len(sizes)), sizes)
    rows = split(table_card({"kind": "group", "column": "s"}), with_columns(len(speaker), s=speaker))
    assert all(len(rows[name]) for name in SPLITS)
    with pytest.raises(ZooError, match="has 2 groups"):
        split(table_card({"kind": "group", "column": "s"}), with_columns(s=np.arange(200) % 2))


def test_a_group_that_nobody_names_is_refused_at_the_door():
    for plan in ({"kind": "group"}, {"kind": "fold", "by": "group"}):
        with pytest.raises(ValueError, match="which group"):
            table_card(plan)
    assert table_card({"kind": "group"}, group="g").beside == ("g",)
    with pytest.raises(ZooError, match="gives no column 'g'"):
        split(table_card({"kind": "group"}, group="g"), with_columns())


MIXED = np.random.default_rng(5).permutation(200)


@pytest.mark.parametrize(
    "when", [MIXED, (MIXED + 0.5).astype(np.float32), np.array([f"2026-01-01T00:{m // 60:02}:{m % 60:02}" for m in MIXED], object)]
)
def test_the_oldest_learn_and_a_gap_is_between(when):
    raw = with_columns(when=np.asarray(when))
    rows = split(table_card({"kind": "time", "column": "when", "val": 0.2, "test": 0.1, "gap": 5}), raw)
    assert [sorted(MIXED[rows[name]].tolist()) for name in SPLITS] == [list(range(135)), list(range(140, 175)), list(range(180, 200))]
    assert all((np.diff(rows[name]) > 0).all() for name in SPLITS)


def test_without_a_column_time_is_the_sources_order():
    rows = split(table_card({"kind": "time", "val": 0.2, "test": 0.1}), with_columns())
    assert [part.tolist() for part in rows.values()] == [list(range(140)), list(range(140, 180)), list(range(180, 200))]


@pytest.mark.parametrize("gap", [0, 3, 17])
def test_equal_times_are_not_torn_apart(gap):
    day = np.sort(np.random.default_rng(2).integers(0, 12, 200))
    rows = split(table_card({"kind": "time", "column": "day", "gap": gap}), with_columns(day=day))
    parts = [set(day[rows[name]]) for name in SPLITS]
    assert apart(parts)
    for before, after in (("train", "val"), ("val", "test")):
        assert rows[after].min() - rows[before].max() - 1 >= gap


def test_a_time_that_is_none_is_told_with_its_row():
    when = np.array([f"2026-01-{n % 28 + 1:02}" for n in range(200)], object)
    when[7] = "yesterday"
    with pytest.raises(ZooError, match="'yesterday' in the column 'when' of 'inline' is no time, in row 8"):
        split(table_card({"kind": "time", "column": "when"}), with_columns(when=when))


def test_a_hash_moves_no_row_when_others_come_or_go():
    rng = np.random.default_rng(1)
    features = {"a": rng.normal(size=2000).astype(np.float32), "b": np.array([f"w{n}" for n in rng.integers(0, 50, 2000)], object)}
    features["pixels"] = rng.integers(0, 255, (2000, 3, 3, 1)).astype(np.uint8)

    def parts(kept, plan=None):
        raw = Raw({name: values[kept] for name, values in features.items()}, np.arange(len(kept)) % 2, np.arange(len(kept)))
        rows = split(table_card({"kind": "hash", **(plan or {})}), raw)
        return {int(kept[row]): name for name in SPLITS for row in rows[name]}

    everything = parts(np.arange(2000))
    fewer = parts(np.sort(rng.permutation(2000)[:900]))
    mixed = parts(rng.permutation(2000))
    assert mixed == everything
    assert all(everything[row] == name for row, name in fewer.items())
    counts = [list(everything.values()).count(name) / 2000 for name in SPLITS]
    np.testing.assert_allclose(counts, [0.7, 0.15, 0.15], atol=0.03)
    assert parts(np.arange(2000), {"seed": 1}) != everything
    by_word = parts(np.arange(2000), {"columns": ["b"]})
    assert len({(features["b"][row], name) for row, name in by_word.items()}) == len(set(features["b"]))
    assert {name for row, name in parts(np.arange(2000), {"val": 0.3}).items() if everything[row] == "test"} == {"test"}


FOR_EVER = [0.227349, 0.133721, 0.681184, 0.304339]


def test_a_hash_is_the_same_for_ever():
    raw = Raw({"a": np.float32([1.5, -0.0, np.nan, 7])}, np.array([0, 1, 0, 1]), np.arange(4))
    assert fractions(raw.features, 4, 0).round(6).tolist() == FOR_EVER
    assert fractions({"a": np.float32([0.0])}, 1, 0)[0] == fractions(raw.features, 4, 0)[1]


@pytest.mark.parametrize("by", ["stratified", "random", "group"])
def test_every_row_judges_in_one_fold(by):
    raw = with_columns(g=np.repeat(np.arange(20), 10))
    tests = []
    for fold in range(4):
        rows = split(table_card({"kind": "fold", "folds": 4, "fold": fold, "by": by, "column": "g", "val": 0.2}), raw)
        assert disjoint(rows)
        assert [len(rows[name]) for name in SPLITS] == [120, 30, 50]
        tests.append(rows["test"])
        if by == "stratified":
            assert {shares(raw, rows[name])[0] for name in SPLITS} == {0.5}
        if by == "group":
            assert len(set(raw.beside["g"][rows["test"]])) == 5
            assert not set(raw.beside["g"][rows["val"]]) & set(raw.beside["g"][rows["train"]])
    assert sorted(np.concatenate(tests)) == list(range(200))


def test_folds_need_rows_enough():
    with pytest.raises(ZooError, match="2 rows in its rarest class, too few for 5 folds"):
        split(card({"kind": "fold"}), made([50, 2]))
    assert card({"kind": "fold"}, "regression").split.by == "random"


def windows(series, history=4, horizon=3, stride=1, time=None, **card):
    """Windows over series of these lengths, as the source gives them; `time` where each series begins."""
    starts, which, first = [], [], 0
    for number, size in enumerate(series):
        found = np.arange(first, first + size - history - horizon + 1, stride)
        starts.append(found)
        which.append(np.full(len(found), number))
        first += size
    starts, which = np.concatenate(starts), np.concatenate(which)
    begin = np.concatenate([[0], np.cumsum(series)])[:-1]
    steps = np.arange(first)
    last = starts + history + horizon - 1
    beside = {SERIES: which, LAST: last}
    named = {}
    if time is not None:
        clock = np.concatenate([when + np.arange(size) for when, size in zip(time, series, strict=True)])
        beside |= {"t": clock[starts + history], TIMES: Windows(clock, starts + history, horizon)}
        named = {"time": "t"}
    values = np.arange(first, dtype=np.float64)[:, None]
    raw = Raw(
        {"series": Windows(values.astype(np.float32), starts, history)},
        Windows(values, starts + history, horizon),
        steps[starts + history],
        beside=beside,
        source_rows=first,
    )
    made = card_of(
        {"kind": "csv", "file": "nowhere.csv"},
        task="forecasting",
        series={"columns": ["y"], "history": history, "horizon": horizon, **named},
        **{"split": {}, **card},
    )
    return made, raw, begin


def apart(sets):
    """No element is in two of them."""
    return sum(map(len, sets)) == len(set().union(*sets))


def asked(raw, rows):
    """The steps that windows ask for."""
    return {int(step) for start in raw.target.starts[rows] for step in range(start, start + raw.target.length)}


@pytest.mark.parametrize("gap", [0, 4])
def test_no_step_is_asked_for_in_two_splits_nor_in_a_gap(gap):
    card, raw, _ = windows([104], split={"kind": "time", "val": 0.2, "test": 0.1, "gap": gap})
    rows = split(card, raw)
    steps = [asked(raw, rows[name]) for name in SPLITS]
    assert apart(steps)
    assert steps == [set(range(4, 74 - gap)), set(range(74, 94 - gap)), set(range(94, 104))]


def test_each_series_without_times_is_cut_by_its_own_steps():
    card, raw, begin = windows([104, 54])
    rows = split(card, raw)
    for name in SPLITS:
        assert set(raw.beside[SERIES][rows[name]]) == {0, 1}
    assert min(step for step in asked(raw, rows["test"]) if step >= begin[1]) - begin[1] == 4 + round(50 * 0.85)


def test_series_with_times_are_cut_at_one_time():
    card, raw, _ = windows([104, 54], time=[0, 50])
    rows = split(card, raw)
    newest = raw.beside[TIMES][:].max(1)
    assert newest[rows["train"]].max() < raw.beside["t"][rows["val"]].min()
    assert newest[rows["val"]].max() < raw.beside["t"][rows["test"]].min()
    second = raw.beside[SERIES] == 1
    assert second[rows["train"]].any()
    assert second[rows["test"]].any()


def test_a_whole_target_lies_in_its_fixed_range():
    card, raw, _ = windows([104], split={"kind": "fixed", "train": [0, 60], "val": [60, 80], "test": [80, 104]})
    rows = split(card, raw)
    assert [asked(raw, rows[name]) for name in SPLITS] == [set(range(4, 60)), set(range(60, 80)), set(range(80, 104))]


def test_windows_that_overlap_are_not_drawn_at_random():
    plan = {"kind": "random", "val": 0.2, "test": 0.2}
    card, raw, _ = windows([104], split=plan)
    with pytest.raises(ZooError, match="puts the same steps into two splits") as caught:
        split(card, raw)
    assert "stride" not in str(caught.value)


SEEING = [{"kind": "random"}, {"kind": "hash"}, {"kind": "fold", "by": "random"}, {"kind": "group", "column": "month"}]
BEFORE = {"kind": "fixed", "test": [0, 40], "val": [40, 80], "train": [80, 200]}


@pytest.mark.parametrize("plan", [*SEEING, BEFORE], ids=lambda one: one["kind"])
def test_no_history_that_learns_holds_what_others_are_asked(plan):
    card, raw, _ = windows([200], split=plan, stride=3)  # what is asked for stands apart, what is seen does not
    raw.beside["month"] = raw.ids // 30
    with pytest.raises(ZooError, match="lets the windows that learn hold steps that val or test ask for"):
        split(card, raw)


def test_whole_series_may_be_drawn():
    card, raw, _ = windows([40] * 9, split={"kind": "group", "column": "series"})
    raw.beside["series"] = raw.beside[SERIES]
    rows = split(card, raw)
    assert apart([set(raw.beside[SERIES][rows[name]]) for name in SPLITS])


@pytest.mark.parametrize("time", [None, [0]])
def test_a_gap_is_counted_in_steps_whatever_the_stride(time):
    card, raw, _ = windows([2000], history=24, horizon=1, stride=24, time=time, split={"kind": "time", "gap": 7})
    rows = split(card, raw)
    first = {name: min(asked(raw, rows[name])) for name in SPLITS}
    assert [len(rows[name]) for name in SPLITS] == [58, 12, 13]
    assert first["val"] - max(asked(raw, rows["train"])) > 7
    assert first["test"] - max(asked(raw, rows["val"])) > 7


def test_the_val_of_a_given_series_is_its_newest_part():
    card, raw, _ = windows([104], split={"kind": "given", "val": 0.2})
    raw.given = np.where(raw.ids < 84, "train", "test")
    raw.given[(raw.ids < 84) & (raw.beside[LAST] >= 84)] = "left out"
    rows = split(card, raw)
    assert [asked(raw, rows[name]) for name in SPLITS] == [set(range(4, 68)), set(range(68, 84)), set(range(84, 104))]


def test_the_manifest_of_many_rows_holds_their_hash_alone(monkeypatch):
    raw = made([300, 300])
    plan = card({"kind": "hash"})
    raw.features["a"] = np.arange(600, dtype=np.float32)
    rows = split(plan, raw)
    few = manifest(plan, raw, rows)
    monkeypatch.setattr(splits, "LISTED", 599)
    many = manifest(plan, raw, rows)
    assert all("ids" not in part for part in many["parts"].values())
    for name in SPLITS:
        assert many["parts"][name] == {key: value for key, value in few["parts"][name].items() if key != "ids"}
    assert many["split"] == {"kind": "hash", "val": 0.15, "test": 0.15, "columns": None, "seed": 0}


@pytest.mark.parametrize("plan", [{"kind": "hash"}, {"kind": "time", "column": "g"}, {"kind": "group", "column": "g"}, {"kind": "fold"}])
def test_resuming_on_rows_that_changed_is_refused(plan, csv_card):
    """What `check_data` compares differs as soon as a row does."""
    text = "a,g,y\n" + "".join(f"{number},{number // 4},{'pq'[number % 2]}\n" for number in range(200))
    before = csv_card(text, columns={"a": "number", "g": "number"}, split=plan)
    raw = read(before)
    then = manifest(before, raw, split(before, raw))
    assert manifest(before, read(before), split(before, read(before))) == then
    after = csv_card(text + "200,50,p\n", columns={"a": "number", "g": "number"}, split=plan)
    changed = read(after)
    assert changed.fingerprint != raw.fingerprint
    assert changed.files != raw.files
    assert manifest(after, changed, split(after, changed))["parts"] != then["parts"]


def test_a_hash_of_a_column_asks_for_its_value_alone(tmp_path):
    rng = np.random.default_rng(0)
    values = [f"{value:.3f}" for value in rng.normal(0, 100, 250)] + [str(16_000_000_000 + step) for step in range(250)]
    (tmp_path / "t.csv").write_text("a,g,y\n" + "".join(f"1,{value},{'pq'[row % 2]}\n" for row, value in enumerate(values)))
    found = []
    for more in ({}, {"g": "number"}, {"g": "category"}):
        source = {"kind": "csv", "file": str(tmp_path / "t.csv")}
        made = card_of(source, columns={"a": "number", **more}, split={"kind": "hash", "columns": ["g"]})
        found.append({name: rows.tolist() for name, rows in split(made, read(made)).items()})
    assert found[0] == found[1] == found[2]
    assert 50 < sum(row >= 250 for row in found[0]["val"] + found[0]["test"]) < 100  # each its own, though no float32 tells them apart


def test_a_blank_among_times_that_are_numbers(tmp_path):
    times = [str(1.7e9 + step) for step in range(60)]
    times[7], times[9] = "", " "
    (tmp_path / "t.csv").write_text("a,t,y\n" + "".join(f"1,{time},{'pq'[row % 2]}\n" for row, time in enumerate(times)))
    for columns in ({"a": "number"}, {"a": "number", "t": "number"}):
        made = card_of({"kind": "csv", "file": str(tmp_path / "t.csv")}, columns=columns, split={"kind": "time", "column": "t"})
        with pytest.raises(ZooError, match=r"column 't' .*is blank in row 8\n  2 of 60 rows"):
            split(made, read(made))
