"""What a bundle is proven with: examples of the test split, answered by the trained Keras model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.assembly import Opened, served_inputs
from zoo.bundles import in_batches
from zoo.data import preprocess
from zoo.data.images import after_pixels
from zoo.exporting.golden import Arrays, Golden
from zoo.runs import Run

COUNT = 16
LACKING = 4  # of them, with a missing cell where the split has such rows


def golden(run: Run, opened: Opened) -> Golden:
    """The run's own answers to raw examples of its test split, for every signature."""
    columns = draw(run, opened.spec)
    inputs = inputs_of(opened, columns)
    answers = {name: _answers(opened, name, values) for name, values in inputs.items()}
    if not opened.takes_files:
        return Golden(inputs, answers)
    if opened.spec["kind"] == "image":
        pixels = np.clip(np.rint(columns["image"] * opened.spec["scale"] + opened.spec["offset"]), 0, 255)
        inputs["serving_bytes"] = {"bytes": _files(pixels)}
        answers["serving_bytes"] = _answers_to_pixels(opened, pixels.astype(np.float32))
    else:
        inputs["serving_bytes"] = {"bytes": _sounds(columns["audio"], opened.spec["sampling_rate"])}
        answers["serving_bytes"] = opened.answer(inputs["serving_bytes"])
    return Golden(inputs, answers)


def inputs_of(opened: Opened, columns: Arrays) -> dict[str, Arrays]:
    """What each signature is asked: examples, or what its task draws."""
    return {name: one.golden() if one.golden else columns for name, one in opened.signatures.items()}


def _answers(opened: Opened, signature: str, values: Arrays) -> Arrays:
    call = tf.function(lambda given: opened.call(signature, given), autograph=False)
    return in_batches(lambda part: call(opened.tensors(signature, part)), values, COUNT)


def draw(run: Run, spec: preprocess.Spec) -> Arrays:
    """Raw examples of the test split, spread over it, by served name. Raises ZooError where the data is not the run's."""
    data = run.dataset
    features = data.raw.take(data.rows["test"])
    rows = _choose(features)
    served = preprocess.served_names(spec)
    return {served[name]: _plain(values[rows]) for name, values in features.items()}


def _plain(values: np.ndarray) -> np.ndarray:
    return values.astype(object) if values.dtype.kind in "OSU" else values.astype(np.float32)


def _choose(features: Mapping[str, np.ndarray]) -> np.ndarray:
    """Row numbers: a few with a missing cell, the others evenly over the split."""
    size = len(next(iter(features.values())))
    lacking = np.zeros(size, bool)
    for values in features.values():
        if values.ndim == 1:
            lacking |= (values == "") if values.dtype.kind in "OSU" else np.isnan(values)
    first = np.flatnonzero(lacking)[:LACKING]
    rest = np.setdiff1d(np.arange(size), first)
    spread = rest[np.linspace(0, len(rest) - 1, min(len(rest), COUNT - len(first)), dtype=int)] if len(rest) else rest
    return np.sort(np.concatenate([first, spread]))


def _files(pixels: np.ndarray) -> np.ndarray:
    """Each image as a PNG file, which loses nothing."""
    return np.array([tf.io.encode_png(image.astype(np.uint8)).numpy() for image in pixels], object)


def _sounds(waves: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Each sound as a WAV file of 16 bits."""
    return np.array([tf.audio.encode_wav(wave[:, None], sampling_rate).numpy() for wave in waves], object)


def _answers_to_pixels(opened: Opened, pixels: np.ndarray) -> Arrays:
    call = tf.function(lambda image: opened.read(after_pixels(opened.graph, opened.spec)(image)), autograph=False)
    return in_batches(lambda part: call(tf.constant(part["image"])), {"image": pixels}, len(pixels))


def neutral(opened: Opened) -> dict[str, Arrays]:
    """One row a signature that says nothing of anybody: black images, silence, filled-in numbers, no category."""
    spec = opened.spec
    fill = {one["input"]: one["fill"] for one in spec.get("numbers", [])}
    columns: dict[str, Any] = {}
    for name, one in served_inputs(spec).items():
        columns[name] = np.array([""], object) if one["dtype"] == "string" else np.full((1, *one["shape"]), fill.get(name, 0.0), np.float32)
    inputs = inputs_of(opened, columns)  # what is drawn says nothing of anybody either
    if not opened.takes_files:
        return inputs
    if spec["kind"] == "image":
        inputs["serving_bytes"] = {"bytes": _files(np.zeros((1, *spec["shape"])))}
    else:
        inputs["serving_bytes"] = {"bytes": _sounds(np.zeros((1, spec["samples"]), np.float32), spec["sampling_rate"])}
    return inputs
