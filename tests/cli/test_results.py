"""`zoo results`: a table of what run folders hold, the same for the same folders; what is no result is left out."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from zoo.config import yamls
from zoo.jobs.results import PUBLISHED, document
from zoo.runs import read_json, write_json
from zoo.shelf import names

CHANGED = {"test": {"accuracy": 0.5}, "val": {}, "baseline": {"test": {"accuracy": 0.1}, "val": {}}}


@pytest.fixture
def made(trained, zoo):
    """Makes a run folder of the trained run, with another seed, ID, name, or settings."""

    def make(number: int, *, seed: int = 1, name: str = "digits_mlp", accuracy: float = 0.5, epochs: int = 2, **facts) -> Path:
        path = Path("runs") / name / f"20260101-00000{number}"
        shutil.copytree(trained.run.path, path)
        experiment = yamls.read(path / "experiment.yaml").value
        experiment["train"] |= {"seed": seed, "epochs": epochs}
        (path / "experiment.yaml").write_text(yamls.dump(experiment))
        times = {"started": "2026-01-01T00:00:00+00:00", "finished": f"2026-01-0{number}T00:01:00+00:00"}
        write_json(path / "run.json", {**trained.run.facts, "experiment": name, **times, **facts})
        told = json.loads(json.dumps(CHANGED))
        told["test"]["accuracy"] = accuracy
        write_json(path / "metrics.json", told)
        return path

    return make


def rows(zoo, *words: str) -> list[dict]:
    result = zoo("results", "--json", *words)
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_a_row_is_the_newest_run_of_each_seed(zoo, made):
    made(1, seed=1, accuracy=0.2, name="mine")
    made(2, seed=1, accuracy=0.90, name="mine")
    made(3, seed=2, accuracy=0.94, name="mine")
    (one,) = rows(zoo)
    assert one["seeds"] == {"1": 0.90, "2": 0.94}
    assert (one["metric"], one["mean"], one["spread"]) == ("accuracy", pytest.approx(0.92), pytest.approx(0.02 * 2**0.5))
    assert one["runs"] == ["20260101-000002", "20260101-000003"]
    assert one["baselines"] == {"majority class": 0.1}
    assert one["date"] == "2026-01-03"
    assert not Path("RESULTS.md").exists()


def test_the_document_is_written_and_the_same_again(zoo, made):
    made(2, seed=1, accuracy=0.90, name="mine")
    made(3, seed=2, accuracy=0.94, name="mine")
    made(4, name="other_one", accuracy=0.7)
    result = zoo("results", "--output", "told/RESULTS.md")
    assert result.out.split() == ["wrote", "told/RESULTS.md", "holds", "2", "experiments,", "3", "runs"]
    text = Path("told/RESULTS.md").read_text()
    assert text.startswith("<!-- made by: zoo results")
    mine, other = (line.split(" | ") for line in text.splitlines() if line.startswith(("| mine", "| other")))
    assert mine[:7] == ["| mine", "digits", "mlp", "1,210", "accuracy ↑", "0.9200 ± 0.0283", "2"]
    assert other[5:8] == ["0.7000", "1", "majority class 0.1000"]
    assert "TensorFlow 2" in mine[-1]
    assert text.count("## ") == 1
    zoo("results", "--output", "told/RESULTS.md")
    assert Path("told/RESULTS.md").read_text() == text


def test_the_shelf_s_own_settings_count(zoo, made):
    """A run of a shelf's experiment with other settings is newer, and is no result of that experiment."""
    from zoo.config import load_experiment

    own, shelf = made(1, name="digits_mlp", accuracy=0.6), load_experiment("digits_mlp")
    (own / "experiment.yaml").write_text(yamls.dump(shelf.model_dump(mode="json")))
    made(2, name="digits_mlp", accuracy=0.9)
    result = zoo("results", "--json")
    (one,) = json.loads(result.out)
    assert one["mean"] == 0.6
    assert one["changed"] == []
    assert "1 of 2 runs of digits_mlp have other settings or other data" in result.err
    shutil.rmtree(own)
    (one,) = rows(zoo)
    assert (one["mean"], one["published"]) == (0.9, None)
    assert "train.batch_size=256" in one["changed"]
    assert "train.batch_size=256" in document([one])


def test_other_data_is_another_result(zoo, made):
    made(1, name="mine", seed=1, accuracy=0.2)
    newer = made(2, name="mine", seed=2, accuracy=0.3)
    data = read_json(newer / "data.json")
    write_json(newer / "data.json", {**data, "fingerprint": "other"})
    (one,) = rows(zoo)
    assert one["seeds"] == {"2": 0.3}


def test_what_cannot_be_read_is_told_and_left_out(zoo, made):
    made(1, name="mine")
    broken, gone = made(2, name="mine"), made(3, name="mine")
    (broken / "run.json").write_text("{")
    (gone / "experiment.yaml").write_text("dataset: digits\nmodel: [")
    unfinished, unjudged = made(4, name="mine", state="interrupted"), made(5, name="mine")
    (unjudged / "metrics.json").unlink()
    result = zoo("results", "--json")
    (one,) = json.loads(result.out)
    assert one["runs"] == ["20260101-000001"]
    for path in (broken, gone):
        assert f"note: {path} is left out: " in result.err
    assert str(unfinished) not in result.err


def test_several_folders_are_one_table(zoo, made):
    made(1, name="mine", seed=1)
    Path("runs").rename("first")
    made(2, name="mine", seed=2)
    (one,) = rows(zoo, "--runs", "first", "--runs", "runs")
    assert set(one["seeds"]) == {"1", "2"}


@pytest.mark.parametrize("prepared", [False, True])
def test_nothing_to_tell(refused, made, prepared):
    if prepared:
        made(1, state="interrupted")
    said = refused("results")
    assert said.startswith("error: no finished and evaluated run in runs\n  make one: zoo run digits_cnn\n")


def test_what_others_report_is_read_from_the_header():
    told = {name: PUBLISHED.search(path.read_text("utf-8")) for name, path in names("experiments").items()}
    assert told["adult_mlp"]
    assert told["adult_mlp"].groups() == ("", "MLP 0.852, CatBoost 0.873 (Gorishniy et al. 2021)")
    assert told["iris_mlp"] is None
    for name, path in names("experiments").items():
        assert bool(told[name]) == bool(re.search("^# measured: .*published", path.read_text("utf-8"), re.MULTILINE)), name
