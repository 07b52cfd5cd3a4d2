"""Models of series: sizes that others published, what their parts do, and that they learn through a real run."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import zoo
from zoo import ZooError, create_model
from zoo.jobs.flops import flops
from zoo.models.nbeats import Basis

CONVOLUTIONS = ("fcn1d", "resnet1d", "inception_time")
FORECASTERS = ("cnn1d", *CONVOLUTIONS, "tcn", "dlinear", "nlinear", "nbeats", "patchtst", "seq2seq_lstm")
FORECAST = {"input_shape": (48, 3), "horizon": 12, "target_channels": (2, 0)}


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def trained(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_resnet1d_has_as_many_weights_as_in_tsai():
    """479,490 by tsai's own test of `ResNet(3, 2)`, whose kernels are odd."""
    assert trained(create_model("resnet1d", input_shape=(60, 3), num_outputs=2, kernels=(7, 5, 3))) == 479_490


def test_inception_time_has_as_many_weights_as_in_tsai():
    """455,490 by tsai's own test of `InceptionTime(3, 2)`, whose kernels are odd; its second shortcut lacks the authors' convolution."""
    assert trained(create_model("inception_time", input_shape=(60, 3), num_outputs=2, kernels=(39, 19, 9))) == 455_490 + 128 * 128


def test_fcn1d_is_as_wide_as_published():
    """Kernels 8, 5, 3 of 128, 256, 128 maps, a scale and an offset for each, and the head."""
    model = create_model("fcn1d", input_shape=(150, 1), num_outputs=2)
    assert trained(model) == 8 * 128 + 5 * 128 * 256 + 3 * 256 * 128 + 2 * (128 + 256 + 128) + 128 * 2 + 2


@pytest.mark.parametrize(("name", "maps"), [("dlinear", 2), ("nlinear", 1)])
def test_linear_forecasts_are_one_map_of_time_for_all_channels(name, maps):
    assert create_model(name, input_shape=(336, 7), horizon=96, target_channels=tuple(range(7))).count_params() == maps * (336 * 96 + 96)


def test_patchtst_has_the_weights_of_its_figure():
    """PatchTST/42: 336 steps are 42 patches. As in the paper a normalisation is a scale and an offset; channels share all weights."""
    patches, width, hidden, horizon = 42, 128, 256, 96
    block = 4 * (width**2 + width) + 2 * width * hidden + hidden + width + 2 * 2 * width
    expected = (16 * width + width) + patches * width + 3 * block + (patches * width * horizon + horizon)
    for targets in ((6,), tuple(range(7))):
        assert create_model("patchtst", input_shape=(336, 7), horizon=horizon, target_channels=targets).count_params() == expected


def test_nbeats_generic_has_the_weights_of_the_paper():
    """30 blocks of 4 dense layers of 512, each with a forecast and, but for the last, a backcast."""
    steps, horizon, units = 72, 24, 512
    hidden = steps * units + units + 3 * (units**2 + units)
    expected = 30 * (hidden + units * horizon + horizon) + 29 * (units * steps + steps)
    assert zoo.registry.entry("nbeats_generic").hparams["stacks"] == ["generic"] * 30
    model = create_model("nbeats_generic", input_shape=(steps, 7), horizon=horizon, target_channels=(6,))
    assert model.count_params() == expected


def test_nbeats_interpretable_has_the_weights_of_the_paper():
    """A stack of trend, 256 wide, and one of seasonality, 2,048 wide; the three blocks of each share theirs. Degree 2; 1 + 2 * 11 waves."""
    steps, horizon, expected = 72, 24, 0
    for units, curves in ((256, 3), (2048, 23)):
        expected += steps * units + units + 3 * (units**2 + units) + 2 * units * curves
    model = create_model("nbeats_interpretable", input_shape=(steps, 1), horizon=horizon, target_channels=(0,))
    assert model.count_params() == expected


@pytest.mark.parametrize("length", [24, 72])
def test_a_trend_is_a_polynomial_of_time(length):
    curves = Basis("trend", length, 24, 3).curves
    t = np.arange(length) / length
    np.testing.assert_allclose(curves, [t**0, t, t**2, t**3], atol=1e-6)
    theta = np.array([[1.0, -2.0, 0.0, 4.0]], "float32")
    np.testing.assert_allclose(Basis("trend", length, 24, 3)(theta)[0], 1 - 2 * t + 4 * t**3, atol=1e-5)


