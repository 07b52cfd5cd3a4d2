"""The NumPy twin: what stands around `model.onnx` is the same as in the graph."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from zoo.assembly import open_run
from zoo.bundles import Bundle
from zoo.data import prepare, preprocess
from zoo.exporting import twin
from zoo.runs import Run, read_json


def test_it_encodes_as_the_graph_does(bundle_and_run: tuple[Bundle, Run]) -> None:
    bundle, run = bundle_and_run
    opened = open_run(run)
    features = prepare(run.card).raw.features
    names = preprocess.served_names(opened.spec)
    right = preprocess.encode(opened.graph, features, names)
    said = twin.encode(read_json(bundle.formats / "preprocess.json"), {names[name]: values for name, values in features.items()})
    assert said.dtype == np.float32
    np.testing.assert_allclose(said, right, atol=1e-6 * max(1.0, np.abs(right).max()), rtol=0)


def test_it_decodes_as_the_graph_does(bundle_and_run: tuple[Bundle, Run]) -> None:
    bundle, run = bundle_and_run
    features = prepare(run.card).raw.features
    right = run.predict(features)
    kept = {name: right[name] for name in ("scores", "value") if name in right}
    said = twin.decode(read_json(bundle.formats / "preprocess.json"), kept)
    assert set(said) == set(right)
    for name, values in right.items():
        np.testing.assert_array_equal(said[name], values)


def test_the_onnx_file_is_valid_named_and_takes_any_batch(any_bundle: Bundle) -> None:
    path = str(any_bundle.formats / "model.onnx")
    onnx.checker.check_model(path, full_check=True)
    assert {one.version for one in onnx.load(path).opset_import if one.domain in ("", "ai.onnx")} == {18}
    session = onnxruntime.InferenceSession(path)
    (taken,) = session.get_inputs()
    assert taken.name == "features"
    assert [one.name for one in session.get_outputs()] == [name for name in any_bundle.manifest["answers"] if name in ("scores", "value")]
    for batch in (1, 5):
        answer = session.run(None, {"features": np.zeros((batch, *taken.shape[1:]), np.float32)})[0]
        assert len(answer) == batch


def test_it_needs_numpy_alone() -> None:
    imported = set()
    for node in ast.walk(ast.parse(Path(twin.__file__).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported == {"__future__", "collections", "typing", "numpy"}
