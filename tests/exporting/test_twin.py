"""The NumPy twin: what stands around `model.onnx` is the same as in the graph."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from zoo.assembly import open_run
from zoo.bundles import Bundle
from zoo.config import load_experiment
from zoo.data import prepare, preprocess
from zoo.evaluation import evaluate
from zoo.exporting import export, twin
from zoo.runs import Run, read_json
from zoo.training import train


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
    assert imported == {"__future__", "collections", "re", "typing", "unicodedata", "numpy"}


WAYS = {
    "a": {"type": "number", "scale": "quantile", "indicator": True},
    "b": {"type": "number", "bins": 4},
    "c": {"type": "number", "scale": "log", "clip": [-3, 3]},
    "yes": "boolean",
    "when": {"type": "datetime", "parts": ["month", "elapsed"]},
    "said": {"type": "text", "ngrams": 2},
    "word": {"type": "category", "hash": 5},
    "kind": "category",
}


@pytest.fixture(scope="module")
def every_way(home: Path) -> tuple[Bundle, Run]:
    """A regression on the logarithm of its target, from columns of every type, with holes."""
    rng = np.random.default_rng(0)
    lines = [",".join([*WAYS, "price"])]
    for row in range(200):
        day = np.datetime64("2020-01-01T00:00") + int(rng.integers(0, 1_000_000))
        numbers = [f"{value:.4f}" for value in rng.normal(0, 3, 3)]
        cells = [*numbers, "ny"[row % 2], str(day), " ".join(rng.choice(["grün", "Good!", "x"], 2)), "ABC"[row % 3], "uvw"[row % 3]]
        lines.append(",".join(["" if rng.random() < 0.1 else cell for cell in cells] + [f"{rng.lognormal(8, 1):.2f}"]))
    (home / "ways.csv").write_text("\n".join(lines), "utf-8")
    source = {"kind": "csv", "file": str(home / "ways.csv")}
    what = {"title": "t", "licence": "CC0", "source": source, "columns": WAYS, "target": {"name": "price"}, "task": "regression"}
    ready = {"crosses": [["kind", "yes"]], "target": {"scale": "log"}}
    short = {"epochs": 2, "tensorboard": False}
    experiment = load_experiment({"dataset": what, "model": {"name": "mlp", "hidden": [8]}, "preprocess": ready, "train": short})
    run = evaluate(train(experiment, runs=home / "runs" / "ways"))
    return export(run, home / "bundles" / "ways"), run


def test_columns_of_every_type_are_proven(every_way: tuple[Bundle, Run]) -> None:
    bundle, run = every_way
    assert set(bundle.manifest["proof"]) == {"saved_model", "onnx"}
    assert (bundle.manifest["reading"]["scale"], bundle.manifest["keep_examples"]) == ("log", True)
    test_it_encodes_as_the_graph_does(every_way)
    features = prepare(run.card).raw.features
    values = run.predict(features)["value"]
    assert np.isfinite(values).all()
    assert np.median(values) > 100  # in units, not in logarithms


def test_a_table_is_encoded_in_two_halves(home: Path, every_way: tuple[Bundle, Run]) -> None:
    data = prepare(every_way[1].card, "table")
    names = preprocess.served_names(data.spec)
    said = twin.encode({"preprocess": data.spec}, {names[name]: values for name, values in data.raw.features.items()})
    right = preprocess.encode(data.graph, data.raw.features, names)
    assert set(said) == set(right) == {"numbers", "categories"}
    np.testing.assert_array_equal(said["categories"], right["categories"])
    np.testing.assert_allclose(said["numbers"], right["numbers"], atol=1e-6, rtol=1e-6)
