"""docs/experiment.md names every key and every metric, and its example is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zoo import registry
from zoo.config import METRICS, Experiment, load_experiment, yamls
from zoo.config.explain import dotted_keys
from zoo.config.search import TUNERS, Search
from zoo.config.tunable import load_tunable

PAGE = (Path(__file__).parents[2] / "docs" / "experiment.md").read_text("utf-8")
KEYS = [key for key in dotted_keys(Experiment) if not key.startswith("dataset.") and not key.endswith(".name")]


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_told(key):
    assert re.search(rf"\b{key.rpartition('.')[2]}\b", PAGE), key


def test_every_metric_is_told():
    for metrics in METRICS.values():
        for name in metrics:
            assert f"`{name}`" in PAGE, name


def test_the_example_is_an_experiment():
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert load_experiment(yamls.parse(text, "docs/experiment.md").value).goal is not None


def test_the_page_of_models_names_every_model_and_no_other():
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    families = page.partition("## Families")[2].partition("\nWhat experiments make")[0]
    assert sorted(re.findall(r"`(\w+)`", families)) == sorted([*registry.entries(), "lstm_fcn"])  # which is told of twice


def test_the_search_of_its_page_is_one():
    page = (Path(__file__).parents[2] / "docs" / "search.md").read_text("utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    tunable = load_tunable(yamls.parse(text, "docs/search.md").value)
    assert {"model.name", "model.hidden", "train.optimizer.momentum", "train.batch_size"} < set(tunable.space.keys)
    for key in Search.model_fields:
        assert re.search(rf"\b{key}\b", page), key
    for tuner in TUNERS:
        assert f"`{tuner}`" in page, tuner
