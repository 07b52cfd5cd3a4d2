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
from zoo.runs import write_json
from zoo.tasks import Signature

OPSET = 18  # what tf2onnx takes and onnxruntime runs; tf2onnx refuses 21

HOW = [
    "Everything is float32. Inputs come by served name, a row an example; a missing number is NaN, a missing category is ''.",
    "image: x * scale + offset gives pixels 0..255. For modality 'vector': flatten each (row, column, channel), then (x - mean) / std.",
    "table: the columns become numbers, in this order, and places, in their order; a list that is not there has no column.",
    "numbers: NaN becomes fill, then clip (lowest, highest). With points: by a straight line between points[0] and points[1], at their"
    " ends outside of them. Else, for scale 'log', sign(x) * log(1 + |x|); then (x - mean) / std, for scale 'minmax' clipped to 0..1."
    " First come all columns without points, then those with, then 1 or 0 for each with indicator: whether it was missing.",
    "booleans: first for each whether it is at least 0.5, then for each whether it is missing.",
    "datetimes: the zone, and blanks around it, are ignored. Of the text each of words is replaced, then pattern must match all of it; its"
    " groups are fields. Each of parts in order: with a period sine and cosine of 2 pi (part - start) / period, else (part - mean) / std;"
    " elapsed is days since origin, itself in days since 1970. weekday counts from Monday, 0."
    " Last 1 or 0: missing or no moment, where all others are 0.",
    "texts: words are runs of letters, marks, digits and _. Of each run of up to ngrams words in vocabulary: log(1 + its count).",
    "text: modality 'vector' as texts. 'tokens': int32 (n, length), cut, or filled up with 0 at the end; 2 + i for vocabulary[i], 1 for"
    " an unknown token, 2 + byte for a byte. Lower case first where lower is true. subword: of U+2581 and the word, from the left the"
    " longest piece of the vocabulary; a character that begins none is 1; at most 32 pieces a word. Of bytes and characters blanks around"
    " the text are not counted.",
    "bins: 0 for NaN, else 1 + how many edges are not above it. categories: of the word without blanks around it,"
    " true and false in lower case, 0 for a missing or unknown one, 1 + i for vocabulary[i]; with"
    " buckets 1 + SipHash-2-4 of the UTF-8 bytes by the key salt, modulo buckets. crosses: as categories, of both"
    " words joined by U+001F; missing where one is, booleans are the words 1 and 0.",
    "For modality 'vector' the places follow the numbers one-hot, each over its number of places; for 'table' they are 'categories', int32,"
    " beside 'numbers'.",
    "The result goes into model.onnx as 'features'. Its answer is final: 'scores' are probabilities (temperature applied),"
    " 'value' is in the target's units, of several in the order of columns; 'anomaly' is whether 'score' is above the threshold.",
    "generator and decoder: z, standard normal, and of a conditional model label, a class number from 0, to sample, pixels 0..255 of an"
    " image. Nothing checks label here: one that does not exist gives an error or nonsense. encoder: the code's mean as embedding.",
    "label: with two classes the second one where its score >= threshold, else the first; with more, the class of the highest score."
    " probability is the label's score. With multilabel: each class whose score >= its threshold, joined by separator, '' where none is;"
    " probability is the product of these scores, and of 1 - score of the others.",
]


def write(opened: Opened, folder: Path) -> None:
    """Writes `model.onnx` (`features` -> `scores` or `value`), a file for each other signature, and `preprocess.json`.

    Raises:
        ProofError: tf2onnx gives up.
    """

    def numbers(features: Any) -> dict[str, Any]:
        return opened.task.numbers(opened.task.outputs(opened.model, features), opened.reading)

    folder.mkdir(exist_ok=True)
    for name, signature in opened.signatures.items():
        of_examples = not signature.inputs
        function = numbers if of_examples and name == "serving_default" else signature.call
        convert(function, features_of(opened.model) if of_examples else specs_of(signature), folder / file_of(name))
    spec = {key: value for key, value in opened.spec.items() if key != "target"}
    taken = {name: "inputs" if one.inputs else "examples" for name, one in opened.signatures.items()}
    facts = {"how": HOW, "inputs": served_inputs(opened.spec), "preprocess": spec, "reading": opened.reading, "signatures": taken}
    write_json(folder / "preprocess.json", facts)


def file_of(signature: str) -> str:
    """The ONNX file of a signature."""
    return "model.onnx" if signature == "serving_default" else f"{signature}.onnx"


def specs_of(signature: Signature) -> Any:
    """What a signature takes that takes no examples."""
    return {name: tf.TensorSpec((None, *shape), dtype, name=name) for name, (shape, dtype) in signature.inputs.items()}


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