@pytest.mark.parametrize("horizon", [24, 25])
def test_a_seasonality_is_the_papers_fourier_series(horizon):
    curves = Basis("seasonality", horizon, horizon, 2).curves
    t, waves = np.arange(horizon) / horizon, range(1, horizon // 2)
    assert max(waves) == np.floor(horizon / 2 - 1)
    wanted = [t**0, *(np.cos(2 * np.pi * wave * t) for wave in waves), *(np.sin(2 * np.pi * wave * t) for wave in waves)]
    np.testing.assert_allclose(curves, wanted, atol=1e-5)
    np.testing.assert_allclose(curves @ curves.T - np.diag(np.diag(curves @ curves.T)), 0, atol=1e-4)  # no curve says what another does


@pytest.mark.parametrize("horizon", [1, 2, 3])
def test_a_short_seasonality_is_constant(horizon):
    np.testing.assert_array_equal(Basis("seasonality", 5, horizon, 2).curves, np.ones((1, 5)))


def test_a_forecast_of_trends_alone_is_a_parabola():
    """Whatever the weights, and the history."""
    model = create_model("nbeats", **FORECAST, stacks=("trend",), blocks=2)
    ahead = np.asarray(model(drawn(4, 48, 3)))
    assert np.abs(ahead).max() > 1e-3
    np.testing.assert_allclose(np.diff(ahead, 3, axis=1), 0, atol=1e-4)


def test_nlinear_follows_a_level():
    """The forecast of a constant is the constant, and a series that is higher by 5 is forecast 5 higher."""
    model, x = create_model("nlinear", **FORECAST), drawn(3, 48, 3)
    ahead = np.asarray(model(x))
    np.testing.assert_allclose(model(x + 5), ahead + 5, atol=1e-4)
    np.testing.assert_allclose(model(np.full((1, 48, 3), 7.0, "float32")), 7.0, atol=1e-5)


def test_patchtst_knows_neither_level_nor_scale():
    model, x = create_model("patchtst", **FORECAST, width=16, heads=4, hidden=32), drawn(3, 48, 3)
    np.testing.assert_allclose(model(10 * x - 4), 10 * np.asarray(model(x)) - 4, atol=1e-2)


@pytest.mark.parametrize("name", ["dlinear", "nlinear", "nbeats", "patchtst", "repeat_last", "seasonal_naive"])
def test_channels_are_forecast_each_by_itself(name):
    """Swapped channels are swapped forecasts, and nobody hears of another channel."""
    season = {"season": 4} if name == "seasonal_naive" else {}
    model, x = create_model(name, **{**FORECAST, "target_channels": (0, 1, 2)}, **season), drawn(2, 48, 3)
    ahead = np.asarray(model(x))
    np.testing.assert_allclose(np.asarray(model(x[..., [2, 0, 1]])), ahead[..., [2, 0, 1]], atol=1e-4)
    other = x.copy()
    other[..., 1] = 3.0
    np.testing.assert_allclose(np.asarray(model(other))[..., [0, 2]], ahead[..., [0, 2]], atol=1e-4)
    assert np.abs(np.asarray(model(other))[..., 1] - ahead[..., 1]).max() > 1e-2


@pytest.mark.parametrize("name", FORECASTERS)
def test_the_targets_are_the_named_channels(name):
    """The order of the targets is theirs, not that of the channels."""
    hparams = {"width": 16, "heads": 4} if name == "patchtst" else {"width": 8} if "width" in zoo.registry.entry(name).hparams else {}
    model = create_model(name, **FORECAST, **hparams)
    assert model(drawn(2, 48, 3)).shape == (2, 12, 2)
    with pytest.raises(ZooError, match="target_channels = \\(3,\\): the input has 3 channels"):
        create_model(name, **{**FORECAST, "target_channels": (3,)}, **hparams)


def test_patches_of_patchtst_are_the_papers():
    from zoo.models.patchtst import patches

    steps = np.arange(40, dtype="float32")[None, None]
    found = np.asarray(patches(steps, 16, 8))[0, 0]
    assert found.shape == ((40 - 16) // 8 + 2, 16)
    np.testing.assert_array_equal(found[1], np.arange(8, 24))
    np.testing.assert_array_equal(found[-1], [*range(32, 40), *[39] * 8])


def test_a_tcn_does_not_look_ahead():
    model = create_model("tcn", input_shape=(40, 3), num_outputs=2, levels=3)
    steps = keras.Model(model.input, model.get_layer("block_4").output)
    x = drawn(1, 40, 3)
    other = x.copy()
    other[0, 25] += 1
    apart = np.abs(np.asarray(steps(other)) - np.asarray(steps(x))).max((0, 2))
    assert apart[:25].max() == 0
    assert apart[25] > 1e-3


def test_a_tcn_sees_as_far_back_as_it_says():
    field = 1 + 2 * (3 - 1) * (2**3 - 1)
    model, x = create_model("tcn", input_shape=(40, 1), num_outputs=0, levels=3, kernel=3, width=64), drawn(1, 40, 1)
    apart = []
    for back in (field, field - 1):
        other = x.copy()
        other[0, 39 - back] += 100
        apart.append(np.abs(np.asarray(model(other)) - np.asarray(model(x))).max())
    assert apart[0] == 0
    assert apart[1] > 0


def test_the_naive_ones_repeat():
    x = drawn(2, 10, 3)
    facts = {"input_shape": (10, 3), "horizon": 7, "target_channels": (2, 0)}
    last = np.asarray(create_model("repeat_last", **facts)(x))
    np.testing.assert_array_equal(last, np.broadcast_to(x[:, -1:, [2, 0]], (2, 7, 2)))
    season = np.asarray(create_model("seasonal_naive", **facts, season=3)(x))
    np.testing.assert_array_equal(season, x[:, [7, 8, 9, 7, 8, 9, 7]][..., [2, 0]])
    np.testing.assert_array_equal(create_model("seasonal_naive", **facts, season=1)(x), last)


@pytest.mark.parametrize(
    ("name", "steps", "least"), [("fcn1d", 7, 8), ("resnet1d", 7, 8), ("inception_time", 29, 40), ("tcn", 4, 5), ("patchtst", 15, 16)]
)
def test_a_short_series_is_refused_with_what_to_try(name, steps, least):
    asked = {"horizon": 2, "target_channels": (0,)} if name == "patchtst" else {"num_outputs": 2}
    with pytest.raises(ZooError, match=f"needs at least {least} steps, and the series has {steps}\n.*give it .* or take (cnn1d|nlinear)"):
        create_model(name, input_shape=(steps, 1), **asked)
    assert create_model(name, input_shape=(least, 1), **asked).count_params()


def test_a_season_longer_than_the_history_is_refused():
    with pytest.raises(ZooError, match="a season of 24 steps is longer than the history of 10"):
        create_model("seasonal_naive", input_shape=(10, 1), horizon=2, target_channels=(0,), season=24)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ZooError, match="width = 20 does not divide among 16 heads"):
        create_model("patchtst", **FORECAST, width=20)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_an_answer_is_asked_for_once(name):
    for asked in ({}, {"num_outputs": 2, "horizon": 3, "target_channels": (0,)}):
        with pytest.raises(ZooError, match="either for num_outputs, or for a horizon"):
            create_model(name, input_shape=(40, 1), **asked)


@pytest.fixture(scope="module")
def seasons(tmp_path_factory) -> Path:
    """Four hundred hours of a wave of 12 hours on a level that wanders, with a gap; and a column that is noise."""
    steps, rng = np.arange(400), np.random.default_rng(0)
    level = np.cumsum(rng.normal(0, 0.3, 400))
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=400, freq="h").astype(str),
            "sales": 50 + level + 10 * np.sin(2 * np.pi * steps / 12) + rng.normal(0, 0.5, 400),
            "noise": rng.normal(size=400),
        }
    )
    frame.loc[350:351, "sales"] = np.nan
    path = tmp_path_factory.mktemp("seasons") / "hours.csv"
    frame.to_csv(path, index=False)
    return path


