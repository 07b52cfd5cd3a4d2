"""Training: what is kept, when it stops, how the rate moves, and what is refused."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import pty
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import optimizers, runs
from zoo.assembly import assemble
from zoo.config import load_experiment
from zoo.config.experiment import OPTIMIZERS, Optimizer, Schedule
from zoo.errors import DivergedError, ZooError
from zoo.evaluation import evaluate
from zoo.registry import register_model
from zoo.runs.stopping import check_stop, stoppable
from zoo.training import learn, train
from zoo.training.fitting import _class_weights

DIGITS = {"dataset": "digits", "model": {"name": "mlp", "hidden": [32]}, "train": {"epochs": 6, "batch_size": 128}}

DIABETES = {
    "title": "diabetes", "licence": "none", "task": "regression", "source": {"kind": "sklearn", "name": "diabetes"},
    "columns": {"age": "number", "bmi": "number", "bp": "number"}, "target": {"name": "progression"},
}  # fmt: skip


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    return train(load_experiment(DIGITS), runs=tmp_path_factory.mktemp("runs"))


def rate(schedule: dict, step: int, *, steps_per_epoch=10, epochs=10) -> float:
    made = optimizers.make(
        Optimizer(name="sgd", learning_rate=0.5), Schedule.model_validate(schedule), steps_per_epoch=steps_per_epoch, epochs=epochs
    )
    made.build([keras.Variable(1.0)])
    made.iterations.assign(step)
    return float(made.learning_rate)


def test_the_best_weights_are_kept(trained):
    history = trained.history
    best = int(history["val.loss"].argmin()) + 1
    assert trained.facts["best_epoch"] == best
    experiment = trained.experiment
    data = assemble(experiment).data.encoded["val"]
    logits = trained.model.predict(data.x, verbose=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(data.y, logits)
    assert float(loss) == pytest.approx(history["val.loss"].min(), rel=1e-5)


def test_the_run_folder_holds_every_default_and_the_state(trained):
    assert trained.state == "finished"
    for name in ("run.json", "experiment.yaml", "card.yaml", "data.json", "history.csv", "model.keras", "preprocess.keras", "train.log"):
        assert (trained.path / name).stat().st_size > 0, name
    text = (trained.path / "experiment.yaml").read_text()
    assert "weight_decay: 0.004" in text
    assert "patience: 5" in text
    assert list(trained.history.columns) == ["epoch", "accuracy", "loss", "val.accuracy", "val.loss", "learning_rate"]
    assert trained.facts["threads"] >= 1
    assert (trained.data["parts"]["train"]["rows"], trained.data["parts"]["test"]["rows"]) == (1257, 270)


def test_the_same_experiment_gives_the_same_weights_in_one_process(trained, tmp_path):
    again = train(load_experiment(DIGITS), runs=tmp_path)
    for one, other in zip(trained.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    another_seed = train(load_experiment(DIGITS, {"train.seed": 2, "train.epochs": 1}), runs=tmp_path)
    assert another_seed.data["parts"] == again.data["parts"], "train.seed moved a row of the split"
    assert not np.array_equal(another_seed.model.get_weights()[0], again.model.get_weights()[0])


def test_resume_of_a_finished_run_says_so_and_of_none_starts(trained, caplog, tmp_path):
    caplog.set_level(logging.INFO, "zoo")
    root = trained.path.parents[1]
    assert train(load_experiment(DIGITS), runs=root, resume=True).path == trained.path
    assert "is finished already" in caplog.text
    assert train(load_experiment(DIGITS, {"train.epochs": 1}), runs=tmp_path, resume=True).state == "finished"


def test_early_stopping_stops_and_says_which_epoch_is_kept(tmp_path, caplog):
    caplog.set_level(logging.INFO, "zoo")
    overrides = {
        "train.epochs": 200,
        "train.optimizer.learning_rate": 0.02,
        "train.early_stopping": {"monitor": "val.accuracy", "patience": 3},
    }
    run = train(load_experiment(DIGITS, overrides), runs=tmp_path)
    history = run.history
    best = int(history["val.accuracy"].argmax()) + 1
    assert len(history) == best + 3 < 200
    assert f"stopped at epoch {best + 3}: val.accuracy has not improved for 3 epochs; the weights of epoch {best} are kept" in caplog.text


def test_schedules_follow_their_formulas():
    assert rate({"name": "constant"}, 50) == pytest.approx(0.5)
    assert rate({"name": "cosine"}, 50) == pytest.approx(0.25)
    assert rate({"name": "cosine", "end": 0.2}, 100) == pytest.approx(0.1)
    assert rate({"name": "exponential", "end": 0.01}, 50) == pytest.approx(0.05)
    assert rate({"name": "plateau"}, 99) == pytest.approx(0.5)
    for name in ("constant", "cosine", "exponential", "plateau"):
        warm = [rate({"name": name, "warmup": 0.1}, step) for step in range(10)]
        assert warm == pytest.approx([0.05 * (step + 1) for step in range(10)]), name
    middle = 0.5 * 0.5 * (1 + math.cos(math.pi * 45 / 90))
    assert rate({"name": "cosine", "warmup": 0.1}, 55) == pytest.approx(middle, rel=1e-5)


def test_a_plateau_lowers_the_rate(tmp_path):
    overrides = {
        "train.epochs": 12,
        "train.early_stopping": None,
        "train.schedule": {"name": "plateau", "patience": 1, "factor": 0.1},
        "train.optimizer.learning_rate": 0.1,
    }
    history = train(load_experiment(DIGITS, overrides), runs=tmp_path).history
    rates, losses = history["learning_rate"].tolist(), history["val.loss"].tolist()
    expected, best, now = [], math.inf, 0.1
    for loss in losses:
        expected.append(now)
        best, now = (loss, now) if loss < best else (best, now * 0.1)
    assert rates == pytest.approx(expected, rel=1e-5)
    assert rates[-1] < 0.1


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_learns(name):
    made = optimizers.make(
        Optimizer.model_validate({"name": name, "learning_rate": 0.05, "clip_norm": 1.0}), Schedule(), steps_per_epoch=1, epochs=1
    )
    weight, bias = keras.Variable(np.ones((3, 1)), name="kernel"), keras.Variable(np.ones(1), name="bias")
    made.build([weight, bias])
    made.apply([keras.ops.ones((3, 1)), keras.ops.ones(1)], [weight, bias])
    assert (weight.numpy() < 1).all()
    assert (bias.numpy() < 1).all()


def test_weight_decay_leaves_biases_alone():
    made = optimizers.make(Optimizer(name="adamw", learning_rate=0.1, weight_decay=0.5), Schedule(), steps_per_epoch=1, epochs=1)
    weight, bias = keras.Variable(np.ones((2, 1)), name="kernel"), keras.Variable(np.ones(1), name="bias")
    made.build([weight, bias])
    made.apply([keras.ops.zeros((2, 1)), keras.ops.zeros(1)], [weight, bias])
    assert weight.numpy() == pytest.approx(0.95)
    assert bias.numpy() == pytest.approx(1.0)


def test_class_weights_make_classes_count_the_same(tmp_path):
    path = tmp_path / "rare.csv"
    path.write_text("x,y\n" + "\n".join(f"{row % 7},{'rare' if row % 10 == 0 else 'usual'}" for row in range(200)))
    card = {
        "title": "rare", "licence": "none", "task": "classification", "source": {"kind": "csv", "file": str(path)},
        "columns": {"x": "number"}, "target": {"name": "y"},
    }  # fmt: skip
    assembled = assemble(load_experiment({"dataset": card, "model": "linear", "imbalance": "class_weight"}))
    weights, y = _class_weights(assembled), assembled.data.encoded["train"].y
    assert weights is not None
    sums = [weights[label] * (y == label).sum() for label in (0, 1)]
    assert sums[0] == pytest.approx(sums[1])
    assert sum(sums) == pytest.approx(len(y), rel=1e-5)


def test_built_and_compiled_as_measured_to_be_fast():
    model = assemble(load_experiment(DIGITS)).model
    assert model.steps_per_execution == 10  # 1,257 rows in batches of 128
    assert model.jit_compile is False
    assert assemble(load_experiment(DIGITS, {"train.batch_size": 8})).model.steps_per_execution == 16


def test_a_nan_loss_stops_and_keeps_the_last_good_weights(tmp_path):
    rising = {"epochs": 40, "early_stopping": None, "optimizer": {"name": "sgd", "learning_rate": 9.0}, "schedule": {"warmup": 0.99}}
    experiment = load_experiment({"dataset": DIABETES, "model": "linear", "train": rising})
    with pytest.raises(DivergedError, match="diverged in epoch") as caught:
        train(experiment, runs=tmp_path)
    (run,) = runs.all_runs(tmp_path)
    assert caught.value.exit_code == 6
    assert run.state == "diverged"
    assert "smaller learning rate" in str(caught.value)
    assert all(np.isfinite(value).all() for value in run.model.get_weights())
    assert run.facts["best_epoch"] < len(run.history)


def test_a_nan_in_the_first_epoch_keeps_nothing(tmp_path):
    with pytest.raises(DivergedError, match="no weights are kept"):
        train(load_experiment(DIGITS, {"train.optimizer": {"name": "sgd", "learning_rate": 1e30}}), runs=tmp_path)
    (run,) = runs.all_runs(tmp_path)
    assert run.state == "diverged"
    assert not (run.path / "model.keras").exists()


def test_event_files_hold_the_curves(trained):
    found = {}
    for part in ("train", "validation"):
        (path,) = (trained.path / "events" / part).glob("*.tfevents*")
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found[part, value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    assert found["validation", "epoch_loss", 3] == pytest.approx(trained.history["val.loss"][2])
    assert found["train", "epoch_accuracy", 6] == pytest.approx(trained.history["accuracy"][5])


def test_the_log_has_a_line_an_epoch(trained):
    lines = (trained.path / "train.log").read_text().splitlines()
    assert sum(" epoch " in line and "val.loss" in line for line in lines) == 6
    assert "mlp" in lines[0]


def test_val_loss_is_the_tasks_also_with_a_penalty(tmp_path):
    run = train(load_experiment(DIGITS, {"model.l2": 0.1, "train.epochs": 2}), runs=tmp_path)
    evaluate(run)
    best = run.history.set_index("epoch").loc[run.facts["best_epoch"]]
    assert best["val.loss"] == pytest.approx(run.metrics["val"]["loss"], rel=1e-4)
    assert best["loss"] > best["val.loss"] + 0.5, "the penalty is part of what training lowers"


def test_a_monitor_that_val_cannot_give_is_refused_before_training(tmp_path):
    rows = "\n".join(f"{row},{int(5 <= row < 15)}" for row in range(40))
    (tmp_path / "rows.csv").write_text("x,y\n" + rows)
    card = {
        "title": "rows", "licence": "none", "task": "classification", "source": {"kind": "csv", "file": str(tmp_path / "rows.csv")},
        "columns": {"x": "number"}, "target": {"name": "y"},
        "split": {"kind": "fixed", "train": [0, 20], "val": [20, 30], "test": [30, 40]},
    }  # fmt: skip
    with pytest.raises(ZooError, match=r"val\.roc_auc cannot be computed"):
        train(load_experiment({"dataset": card, "model": "linear", "train": {"keep_best": "val.roc_auc"}}), runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("keep_best", ["val.roc_auc", "val.accuracy"])
def test_exploded_weights_are_never_the_best(keep_best, tmp_path):
    overrides = {"train.keep_best": keep_best, "train.batch_size": 2000, "train.optimizer": {"name": "sgd", "learning_rate": 1e38}}
    with pytest.raises(DivergedError, match="no weights are kept"):
        train(load_experiment(DIGITS, overrides), runs=tmp_path)
    (run,) = runs.all_runs(tmp_path)
    assert run.state == "diverged"


def test_a_model_that_does_not_fit_the_task_leaves_no_run(own_registry, tmp_path):
    @register_model("three_for_one", modality="vector", tasks=("regression",), example={"input_shape": (3,), "num_outputs": 1})
    def three_for_one(input_shape, num_outputs):
        vector = keras.Input(input_shape)
        return keras.Model(vector, keras.layers.Dense(3)(vector))

    with pytest.raises(ZooError, match=r"'three_for_one' gives \(None, 3\)"):
        train(load_experiment({"dataset": DIABETES, "model": "three_for_one"}), runs=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_resume_that_waited_finds_the_run_finished(trained, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "zoo")
    run = unfinished_copy(trained, tmp_path)
    given = learn.assemble
    monkeypatch.setattr(learn, "assemble", lambda experiment, **more: (run.mark("finished"), given(experiment, **more))[1])
    before = (run.path / "model.keras").read_bytes()
    assert train(load_experiment(DIGITS), runs=tmp_path, resume=True).state == "finished"
    assert "finished already" in caplog.text
    assert (run.path / "model.keras").read_bytes() == before


def unfinished_copy(trained, root):
    """The trained run as if it had been stopped after its last checkpoint."""
    import shutil

    path = root / trained.name / trained.id
    shutil.copytree(trained.path, path)
    run = runs.Run(path)
    run.mark("interrupted")
    return run


def test_resume_under_other_threads_is_refused(trained, tmp_path):
    run = unfinished_copy(trained, tmp_path)
    run.mark("interrupted", threads=run.facts["threads"] + 1)
    with pytest.raises(ZooError, match="threads"):
        train(load_experiment(DIGITS), runs=tmp_path, resume=True)


def test_resume_on_changed_data_is_refused_and_names_the_file(tmp_path):
    path = tmp_path / "rows.csv"
    rows = [f"{row % 11},{row % 2}" for row in range(120)]
    path.write_text("x,y\n" + "\n".join(rows))
    card = {
        "title": "rows", "licence": "none", "task": "classification", "source": {"kind": "csv", "file": str(path)},
        "columns": {"x": "number"}, "target": {"name": "y"},
    }  # fmt: skip
    experiment = {"dataset": card, "model": "linear", "train": {"epochs": 1}}
    run = train(load_experiment(experiment), runs=tmp_path / "runs")
    run.mark("interrupted")
    path.write_text("x,y\n" + "\n".join([*rows[:-1], "3,0"]))
    with pytest.raises(ZooError, match=r"rows\.csv changed"):
        train(load_experiment(experiment), runs=tmp_path / "runs", resume=True)


def test_without_resume_an_unfinished_run_is_mentioned(trained, tmp_path, caplog):
    unfinished_copy(trained, tmp_path)
    train(load_experiment(DIGITS), runs=tmp_path)
    assert "stopped at epoch" in caplog.text
    assert "add --resume to finish it" in caplog.text
    assert len(runs.all_runs(tmp_path)) == 2


def test_a_broken_checkpoint_is_named(trained, tmp_path):
    run = unfinished_copy(trained, tmp_path)
    (run.path / "checkpoints" / "last.npz").write_bytes(b"PK half")
    with pytest.raises(ZooError, match=r"last\.npz cannot be read"):
        train(load_experiment(DIGITS), runs=tmp_path, resume=True)


def test_two_processes_never_write_one_run(trained, tmp_path):
    run = unfinished_copy(trained, tmp_path)
    with runs.locked(run.path, "the run"), pytest.raises(ZooError, match="is being written by process"):
        train(load_experiment(DIGITS), runs=tmp_path, resume=True)


def test_mixed_precision_trains_and_leaves_float32_behind(tmp_path):
    run = train(load_experiment(DIGITS, {"train.precision": "mixed_bfloat16", "train.epochs": 1}), runs=tmp_path)
    assert run.history["loss"].notna().all()
    assert keras.mixed_precision.dtype_policy().name == "float32"


CHILD = """
import sys, logging
from pathlib import Path
import zoo
from zoo.errors import ZooError
try:
    zoo.train({experiment!r}, {{"train.epochs": int(sys.argv[2]), "train.early_stopping": None}}, runs=Path(sys.argv[1]))
