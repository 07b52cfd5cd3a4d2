"""Bad input: one clear message, exit code 2, no traceback, nothing half-written. Names, YAML, values, data."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.config import load_card, load_experiment
from zoo.errors import ZooError

NAMES = {
    "experiment": (("run", "digits_cn"), "no experiment named 'digits_cn'", "did you mean: digits_cnn, digits_mlp"),
    "experiment file": (("run", "mine.yaml"), "no file mine.yaml", ""),
    "run": (("evaluate", "digits_cnn@lost"), "after @ stands 'last'", ""),
    "run that is not there": (("export", "20260101-000000"), "no run '20260101-000000' in runs", "all of them: zoo runs"),
    "last run of nothing": (("evaluate", "digits_cnn@last"), "no finished run of 'digits_cnn'", ""),
    "show": (("show", "digtis"), "nothing is named 'digtis'", "did you mean: digits"),
    "command": (("rnu", "digits_cnn"), "zoo has no command 'rnu'", "did you mean: run"),
    "flag": (("run", "digits_cnn", "--resum"), "zoo run has no option --resum", "did you mean: --resume"),
    "flag of zoo": (("--versoin",), "zoo has no option --versoin", "did you mean: --version"),
    "argument": (("run",), "zoo run needs NAME|FILE", "usage: zoo run [OPTIONS]"),
    "arguments": (("predict", "x"), "zoo predict needs FILE...", "usage: zoo predict [OPTIONS]"),
    "too many arguments": (("evaluate", "a", "b"), "unexpected extra argument", "usage: zoo evaluate"),
    "no number": (("models", "--max-params", "many"), "zoo models: --max-params should be a valid number", ""),
    "filter": (("models", "--task", "clasification"), "--task: nothing is of the task 'clasification'", "did you mean: classification"),
    "format": (("models", "--exports", "onx"), "--exports: nothing is of the format 'onx'", "did you mean: onnx"),
    "state": (("runs", "--state", "done"), "--state: nothing is of the state 'done'", "known: diverged, finished, interrupted, running"),
    "schema": (("schema", "crad"), "no schema of 'crad'", "did you mean: card"),
    "no value": (("run", "digits_cnn", "--set"), "option '--set' requires an argument", ""),
    "html of a run": (("show", "digits_cnn", "--html"), "--html shows models and datasets", "report.html"),
    "setting": (("run", "digits_cnn", "--set", "train.epochs"), "--set train.epochs: expected KEY=VALUE", ""),
    "setting without key": (("run", "digits_cnn", "--set", "=3"), "--set =3: expected KEY=VALUE", ""),
    "setting of a wrong type": (
        ("run", "digits_cnn", "--set", "train.epochs=many"),
        '--set train.epochs should be a whole number, not "many"',
        "",
    ),
    "setting unknown": (
        ("run", "digits_cnn", "--set", "train.epohs=3"),
        "--set train.epohs is not a setting of train",
        "did you mean: train.epochs",
    ),
    "setting of a setting": (("run", "digits_cnn", "--set", "train.seed.x=3"), "seed is 1, which has no settings", ""),
    "setting no YAML": (("run", "digits_cnn", "--set", "model=[1"), "--set model, line 1: does not parse as YAML", ""),
    "model by setting": (("run", "digits_cnn", "--set", "model=mpl"), "no model named 'mpl'", "did you mean: mlp"),
}


@pytest.mark.parametrize("what", NAMES)
def test_names(refused, what):
    words, expected, hint = NAMES[what]
    said = refused(*words)
    assert expected in said
    assert hint in said


def test_the_examples_of_the_first_hour(refused):
    assert refused("run", "digits_cn") == (
        "error: no experiment named 'digits_cn'\n"
        "  looked in ./experiments and in the experiments that come with keras-zoo\n"
        "  did you mean: digits_cnn, digits_mlp, spoken_digits_cnn\n"
        "  all of them: zoo experiments\n"
    )
    Path("mine.yaml").write_text("dataset: digits\nmodel: cnn_small\n\n\n\ntrain:\n  learning_rte: 0.1\n")
    assert refused("run", "mine.yaml") == (
        "error: mine.yaml, line 7: train.learning_rte is not a setting of train\n  did you mean: train.optimizer.learning_rate\n"
    )
    Path("mine.yaml").write_text("dataset: iris\nmodel: resnet20_cifar\n")
    first, second = refused("run", "mine.yaml").splitlines()
    assert first == "error: mine.yaml: model 'resnet20_cifar' takes images, but the dataset 'iris' gives vectors"
    assert second.startswith("  models that fit: linear, mlp")
    assert second.endswith("      zoo models --modality vector")


BASE = b"dataset: digits\nmodel: mlp\n"
BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n".encode() for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
YAML = {
    "does not parse": (b"dataset: [digits\nmodel: mlp\n", "mine.yaml, line 2: does not parse as YAML"),
    "a tab": (b"dataset: digits\ntrain:\n\tepochs: 3\n", "mine.yaml, line 3: does not parse as YAML"),
    "a key twice": (BASE + b"model: linear\n", "mine.yaml, line 3: the key 'model' stands twice (first in line 2)"),
    "NUL bytes": (BASE + b"task: \0\n", "mine.yaml: holds a character that YAML does not allow"),
    "no UTF-8": (BASE + b"task: \xff\n", "mine.yaml: not UTF-8 text"),
    "an alias bomb": (BOMB, "mine.yaml: more than 20,000 values once its aliases are unfolded"),
    "a python tag": (b"dataset: !!python/object/apply:os.system ['true']\nmodel: mlp\n", "mine.yaml, line 1: the tag"),
    "empty": (b"", "mine.yaml: the file is empty"),
    "comments only": (b"# nothing\n", "mine.yaml: the file is empty"),
    "a list": (b"- dataset\n- model\n", "mine.yaml: holds a list, where a mapping of keys is expected"),
    "a word": (b"digits\n", "mine.yaml: holds a str, where a mapping of keys is expected"),
    "a missing key": (b"dataset: digits\n", "mine.yaml, line 1: model is missing"),
    "an unknown key": (BASE + b"modle: mlp\n", "mine.yaml, line 3: modle is not a setting of an experiment\n  did you mean: model"),
    "a wrong type": (BASE + b"train: {epochs: many}\n", 'mine.yaml, line 3: train.epochs should be a whole number, not "many"'),
    "a value for a mapping": (BASE + b"train: 3\n", "mine.yaml, line 3: train should be a mapping of settings, not 3"),
    "epochs 0": (BASE + b"train: {epochs: 0}\n", "train.epochs should be greater than 0, not 0"),
    "batch -4": (BASE + b"train: {batch_size: -4}\n", "train.batch_size should be greater than 0, not -4"),
    "learning rate -1": (
        BASE + b"train:\n  optimizer:\n    learning_rate: -1\n",
        "mine.yaml, line 5: train.optimizer.learning_rate should be greater than 0",
    ),
    "a rate that is no number": (BASE + b"train: {optimizer: {learning_rate: .nan}}\n", "learning_rate should be a finite number"),
    "an unknown optimizer": (BASE + b"train: {optimizer: adamm}\n", "did you mean: adam"),
    "a setting of another optimizer": (BASE + b"train: {optimizer: {name: adam, momentum: 0.9}}\n", "adam has no momentum"),
    "an unknown metric": (BASE + b"goal: {metric: test.acuracy, at_least: 1}\n", "did you mean: test.accuracy"),
    "a metric of the test split in training": (BASE + b"train: {early_stopping: {monitor: test.loss}}\n", "did you mean: val.loss"),
    "an unknown hparam": (
        b"dataset: digits\nmodel: {name: mlp, hiden: [8]}\n",
        "model 'mlp' has no hparam 'hiden'\n  did you mean: hidden",
    ),
    "an unknown card": (b"dataset: digit\nmodel: mlp\n", "mine.yaml, line 1: no dataset named 'digit'"),
    "the wrong modality": (b"dataset: iris\nmodel: lenet5\n", "models that fit: linear, mlp"),
    "the wrong task": (BASE + b"task: regression\n", "the dataset 'digits' is for classification, not for regression"),
    "an unfit hparam": (b"dataset: digits\nmodel: {name: mlp, activation: relo}\n", "activation"),
}


@pytest.mark.parametrize("what", YAML)
def test_yaml(refused, what):
    text, expected = YAML[what]
    Path("mine.yaml").write_bytes(text)
    assert expected in refused("run", "mine.yaml")


def test_a_folder_instead_of_a_file(refused):
    Path("mine.yaml").mkdir()
    assert "mine.yaml is a folder, where a YAML file is expected" in refused("run", "mine.yaml")


def rows(*lines: str) -> str:
    return "\n".join(["age,net income,town,buys", *lines]) + "\n"


DATA = {
    "no target column": ({"card": ("name: buys", "name: sells")}, "people.csv has no target column 'sells'"),
    "no column": ({"card": ("age: number", "agee: number")}, "people.csv has no column 'agee'\n  did you mean: age"),
    "empty": ({"data": "\n"}, "people.csv is empty"),
    "no rows": ({"data": rows()}, "people.csv has a header but no rows"),
    "one class": ({"data": rows(*["30,1,Bern,yes"] * 40)}, "has one class only: yes"),
    "a column all missing": (
        {"data": rows(*["30,,Bern,yes", "20,,Chur,no"] * 30)},
        "column 'net income' of 'people' is missing in every training row",
    ),
    "not finite": ({"data": rows(*["30,1,Bern,yes", "20,inf,Chur,no"] * 30)}, "line 3: column 'net income' holds 'inf'"),
    "text for a number": ({"data": rows(*["30,1,Bern,yes", "20,much,Chur,no"] * 30)}, "line 3: column 'net income' holds 'much'"),
    "no file": ({"card": ("people.csv", "poeple.csv")}, "no data file"),
    "a folder": ({"card": ("people.csv", ".")}, "is a folder, where a file is expected"),
    "another hash": (
        {"card": ("file: people.csv", f"file: {{name: people.csv, sha256: {'a' * 64}}}")},
        "no file people.csv\n  put people.csv (sha256 aaaa",
    ),
}


@pytest.mark.parametrize("what", DATA)
def test_data(refused, own_files, what, monkeypatch):
    changed, expected = DATA[what]
    own_files(**changed)
    monkeypatch.setenv("ZOO_DATA_DIR", str(Path.cwd()))  # where a namesake with another hash is passed over
    assert expected in refused("run", "people")


def test_the_right_hash_is_found(own_files, zoo, monkeypatch):
    own_files()
    digest = hashlib.sha256(Path("datasets/people.csv").read_bytes()).hexdigest()
    own_files(card=("file: people.csv", f"file: {{name: people.csv, sha256: {digest}}}"))
    monkeypatch.setenv("ZOO_DATA_DIR", str(Path.cwd()))
    result = zoo("train", "people", "--set", "train.epochs=1")
    assert result.code == 0, result.err


def test_in_a_process_of_its_own(tmp_path):
    """The entry point, the exit code and the streams as a shell sees them; TensorFlow's own talk is not among them."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}

    def call(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "zoo", *words], cwd=tmp_path, env=environment | more, capture_output=True, text=True, check=False
        )

    done = call("run", "digits_cn")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no experiment named 'digits_cn'")
    assert "Traceback" not in done.stderr
    assert "Traceback" in call("run", "digits_cn", ZOO_DEBUG="1").stderr
    assert call("--version").stdout.startswith("keras-zoo ")
    (tmp_path / "runs").write_text("a file")
    done = call("train", "iris_mlp", "--set", "train.epochs=1")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("error: cannot make the folder runs/iris_mlp")


