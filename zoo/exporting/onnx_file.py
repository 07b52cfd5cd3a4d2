"""ONNX of the numeric core: what the model takes -> its answers that are numbers. Text and raw values stay outside.

The preprocessing and the reading are written down beside it (`preprocess.json`); `zoo.exporting.twin` does them in NumPy.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import tensorflow as tf

from zoo.assembly import Opened, served_inputs
from zoo.errors import ProofError
from zoo.exporting.twin import HOW
from zoo.runs import write_json

OPSET = 18  # what tf2onnx takes and onnxruntime runs; tf2onnx refuses 21


def write(opened: Opened, folder: Path) -> None:
    """Writes `model.onnx` (`features` -> `scores` or `value`) and `preprocess.json`. Raises ProofError where tf2onnx gives up."""
    import tf2onnx

    for name in ("tf2onnx", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)  # it tells of each optimiser's pass
    signature = [tf.TensorSpec((None, *opened.model.input_shape[1:]), tf.float32, name="features")]

    @tf.function(input_signature=signature, autograph=False)
    def numbers(features: Any) -> dict[str, Any]:
        return opened.task.numbers(tf.cast(opened.model(features, training=False), tf.float32), opened.reading)

    folder.mkdir(exist_ok=True)
    try:
        tf2onnx.convert.from_function(numbers, signature, opset=OPSET, output_path=str(folder / "model.onnx"))
    except Exception as error:  # the converter raises many kinds; each means that there is no such file
        raise ProofError(f"ONNX: tf2onnx cannot convert the model: {str(error).splitlines()[0]}") from error
    spec = {key: value for key, value in opened.spec.items() if key != "target"}
    facts = {"how": HOW, "inputs": served_inputs(opened.spec), "preprocess": spec, "reading": opened.reading}
    write_json(folder / "preprocess.json", facts)
