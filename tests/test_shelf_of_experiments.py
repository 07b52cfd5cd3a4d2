"""Every experiment of the shelf: its header says what was measured, and it runs, whole, for an epoch."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import zoo
from zoo import shelf
from zoo.config import load_experiment
from zoo.config.metrics import TASK_FACTS

SHELF = Path(__file__).parents[1] / "experiments"
NAMES = sorted(path.stem for path in SHELF.glob("*.yaml"))
SMALLER = {  # what an epoch would take too long for
    "cifar10_cnn": {"dataset": "cifar10_10k", "model.width": 4},
    "cifar10_resnet20": {"dataset": "cifar10_10k", "model.width": 4},
    "cifar10_resnet8": {"dataset": "cifar10_10k", "model.weights": None},
    "adult_ft_transformer": {"model.blocks": 1, "model.width": 16, "train.batch_size": 1024},
    "fashion_mnist_resnet20": {"train.batch_size": 1024, "model.width": 4},
    **{name: {"dataset": "sms_spam"} for name in NAMES if name.startswith("imdb_")},  # 50,000 files
    "fashion_mnist_cnn": {"train.batch_size": 1024, "model.width": 4},
    "sign_digits_cnn": {"model.width": 4},
    "tinyshakespeare_gpt_nano": {"model.depth": 1, "model.width": 32, "train.batch_size": 256},
    "fashion_mnist_dcgan": {"train.batch_size": 1024, "model.width": 8},
    "fashion_mnist_vae_conv": {"train.batch_size": 1024, "model.filters": [4, 8]},
    "etth1_patchtst": {"train.batch_size": 1024, "model.width": 8},
    "sign_digits_mobilenet_v2_035": {"model.resize": 32, "transfer.warm_epochs": 0},
}
EVERYWHERE = (  # one of a kind of data and of a task; `make long` runs the others too
    *("adult_mlp", "breast_cancer_mlp", "diabetes_mlp", "digits_cnn", "digits_mlp", "etth1_dlinear", "iris_mlp"),
    *("nab_autoencoder_conv", "sms_spam_text_cnn"),
)


@pytest.mark.parametrize("name", NAMES)
def test_its_header_says_command_result_machine_and_date(name):
    header = [line for line in (SHELF / f"{name}.yaml").read_text().splitlines() if line.startswith("#")]
    text = "\n".join(header)
    assert f"zoo run {name}" in header[0]
    beside = "|".join(re.escape(facts.baseline) for facts in TASK_FACTS.values())
    assert re.search(rf"test\.\w+ +[\d.]+(, [\d.]+, [\d.]+ \(seeds 1, 2, 3| \(seed 1); ({beside}) -?[\d.]+\)", text)
    assert re.search(r"2 cores.*\d{4}-\d{2}-\d{2}", text)


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in EVERYWHERE else pytest.mark.long) for name in NAMES])
def test_it_runs(name, tmp_path, monkeypatch, request):
    experiment = load_experiment(name)
    if experiment.card.source.kind != "sklearn" and "ZOO_DATA_DIR" not in os.environ:
        pytest.skip("ZOO_DATA_DIR names no folder that holds its files")
    if name.startswith("cifar10_"):
        monkeypatch.setenv("ZOO_DATA_DIR", str(request.getfixturevalue("unpacked")))
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    judge = experiment.task and experiment.task.classifier
    if judge:  # it looks at what is drawn
        zoo.evaluate(zoo.train(judge, {"train.epochs": 1, **SMALLER[judge]}))
    run = zoo.run(shelf.find("experiments", name), {"train.epochs": 1, **SMALLER.get(name, {})})
    metric = run.experiment.goal.metric.split(".")[1]
    assert run.metrics["test"][metric] is not None
    assert zoo.load_bundle(name, bundles=tmp_path / "bundles").proof["saved_model"]["examples"] == 16
