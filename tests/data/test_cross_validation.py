"""Folds of train and val: every row is val once, test never moves, and what is fitted is fitted on what learns."""

from __future__ import annotations

import numpy as np
import pytest
from made import card_of
from PIL import Image

from zoo.assembly import assemble, check_data
from zoo.config import load_card, load_experiment
from zoo.config.splits import CrossValidation
from zoo.data import prepare
from zoo.data.sources import Raw, read
from zoo.data.splits import SPLITS, split
from zoo.data.windows import Windows
from zoo.errors import ZooError
from zoo.runs import all_runs, create

TABLE = {"kind": "npz", "file": "nowhere.npz"}  # never read: the rows are given
SPEAKER = np.repeat([f"s{n}" for n in range(20)], 10).astype(object)
WORDS = np.array([f"w{n % 40}" for n in range(200)], object)
PLANS = {
    "stratified": {"kind": "stratified"},
    "random": {"kind": "random"},
    "given": {"kind": "given"},
    "given by a column": {"kind": "given", "column": "w", "test": ["w3", "w4", "w5"]},
    "fixed": {"kind": "fixed", "train": [0, 80], "val": [90, 130], "test": [130, 160]},
    "group": {"kind": "group", "column": "speaker"},
    "hash": {"kind": "hash"},
    "hash of a column": {"kind": "hash", "columns": ["w"]},
    "fold": {"kind": "fold", "folds": 4, "fold": 3},
    "fold of groups": {"kind": "fold", "folds": 4, "by": "group", "column": "speaker"},
}


