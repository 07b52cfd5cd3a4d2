"""`zoo run` and its three parts, for real and small."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import zoo as package
from zoo.cli import summary
from zoo.errors import Interrupted
from zoo.jobs import pipeline
from zoo.tasks import TASKS

SMALL = ("--set", "train.epochs=2", "--set", "model.hidden=[8]", "--set", "train.batch_size=256", "--set", "train.tensorboard=false")
ONLY = ("--set", "export.formats=[saved_model]")


@pytest.mark.slow
def test_run_tells_what_came_out_and_resume_repeats_nothing(zoo):
    first = zoo("run", "digits_mlp", *SMALL, *ONLY)
    assert first.code == 0, first.err
    lines = first.out.splitlines()
    assert lines[0].startswith("digits_mlp    mlp, ")
    assert "on digits: 1,797 images 8x8 in 10 classes" in lines[0]
    assert "  test      value  majority class" in lines
    run = next(Path("runs/digits_mlp").iterdir())
    assert any(line.startswith("goal      test.accuracy >= ") and "missed, it is 0." in line for line in lines)
    assert f"run       {run}" in lines
    assert f"report    {run}/report.html" in lines
    assert any(line.startswith("bundle    bundles/digits_mlp/1      proven without Keras on 16 golden examples") for line in lines)
    assert lines[-1] == "serve     docker compose -f bundles/digits_mlp/docker-compose.yml up"
    assert (run / "report.html").is_file()

    again = zoo("run", "digits_mlp", *SMALL, *ONLY, "--resume", "--json", "--enforce-goal")
    assert again.code == 4
    assert "is finished already" in again.err
    said = json.loads(again.out)
    assert said["run"] == str(run)
    assert said["state"] == "finished"
    assert said["goal"]["met"] is False
    assert said["goal"]["value"] == said["metrics"]["test"]["accuracy"]
    assert said["bundle"]["path"] == "bundles/digits_mlp/1"
    assert said["bundle"]["proof"]["saved_model"]["max_difference"] < 1e-4

    (run / "metrics.json").unlink()
    shutil.rmtree("bundles")
    done = zoo("run", "digits_mlp", *SMALL, *ONLY, "--resume")
    assert done.code == 0
    assert (run / "metrics.json").is_file()
    assert Path("bundles/digits_mlp/1").is_dir()
    assert [run] == list(Path("runs/digits_mlp").iterdir())


@pytest.mark.slow
def test_the_three_parts_one_by_one(zoo):
    trained = zoo("train", "iris_mlp", "--set", "train.epochs=2", "--set", "train.tensorboard=false")
    assert trained.code == 0, trained.err
    run = next(Path("runs/iris_mlp").iterdir())
    assert f"next      zoo evaluate {run}" in trained.out
    assert "best      epoch " in trained.out
    measured = zoo("evaluate", run.name)
    assert measured.code == 0, measured.err
    assert "  test      value  majority class" in measured.out
    assert f"next      zoo export {run}" in measured.out
    exported = zoo("export", "iris_mlp@last", "--bundles", "elsewhere")
    assert exported.code == 0, exported.err
    assert exported.out.startswith("bundle    elsewhere/iris_mlp/1      proven")


def test_an_experiment_without_a_goal_cannot_have_it_enforced(refused):
    Path("plain.yaml").write_text("dataset: digits\nmodel: mlp\n")
    assert "--enforce-goal: plain has no goal" in refused("run", "plain.yaml", "--enforce-goal")


def test_the_baseline_is_named_as_the_tasks_name_it():
    assert {name: task.baseline_name for name, task in TASKS.items()} == summary.BASELINE
    assert set(summary.SHOWN) == set(TASKS)


def test_an_interrupted_command_says_how_to_go_on(zoo, monkeypatch):
    def stopped(*_, **__):
        raise Interrupted("stopped at epoch 3 of 20: runs/digits_cnn/1", "go on: zoo run digits_cnn --resume")

    monkeypatch.setattr(pipeline, "run_all", stopped)
    result = zoo("run", "digits_cnn", "--set", "train.schedule={name: cosine}")
    assert result.code == 130
    expected = "stopped at epoch 3 of 20: runs/digits_cnn/1\n  go on: zoo run digits_cnn --set 'train.schedule={name: cosine}' --resume\n"
    assert result.err == expected


def test_ctrl_c_after_training_leaves_a_run_to_go_on_with(trained, tmp_path, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "train", lambda *_, **__: trained.run)
    monkeypatch.setattr(pipeline, "export", stopped)
    with pytest.raises(Interrupted, match="--resume"):
        package.run("digits_mlp", bundles=tmp_path)


def test_python_calls_take_a_run_in_every_way(trained):
    root = trained.run.path.parents[1]
    for way in (trained.run, trained.run.path, str(trained.run.path), trained.run.id, f"{trained.run.name}@last"):
        assert package.load_run(way, runs=root).path == trained.run.path
    bundles = trained.bundle.path.parents[1]
    for way in (trained.bundle, trained.bundle.path, trained.bundle.path.parent, trained.bundle.name):
        assert package.load_bundle(way, bundles=bundles).path == trained.bundle.path
    assert pipeline.bundle_of(trained.run, bundles).path == trained.bundle.path
    data = package.load_dataset("digits", batch_size=100, modality="vector")
    x, y = next(iter(data.val))
    assert (x.shape, y.shape) == ((100, 64), (100,))
    with pytest.raises(package.ZooError, match="at least 1"):
        package.load_dataset("digits", batch_size=0)


def test_an_experiment_is_loaded_with_its_overrides_once(trained):
    from zoo.config import load_experiment

    loaded = load_experiment("digits_mlp", {"train.epochs": 3})
    assert load_experiment(loaded).train.epochs == 3
    changed = load_experiment(loaded, {"train.seed": 9})
    assert (changed.train.epochs, changed.train.seed, changed.name, changed.card.name) == (3, 9, "digits_mlp", "digits")
    assert load_experiment(trained.run.experiment, ["dataset=iris", "train.epochs=1"]).card.name == "iris"
