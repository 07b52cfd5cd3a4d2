"""ONNX of the numeric core: what the model takes -> its answers that are numbers. Text and raw values stay outside.

The preprocessing and the reading are written down beside it (`preprocess.json`); `zoo.exporting.twin` does them in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from zoo.assembly import Opened, served_inputs
from zoo.errors import ProofError
from zoo.exporting.quiet import quietly
from zoo.exporting.twin import HOW
from zoo.runs import write_json

OPSET = 18  # what tf2onnx takes and onnxruntime runs; tf2onnx refuses 21


def write(opened: Opened, folder: Path) -> None:
    """Writes `model.onnx` (`features` -> `scores` or `value`) and `preprocess.json`. Raises ProofError where tf2onnx gives up."""

    def numbers(features: Any) -> dict[str, Any]:
        return opened.task.numbers(tf.cast(opened.model(features, training=False), tf.float32), opened.reading)

    folder.mkdir(exist_ok=True)
    convert(numbers, features_of(opened.model), folder / "model.onnx")
    spec = {key: value for key, value in opened.spec.items() if key != "target"}
    facts = {"how": HOW, "inputs": served_inputs(opened.spec), "preprocess": spec, "reading": opened.reading}
    write_json(folder / "preprocess.json", facts)


def features_of(model: keras.Model) -> Any:
    """What a model takes, for any batch: one `features`, or a dict of named ones."""
    if isinstance(model.input, dict):
        return {name: tf.TensorSpec((None, *one.shape[1:]), one.dtype, name=name) for name, one in model.input.items()}
    return tf.TensorSpec((None, *model.input.shape[1:]), model.input.dtype, name="features")


@quietly()
def convert(function: Callable[[Any], dict[str, Any]], features: Any, path: Path) -> None:
    """Writes a function of `features` (see `features_of`) as an ONNX file. Raises ProofError where tf2onnx gives up."""
    import tf2onnx

    signature = [features]
    traced = tf.function(function, input_signature=signature, autograph=False)
    try:
        tf2onnx.convert.from_function(traced, signature, opset=OPSET, output_path=str(path))
    except Exception as error:  # the converter raises many kinds; each means that there is no such file
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise ProofError(f"ONNX: tf2onnx cannot convert the model: {said}") from error
