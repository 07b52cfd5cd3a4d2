"""Preprocessing over time: what is filled, scaled and looked back on, beside pandas; and what a reader of the graph gets."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from made import card_of

from zoo.data import prepare, preprocess
from zoo.data.preprocess import forecast
from zoo.data.preprocess.steps import FillForward, LookBack
from zoo.data.windows import Windows
from zoo.errors import ZooError

LENGTH, CHANNELS = 9, 2
WAYS = {
    "standard": lambda v: (v.mean(), v.std()),
    "minmax": lambda v: (v.min(), v.max() - v.min()),
    "robust": lambda v: (np.median(v), np.quantile(v, 0.75) - np.quantile(v, 0.25)),
    "none": lambda v: (0.0, 1.0),
}


@pytest.fixture
def series_card(tmp_path):
    """A card over an array (n, LENGTH, CHANNELS) of two classes."""

    def make(values, **card):
        np.savez(tmp_path / "a.npz", x_train=values, y_train=np.arange(len(values)) % 2)
        source = {"kind": "npz", "file": str(tmp_path / "a.npz")}
        return card_of(source, **{"series": {"length": LENGTH, "channels": CHANNELS}, **card})

    return make


@pytest.fixture
def walks():
    return np.random.default_rng(5).normal([5, -300], [1, 40], (40, LENGTH, CHANNELS)).astype("float32")


@pytest.mark.parametrize("scale", WAYS)
def test_each_channel_is_scaled_by_the_training_split(series_card, walks, scale):
    data = prepare(series_card(walks, preprocess={"series": {"scale": scale}}))
    train = walks[data.rows["train"]].reshape(-1, CHANNELS).astype(float)
    expected = np.stack([(walks[..., one] - WAYS[scale](train[:, one])[0]) / WAYS[scale](train[:, one])[1] for one in range(CHANNELS)], -1)
    x, _ = next(iter(data.test))
    np.testing.assert_allclose(x, expected[data.rows["test"]], rtol=1e-4, atol=1e-5)


def test_a_missing_value_takes_the_last_known_one():
    values = np.random.default_rng(6).normal(size=(20, 37, 3)).astype("float32")
    values[np.random.default_rng(7).uniform(size=values.shape) < 0.6] = np.nan
    expected = np.stack([pd.DataFrame(one).ffill().to_numpy() for one in values])
    np.testing.assert_array_equal(FillForward()(values), expected)


def test_lags_and_rolling_windows_are_further_channels():
    values = np.random.default_rng(8).normal(size=(4, 11, 2)).astype("float32")
    layer = LookBack([1, 4], [{"window": 3, "stat": stat} for stat in ("mean", "min", "max", "std")])
    found = np.asarray(layer(values))
    assert found.shape == (4, 11, 2 * 7)
    for number, one in enumerate(values):
        frame = pd.DataFrame(one)
        rolled = frame.rolling(3, min_periods=1)
        parts = [frame, frame.shift(1).bfill(), frame.shift(4).bfill(), rolled.mean(), rolled.min(), rolled.max(), rolled.std(ddof=0)]
        np.testing.assert_allclose(found[number], np.concatenate(parts, 1), rtol=1e-4, atol=1e-5)


def test_nothing_looks_ahead():
    values = np.random.default_rng(9).normal(size=(1, 12, 2)).astype("float32")
    graph = preprocess.graph(spec_of(lags=[2], rolling=[{"window": 4, "stat": "std"}], shape=[12, 2]))
    before = np.asarray(graph({"series": values}))
    values[:, 7:] = np.nan
    np.testing.assert_array_equal(np.asarray(graph({"series": values}))[:, :7], before[:, :7])


def spec_of(**more):
    plain = {"kind": "series", "modality": "sequence", "shape": [LENGTH, CHANNELS], "centre": [1.0, 2.0], "scale": [2.0, 4.0]}
    return {**plain, "fill": [1.0, 2.0], "padded": False, "lags": [], "rolling": [], "targets": [], **more}


@pytest.mark.parametrize("modality", ["sequence", "vector"])
def test_the_graph_is_the_same_after_save_and_load(tmp_path, walks, modality):
    spec = spec_of(modality=modality, padded=True, lags=[1], rolling=[{"window": 2, "stat": "max"}])
    walks[3, 4:] = np.nan
    walks[5, 2, 0] = np.nan
    graph = preprocess.graph(spec)
    graph.save(tmp_path / "graph.keras")
    loaded = keras.models.load_model(tmp_path / "graph.keras")
    found = np.asarray(graph({"series": walks}))
    assert found.shape == ((40, LENGTH, 3 * CHANNELS) if modality == "sequence" else (40, LENGTH * 3 * CHANNELS))
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(loaded({"series": walks}), found)
    assert not found.reshape(40, LENGTH, -1)[3, 4:].any()
    assert found.reshape(40, LENGTH, -1)[3, :4].any()


def test_a_channel_that_is_never_there_is_refused(series_card, walks):
    walks[..., 1] = np.nan
    with pytest.raises(ZooError, match=r"the channel 'channel 1' of .* is missing at every step of the training split"):
        prepare(series_card(walks))


@pytest.mark.parametrize("scale", ["standard", "log", "none"])
def test_a_forecasts_target_comes_back(scale):
    values = np.random.default_rng(10).gamma(2.0, 50.0, (60, 2))
    card = card_of(
        {"kind": "csv", "file": "t.csv"},
        task="forecasting",
        series={"columns": ["a", "b"], "history": 5, "horizon": 3, "season": 4},
        target={"name": "all", "columns": ["a", "b"]},
        preprocess={"target": {"scale": scale}},
    )
    windows = Windows(values, np.arange(5, 40), 3)
    spec = {"name": "all", **forecast.fit(card, windows)}
    from zoo.tasks import Forecasting

    task = Forecasting(spec)
    y = forecast.encode(spec, windows)
    assert y.dtype == np.float32
    told = task.read(y[:], task.fit_reading(y[:], y))["forecast"]
    np.testing.assert_allclose(told, windows[:], rtol=1e-4)
    seen = values[:42]
    assert spec["seasonal"] == pytest.approx(np.abs(seen[4:] - seen[:-4]).mean(0).tolist())


def test_a_season_reaches_into_no_other_series():
    values = np.concatenate([np.arange(20.0), np.arange(20.0) + 1000])[:, None]
    card = card_of(
        {"kind": "csv", "file": "t.csv"},
        task="forecasting",
        series={"columns": ["a"], "history": 5, "horizon": 3, "season": 7},
        target={"name": "a"},
    )
    starts = np.concatenate([np.arange(0, 13), np.arange(20, 33)]) + 5
    assert forecast.fit(card, Windows(values, starts, 3))["seasonal"] == [7.0]
    assert forecast.fit(card, Windows(np.zeros((40, 1)), starts, 3))["seasonal"] == [None]
