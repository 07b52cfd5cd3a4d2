"""The NumPy twin of a bundle's preprocessing and reading: what stands around `model.onnx`.

It needs NumPy and `preprocess.json`, nothing of keras-zoo, so it may be copied next to an ONNX runtime:

    spec = json.load(open("preprocess.json"))
    outputs = onnxruntime.InferenceSession("model.onnx").run(None, {"features": encode(spec, columns)})
    answers = decode(spec, {"scores": outputs[0]})      # of a regression: "value"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

HOW = [
    "Everything is float32. Inputs come by served name, a row an example; a missing number is NaN, a missing category is ''.",
    "image: x * scale + offset gives pixels 0..255. For modality 'vector': flatten each (row, column, channel), then (x - mean) / std.",
    "table: first the numbers in their order: NaN becomes fill, then (x - mean) / std. Then each category in its order, one-hot over"
    " 1 + len(vocabulary) places: place 0 is for a missing or unknown word, place 1 + i for vocabulary[i].",
    "The result goes into model.onnx as 'features'. Its answer is final: 'scores' are probabilities (temperature applied),"
    " 'value' is in the target's units.",
    "label: with two classes the second one where its score >= threshold, else the first; with more, the class of the highest score."
    " probability is the label's score.",
]


def encode(spec: Mapping[str, Any], columns: Mapping[str, Any]) -> np.ndarray:
    """What `model.onnx` takes as `features`.

    Args:
        spec: `preprocess.json`.
        columns: raw values by served name: numbers (n,), text (n,), or `image` (n, H, W, C) in the source's units.

    Returns:
        float32 (n, H, W, C) or (n, features).
    """
    fitted = spec["preprocess"]
    if fitted["kind"] == "image":
        return _encode_image(fitted, np.asarray(columns["image"], np.float32))
    numbers = [_encode_number(one, np.asarray(columns[one["input"]], np.float32)) for one in fitted["numbers"]]
    categories = [_encode_category(one, columns[one["input"]]) for one in fitted["categories"]]
    return np.concatenate([*numbers, *categories], axis=-1)


def _encode_image(fitted: Mapping[str, Any], image: np.ndarray) -> np.ndarray:
    pixels = image * np.float32(fitted["scale"]) + np.float32(fitted["offset"])
    if fitted["modality"] == "image":
        return pixels
    return (pixels.reshape(len(pixels), -1) - np.float32(fitted["mean"])) / np.float32(fitted["std"])


def _encode_number(one: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    filled = np.where(np.isnan(values), np.float32(one["fill"]), values)
    return ((filled - np.float32(one["mean"])) / np.float32(one["std"]))[:, None]


def _encode_category(one: Mapping[str, Any], words: Any) -> np.ndarray:
    place = {word: index + 1 for index, word in enumerate(one["vocabulary"])}
    one_hot = np.zeros((len(words), len(place) + 1), np.float32)
    one_hot[np.arange(len(words)), [place.get(str(word), 0) for word in words]] = 1
    return one_hot


def decode(spec: Mapping[str, Any], outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The named answers, from those of `model.onnx`.

    Args:
        spec: `preprocess.json`.
        outputs: `scores` float32 (n, classes), or `value` float32 (n,).

    Returns:
        `label`, `probability` and `scores`; or `value`.
    """
    if "scores" not in outputs:
        return dict(outputs)
    reading, scores = spec["reading"], outputs["scores"]
    binary = len(reading["classes"]) == 2
    index = (scores[:, 1] >= np.float32(reading["threshold"])).astype(int) if binary else scores.argmax(-1)
    return {"label": np.array(reading["classes"])[index], "probability": scores[np.arange(len(scores)), index], "scores": scores}
