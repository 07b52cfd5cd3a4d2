"""Tables over time: windows by id, file and grid; no step is asked for in two splits, and none that is missing."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import card_of

from zoo.data import prepare, splits
from zoo.data.sources import read
from zoo.data.windows import Windows, steps_of
from zoo.errors import ZooError

HISTORY, HORIZON = 6, 3


@pytest.fixture
def windowed(tmp_path):
    """A card over a table that pandas writes."""

    def make(table, series=None, name="table.csv", source=None, **card):
        table = pd.DataFrame(table)
        table.to_csv(tmp_path / name, index=False)
        columns = [one for one in table.columns if one not in ("time", "id")]
        feature = {"columns": columns, "history": HISTORY, "horizon": HORIZON, **(series or {})}
        plain = {"task": "forecasting", "target": {"name": columns[-1]}}
        return card_of({"kind": "csv", "file": str(tmp_path / name), **(source or {})}, **{**plain, "series": feature, **card})

    return make


def test_a_window_is_its_history_and_what_came(windowed):
    values = np.arange(20.0)
    raw = read(windowed({"a": values * 10, "b": values}))
    assert raw.features["series"].shape == (12, HISTORY, 2)
    assert raw.target.shape == (12, HORIZON, 1)
    assert raw.target.dtype == np.float64
    np.testing.assert_array_equal(raw.features["series"][4][:, 0], values[4:10] * 10)
    np.testing.assert_array_equal(raw.target[4][:, 0], values[10:13])
    assert raw.ids.tolist() == list(range(6, 18))  # rows of the first target steps
    assert raw.source_rows == 20


def test_several_columns_may_be_asked_for(windowed):
    card = windowed({"a": np.arange(20.0), "b": np.arange(20.0) + 100}, target={"name": "all", "columns": ["b", "a"]})
    np.testing.assert_array_equal(read(card).target[0], [[106, 6], [107, 7], [108, 8]])


def test_a_stride_leaves_windows_out(windowed):
    raw = read(windowed({"a": np.arange(30.0)}, {"stride": 4}))
    assert raw.features["series"][:][:, 0, 0].tolist() == [0, 4, 8, 12, 16, 20]


def test_nothing_that_is_missing_is_asked_for(windowed):
    values = np.arange(40.0)
    values[20:22] = np.nan
    raw = read(windowed({"a": values}))
    assert not np.isnan(raw.target[:]).any()
    asked = {int(step) for step in raw.target[:].reshape(-1)}
    assert asked == set(range(6, 20)) | set(range(22, 40))
    assert np.isnan(raw.features["series"][:]).any()  # it may be seen


def test_a_window_stays_in_its_id_and_its_file(windowed, tmp_path):
    ids, values = np.repeat(["x", "y"], 15), np.concatenate([np.arange(15.0), np.arange(15.0) + 1000])
    shuffled = np.random.default_rng(0).permutation(30)
    frame = pd.DataFrame({"time": np.tile(np.arange(15), 2), "id": ids, "a": values})
    pd.DataFrame(frame).assign(a=values + 5000).iloc[::-1].to_csv(tmp_path / "test.csv", index=False)
    raw = read(windowed(frame.iloc[shuffled], {"time": "time", "id": "id"}, source={"test_file": str(tmp_path / "test.csv")}))
    both = np.concatenate([raw.features["series"][:], raw.target[:]], 1)[..., 0]
    assert len(both) == 4 * 7
    assert np.array_equal(np.diff(both, axis=1), np.ones((28, 8)))  # in the order of time, and from one series each
    assert raw.beside["id"].tolist() == [str(one) for one in np.where(both[:, 0] % 5000 >= 1000, "y", "x")]
    assert raw.given.tolist() == np.where(both[:, 0] >= 5000, "test", "train").tolist()
    rows = np.concatenate([values[shuffled], (values + 5000)[::-1]])
    np.testing.assert_array_equal(rows[raw.ids], raw.target[:][:, 0, 0])  # ids are rows of the source


def test_irregular_times_become_means_on_a_grid(windowed):
    times = ["2020-01-01 00:10", "2020-01-01 00:50", "2020-01-01 02:00", *(f"2020-01-01 {hour:02}:30" for hour in range(5, 20))]
    order = np.random.default_rng(1).permutation(len(times))
    values = np.arange(len(times), dtype=float)
    frame = pd.DataFrame({"time": times, "a": values}).iloc[order]
    raw = read(windowed(frame, {"time": "time", "step": "1h"}))
    steps = raw.features["series"].values[:, 0]
    np.testing.assert_array_equal(steps[:7], np.float32([0.5, np.nan, 2, np.nan, np.nan, 3, 4]))
    assert len(steps) == 20
    assert raw.beside["time"][0] == np.datetime64("2020-01-01T06:00")
    assert order[raw.ids[0]] == 4  # the row at 06:30


def test_months_are_a_grid(windowed):
    times = [f"{year}-{month:02}" for year in (2000, 2001) for month in range(1, 13) if (year, month) != (2000, 5)]
    steps = read(windowed({"time": times, "a": np.arange(23.0)}, {"time": "time", "step": "1MS"})).features["series"].values[:, 0]
    assert len(steps) == 24
    assert np.flatnonzero(np.isnan(steps)).tolist() == [4]


@pytest.mark.parametrize(
    ("change", "series", "said"),
    [
        (
            {"time": ["2020-01-01"] * 2 + [f"2020-02-{day:02}" for day in range(1, 19)]},
            {},
            r"line 3: the time '2020-01-01' stands in line 2 already",
        ),
        (
            {"time": ["2020-01-01", "soon"] + [f"2020-02-{day:02}" for day in range(1, 19)]},
            {},
            r"line 3: 'soon' in column 'time' is no time",
        ),
        ({"time": range(20)}, {"step": "1ms"}, r"line 2: '0' in column 'time' is no time"),
        ({"time": ["1700-01-01", "2200-01-01"] * 10}, {"step": "1ms"}, r"a grid of 1ms would have [\d,]{15,} steps"),
        ({"time": ["0001-01-01", "2020-01-01"] * 10}, {"step": "1D"}, r"line 2: '0001-01-01' in column 'time' is no time"),
        ({"id": ["x", ""] * 10}, {"id": "id"}, r"line 3: the id 'id' is missing"),
        ({"a": [1e39] * 20}, {}, r"line 2: .*'(a|1e\+39)'"),
        ({}, {"history": 18}, r"no window of 18 steps of history and 3 of horizon: its longest series has 20 steps"),
        ({"a": [np.nan, 1.0] * 10}, {}, r"no window of .*: in each of them a value of the target is missing"),
    ],
)
def test_what_cannot_be_cut_is_said_with_its_line(windowed, change, series, said):
    table = {"time": [f"2020-01-{day:02}" for day in range(1, 21)], "a": np.arange(20.0), **change}
    with pytest.raises(ZooError, match=said):
        read(windowed(table, {"time": "time", "columns": ["a"], **series}, target={"name": "a"}))


def test_windows_for_classification_are_refused(windowed):
    with pytest.raises(ZooError, match="is for forecasting or reconstruction"):
        read(windowed({"a": np.arange(20.0), "y": np.arange(20) % 2}, {"horizon": None, "columns": ["a"]}, task="classification"))


def steps_asked(raw, rows):
    """The steps of the long array that some windows are asked for."""
    return {int(start) + step for start in raw.target.starts[rows] for step in range(raw.target.length)}


@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize("series", [1, 3])
@pytest.mark.parametrize(
    "split", [{"kind": "time"}, {"kind": "time", "gap": 4}, {"kind": "fixed", "train": [0, 100], "val": [100, 150], "test": [150, 200]}]
)
def test_no_step_is_asked_for_in_two_splits(windowed, stride, series, split):
    if split["kind"] == "fixed" and series > 1:
        split = {"kind": "fixed", "train": [0, 200], "val": [200, 400], "test": [400, 600]}
    table = {
        "time": np.tile(np.arange(200), series),
        "id": np.repeat([f"s{n}" for n in range(series)], 200),
        "a": np.random.default_rng(2).normal(size=200 * series),
    }
    card = windowed(table, {"stride": stride, "time": "time", "id": "id"}, split=split)
    raw = read(card)
    rows = splits.split(card, raw)
    asked = {name: steps_asked(raw, rows[name]) for name in rows}
    for one, other in pairwise(("train", "val", "test")):
        assert not asked[one] & asked[other]
    assert not asked["train"] & asked["test"]
    if split["kind"] == "time":
        for number in range(series):
            inside = {name: [step - 200 * number for step in steps if step // 200 == number] for name, steps in asked.items()}
            assert max(inside["train"]) + split.get("gap", 0) < min(inside["val"])
            assert max(inside["val"]) + split.get("gap", 0) < min(inside["test"])
    seen = {int(start) + step for start in raw.features["series"].starts[rows["val"]] for step in range(HISTORY)}
    if split == {"kind": "time"} and stride == 1:
        assert seen & asked["train"]  # a history may reach back over the border


def test_the_scaler_sees_each_step_of_the_training_split_once(windowed):
    values = np.random.default_rng(3).normal(size=100).cumsum()
    values[80:] += 1e6  # whoever looks at what is not its own shows it
    data = prepare(windowed({"a": values}, split={"kind": "fixed", "train": [0, 60], "val": [60, 80], "test": [80, 100]}))
    train = values[:60].astype(np.float32).astype(np.float64)
    assert data.spec["centre"][0] == pytest.approx(train.mean(), rel=1e-6)
    assert data.spec["scale"][0] == pytest.approx(train.std(), rel=1e-5)
    assert data.spec["target"]["mean"][0] == pytest.approx(train.mean(), rel=1e-6)
    assert data.spec["target"]["std"][0] == pytest.approx(train.std(), rel=1e-5)
    assert data.spec["target"]["seasonal"][0] == pytest.approx(np.abs(np.diff(values[:60])).mean())


def test_what_is_learned_is_the_encoded_window(windowed):
    data = prepare(windowed({"a": np.arange(100.0), "b": np.arange(100.0) ** 2}))
    x, y = next(iter(data.val))
    spec, target = data.spec, data.spec["target"]
    rows = data.rows["val"][: len(x)]
    np.testing.assert_allclose(x, (data.raw.features["series"][rows] - spec["centre"]) / spec["scale"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y[..., 0], (data.raw.target[rows][..., 0] - target["mean"]) / target["std"], rtol=1e-5, atol=1e-6)


def test_anomalous_times_mark_the_windows_that_hold_them(windowed, tmp_path):
    told = {"folder/table.csv": [["2020-01-01 10:00", "2020-01-01 11:30"]], "folder/other.csv": []}
    (tmp_path / "labels.json").write_text(json.dumps(told))
    times = pd.date_range("2020-01-01", periods=24, freq="h")
    card = windowed(
        {"time": times, "a": np.arange(24.0)},
        {"time": "time", "horizon": None, "history": 4},
        source={"anomalies": str(tmp_path / "labels.json")},
        task="reconstruction",
        target={"name": "anomaly"},
    )
    raw = read(card)
    assert np.flatnonzero(raw.target).tolist() == [7, 8, 9, 10, 11]  # windows of four steps that hold 10:00 or 11:00
    assert raw.ids.tolist() == list(range(21))
    assert "labels.json" in " ".join(raw.files)
    (tmp_path / "labels.json").write_text(json.dumps({"folder/other.csv": []}))
    with pytest.raises(ZooError, match=r"says nothing of table\.csv"):
        read(card)


def test_steps_of_windows_are_counted_once():
    windows = Windows(np.zeros((12, 1)), np.array([2, 3, 8]), 2)
    assert np.flatnonzero(steps_of(windows)).tolist() == [2, 3, 4, 8, 9]
    assert np.flatnonzero(steps_of(windows, before=1, after=2)).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


def real(name):
    found = list(Path(os.environ["ZOO_DATA_DIR"]).rglob(name)) if "ZOO_DATA_DIR" in os.environ else []
    if not found:
        pytest.skip(f"no {name} below ZOO_DATA_DIR")
    return str(found[0])


def test_the_papers_windows_of_etth1_are_ours():
    columns = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    card = card_of(
        {"kind": "csv", "file": real("ETTh1.csv")},
        task="forecasting",
        series={"columns": columns, "time": "date", "history": 336, "horizon": 96},
        target={"name": "all", "columns": columns},
        split={"kind": "fixed", "train": [0, 8640], "val": [8640, 11520], "test": [11520, 14400]},
    )
    rows = splits.split(card, read(card))
    assert {name: len(one) for name, one in rows.items()} == {"train": 8209, "val": 2785, "test": 2785}


def test_missing_stretches_of_beijings_air_are_never_asked_for():
    card = card_of(
        {"kind": "csv", "file": real("pollution.csv")},
        task="forecasting",
        series={"columns": ["pm2.5", "TEMP"], "time": "No", "history": 48, "horizon": 12},
        target={"name": "pm2.5"},
    )
    raw = read(card)
    assert raw.source_rows == 43824
    assert np.isnan(raw.target.values).sum() == 2067
    assert not np.isnan(raw.target[:]).any()
