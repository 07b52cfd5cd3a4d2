"""The proof: whatever differs, is invalid or crashes is found, and leaves no version behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import numpy_helper

from zoo.bundles import GOLDEN, MANIFEST, Bundle
from zoo.errors import Exit, ProofError
from zoo.exporting import examples, export, onnx_file, proof, release, saved_model
from zoo.exporting.golden import Golden
from zoo.runs import Run, read_json, write_json


def copy_of(bundle: Bundle, folder: Path) -> Path:
    shutil.copytree(bundle.formats, folder / "1.formats")
    return Path(shutil.copytree(bundle.path, folder / "1"))


def flip_a_weight(path: Path) -> None:
    model = onnx.load(path)
    weights = max(model.graph.initializer, key=lambda one: np.prod(one.dims))
    values = numpy_helper.to_array(weights).copy()
    values.reshape(-1)[:] *= -1
    weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    onnx.save(model, path)


def no_version_in(folder: Path) -> bool:
    return [path.name for path in folder.iterdir()] == [".lock"]


def test_a_released_bundle_can_be_proven_again_anywhere(digits: Bundle, tmp_path: Path) -> None:
    """By hand, in another folder, without the run."""
    folder = copy_of(digits, tmp_path)
    done = subprocess.run([sys.executable, "-m", "zoo.exporting.proof", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"max_difference"' in done.stdout.splitlines()[-1]


def test_keras_is_not_there_for_a_proof() -> None:
    code = """
import sys
from zoo.exporting import proof
assert "keras" not in sys.modules and "tensorflow" not in sys.modules
sys.meta_path.insert(0, proof.NoKeras())
import tensorflow
try:
    import keras
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "must answer without it" in done.stdout


def test_an_export_that_differs_leaves_nothing(diabetes_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph is written with another reading than the one that answered the golden examples."""

    def write(opened: Any, folder: Path) -> None:
        opened.reading["mean"] += 0.1
        saved_model.write(opened, folder)

    monkeypatch.setattr(release, "saved_model", type("tampered", (), {"write": staticmethod(write)}))
    with pytest.raises(ProofError, match="SavedModel, serving_default, batch 1: value differs") as raised:
        export(diabetes_run, tmp_path)
    assert raised.value.exit_code == Exit.PROOF == 5
    assert no_version_in(tmp_path / diabetes_run.name)


def test_an_onnx_file_that_differs_leaves_nothing(digits_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(opened: Any, folder: Path) -> None:
        onnx_file.write(opened, folder)
        flip_a_weight(folder / "model.onnx")

    monkeypatch.setattr(release, "onnx_file", type("tampered", (), {"write": staticmethod(write)}))
    with pytest.raises(ProofError, match="ONNX, serving_default, batch 1: "):
        export(digits_run, tmp_path)
    assert no_version_in(tmp_path / digits_run.name)


def test_a_conversion_that_fails_leaves_nothing(diabetes_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tf2onnx

    def fails(*args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("no such op")

    monkeypatch.setattr(tf2onnx.convert, "from_function", fails)
    with pytest.raises(ProofError, match="ONNX: tf2onnx cannot convert the model: no such op"):
        export(diabetes_run, tmp_path)
    assert no_version_in(tmp_path / diabetes_run.name)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo a oneDNN check >&2; kill -ABRT $$", r"crashes its process \(SIGABRT\)\n  a oneDNN check"),
        ("echo out of memory >&2; exit 9", "broke off\n  out of memory"),
        ("sleep 30", "did not end within 0.2 seconds"),
    ],
)
def test_a_proof_that_dies_is_told(digits: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/bash\n{'exec ' if script.startswith('sleep') else ''}{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(release.sys, "executable", str(python))
    monkeypatch.setattr(release, "PROOF_SECONDS", 0.2 if script.startswith("sleep") else 60)
    with pytest.raises(ProofError, match=message):
        release.proven(digits.path, digits.path / GOLDEN)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_spec(path: Path) -> None:
    spec = read_json(path)
    spec["preprocess"]["scale"] *= 1.01
    write_json(path, {key: value for key, value in spec.items() if key != "format"})


def two_more_inputs(path: Path) -> None:
    """As Keras's own ONNX export leaves an adapted Normalization."""
    model = onnx.load(path)
    model.graph.input.append(onnx.helper.make_tensor_value_info("mean", onnx.TensorProto.FLOAT, [1]))
    onnx.save(model, path)


def unknown_op(path: Path) -> None:
    model = onnx.load(path)
    model.graph.node[0].op_type = "NoSuchOp"
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("1.formats/model.onnx", flip_a_weight, "ONNX, serving_default"),
        ("1.formats/model.onnx", truncate, "ONNX: the file is invalid"),
        ("1.formats/model.onnx", unknown_op, "ONNX: the file is invalid"),
        ("1.formats/model.onnx", two_more_inputs, "ONNX, serving_default: no answer at batch 1"),
        ("1.formats/preprocess.json", other_spec, "ONNX, serving_default"),
        ("1/saved_model.pb", truncate, "SavedModel: TensorFlow cannot load it"),
        ("1/variables/variables.index", Path.unlink, "SavedModel: TensorFlow cannot load it"),
    ],
)
def test_a_spoilt_file_is_found(digits: Bundle, tmp_path: Path, name: str, spoil: Callable[[Path], None], message: str) -> None:
    folder = copy_of(digits, tmp_path)
    golden = Golden.load(folder / GOLDEN)
    spoil(tmp_path / name)
    with pytest.raises(ProofError, match=message):
        proof.prove(folder, golden)


