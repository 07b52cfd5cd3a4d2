"""A forecast from a table to its bundle: metrics recomputed by hand, the baseline, what is written and drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from zoo import bundles
from zoo.config import load_experiment
from zoo.data.windows import Windows
from zoo.evaluation import evaluate
from zoo.exporting import export
from zoo.jobs.answers import predict
from zoo.runs import read_json
from zoo.tasks import Forecasting
from zoo.training import train

HISTORY, HORIZON, SEASON = 24, 6, 12
TARGETS = ("sales", "visits & co")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Three hundred hours of two seasonal columns and one that is noise, with a gap."""
    steps, rng = np.arange(300), np.random.default_rng(0)
    wave = np.sin(2 * np.pi * steps / SEASON)
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=300, freq="h").astype(str),
            "sales": 100 + 20 * wave + rng.normal(0, 1, 300),
            "noise": rng.normal(size=300),
            "visits & co": 5 + wave + rng.normal(0, 0.1, 300),
        }
    )
    frame.loc[250:252, ["sales", "noise", "visits & co"]] = np.nan
    path = tmp_path_factory.mktemp("table") / "hours.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    card = {
        "title": "Hours",
        "source": {"kind": "csv", "file": str(table)},
        "licence": "none",
        "task": "forecasting",
        "series": {
            "columns": ["sales", "noise", "visits & co"],
            "time": "time",
            "step": "1h",
            "history": 48,
            "horizon": 2,
            "season": SEASON,
        },
        "target": {"name": "both", "columns": list(TARGETS)},
        "split": {"kind": "time", "val": 0.2, "test": 0.2},
    }
    experiment = {
        "dataset": card,
        "model": "dlinear",
        "task": {"name": "forecasting", "history": HISTORY, "horizon": HORIZON},
        "train": {"epochs": 12, "batch_size": 16, "optimizer": {"name": "adam", "learning_rate": 0.01}},
        "preprocess": {"series": {"lags": [1]}},
        "goal": {"metric": "test.mase", "at_most": 0.9},
    }
    return evaluate(train(load_experiment(experiment), runs=tmp_path_factory.mktemp("runs")))


@pytest.fixture(scope="module")
def bundle(run, tmp_path_factory):
    return export(run, bundles=tmp_path_factory.mktemp("bundles"))


def test_metrics_are_those_of_the_written_predictions(run):
    told = pd.read_parquet(run.path / "predictions.parquet")
    assert set(told.columns) == {"split", "id", "target_sales", "target_visits___co", "forecast_sales", "forecast_visits___co"}
    reading, target = run.reading, run.data["preprocess"]["target"]
    part = told[told["split"] == "test"]
    true, said = (
        np.stack([np.stack(part[f"{what}_{name}"].to_list()) for name in ("sales", "visits___co")], -1).astype(float)
        for what in ("target", "forecast")
    )
    assert true.shape[1:] == (HORIZON, 2)
    apart = said - true
    scaled = apart / np.array(reading["std"])
    expected = {
        "loss": np.square(scaled).mean(),
        "mse": np.square(scaled).mean(),
        "mae": np.abs(scaled).mean(),
        "mae_raw": np.abs(apart).mean(),
        "rmse_raw": np.sqrt(np.square(apart).mean()),
        "smape": (2 * np.abs(apart) / (np.abs(said) + np.abs(true))).mean(),
        "mase": (np.abs(apart).mean((0, 1)) / target["seasonal"]).mean(),
    }
    assert run.metrics["test"] == pytest.approx(expected, rel=1e-4)
    assert run.metrics["test"]["mse"] < 0.5 * run.metrics["baseline"]["test"]["mse"]  # a wave, which repeating the last value misses


def test_the_baseline_repeats_the_last_known_value(run):
    data, row = run.dataset, run.dataset.rows["test"]
    frame = pd.DataFrame(data.raw.target.values).ffill().to_numpy()
    starts = data.raw.target.starts[row]
    apart = frame[starts - 1][:, None] - data.raw.target[row]
    assert run.metrics["baseline"]["test"]["mae_raw"] == pytest.approx(np.abs(apart).mean(), rel=1e-4)


def test_ids_are_rows_of_the_table(run, table):
    told, frame = pd.read_parquet(run.path / "predictions.parquet"), pd.read_csv(table)
    for one in told.iloc[:: len(told) // 5].itertuples():
        np.testing.assert_allclose(one.target_sales, frame["sales"].iloc[one.id : one.id + HORIZON])


def test_an_unknown_season_gives_no_mase():
    target = {"columns": ["a"], "horizon": 2, "history": 3, "log": False, "mean": [0.0], "std": [1.0], "seasonal": [None], "unit": None}
    task = Forecasting(target)
    y = Windows(np.zeros((8, 1)), np.array([3, 4]), 2)
    outputs = np.zeros((2, 2, 1), np.float32)
    told = task.measure(outputs, y, {"forecast": outputs})
    assert told["mase"] is None
    assert told["smape"] == 0.0  # nothing beside nothing


def test_a_history_without_a_known_value_repeats_the_mean():
    target = {"columns": ["a"], "horizon": 2, "history": 3, "log": False, "mean": [0.0], "std": [1.0], "seasonal": [1.0], "unit": None}
    values = np.array([7.0, np.nan, np.nan, np.nan, 1.0, 2.0, np.nan, 4.0, 5.0])[:, None]
    baseline = Forecasting(target).baseline(None, Windows(values, np.array([4, 5, 7]), 2))
    np.testing.assert_array_equal(baseline[..., 0], [[0, 0], [1, 1], [2, 2]])


def test_it_is_drawn_and_told(run):
    assert {path.stem for path in (run.path / "figures").iterdir()} == {"learning_curves", "forecasts", "steps"}
    page = (run.path / "report.html").read_text()
    assert "repeat last value" in page
    assert "visits & co" not in page or "visits &amp; co" in page
    told = read_json(run.path / "baseline.json")
    assert told["inputs"]["series"]["channels"]
    assert set(told["predictions"]["forecast"]) == set(TARGETS)


def test_the_history_reaches_the_split_but_no_target_does(run):
    asked = {name: run.dataset.raw.target.starts[rows] for name, rows in run.dataset.rows.items()}
    assert asked["train"].max() + HORIZON <= asked["val"].min()
    assert asked["val"].max() + HORIZON <= asked["test"].min()


def test_its_bundle_forecasts_the_same_from_raw_values(run, bundle):
    assert bundle.proof["saved_model"]["max_difference"] < 1e-4
    data = run.dataset
    raw = data.raw.features["series"][data.rows["test"][:4]]
    raw[1, -3:, 0] = np.nan  # a missing value is taken
    answers = bundle.predict({"series": raw})["forecast"]
    assert answers.shape == (4, HORIZON, 2)
    from zoo.assembly import open_run

    np.testing.assert_allclose(answers, open_run(run).answer({"series": raw})["forecast"], rtol=1e-5, atol=1e-4)
    told = pd.read_parquet(run.path / "predictions.parquet").query("split == 'test'")["forecast_sales"].iloc[0]
    np.testing.assert_allclose(answers[0, :, 0], told, rtol=1e-5)


def test_the_newest_rows_of_a_table_are_forecast(run, bundle, table):
    for trained in (run, bundle):
        told = predict(trained, table)
        assert [name for name in told.columns if name.startswith("forecast_")] == [
            f"forecast_{name}_{step + 1}" for name in ("sales", "visits___co") for step in range(HORIZON)
        ]
        assert len(told) == 1
        assert told["forecast_sales_1"].between(50, 150).all()
    assert isinstance(bundle, bundles.Bundle)
