"""`zoo run` and its three parts, for real and small."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import zoo as package
from zoo.cli import summary
from zoo.config import load_card, load_experiment, yamls
from zoo.config.metrics import TASK_FACTS
from zoo.errors import Interrupted
from zoo.jobs import pipeline
from zoo.jobs.experiments import differences, resume_command
from zoo.runs import Run, create, write_json
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
    again = json.loads(zoo("train", "iris_mlp", "--set", "train.epochs=2", "--set", "train.tensorboard=false", "--resume", "--json").out)
    assert (again["state"], again["metrics"], again["bundle"]) == ("finished", None, None)
    assert trained.code == 0, trained.err
    run = next(Path("runs/iris_mlp").iterdir())
    assert f"next      zoo evaluate {run}" in trained.out
    assert "best      epoch " in trained.out
    measured = zoo("evaluate", run.name)
    assert measured.code == 0, measured.err
    assert "  test      value  majority class" in measured.out
    assert f"next      zoo export {run}" in measured.out
    told = json.loads(zoo("evaluate", run.name, "--json").out)
    assert (told["run"], told["bundle"], set(told)) == (str(run), None, set(again))
    assert told["metrics"]["test"]["accuracy"] >= 0
    told = json.loads(zoo("export", run.name, "--bundles", "other", "--json").out)
    assert (told["bundle"]["path"], set(told)) == ("other/iris_mlp/1", set(again))
    exported = zoo("export", "iris_mlp@last", "--bundles", "elsewhere")
    assert exported.code == 0, exported.err
    assert exported.out.startswith("bundle    elsewhere/iris_mlp/1      proven")


def test_the_command_that_is_printed_for_an_unfinished_run_finishes_it(zoo, own):
    """`own` was trained with settings that no file of the shelf has, and by Python."""
    Run(own).mark("interrupted")
    words = shlex.split(next(line for line in zoo("show", str(own)).out.splitlines() if line.startswith("next "))[10:])
    assert words == ["zoo", "run", str(own / "experiment.yaml"), "--resume"]
    words[1] = "train"
    result = zoo(*words[1:])
    assert result.code == 0, result.err
    assert Run(own).state == "finished"
    assert [own] == list(Path("runs/digits_mlp").iterdir())


def test_a_run_of_the_shelfs_settings_goes_on_by_its_name(zoo, trained):
    run = create(Path("runs"), load_experiment("digits_mlp"), load_card("digits"), {}, {})
    assert resume_command(run, Path("runs")) == "zoo run digits_mlp --resume"
    run = create(Path("else where"), load_experiment("digits_mlp"), load_card("digits"), {}, {})
    assert resume_command(run, Path("else where")) == "zoo run digits_mlp --resume --runs 'else where'"


def test_resume_without_an_equal_run_tells_of_the_other(zoo, own):
    Run(own).mark("interrupted")
    changed = load_experiment(Run(own).experiment, {"train.epochs": 1, "train.optimizer": {"name": "sgd"}})
    assert set(differences(Run(own).experiment, changed)) >= {"train.epochs=2"}
    assert load_experiment(changed, differences(Run(own).experiment, changed)).model_dump() == Run(own).experiment.model_dump()
    Path("digits_mlp.yaml").write_text(yamls.dump(changed.model_dump(mode="json")))
    result = zoo("train", "digits_mlp.yaml", "--resume")
    assert result.code == 0, result.err
    assert f"note: no unfinished run of these settings; {own} is unfinished with train.epochs=2" in result.err


def test_a_dataset_or_a_model_is_no_experiment(refused):
    said = refused("run", "digits")
    assert "no experiment named 'digits': that is a dataset" in said
    assert "experiments of it: digits_cnn, digits_mlp      zoo experiments --dataset digits" in said
    assert "no experiment named 'cnn_small': that is a model" in (said := refused("train", "cnn_small"))
    assert "run one: zoo run cifar10_cnn" in said


def test_a_threshold_that_is_not_a_half_is_told(zoo, table):
    run = Path("runs/people/1")
    shutil.copytree(table.run.path, run)
    for threshold, said in ((0.41799, "reads     yes at 0.418 and above (threshold fitted on val)"), (0.5, "")):
        write_json(run / "reading.json", {**table.run.reading, "threshold": threshold})
        shown = zoo("show", str(run)).out
        assert said in shown
        assert ("\nreads  " in shown) == bool(said)
    assert summary.reads({"threshold": 0.41799, "classes": ["no", "yes"]}) == "yes at 0.418 and above (threshold fitted on val)"
    assert ("reads  " in zoo("show", str(table.bundle.path)).out) == (table.run.reading["threshold"] != 0.5)


def test_errors_stand_with_their_unit(trained, monkeypatch):
    card = load_card("diabetes")
    unit = card.model_copy(update={"target": card.target.model_copy(update={"unit": "1e5 USD"})})
    scores = {"mae": 1.0, "rmse": 2.0, "r2": 0.5}
    run = SimpleNamespace(facts={"task": "regression"}, card=unit, metrics={"test": scores}, baselines={"training mean": scores})
    assert [row[0] for row in summary.measured(run)] == ["mae (1e5 USD)", "rmse (1e5 USD)", "r2"]


def test_the_pace_is_the_median_without_the_first_epoch(monkeypatch):
    from zoo.training import progress

    clock = iter([30.0, 31.0, 32.0, 41.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    line = progress.ProgressLine(0, 10)
    line.wide = True
    told = []
    for epoch in range(4):
        line.on_epoch_end(epoch, {"loss": 1.0})
        told.append(line._pace(10 - epoch - 1))
    assert told == ["", " 1.0 s an epoch, 8 s left", " 1.0 s an epoch, 7 s left", " 1.0 s an epoch, 6 s left"]


def test_the_first_epoch_shows_its_running_loss():
    from zoo.training.progress import ProgressLine

    line, told = ProgressLine(0, 2), []
    line.line = SimpleNamespace(update=lambda task, **facts: told.append(facts.get("facts")))
    line.task, line.wide = 0, False
    line.set_params({"steps": 2})
    for epoch in range(2):
        line.on_epoch_begin(epoch)
        line.on_train_batch_end(0, {"loss": 0.25})
        line.on_epoch_end(epoch, {"loss": 0.125})
    assert told[:3] == [None, "loss 0.250", "loss 0.125"]
    assert told[3] is None
    assert told[4].startswith("loss 0.125   0 s left")


def test_an_experiment_without_a_goal_cannot_have_it_enforced(refused):
    Path("plain.yaml").write_text("dataset: digits\nmodel: mlp\n")
    assert "--enforce-goal: plain has no goal" in refused("run", "plain.yaml", "--enforce-goal")


def test_the_baseline_is_named_as_the_tasks_name_it():
    assert {name: task.baseline_name for name, task in TASKS.items()} == {name: facts.baseline for name, facts in TASK_FACTS.items()}


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
    loaded = load_experiment("digits_mlp", {"train.epochs": 3})
    assert load_experiment(loaded).train.epochs == 3
    changed = load_experiment(loaded, {"train.seed": 9})
    assert (changed.train.epochs, changed.train.seed, changed.name, changed.card.name) == (3, 9, "digits_mlp", "digits")
    assert load_experiment(trained.run.experiment, ["dataset=iris", "train.epochs=1"]).card.name == "iris"
