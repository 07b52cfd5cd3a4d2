"""A forecast from a table to its bundle: metrics recomputed by hand, the baseline, what is written and drawn."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from zoo import bundles
from zoo.cli import main, summary
from zoo.config import load_experiment, yamls
from zoo.data.windows import Windows
from zoo.evaluation import evaluate, forecasts
from zoo.exporting import export
from zoo.jobs.answers import predict
from zoo.runs import Run, read_json, write_json
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


def asked(table, split=None, **task) -> dict:
    """The experiment, with another split, or with settings of the task."""
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
        "split": split or {"kind": "time", "val": 0.2, "test": 0.2},
    }
    return {
        "dataset": card,
        "model": "dlinear",
        "task": {"name": "forecasting", "history": HISTORY, "horizon": HORIZON, **task},
        "train": {"epochs": 12, "batch_size": 16, "optimizer": {"name": "adam", "learning_rate": 0.01}},
        "preprocess": {"series": {"lags": [1]}},
        "goal": {"metric": "test.mase", "at_most": 0.9},
    }


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    return evaluate(train(load_experiment(asked(table)), runs=tmp_path_factory.mktemp("runs")))


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
    measured = {name: value for name, value in run.metrics["test"].items() if name != "backtest"}
    assert measured == pytest.approx(expected, rel=1e-4)
    assert run.metrics["test"]["mse"] < 0.5 * run.metrics["baseline"]["test"]["mse"]  # a wave, which repeating the last value misses


def test_the_baseline_repeats_the_last_known_value(run):
    data, row = run.dataset, run.dataset.rows["test"]
    frame = pd.DataFrame(data.raw.target.values).ffill().to_numpy()
    starts = data.raw.target.starts[row]
    apart = frame[starts - 1][:, None] - data.raw.target[row]
    assert run.metrics["baseline"]["test"]["mae_raw"] == pytest.approx(np.abs(apart).mean(), rel=1e-4)


def test_the_seasonal_baseline_repeats_the_last_known_season(run):
    data, rows = run.dataset, run.dataset.rows["test"]
    frame = pd.DataFrame(data.raw.target.values).ffill().to_numpy()
    starts = data.raw.target.starts[rows]
    apart = frame[starts[:, None] - SEASON + np.arange(HORIZON)] - data.raw.target[rows]
    told = run.metrics["baselines"]
    assert list(told) == ["seasonal naive"]
    assert told["seasonal naive"]["test"]["mae_raw"] == pytest.approx(np.abs(apart).mean(), rel=1e-4)
    assert told["seasonal naive"]["test"]["mase"] < run.metrics["baseline"]["test"]["mase"]
    assert set(told["seasonal naive"]) == {"val", "test"}


def forecasting(**target) -> Forecasting:
    plain = {"columns": ["a"], "horizon": 5, "history": 6, "log": False, "mean": [0.0], "std": [1.0], "seasonal": [1.0], "unit": None}
    return Forecasting({**plain, **target})


def test_a_season_shorter_than_the_horizon_is_repeated():
    values = np.array([9.0, 1.0, np.nan, 3.0, np.nan, 5.0, 0, 0, 0, 0, 0])[:, None]
    told = forecasting(season=3).more_baselines(None, Windows(values, np.array([6]), 5))
    np.testing.assert_array_equal(told["seasonal naive"][0, :, 0], [3, 3, 5, 3, 3])  # the gap takes the last known value


@pytest.mark.parametrize("season", [None, 1, 7])
def test_without_a_season_in_the_history_nobody_repeats_one(season):
    assert forecasting(season=season).more_baselines(None, Windows(np.zeros((20, 1)), np.array([8]), 5)) == {}


def test_the_backtest_is_the_test_split_in_stretches_of_time(run):
    told, test = run.metrics["test"]["backtest"], run.metrics["test"]
    assert len(told) == 6
    assert sum(one["windows"] for one in told) == len(run.dataset.rows["test"])
    moments = [one[edge] for one in told for edge in ("from", "to")]
    assert {len(moment) for moment in moments} == {len("2024-01-11 13:00")}
    assert moments == sorted(moments)
    assert moments[0] == str(run.dataset.raw.beside["time"][run.dataset.rows["test"]].min())[:16].replace("T", " ")
    for name in ("mse", "mae", "mase"):
        assert np.average([one[name] for one in told], weights=[one["windows"] for one in told]) == pytest.approx(test[name])
    of = [[one["baselines"][name]["mase"] for one in told] for name in ("repeat last value", "seasonal naive")]
    expected = run.metrics["baseline"]["test"]["mase"], run.metrics["baselines"]["seasonal naive"]["test"]["mase"]
    assert np.average(of, axis=1, weights=[one["windows"] for one in told]) == pytest.approx(expected)


def test_series_of_one_moment_stand_in_one_stretch():
    when = np.array(["2024-01-02", "2024-01-01", "2024-01-01", "2024-01-02", "2024-01-03"], "datetime64[ns]")
    assert [rows.tolist() for rows in forecasts._stretches(when, 2)] == [[0, 1, 2, 3], [4]]
    assert [rows.tolist() for rows in forecasts._stretches(when, 9)] == [[1, 2], [0, 3], [4]]


def test_ids_are_rows_of_the_table(run, table):
    told, frame = pd.read_parquet(run.path / "predictions.parquet"), pd.read_csv(table)
    for one in told.iloc[:: len(told) // 5].itertuples():
        np.testing.assert_allclose(one.target_sales, frame["sales"].iloc[one.id : one.id + HORIZON])


def test_an_unknown_season_gives_no_mase():
    y, outputs = Windows(np.zeros((8, 1)), np.array([3, 4]), 2), np.zeros((2, 2, 1), np.float32)
    told = forecasting(seasonal=[None], horizon=2).measure(outputs, y, {"forecast": outputs})
    assert told["mase"] is None
    assert told["smape"] == 0.0  # nothing beside nothing


def test_a_history_without_a_known_value_repeats_the_mean():
    values = np.array([7.0, np.nan, np.nan, np.nan, 1.0, 2.0, np.nan, 4.0, 5.0])[:, None]
    baseline = forecasting(horizon=2, history=3).baseline(None, Windows(values, np.array([4, 5, 7]), 2))
    np.testing.assert_array_equal(baseline[..., 0], [[0, 0], [1, 1], [2, 2]])


def test_it_is_drawn_and_told(run):
    assert {path.stem for path in (run.path / "figures").iterdir()} == {"learning_curves", "forecasts", "steps", "backtest"}
    page = (run.path / "report.html").read_text()
    assert "repeat last value" in page
    assert "mase of seasonal naive" in page
    assert run.metrics["test"]["backtest"][3]["from"] in page
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


def test_its_answers_are_in_the_units_of_the_input(run, bundle):
    data, rows = run.dataset, run.dataset.rows["test"][:8]
    raw, came = data.raw.features["series"][rows], data.raw.target[rows]
    answers = bundle.predict({"series": raw})["forecast"]
    np.testing.assert_allclose(answers.mean((0, 1)), came.mean((0, 1)), rtol=0.1)  # about 100 and 5, where what is learned is about 0


def test_the_newest_rows_of_a_table_are_forecast(run, bundle, table):
    for trained in (run, bundle):
        told = predict(trained, table)
        assert [name for name in told.columns if name.startswith("forecast_")] == [
            f"forecast_{name}_{step + 1}" for name in ("sales", "visits___co") for step in range(HORIZON)
        ]
        assert len(told) == 1
        assert told["forecast_sales_1"].between(50, 150).all()
    assert isinstance(bundle, bundles.Bundle)


def test_what_a_run_ends_with_stands_beside_both(run, capsys):
    summary.show(run)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split("  ")[-2:] == ["repeat last value", "seasonal naive"]
    mase = next(line.split() for line in lines if line.strip().startswith("mase"))
    assert mase[-1] == f"{run.metrics['baselines']['seasonal naive']['test']['mase']:.3f}"
    assert summary.as_json(run)["metrics"]["baselines"]["seasonal naive"]["test"]["mse"] > 0
    assert "no better than seasonal naive" in "\n".join(lines)  # it has learned for half a second


def test_who_is_better_than_both_is_told_nothing(run, tmp_path):
    path = tmp_path / run.name / run.id
    shutil.copytree(run.path, path)
    told = read_json(path / "metrics.json")
    told["baselines"]["seasonal naive"]["test"]["mae"] = 9.0
    write_json(path / "metrics.json", told)
    assert summary.verdict(Run(path)) == ""


FIXED = {"kind": "fixed", "train": [0, 200], "val": [200, 260], "test": [260, 290]}
BAD = {
    "horizon and rows": (FIXED, {"horizon": 31}, "a horizon of 31 steps is longer than the test split, which has 30"),
    "horizon and share": (None, {"horizon": 70}, "a horizon of 70 steps is longer than the val split of 'inline', which has 45"),
    "season and series": (None, {"season": 300}, "a season of 300 steps does not fit into 'inline': its longest series has 300 steps"),
    "season and training": (None, {"season": 200}, "a season of 200 steps does not fit into the training split of 'inline', which has 190"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input(what, table, tmp_path, capsys, monkeypatch):
    split, task, expected = BAD[what]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(yamls.dump(asked(table, split, **task)))
    assert main(["run", "bad.yaml"]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("error: ") == 1
    assert not (tmp_path / "runs" / "bad").exists()
