"""What evaluation writes, when it is killed, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from zoo import runs
from zoo.errors import ZooError
from zoo.evaluation import evaluate, predictions
from zoo.runs import Run

WRITTEN = ("reading.json", "predictions.parquet", "baseline.json", "report.html", "metrics.json")
SAME = ("metrics.json", "reading.json", "baseline.json", "report.html")


def test_a_second_evaluation_writes_the_same_bytes(digits, values, copy):
    for run in (digits, values):
        again = copy(run, without=WRITTEN)
        assert evaluate(again).metrics == run.metrics
        for name in SAME:
            mine, theirs = ((one.path / name).read_bytes().replace(str(one.path).encode(), b"") for one in (again, run))
            assert mine == theirs, name
        pd.testing.assert_frame_equal(*(pd.read_parquet(one.path / "predictions.parquet") for one in (again, run)))
        assert not list(again.path.glob(".*-*")), "a temporary file was left"


def test_the_json_files_say_their_format_and_hold_no_nan(digits, values):
    for run in (digits, values):
        for name in ("metrics.json", "reading.json", "baseline.json"):
            text = (run.path / name).read_text()
            assert json.loads(text)["format"] == 1
            assert "NaN" not in text


def test_predictions_hold_a_row_an_example(digits, values):
    table = pd.read_parquet(digits.path / "predictions.parquet")
    assert list(table.columns) == ["split", "id", "target", "label", "probability", *(f"score_{digit}" for digit in range(10))]
    for split in ("val", "test"):
        part = table[table["split"] == split]
        assert part["id"].tolist() == digits.data["parts"][split]["ids"]
        assert (part["target"] == part["label"]).mean() == pytest.approx(digits.metrics[split]["accuracy"])
    assert len(table) == 540
    np.testing.assert_allclose(table.filter(like="score_").max(axis=1), table["probability"])
    table = pd.read_parquet(values.path / "predictions.parquet").query("split == 'test'")
    assert list(table.columns) == ["split", "id", "target", "value"]
    assert (table["target"] - table["value"]).abs().mean() == pytest.approx(values.metrics["test"]["mae"], abs=1e-6)


def test_whichever_write_is_interrupted_no_metrics_are_left(digits, copy, monkeypatch):
    run, real = copy(digits, without=WRITTEN), runs.write_atomically
    for survived in range(20):
        left = [survived]

        def write(path: Path, make, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            real(path, make)

        for module in ("zoo.runs.files", "zoo.evaluation.judge", "zoo.evaluation.figures"):
            monkeypatch.setattr(f"{module}.write_atomically", write)
        try:
            evaluate(run)
        except KeyboardInterrupt:
            assert not (run.path / "metrics.json").exists()
        else:
            break
    assert 6 < survived < 20
    assert run.metrics == digits.metrics


KILLED = """
import os, signal, sys
from pathlib import Path
from zoo.evaluation import evaluate, predictions
from zoo.runs import Run
real = predictions.write
def write(*args):
    real(*args)
    os.kill(os.getpid(), signal.SIGKILL)