def trained_and_judged(experiment, runs, bundles):
    return zoo.evaluate(zoo.train(experiment, runs=runs))


def forecast(path: Path, model, folder: Path, do=trained_and_judged, **more):
    card = {
        "title": "Hours",
        "source": {"kind": "csv", "file": str(path)},
        "licence": "none",
        "task": "forecasting",
        "series": {"columns": ["noise", "sales"], "time": "time", "step": "1h", "history": 24, "horizon": 6, "season": 12},
        "target": {"name": "sales"},
        "split": {"kind": "time", "val": 0.2, "test": 0.2},
    }
    train = {"epochs": 1, "batch_size": 16, "optimizer": {"name": "adam", "learning_rate": 0.01}, **more.pop("train", {})}
    return do({"dataset": card, "model": model, "train": train, **more}, runs=folder / "runs", bundles=folder / "bundles")


def test_repeat_last_through_a_run_is_the_baseline(seasons, tmp_path):
    """Trained without a weight, exported, and exactly what the evaluation takes for its baseline."""
    metrics = forecast(seasons, "repeat_last", tmp_path, do=zoo.run).metrics
    for part in ("val", "test"):
        measured = {name: value for name, value in metrics[part].items() if name != "backtest"}
        assert measured == pytest.approx(metrics["baseline"][part], rel=1e-5)