def test_a_bug_is_told_as_ours(zoo, monkeypatch):
    def broken(*_, **__):
        raise KeyError("lost")

    monkeypatch.setattr("zoo.jobs.pipeline.run_all", broken)
    result = zoo("run", "digits_cnn")
    assert (result.code, result.out) == (1, "")
    assert result.err == "error: a bug in keras-zoo: KeyError: 'lost'\n  see where: ZOO_DEBUG=1 zoo run digits_cnn\n"


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    shell = f"{sys.executable} -m zoo models --json | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize(("shelf", "load"), [("experiments", load_experiment), ("datasets", load_card)])
def test_a_spoilt_file_is_valid_or_refused(shelf, load, checkout, tmp_path):
    """Characters deleted, doubled and replaced at random: never anything but a ZooError or a valid configuration."""
    draw = random.Random(5)
    texts = [path.read_text() for path in sorted((checkout / shelf).glob("*.yaml"))]
    path, refused = tmp_path / "spoilt.yaml", []
    for _ in range(300):
        letters = list(draw.choice(texts))
        for _ in range(draw.randint(1, 6)):
            place = draw.randrange(len(letters))
            letters[place] = draw.choice(
                ["", letters[place] * 2, draw.choice("{}[]:,&*!|>'\"#%@`-?\n\t 019eé\0"), letters[draw.randrange(len(letters))]]
            )
        path.write_text("".join(letters), "utf-8")
        try:
            load(path)
        except ZooError as error:
            refused.append(error)
    assert len(refused) > 50
    assert all("spoilt" in error.what for error in refused)