predictions.write = write
evaluate(Run(Path(sys.argv[1])))
"""


def test_killed_in_the_middle_it_starts_afresh_and_sweeps_up(values, copy):
    run = copy(values, without=WRITTEN)
    child = subprocess.run([sys.executable, "-c", KILLED, str(run.path)], capture_output=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert not (run.path / "metrics.json").exists()
    assert len(list(run.path.glob(".*-predictions.parquet"))) == 1
    assert evaluate(run).metrics == values.metrics
    assert not list(run.path.glob(".*-predictions.parquet"))


def test_the_sweep_leaves_what_a_living_process_writes(tmp_path):
    for name in (f".{os.getpid()}-mine", ".4999999-orphan"):
        (tmp_path / name).touch()
    runs.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f".{os.getpid()}-mine"]


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("model.keras", "cut", "model.keras cannot be loaded"),
        ("model.keras", "gone", "model.keras is missing"),
        ("preprocess.keras", "gone", "preprocess.keras is missing"),
        ("data.json", "cut", "data.json cannot be read"),
        ("card.yaml", "gone", "card.yaml"),
        ("history.csv", "gone", "history.csv is missing"),
        ("history.csv", "empty", "history.csv"),
        ("history.csv", "other", "history.csv has no column 'loss'"),
    ],
)
def test_a_broken_run_folder_is_refused_with_a_word(values, copy, name, damage, said):
    run = copy(values, without=WRITTEN)
    path = run.path / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"cut": path.read_bytes()[: path.stat().st_size // 2], "empty": b"", "other": b"epoch,x\n1,2\n"}[damage])
    with pytest.raises(ZooError, match=said):
        evaluate(Run(run.path))
    assert not (run.path / "metrics.json").exists()
    assert not list(run.path.glob(".*-*"))


def test_truncated_metrics_are_refused_when_read_and_made_again(values, copy):
    run = copy(values)
    (run.path / "metrics.json").write_text('{"format": 1, "val": {')
    with pytest.raises(ZooError, match="truncated"):
        _ = run.metrics
    assert evaluate(run).metrics == values.metrics


def test_an_unfinished_run_is_refused(values, copy):
    run = copy(values, without=WRITTEN)
    run.mark("interrupted")
    with pytest.raises(ZooError, match=r"is not finished \(it is interrupted\)"):
        evaluate(run)


def test_changed_data_is_refused_by_the_files_name(hostile, copy):
    run, file = copy(hostile, without=WRITTEN), Path(hostile.card.source.file.name)
    before = file.read_text("utf-8")
    try:
        file.write_text(before.replace("red", "green", 1), "utf-8")
        with pytest.raises(ZooError, match=r"the file .*rows\.csv changed since it was trained"):
            evaluate(run)
        file.unlink()
        with pytest.raises(ZooError, match=r"no data file .*rows\.csv"):
            evaluate(run)
    finally:
        file.write_text(before, "utf-8")
    assert evaluate(run).metrics == hostile.metrics


def test_another_split_of_the_same_rows_is_refused(values, copy):
    run = copy(values, without=WRITTEN)
    record = run.data
    record["parts"]["test"]["ids"] = record["parts"]["test"]["ids"][1:]
    with pytest.raises(ZooError, match="it is split or fitted otherwise now"):
        evaluate(run)


def test_outputs_that_are_not_finite_are_refused(values, copy):
    run = copy(values, without=WRITTEN)
    run.model.layers[-1].kernel.assign(run.model.layers[-1].kernel * np.nan)
    run.model.save(run.path / "model.keras")
    with pytest.raises(ZooError, match="the model's output is not finite for 88 of 88 val examples"):
        evaluate(Run(run.path))


MEMORY = """
import sys
from pathlib import Path
from types import SimpleNamespace
import keras, numpy as np
from zoo import runs
from zoo.config import Card, load_experiment
from zoo.data import prepare
from zoo.evaluation import evaluate, figures, judge, report  # what they import is no part of the growth

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024

folder, size = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
x = np.tile(rng.integers(0, 255, (1000, 32, 32, 1), np.uint8), (size // 1000 + 2, 1, 1, 1))
np.savez(folder / "x.npz", x_train=x, y_train=np.arange(len(x)) % 3)
del x
card = {"title": "x", "licence": "none", "task": "classification", "source": {"kind": "npz", "file": str(folder / "x.npz")},
        "image": {"type": "image", "shape": [32, 32, 1]}, "target": {"name": "y"},
        "split": {"kind": "fixed", "train": [0, 1000], "val": [1000, 2000], "test": [2000, size + 2000]}}
experiment = load_experiment({"dataset": card, "model": "cnn_small"})
data = prepare(experiment.card, "image")
image = keras.Input((32, 32, 1), name="image")
model = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))))
run = runs.create(folder, experiment, experiment.card, {"task": "classification"}, data.record())
data.graph.save(run.path / "preprocess.keras")
model.save(run.path / "model.keras")
(run.path / "history.csv").write_text("epoch,loss,val.loss,accuracy,val.accuracy\\n1,1,1,0,0\\n")
run.mark("finished")
run.dataset = data
Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
before = peak()
evaluate(run)
print("grew", peak() - before, "of", data.raw.features["image"].nbytes / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_memory_grows_by_the_answers_and_not_by_the_inputs(tmp_path):
    grown = {}
    for size in (10_000, 150_000):
        folder = tmp_path / str(size)
        folder.mkdir()
        child = subprocess.run([sys.executable, "-c", MEMORY, str(folder), str(size)], capture_output=True, check=False, text=True)
        assert child.returncode == 0, child.stderr
        grown[size] = float(child.stdout.split("grew")[1].split()[0])
    # 140,000 more examples are 137 MB of pixels, 550 MB as float32; the model's outputs and answers are some 10 MB
    assert grown[150_000] - grown[10_000] < 60, grown


def test_predictions_are_written_in_flat_memory(tmp_path):
    """Ten times the rows: arrow and NumPy hold a chunk at a time, so the allocations at the peak stay as they are."""
    import tracemalloc

    from zoo import tasks
    from zoo.evaluation.parts import Part

    task = tasks.make("classification", {"classes": ["a", "b", "c", "d"]})
    peaks = []
    for size in (40_000, 400_000):
        rows, outputs = np.arange(size), np.random.default_rng(0).normal(size=(size, 4)).astype(np.float32)
        said = predictions.answers(task, outputs, {"temperature": 1.0})
        part = Part("test", rows, rows % 3, np.array(task.classes, object)[rows % 3], outputs, said, {}, {}, {})
        tracemalloc.start()
        predictions.write(tmp_path / "x.parquet", task, rows, [part])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3, peaks
    table = pd.read_parquet(tmp_path / "x.parquet")
    np.testing.assert_array_equal(table["id"], rows)
    np.testing.assert_array_equal(table["target"], part.target)
    np.testing.assert_array_equal(table["label"], np.array(task.classes, object)[outputs.argmax(1)])