except ZooError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_resumable_run_and_says_how_to_go_on(number, tmp_path):
    code = CHILD.format(experiment=DIGITS)
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), "5000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # who started the tests may ignore it
    )
    while not list(tmp_path.glob("*/*/history.csv")):
        assert child.poll() is None, child.stderr.read()
        time.sleep(0.05)
    child.send_signal(number)
    out, said = child.communicate(timeout=60)
    assert child.returncode == 130, said
    assert "--resume" in out
    assert "Traceback" not in said
    (run,) = runs.all_runs(tmp_path)
    assert run.state == "interrupted"


@pytest.fixture
def interruptible():
    """SIGINT as a terminal's process has it: who started the tests may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_ignored_signal_stays_ignored(interruptible):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stoppable():
        os.kill(os.getpid(), signal.SIGINT)
        check_stop()


def test_a_wish_to_stop_that_was_swallowed_is_remembered(interruptible):
    with stoppable():
        with stoppable(), contextlib.suppress(KeyboardInterrupt):  # as a destructor would
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        with pytest.raises(KeyboardInterrupt):
            check_stop()
    check_stop()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_progress_line_is_for_terminals_only(tmp_path):
    code = CHILD.format(experiment=DIGITS)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TERM": "xterm", "COLUMNS": "120"}
    screen, inside = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "tty"), "30"], stdout=subprocess.PIPE, stderr=inside, env=environment
    )
    os.close(inside)
    shown = b""
    try:
        while block := os.read(screen, 4096):
            shown += block
    except OSError:  # the child has closed its end
        os.close(screen)
    assert child.wait() == 0
    assert b"epoch 30/30" in shown
    assert b"s an epoch" in shown
    plain = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "pipe"), "3"], capture_output=True, env=environment, text=True, check=True
    )
    assert "epoch" not in plain.stdout + plain.stderr


def test_snapshot_facts_are_plain_json(trained):
    with np.load(trained.path / "checkpoints" / "last.npz", allow_pickle=False) as archive:
        facts = json.loads(archive["facts"].tobytes())
    assert facts["format"] == 1
    assert set(facts["callbacks"]) >= {"best", "early_stopping", "history"}
