"""What the tests of exporting share: four small trained runs, their bundles, and the C++ loader."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from zoo.bundles import Bundle
from zoo.config import load_experiment
from zoo.evaluation import evaluate
from zoo.exporting import export
from zoo.runs import Run
from zoo.training import train

NUMBERS = ("emp.var.rate", "0", "a b", "_x", "A", "a", "self", "standardise")
CATEGORIES = ("ä", "class", "lookup_class")


def finished(root: Path, what: dict[str, Any]) -> Run:
    """A run of a few steps, trained and evaluated by the rooms before this one."""
    return evaluate(train(load_experiment({"train": {"epochs": 2, "tensorboard": False}, **what}), runs=root))


def table_of_odd_names(path: Path) -> dict[str, Any]:
    """A CSV file whose columns have every name that a signature would refuse, with holes, and its card."""
    rng = np.random.default_rng(0)
    lines = [",".join([*NUMBERS, *CATEGORIES, "bought"])]
    for _ in range(240):
        numbers = rng.normal(3, 2, len(NUMBERS))
        words = rng.choice(["rot", "grün", "blau"], len(CATEGORIES))
        cells = [f"{value:.4f}" for value in numbers] + list(words)
        holes = rng.random(len(cells)) < 0.05
        cells = ["" if hole else cell for hole, cell in zip(holes, cells, strict=True)]
        lines.append(",".join([*cells, "yes" if numbers[0] + (words[0] == "rot") > 3.5 else "no"]))
    path.write_text("\n".join(lines), "utf-8")
    columns = {**dict.fromkeys(NUMBERS, "number"), **dict.fromkeys(CATEGORIES, "category")}
    return card(kind="csv", file=str(path), columns=columns, target={"name": "bought"}, task="classification")


def colour_images(path: Path) -> dict[str, Any]:
    """Colour images, neither square nor 0..255, whose card keeps no examples."""
    rng = np.random.default_rng(1)
    target = rng.integers(0, 3, 150)
    images = rng.uniform(0, 0.4, (150, 12, 10, 3)) + 0.5 * (np.arange(3) == target[:, None])[:, None, None, :]
    np.savez(path, x_train=images.astype(np.float32), y_train=target)
    return card(
        kind="npz", file=str(path), image={"type": "image", "shape": [12, 10, 3], "range": [0, 1]}, target={"name": "colour"},
        task="classification", keep_examples=False,
    )  # fmt: skip


def card(*, kind: str, file: str, **rest: Any) -> dict[str, Any]:
    return {"title": "for a test", "licence": "CC0", "source": {"kind": kind, "file": file}, "split": {}, **rest}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exporting")


@pytest.fixture(scope="session")
def digits_run(home: Path) -> Run:
    """Images of one channel, whose own scale is 0..16, by an image model; trained and evaluated by the rooms before this one."""
    return finished(home / "runs", {"dataset": "digits", "model": {"name": "cnn_small", "width": 4}})


@pytest.fixture(scope="session")
def table_run(home: Path) -> Run:
    """Numbers and categories with holes under odd names; two classes."""
    return finished(home / "runs" / "table", {"dataset": table_of_odd_names(home / "table.csv"), "model": {"name": "mlp", "hidden": [8]}})


@pytest.fixture(scope="session")
def diabetes_run(home: Path) -> Run:
    """A regression whose answers are between 25 and 346."""
    return finished(home / "runs", {"dataset": "diabetes", "model": {"name": "mlp", "hidden": [8]}})


@pytest.fixture(scope="session")
def without_onnx(home: Path) -> Run:
    """The same, of which a SavedModel alone is asked for."""
    what = {"dataset": "diabetes", "model": {"name": "mlp", "hidden": [8]}, "export": {"formats": ["saved_model"]}}
    return finished(home / "runs" / "without_onnx", what)


@pytest.fixture(scope="session")
def colour_run(home: Path) -> Run:
    """Images as vectors; `keep_examples: false`."""
    return finished(home / "runs" / "colour", {"dataset": colour_images(home / "colour.npz"), "model": {"name": "mlp", "hidden": [8]}})


@pytest.fixture(scope="session")
def iris_run(home: Path) -> Run:
    return finished(home / "runs", {"dataset": "iris", "model": {"name": "linear"}})


@pytest.fixture(scope="session")
def digits(home: Path, digits_run: Run) -> Bundle:
    return export(digits_run, home / "bundles")


@pytest.fixture(scope="session")
def table(home: Path, table_run: Run) -> Bundle:
    return export(table_run, home / "bundles" / "table")


@pytest.fixture(scope="session")
def diabetes(home: Path, diabetes_run: Run) -> Bundle:
    return export(diabetes_run, home / "bundles")


@pytest.fixture(scope="session")
def colour(home: Path, colour_run: Run) -> Bundle:
    return export(colour_run, home / "bundles" / "colour")


@pytest.fixture(params=["digits", "table", "diabetes", "colour"])
def any_bundle(request: pytest.FixtureRequest) -> Bundle:
    """Each of the bundles."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["digits", "table", "diabetes", "colour"])
def bundle_and_run(request: pytest.FixtureRequest) -> tuple[Bundle, Run]:
    return request.getfixturevalue(request.param), request.getfixturevalue(f"{request.param}_run")


@dataclass
class Said:
    """What the C++ loader's process ended with."""

    exit: int
    code: int | None
    message: str
    answers: dict[str, Any]


@pytest.fixture
def cpp(tmp_path: Path) -> Callable[..., Said]:
    """Asks a signature of a SavedModel through the C++ loader, in a process that may die of it."""

    def ask(folder: Path, signature: str = "serving_default", **columns: np.ndarray) -> Said:
        from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

        known = SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs[0].signature_def[signature]
        inputs = {}
        for number, (name, values) in enumerate(columns.items()):
            if values.dtype.kind == "f":
                np.save(tmp_path / f"{number}.npy", values.astype(np.float32))
                given: dict[str, Any] = {"file": str(tmp_path / f"{number}.npy")}
            else:
                raw = [one if isinstance(one, bytes) else one.encode() for one in values.reshape(-1).tolist()]
                given = {"strings": [base64.b64encode(one).decode() for one in raw], "shape": list(values.shape)}
            inputs[known.inputs[name].name] = given
        names = {known.outputs[name].name: name for name in known.outputs}
        (tmp_path / "request.json").write_text(json.dumps({"folder": str(folder), "inputs": inputs, "outputs": list(names)}))
        library = Path(tf.__file__).with_name("libtensorflow_cc.so.2")
        command = [sys.executable, str(Path(__file__).with_name("cpp_loader.py")), str(library), str(tmp_path / "request.json")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            return Said(done.returncode, None, done.stderr, {})
        said = json.loads(done.stdout)
        return Said(0, said["code"], said.get("message", ""), {names[key]: value for key, value in said.get("outputs", {}).items()})

    return ask