def test_the_season_of_the_card_reaches_the_model(seasons, tmp_path):
    run = forecast(seasons, "seasonal_naive", tmp_path)
    assert run.metrics["test"]["mse"] < 0.2 * run.metrics["baseline"]["test"]["mse"]
    for part in ("val", "test"):
        measured = {name: value for name, value in run.metrics[part].items() if name != "backtest"}
        assert measured == pytest.approx(run.metrics["baselines"]["seasonal naive"][part], rel=1e-5)
    with pytest.raises(ZooError, match="a season of 12 steps is longer than the history of 8"):
        forecast(seasons, "seasonal_naive", tmp_path, task={"name": "forecasting", "history": 8, "horizon": 6})


@pytest.mark.parametrize("preprocess", [{"series": {"scale": "minmax"}}, {"target": {"scale": "log"}}, {"target": {"scale": "none"}}])
def test_what_repeats_refuses_another_scale(preprocess, seasons, tmp_path):
    with pytest.raises(ZooError, match="needs inputs and targets of one scale"):
        forecast(seasons, "repeat_last", tmp_path, preprocess=preprocess)


def test_without_any_scale_values_repeat_too(seasons, tmp_path):
    metrics = forecast(seasons, "repeat_last", tmp_path, preprocess={"series": {"scale": "none"}, "target": {"scale": "none"}}).metrics
    assert metrics["test"]["mae_raw"] == pytest.approx(metrics["baseline"]["test"]["mae_raw"], rel=1e-5)


def test_nlinear_beats_repeating(seasons, tmp_path):
    metrics = forecast(seasons, "nlinear", tmp_path, train={"epochs": 20}).metrics
    assert metrics["test"]["mse"] < 0.4 * metrics["baseline"]["test"]["mse"]


@pytest.mark.skipif("ZOO_DATA_DIR" not in os.environ, reason="ETTh1 lies below ZOO_DATA_DIR")
def test_repeat_last_on_etth1_is_the_papers(tmp_path):
    """1.295 in table 2 of Zeng et al. 2023."""
    experiment = {"dataset": "etth1", "model": "repeat_last", "task": {"name": "forecasting", "history": 336, "horizon": 96}}
    made = {**experiment, "train": {"epochs": 1, "batch_size": 256}}
    metrics = zoo.evaluate(zoo.train(made, runs=tmp_path)).metrics
    assert metrics["test"]["mse"] == pytest.approx(metrics["baseline"]["test"]["mse"], rel=1e-5)
    assert metrics["test"]["mse"] == pytest.approx(1.295, abs=2e-3)


def waves(folder: Path) -> dict:
    """Two classes of short series in a .ts file: a wave of 5 steps, or one of 8, anywhere under noise."""
    rng, lines = np.random.default_rng(0), []
    for row in range(160):
        period = 5 if row % 2 else 8
        values = np.sin(2 * np.pi * (np.arange(40) + rng.uniform(0, 8)) / period) + rng.normal(0, 0.3, 40)
        lines.append(",".join(f"{value:.4f}" for value in values) + f":{'fast' if row % 2 else 'slow'}")
    head = "@problemName waves\n@univariate true\n@equalLength true\n@seriesLength 40\n@classLabel true fast slow\n@data\n"
    (folder / "waves.ts").write_text(head + "\n".join(lines) + "\n", "utf-8")
    return {
        "title": "Waves",
        "source": {"kind": "ts", "file": str(folder / "waves.ts")},
        "licence": "none",
        "task": "classification",
        "series": {"length": 40},
        "target": {"name": "kind"},
        "split": {"kind": "random", "val": 0.2, "test": 0.2, "seed": 0},
    }


def test_inception_time_beats_the_majority(tmp_path):
    experiment = {
        "dataset": waves(tmp_path),
        "model": {"name": "inception_time", "blocks": 3, "width": 4, "bottleneck": 4, "kernels": [20, 10, 5]},
        "train": {"epochs": 12, "batch_size": 16, "optimizer": {"name": "adam", "learning_rate": 0.01}, "early_stopping": None},
    }
    metrics = zoo.run(experiment, runs=tmp_path / "runs", bundles=tmp_path / "bundles").metrics
    assert metrics["test"]["accuracy"] > metrics["baseline"]["test"]["accuracy"] + 0.3


def test_the_products_with_fixed_curves_are_counted():
    theta = keras.Input((4, 3))
    assert flops(keras.Model(theta, Basis("trend", 10, 5, 2)(theta))) == 2 * 4 * 3 * 10
