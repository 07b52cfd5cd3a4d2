"""The proof of a bundle, in a process that cannot import Keras: `python -m zoo.exporting.proof FOLDER [GOLDEN]`.

It replays the golden examples one by one and all at once through every format's own runtime, as a server would, and answers
with one line of JSON. A released bundle that keeps its examples can be proven again, anywhere, by the same command.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from zoo.bundles import FORMAT_NAMES, GOLDEN, MANIFEST, in_batches
from zoo.errors import ProofError
from zoo.exporting import twin
from zoo.exporting.golden import Arrays, Golden
from zoo.runs import read_json

TOLERANCE = {"saved_model": 1e-5, "onnx": 1e-4}  # absolute, in units of what was learned, plus the same relative

PIXELS = 255.0  # the unit of samples that are images

Answerer = Callable[[Arrays], dict[str, Any]]


class NoKeras:
    """Stands before all importers and lets nobody load Keras.

    It answers with a loader that fails; hiding the package's spec instead would break `import tensorflow`, which looks for it.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name.partition(".")[0] in ("keras", "tf_keras") else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        raise ImportError(f"{module.__name__} is not there for a proof: a bundle must answer without it")


def prove(folder: Path, golden: Golden) -> dict[str, dict[str, Any]]:
    """By format: max_difference, examples, batch_sizes, tolerance. Raises ProofError for the first difference.

    Args:
        folder: a version of a bundle.
        golden: examples and the answers to give.
    """
    manifest = read_json(folder / MANIFEST)
    runtimes = {
        "saved_model": lambda: saved_model(folder),
        "onnx": lambda: onnx(folder.with_name(f"{folder.name}.formats")),
    }
    unit = np.asarray(manifest["reading"].get("std", 1.0))  # of a forecast one a target
    return {kind: _replay(kind, runtimes[kind](), golden, unit) for kind in manifest["proof"]}


def saved_model(folder: Path) -> dict[str, Answerer]:
    """Its signatures, by TensorFlow's own loader."""
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(folder), tags=["serve"])
    except Exception as error:  # the loader raises many kinds for an invalid file
        raise ProofError(f"SavedModel: TensorFlow cannot load it: {_first_line(error)}") from error

    def answerer(name: str) -> Answerer:
        signature = loaded.signatures[name]

        def answer(columns: Arrays, alive: Any = loaded) -> dict[str, Any]:  # the loaded object owns the signature's variables
            return signature(
                **{key: tf.constant(values.tolist() if values.dtype.kind in "US" else values) for key, values in columns.items()}
            )

        return answer

    return {name: answerer(name) for name in loaded.signatures}


def onnx(formats: Path) -> dict[str, Answerer]:
    """Its signatures by onnxruntime; what takes examples, between the NumPy twin's two halves."""
    spec = read_json(formats / "preprocess.json")

    def answerer(name: str, takes: str) -> Answerer:
        run = onnx_session(formats / ("model.onnx" if name == "serving_default" else f"{name}.onnx"))

        def answer(columns: Arrays) -> dict[str, Any]:
            features = twin.encode(spec, columns)
            return twin.decode(spec, run(features if isinstance(features, dict) else {"features": features}))

        return answer if takes == "examples" else run

    return {name: answerer(name, takes) for name, takes in spec["signatures"].items()}


def onnx_session(path: Path) -> Answerer:
    """An ONNX file, checked, by onnxruntime."""
    from onnx import checker
    from onnxruntime import InferenceSession

    try:
        checker.check_model(str(path), full_check=True)
        session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # both raise many kinds for an invalid file
        raise ProofError(f"ONNX: the file is invalid: {_first_line(error)}") from error
    names = [one.name for one in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def _replay(kind: str, runtimes: dict[str, Answerer], golden: Golden, unit: Any) -> dict[str, Any]:
    sizes = sorted({1, golden.size})
    worst = 0.0
    for signature, answer in runtimes.items():
        for batch in sizes:
            try:
                given = in_batches(answer, golden.inputs[signature], batch)
            except Exception as error:  # whatever a runtime says, it does not answer
                raise ProofError(f"{FORMAT_NAMES[kind]}, {signature}: no answer at batch {batch}: {_first_line(error)}") from error
            where = f"{FORMAT_NAMES[kind]}, {signature}, batch {batch}"
            worst = max(worst, compare(where, golden.answers[signature], given, TOLERANCE[kind], unit))
    return {"max_difference": worst, "examples": golden.size, "batch_sizes": sizes, "tolerance": TOLERANCE[kind]}


def compare(where: str, expected: Arrays, given: Arrays, tolerance: float, unit: Any) -> float:
    """The largest difference between answers, as a share of the unit or of the answer where that is larger.

    Raises:
        ProofError: text differs, or a number by more than `tolerance` times the unit that the model learns in (a target's
            standard deviation; the range of pixels) plus `tolerance` times its own size.
    """
    if set(expected) != set(given):
        raise ProofError(f"{where}: the answers are {sorted(given)}, not {sorted(expected)}")
    worst = 0.0
    for name, right in expected.items():
        said = given[name]
        if said.shape != right.shape:
            raise ProofError(f"{where}: {name} has shape {said.shape}, not {right.shape}")
        if right.dtype.kind in "US":
            wrong, difference = said != right, 0.0
        else:
            apart = np.abs(said.astype(np.float64) - right)
            size = unit if name in ("value", "forecast") else PIXELS if name == "sample" and right.ndim == 4 else 1.0
            wrong = ~(apart <= tolerance * size + tolerance * np.abs(right))  # so written, NaN is wrong
            difference = float((apart / np.maximum(size, np.abs(right))).max())
        if wrong.any():
            place = tuple(int(index) for index in np.argwhere(wrong)[0])
            first = f"example {place[0]}: {said[place]} instead of {right[place]}"
            raise ProofError(
                f"{where}: {name} differs from the trained model's", f"{first}; {wrong.sum()} of {wrong.size}, tolerance {tolerance:g}"
            )
        worst = max(worst, difference)
    return worst


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def main(arguments: list[str]) -> int:
    """Prints `{"proof": …}` or `{"error": […]}`."""
    sys.meta_path.insert(0, NoKeras())  # type: ignore[arg-type]
    folder = Path(arguments[0])
    golden = Path(arguments[1]) if len(arguments) > 1 else folder / GOLDEN
    try:
        answer: dict[str, Any] = {"proof": prove(folder, Golden.load(golden))}
    except ProofError as error:
        answer = {"error": [error.what, *error.details]}
    if "keras" in sys.modules:
        answer = {"error": ["the proof loaded Keras, so it proves nothing"]}
    print(json.dumps(answer), flush=True)
    return 0 if "proof" in answer else int(ProofError.exit_code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
