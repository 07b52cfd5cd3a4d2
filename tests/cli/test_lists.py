"""`zoo models`, `datasets`, `experiments`, `runs`, `show`: the facts, filtered; wide tables keep a terminal's width."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoo import registry, shelf
from zoo.cli import tables
from zoo.config import load_card
from zoo.runs import Run, locked


def names(result) -> list[str]:
    assert result.code == 0, result.err
    return [line.split()[0] for line in result.out.splitlines()[1:]]


def test_models(zoo):
    assert names(zoo("models")) == registry.list_models()
    assert names(zoo("models", "resnet*_cifar", "--max-params", "3e5")) == ["resnet20_cifar", "resnet8_cifar"]
    assert set(names(zoo("models", "--modality", "vector", "--task", "regression"))) >= {"linear", "mlp"}
    assert names(zoo("models", "--exports", "onnx")) == [name for name in registry.list_models() if "onnx" in registry.entry(name).exports]
    listed = json.loads(zoo("models", "mlp", "--json").out)
    assert [one["name"] for one in listed] == ["mlp"]
    assert listed[0]["params"] == registry.entry("mlp").params
    empty = zoo("models", "nothing*")
    assert (empty.code, empty.out, empty.err) == (0, "", "no models named nothing*\n")


def test_datasets_and_experiments(zoo):
    assert names(zoo("datasets")) == list(shelf.names("datasets"))
    assert names(zoo("datasets", "--task", "regression")) == ["california_housing", "diabetes", "wine_quality"]
    assert "digits" not in names(zoo("datasets", "--modality", "vector", "b*"))
    assert json.loads(zoo("datasets", "iris", "--json").out)[0]["target"]["name"] == "species"
    assert names(zoo("experiments", "--dataset", "digits")) == ["digits_cnn", "digits_mlp"]
    assert names(zoo("experiments", "--model", "mlp", "--task", "regression")) == ["california_housing_mlp", "diabetes_mlp"]
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
    assert "missed: test.accuracy >= 0.99999" in row
    assert zoo("runs", "--state", "diverged").out == ""
    one = json.loads(zoo("runs", "digits*", "--json").out)[0]
    assert (one["id"], one["goal_met"], one["state"]) == (own.name, False, "finished")
    Run(own).mark("running")
    for words in ((), ("--state", "interrupted")):
        assert "interrupted" in zoo("runs", *words).out
        assert json.loads(zoo("runs", *words, "--json").out)[0]["state"] == "interrupted"
    assert f"go on: zoo run {own}/experiment.yaml --resume" in zoo("runs").err
    assert zoo("runs", "--state", "running").out == ""
    with locked(own, "the run"):
        assert "running" in zoo("runs", "--state", "running").out
        assert "go on" not in zoo("runs").err
    (own / "metrics.json").write_text("{")
    broken = json.loads(zoo("runs", "--json").out)[0]
    assert broken["state"] == "interrupted"
    assert "metrics.json cannot be read" in broken["broken"]
    assert "broken: " in zoo("runs").out


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
    for way in (str(own), own.name, "digits_mlp@last", "runs/digits_mlp"):
        result = zoo("show", way)
        assert result.out.startswith(f"{own}      run of digits_mlp\n")
        assert "goal      test.accuracy >= 0.99999: missed, it is 0." in result.out
    assert result.out.splitlines()[-2:] == [f"report    {own}/report.html", f"next      zoo export {own}"]
    bundles = trained.bundle.path.parents[1]
    assert zoo("show", str(own), "--bundles", str(bundles)).out.endswith(f"next      zoo predict {trained.bundle.path} FILE\n")
    (own / "metrics.json").unlink()
    assert f"next      zoo evaluate {own}" in zoo("show", str(own)).out
    Run(own).mark("interrupted")
    assert f"next      zoo run {own}/experiment.yaml --resume" in zoo("show", str(own)).out
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


def test_html_names_classes_by_one_rule_and_draws_any_name(zoo):
    from zoo.data import prepare
    from zoo.jobs.pages import data as data_page

    Path("datasets").mkdir()
    images = np.zeros((60, 4, 4, 1), np.uint8)
    np.savez("datasets/few.npz", x=images, y=np.array([3, 7] * 30))
    lines = ["$x_$,kind,y", *(f"{n if n % 5 else ''},{'$a_$' if n % 3 else ''},{'$5_$' if n % 2 else 'b'}" for n in range(60))]
    Path("datasets/money.csv").write_text("\n".join(lines))
    for name, text in CARDS.items():
        Path(f"datasets/{name}.yaml").write_text(f"title: {name}\nlicence: none\ntask: classification\n{text}")
        assert zoo("show", name, "--html").out == f"wrote     {name}.html\n"
    page = Path("money.html").read_text()
    for part in ("<td>$x_$</td><td>number</td>", "Words of the training split", ">category</td>", "$5_$"):
        assert part in page
    few = load_card("few")
    classes = few.target.model_copy(update={"classes": tuple(f"class {n}" for n in range(8))})
    named = few.model_copy(update={"target": classes})
    for one, expected in ((few, ["3", "7"]), (named, ["class 3", "class 7"])):
        assert data_page._labels(prepare(one), np.arange(2)) == expected


CARDS = {
    "few": "source: {kind: npz, file: few.npz, features: x, target: y}\nimage: {shape: [4, 4, 1], range: [0, 255]}\ntarget: {name: y}\n",
    "money": "source: {kind: csv, file: money.csv}\ncolumns: {$x_$: number, kind: category}\ntarget: {name: y}\n",
}


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
    if columns == 60:
        said = lines.pop()
        assert said.startswith("(no room for: ")
        assert not [name for name in said[14:].partition(";")[0].split(", ") if name in lines[0].split()]
    first = [line.split()[0] for line in lines[1:] if not line.startswith("(no room")]
    assert first == (registry.list_models() if command == "models" else list(shelf.names(command)))


def test_narrow_runs_keep_met_and_missed(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "62")
    columns = ("experiment", "ID", "state", "test", "age", "goal")
    row = ("digits_cnn", "20261121-034512", "finished", "accuracy 0.9963", "3 h", "met: test.accuracy >= 0.985")
    tables.show(columns, [row], drop=("age", "test", "state"))
    _, line, said = capsys.readouterr().out.splitlines()
    assert "met: test.accuracy" in line
    assert said == "(no room for: test, age; --json has all)"


def test_long_lines_break_between_words_but_commands_stay_whole():
    line = "digits_cnn    cnn_small, 94,634 parameters, on digits: 1,797 images 8x8 in 10 classes (1,257 / 270 / 270)"
    assert tables.wrapped(line, 80).splitlines() == [
        "digits_cnn    cnn_small, 94,634 parameters, on digits: 1,797 images 8x8 in 10",
        "  classes (1,257 / 270 / 270)",
    ]
    assert tables.wrapped("keras-zoo 0.1.0, tensorflow 2.21.0", 20) == "keras-zoo 0.1.0,\n  tensorflow 2.21.0"
    command = "docker compose -f bundles/a_name_that_is_long/docker-compose.yml up"
    assert tables.wrapped(f"serve     {command}", 40, 10) == f"serve\n          {command}"
    path = "/a/path/of/some/length/that/has/no/room"
    assert tables.wrapped(f"bundle    {path}      proven without Keras", 30, 10).splitlines()[1:] == [
        f"          {path}",
        " " * 10 + "proven without Keras",
    ]
