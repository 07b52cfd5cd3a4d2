"""Runs of reconstruction, trained for a few epochs and evaluated: images of which one class is normal, and windows over series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from zoo.config import load_experiment
from zoo.evaluation import evaluate
from zoo.training import train

DIGITS = {
    "dataset": "digits",
    "model": {"name": "autoencoder_dense", "hidden": [32], "latent_dim": 8},
    "task": {"name": "reconstruction", "normal": "1", "threshold": "f1"},
    "train": {"epochs": 4, "batch_size": 16, "optimizer": {"name": "adam", "learning_rate": 0.01}, "tensorboard": False},
}
STEPS, DAY, WRONG = 600, 12, (470, 476)


def finished(experiment, folder):
    return evaluate(train(load_experiment(experiment), runs=folder))


@pytest.fixture(scope="session")
def ones(tmp_path_factory):
    """An autoencoder of ones; every other digit is an anomaly."""
    return finished(DIGITS, tmp_path_factory.mktemp("ones"))


@pytest.fixture(scope="session")
def days(tmp_path_factory):
    """Windows over two files of a daily rhythm, one of which stands still for half a day; its experiment and its run."""
    folder = tmp_path_factory.mktemp("days")
    rng, times = np.random.default_rng(0), pd.date_range("2026-01-01", periods=STEPS, freq="h")
    for name in ("calm", "broken"):
        values = np.sin(2 * np.pi * np.arange(STEPS) / DAY) + rng.normal(0, 0.05, STEPS)
        if name == "broken":
            values[slice(*WRONG)] = 4.0
        pd.DataFrame({"when": times, "load": values}).to_csv(folder / f"{name}.csv", index=False)
    low, high = times[WRONG[0]], times[WRONG[1] - 1]
    (folder / "labels.json").write_text(f'{{"calm.csv": [], "all/broken.csv": [["{low}", "{high}"]]}}')
    card = {
        "title": "Days",
        "source": {
            "kind": "csv",
            "file": [str(folder / "calm.csv"), str(folder / "broken.csv")],
            "anomalies": str(folder / "labels.json"),
        },
        "licence": "none",
        "task": "reconstruction",
        "series": {"columns": ["load"], "time": "when", "history": DAY},
        "split": {"kind": "time", "val": 0.2, "test": 0.4},
    }
    model = {"name": "autoencoder_conv", "filters": [8], "size": 3, "latent_dim": 4}
    experiment = {"dataset": card, "model": model, "train": {"epochs": 15, "batch_size": 32, "tensorboard": False}}
    return finished(experiment, folder / "runs")