@pytest.mark.parametrize("signature", ["serving_default", "serving_bytes"])
@pytest.mark.parametrize(
    ("answer", "change"), [("label", lambda x: np.roll(x, 1)), ("scores", lambda x: x + 3e-5), ("probability", lambda x: x * np.nan)]
)
def test_every_answer_of_every_signature_is_compared(digits: Bundle, signature: str, answer: str, change: Callable) -> None:
    golden = Golden.load(digits.path / GOLDEN)
    golden.answers[signature][answer] = change(golden.answers[signature][answer])
    with pytest.raises(ProofError, match=f"SavedModel, {signature}, batch 1: {answer} differs"):
        proof.prove(digits.path, golden)


def test_a_model_that_knows_one_batch_size_only_is_found(tmp_path: Path, diabetes: Bundle) -> None:
    class Baked(tf.Module):
        @tf.function
        def serve(self, **columns: Any) -> dict[str, Any]:
            return {"value": tf.ensure_shape(tf.add_n(list(columns.values())), (1,))}

    module, golden = Baked(), Golden.load(diabetes.path / GOLDEN)
    specs = {name: tf.TensorSpec((None,), tf.float32, name=name) for name in diabetes.manifest["inputs"]}
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"serving_default": module.serve.get_concrete_function(**specs)})
    (tmp_path / "1" / MANIFEST).parent.mkdir(parents=True)
    write_json(tmp_path / "1" / MANIFEST, {"reading": {}, "proof": {"saved_model": None}})
    loaded = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    columns = golden.inputs["serving_default"]
    alone = [loaded(**{name: tf.constant(values[i : i + 1]) for name, values in columns.items()})["value"].numpy() for i in range(16)]
    golden.answers["serving_default"] = {"value": np.concatenate(alone)}
    with pytest.raises(ProofError, match="no answer at batch 16"):
        proof.prove(tmp_path / "1", golden)


@pytest.mark.parametrize(
    ("unit", "apart", "passes"),
    [(1.0, 0.9e-5, True), (1.0, 1.2e-5, False), (1e6, 5.0, True), (1e6, 15.0, False), (1e-6, 0.9e-11, True), (1e-6, 1.2e-11, False)],
)
def test_the_tolerance_is_in_units_of_what_was_learned(unit: float, apart: float, passes: bool) -> None:
    """A profit around 0 with a deviation of a million, and a concentration of a millionth, are both held to the same."""
    right, said = {"value": np.zeros(1)}, {"value": np.full(1, apart)}
    if passes:
        assert proof.compare("here", right, said, 1e-5, unit) == pytest.approx(apart / unit)
    else:
        with pytest.raises(ProofError, match="value differs from the trained model's"):
            proof.compare("here", right, said, 1e-5, unit)


def test_samples_that_are_images_are_compared_by_the_range_of_pixels():
    black = np.full((2, 8, 8, 1), 3e-4, np.float32)
    assert proof.compare("here", {"sample": black}, {"sample": black + np.float32(1e-3)}, 1e-5, 1.0) == pytest.approx(1e-3 / 255, rel=1e-3)
    with pytest.raises(ProofError, match="sample differs"):
        proof.compare("here", {"sample": black}, {"sample": black + np.float32(3e-3)}, 1e-5, 1.0)
    with pytest.raises(ProofError, match="sample differs"):
        proof.compare("here", {"sample": black[:, 0, 0]}, {"sample": black[:, 0, 0] + np.float32(1e-3)}, 1e-5, 1.0)


def test_examples_are_spread_and_hold_missing_cells() -> None:
    numbers = np.arange(100, dtype=np.float32)
    numbers[[3, 50, 51, 52, 53, 98]] = np.nan
    rows = examples._choose({"a": numbers, "b": np.array([""] + ["x"] * 99)})
    assert len(rows) == 16
    assert set(rows[:2]) == {0, 1}  # row 0 lacks b
    assert {0, 3, 50, 51} <= set(rows.tolist())
    assert rows.max() == 99
    assert examples._choose({"a": np.arange(5.0)}).tolist() == [0, 1, 2, 3, 4]
    assert examples._choose({"a": np.full(3, np.nan)}).tolist() == [0, 1, 2]


def test_the_proof_survives_a_folder_of_the_users_own_modules(digits: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('not the one you want')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "PYTHONPATH", "")
    assert list(release.proven(digits.path, digits.path / GOLDEN)) == ["saved_model", "onnx"]