def table(size=200, classes=(0, 0, 0, 1), **beside):
    """Rows of two classes in shares of 3 to 1; the source's own test part is the last quarter."""
    target = np.random.default_rng(3).permutation(np.resize(classes, size))
    given = np.repeat(["train", "test"], [size - size // 4, size // 4])
    beside = {"w": WORDS[:size], "speaker": SPEAKER[:size], **beside}
    return Raw({"a": np.arange(size, dtype=np.float32)}, target, np.arange(size), given, beside)


def card(plan, task="classification", **more):
    return card_of(TABLE, columns={"a": "number"}, split=plan, task=task, **more)


def fold_of(whole, number=0, folds=5):
    return type(whole).model_validate({**dict(whole), "cross_validation": {"folds": folds, "fold": number}})


def rows_of(whole, raw, folds=5):
    return [split(fold_of(whole, number, folds), raw) for number in range(folds)]


@pytest.mark.parametrize("name", PLANS)
def test_every_row_but_tests_is_val_in_one_fold_and_test_never_moves(name):
    whole, raw = card(PLANS[name]), table()
    alone, several = split(whole, raw), rows_of(whole, raw)
    pool = np.union1d(alone["train"], alone["val"])
    np.testing.assert_array_equal(np.sort(np.concatenate([rows["val"] for rows in several])), pool)
    for rows in several:
        np.testing.assert_array_equal(rows["test"], alone["test"])
        np.testing.assert_array_equal(np.sort(np.concatenate([rows["train"], rows["val"]])), pool)
        assert all((np.diff(rows[part]) > 0).all() for part in SPLITS)
    again = rows_of(whole, raw)
    assert all((one[part] == other[part]).all() for one, other in zip(several, again, strict=True) for part in SPLITS)


@pytest.mark.parametrize("name", ["stratified", "random", "given", "fixed", "fold"])
def test_folds_are_of_one_size_and_keep_the_shares_where_the_split_does(name):
    raw = table()
    vals = [rows["val"] for rows in rows_of(card(PLANS[name]), raw, 7)]
    assert np.ptp([len(rows) for rows in vals]) <= 1
    of_a_class = np.array([np.bincount(raw.target[rows], minlength=2) for rows in vals])
    assert (np.ptp(of_a_class, axis=0) <= 1).all() == (name not in ("random", "fixed"))


def test_the_shelfs_digits_keep_the_shares_of_ten_classes():
    digits = load_card("digits")
    raw = read(digits)
    for rows in rows_of(digits, raw, 3):
        counts = np.bincount(raw.target[rows["val"]])
        assert len(rows["val"]) == 509
        assert np.ptp(counts - np.bincount(raw.target[np.union1d(rows["train"], rows["val"])]) / 3) < 2


@pytest.mark.parametrize("name", ["group", "fold of groups"])
def test_groups_stay_whole(name):
    raw = table()
    for rows in rows_of(card(PLANS[name]), raw, 3):
        parts = [set(SPEAKER[rows[part]]) for part in SPLITS]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 20
        assert abs(len(rows["val"]) - (200 - len(rows["test"])) / 3) <= 10


def test_groups_stay_whole_where_a_given_test_part_holds_whole_ones():
    whole = card({"kind": "given"}, group="speaker")
    for rows in rows_of(whole, table()):
        assert set(SPEAKER[rows["val"]]).isdisjoint(SPEAKER[rows["train"]])
        assert len(rows["val"]) == 30
    torn = table(speaker=np.resize(SPEAKER[::10], 200))  # each speaker stands in the test part, too: nothing to keep whole
    assert not set(torn.beside["speaker"][rows_of(whole, torn)[0]["val"]]).isdisjoint(torn.beside["speaker"][:100])


def test_equal_rows_of_a_hash_stay_together_and_no_row_moves_when_others_come():
    whole = card(PLANS["hash of a column"])
    for number, rows in enumerate(rows_of(whole, table(), 3)):
        assert set(WORDS[rows["val"]]).isdisjoint(WORDS[rows["train"]])
        fewer = split(fold_of(whole, number, 3), table(160))
        assert set(fewer["val"]) == {row for row in rows["val"] if row < 160}


def test_another_seed_of_the_card_is_another_drawing():
    raw = table()
    first, second = (split(fold_of(card({"kind": "given", "seed": seed})), raw) for seed in (0, 1))
    assert set(first["val"]) != set(second["val"])
    assert (first["test"] == second["test"]).all()


def test_what_has_a_future_is_not_cut_into_folds():
    with pytest.raises(ZooError, match="'inline' is split by time: folds of it would learn from the future") as caught:
        split(fold_of(card({"kind": "time"})), table())
    assert "leave out search.folds" in str(caught.value)
    values = np.arange(90, dtype=np.float64)[:, None]
    starts = np.arange(0, 80)
    raw = Raw({"series": Windows(values.astype(np.float32), starts, 4)}, Windows(values, starts + 4, 3), starts + 4, source_rows=90)
    series = {"columns": ["y"], "history": 4, "horizon": 3}
    for plan in ({"kind": "time"}, {"kind": "fixed", "train": [0, 50], "val": [50, 65], "test": [65, 90]}):
        whole = card_of({"kind": "csv", "file": "nowhere.csv"}, task="forecasting", series=series, split=plan)
        assert len(split(whole, raw)["val"])
        with pytest.raises(ZooError, match="'inline' holds windows of a series"):
            split(fold_of(whole), raw)


@pytest.mark.parametrize(
    ("plan", "raw", "says"),
    [
        ({"kind": "stratified"}, table(classes=[0] * 49 + [1]), "3 rows in its rarest class in train and val"),
        ({"kind": "random", "val": 0.3, "test": 0.4}, table(6), "4 rows in train and val"),
        ({"kind": "group", "column": "speaker"}, table(40), "3 groups in train and val"),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else "",
)
def test_too_few_for_so_many_folds_are_told(plan, raw, says):
    with pytest.raises(ZooError, match=f"the dataset 'inline' has {says}, too few for 5 folds"):
        split(fold_of(card(plan)), raw)


def test_a_fold_that_no_hash_falls_into_is_told():
    with pytest.raises(ZooError, match="the hashes of 'inline' leave no rows for one of 150 folds"):
        split(fold_of(card(PLANS["hash"]), folds=150), table())


@pytest.mark.parametrize("said", [{"folds": 1}, {"folds": 3, "fold": 3}, {"fold": -1}, {"fold": 0, "by": "group"}])
def test_what_no_card_may_say(said):
    with pytest.raises(ValueError, match="cross_validation"):
        card({}, cross_validation=said)


def test_statistics_are_those_of_what_learns():
    wine = load_card("wine")
    folds = [prepare(fold_of(wine, number, 3)) for number in range(3)]
    for data in folds:
        for told in data.spec["numbers"]:
            assert told["mean"] == pytest.approx(data.raw.features[told["name"]][data.rows["train"]].mean(), rel=1e-5)
    assert len({data.spec["numbers"][0]["mean"] for data in folds}) == 3
    assert len({data.raw.fingerprint for data in folds}) == 1


def test_what_is_decoded_is_decoded_once_for_all_folds(tmp_path, monkeypatch):
    for number in range(24):
        path = tmp_path / "animals" / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number * 9, 0, 0)).save(path)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    image = {"type": "image", "shape": [8, 8, 3]}
    whole = card_of({"kind": "image_folder", "folder": str(tmp_path / "animals")}, image=image)
    pixels = {prepare(fold_of(whole, number, 3)).val.unbatch().batch(9).get_single_element()[0].numpy().tobytes() for number in range(3)}
    assert len(pixels) == 3
    assert len(list((tmp_path / "cache" / "store").iterdir())) == 1


def test_a_run_keeps_its_fold(tmp_path):
    plain = load_experiment({"dataset": "wine", "model": {"name": "mlp", "hidden": [4]}})
    folded = plain.model_copy()
    folded._card = plain.card.model_copy(update={"cross_validation": CrossValidation(folds=3, fold=1)})
    data = assemble(folded).data
    assert [len(data.rows[part]) for part in SPLITS] == [95, 47, 36]
    assert plain.card.cross_validation is None
    create(tmp_path, folded, folded.card, {"task": "classification"}, data.record())
    (run,) = all_runs(tmp_path)
    assert run.card.model_dump() == run.experiment.card.model_dump() == folded.card.model_dump()
    assert run.card.name == "wine"
    assert run.data["cross_validation"] == {"folds": 3, "fold": 1}
    assert all((run.dataset.rows[part] == data.rows[part]).all() for part in SPLITS)
    other = prepare(folded.card.model_copy(update={"cross_validation": CrossValidation(folds=3, fold=2)}))
    with pytest.raises(ZooError, match="it is split or fitted otherwise now"):
        check_data(run, other)
