"""`zoo models`, `datasets`, `experiments`, `runs`, `show`: the facts, filtered; wide tables keep a terminal's width."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from zoo import registry, shelf
from zoo.runs import Run, locked


def names(result) -> list[str]:
    assert result.code == 0, result.err
    return [line.split()[0] for line in result.out.splitlines()[1:]]


def test_models(zoo):
    assert names(zoo("models")) == registry.list_models()
    assert names(zoo("models", "resnet*", "--max-params", "3e5")) == ["resnet20_cifar"]
    assert set(names(zoo("models", "--modality", "vector", "--task", "regression"))) >= {"linear", "mlp"}
    listed = json.loads(zoo("models", "mlp", "--json").out)
    assert [one["name"] for one in listed] == ["mlp"]
    assert listed[0]["params"] == registry.entry("mlp").params
    empty = zoo("models", "nothing*")
    assert (empty.code, empty.out, empty.err) == (0, "", "no models named nothing*\n")


def test_datasets_and_experiments(zoo):
    assert names(zoo("datasets")) == list(shelf.names("datasets"))
    assert names(zoo("datasets", "--task", "regression")) == ["diabetes"]
    assert "digits" not in names(zoo("datasets", "--modality", "vector", "b*"))
    assert json.loads(zoo("datasets", "iris", "--json").out)[0]["target"]["name"] == "species"
    assert names(zoo("experiments", "--dataset", "digits")) == ["digits_cnn", "digits_mlp"]
    assert names(zoo("experiments", "--model", "mlp", "--task", "regression")) == ["diabetes_mlp"]
    assert json.loads(zoo("experiments", "digits_cnn", "--json").out)[0]["goal"]["metric"] == "test.accuracy"


def test_a_broken_file_of_ones_own_hides_no_other(zoo, own_files):
    own_files()
    Path("experiments/broken.yaml").write_text("dataset: digits\nmodle: mlp\n")
    listed = zoo("experiments")
    assert "people" in names(listed)
    assert "note: experiments/broken.yaml, line 2: modle is not a setting" in listed.err


def test_runs(zoo, own):
    assert zoo("runs", "--runs", "nowhere").err == "no runs in nowhere\n"
    row = zoo("runs").out.splitlines()[1]
    assert row.split()[:3] == ["digits_mlp", own.name, "finished"]
    assert "accuracy 0." in row
    assert "test.accuracy >= 0.99999: missed" in row
    assert zoo("runs", "--state", "diverged").out == ""
    one = json.loads(zoo("runs", "digits*", "--json").out)[0]
    assert (one["id"], one["goal_met"], one["state"]) == (own.name, False, "finished")
    Run(own).mark("running")
    assert "stopped" in zoo("runs").out
    with locked(own, "the run"):
        assert "running" in zoo("runs").out
    (own / "metrics.json").write_text("{")
    assert "broken" in zoo("runs").out


SHOWN = {
    "resnet20_cifar": (
        "https://arxiv.org/abs/1512.03385",
        "274,042 parameters",
        "blocks_per_stage",
        "8, 16, 32",
        "input_shape=(32, 32, 3)",
    ),
    "iris": ("CC BY 4.0", "setosa, versicolor, virginica", "petal width (cm)", "scikit-learn"),
    "fashion_mnist": ("train-images-idx3-ubyte.gz", "sha256 3aede38d", "http://"),
    "digits_cnn": ("# zoo run digits_cnn", "patience: ", "zoo run digits_cnn"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_show(zoo, name):
    result = zoo("show", name)
    assert result.code == 0, result.err
    assert result.out.startswith(f"{name}      ")
    for part in SHOWN[name]:
        assert part in result.out


def test_show_a_run_and_a_bundle(zoo, own, trained):
    for way in (str(own), own.name, "digits_mlp@last"):
        result = zoo("show", way)
        assert result.out.startswith(f"{own}      run of digits_mlp\n")
        assert "goal      test.accuracy >= 0.99999: missed, it is 0." in result.out
    (own / "metrics.json").unlink()
    assert f"next      zoo evaluate {own}" in zoo("show", str(own)).out
    Run(own).mark("interrupted")
    assert "interrupted; go on: zoo run digits_mlp --resume" in zoo("show", str(own)).out
    both = zoo("show", "digits_mlp", "--bundles", str(trained.bundle.path.parents[1])).out
    assert "digits_mlp      experiment" in both
    assert "proven without Keras" in both
    assert zoo("show", str(trained.bundle.path)).out.count("float32") >= 2


def test_show_a_file(zoo, own_files):
    own_files()
    assert zoo("show", "datasets/people.yaml").out.startswith("people      dataset      people\n")
    assert zoo("show", "experiments/people.yaml").out.startswith("people      experiment\n")
    assert "town" in zoo("show", "people").out


@pytest.mark.parametrize(("name", "expected"), [("mlp", "Dense"), ("iris", "First training rows"), ("digits", "40 of the training images")])
def test_html_pages_are_whole(zoo, name, expected):
    result = zoo("show", name, "--html")
    assert result.out == f"wrote     {name}.html\n", result.err
    page = Path(f"{name}.html").read_text()
    assert expected in page
    assert 'src="http' not in page
    assert "<script" not in page


def in_a_terminal(columns: int, *words: str) -> list[str]:
    """The lines of a command in a terminal of that width, without its escape codes."""
    leader, follower = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns), "NO_COLOR": "1"}
    with subprocess.Popen([sys.executable, "-m", "zoo", *words], stdout=follower, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(follower)
        said = b""
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # how Linux says that the other end is closed
                break
            if not part:
                break
            said += part
        assert process.wait() == 0
    os.close(leader)
    return said.decode().replace("\r", "").splitlines()


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("command", ["models", "datasets", "experiments"])
def test_tables_keep_a_terminals_width(command, columns):
    lines = in_a_terminal(columns, command)
    assert max(map(len, lines)) <= columns
    first = [line.split()[0] for line in lines[1:]]
    assert first == (registry.list_models() if command == "models" else list(shelf.names(command)))
