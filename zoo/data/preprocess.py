"""Preprocessing: fitted on the training split only, one plain description, one Keras graph made of it.

The graph encodes the training data and stands before the model in the exported SavedModel, so both see the same
numbers by construction. The description (`data.json`, `preprocess.json`) is all that a NumPy twin needs.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo.bundles import identifiers
from zoo.config.card import Card, NumberFeature
from zoo.errors import ZooError

UNKNOWN = "\x00unknown"  # no word of a text file can be this

Spec = dict[str, Any]


@keras.saving.register_keras_serializable("zoo")
class Standardise(layers.Layer):
    """(x - mean) / scale on the last axis, NaN filled first. float32 (batch, …, n) in and out.

    `keras.layers.Normalization` has no filling, and one NaN makes all of its statistics NaN.
    """

    def __init__(self, mean: list[float], scale: list[float], fill: list[float] | None = None, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **{key: value for key, value in kwargs.items() if key != "dtype"})
        self.mean, self.scale, self.fill = mean, scale, fill

    def call(self, x: Any) -> Any:
        if self.fill is not None:
            x = ops.where(ops.isnan(x), ops.convert_to_tensor(self.fill, "float32"), x)
        return (x - ops.convert_to_tensor(self.mean, "float32")) / ops.convert_to_tensor(self.scale, "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "scale": self.scale, "fill": self.fill}


def fit(card: Card, train: dict[str, np.ndarray], train_target: np.ndarray, target: np.ndarray, modality: str) -> Spec:
    """The description of a fitted preprocessing.

    Args:
        card: what the columns are.
        train: raw features of the training split; statistics come from nowhere else.
        train_target: its target.
        target: the whole target, of which only the set of class names is taken.
        modality: what the model takes: `image` or `vector`.
    """
    features = _fit_image(card, train["image"], modality) if card.image else _fit_table(card, train)
    classes = _fit_classes(card, target) if card.task == "classification" else _fit_number(card, train_target)
    return {"modality": modality, **features, "target": {"name": card.target.name, **classes}}


def _fit_image(card: Card, images: np.ndarray, modality: str) -> Spec:
    assert card.image is not None
    low, high = card.image.range
    spec: Spec = {"kind": "image", "shape": list(card.image.shape), "scale": 255.0 / (high - low), "offset": -low * 255.0 / (high - low)}
    if modality == "vector":
        spec["mean"] = float(images.mean(dtype=np.float64)) * spec["scale"] + spec["offset"]
        spec["std"] = _scale(images) * spec["scale"]
    return spec


def _fit_table(card: Card, train: dict[str, np.ndarray]) -> Spec:
    served = identifiers(list(card.columns or {}))
    numbers, categories = [], []
    for name, column in (card.columns or {}).items():
        values = train[name]
        known = values[~np.isnan(values)] if isinstance(column, NumberFeature) else values[values != ""]
        if len(known) == 0:
            raise ZooError(f"column '{name}' of '{card.name}' is missing in every training row", "leave it out of the card's columns")
        if isinstance(column, NumberFeature):
            fill = float(np.median(known) if column.fill == "median" else known.mean(dtype=np.float64))
            filled = np.where(np.isnan(values), np.float32(fill), values).astype(np.float64)
            numbers.append({"name": name, "input": served[name], "fill": fill, "mean": float(filled.mean()), "std": _scale(filled)})
        else:
            categories.append({"name": name, "input": served[name], "vocabulary": sorted(set(known.tolist()))})
    return {"kind": "table", "numbers": numbers, "categories": categories}


def _scale(values: np.ndarray) -> float:
    """The standard deviation; 1 for what never changes, so that it stays at 0 instead of being blown up."""
    std = float(values.std(dtype=np.float64))
    return std if values.min() < values.max() and std > np.finfo(np.float32).tiny else 1.0


def _fit_classes(card: Card, target: np.ndarray) -> Spec:
    values = np.unique(target)
    names = [str(value) for value in values]
    if card.target.classes is None:
        return {"classes": names, "values": names}
    classes = list(card.target.classes)
    if target.dtype.kind in "iu":
        if values.min() < 0 or values.max() >= len(classes):
            raise ZooError(f"the card '{card.name}' names {len(classes)} classes, but its labels go from {values.min()} to {values.max()}")
        return {"classes": classes, "values": [str(index) for index in range(len(classes))]}
    unknown = sorted(set(names) - set(classes))
    if unknown:
        raise ZooError(f"the target '{card.target.name}' of '{card.name}' holds '{unknown[0]}', which the card's classes do not name")
    return {"classes": classes, "values": classes}


def _fit_number(card: Card, train_target: np.ndarray) -> Spec:
    return {"mean": float(train_target.mean()), "std": _scale(train_target), "unit": card.target.unit}


def encode_target(spec: Spec, target: np.ndarray) -> np.ndarray:
    """Labels as int32 class numbers, or values as float32 standardised."""
    wanted = spec["target"]
    if "classes" in wanted:
        place = {value: index for index, value in enumerate(wanted["values"])}
        values, which = np.unique(target, return_inverse=True)
        return np.array([place[str(value)] for value in values], np.int32)[which]
    return ((target - wanted["mean"]) / wanted["std"]).astype(np.float32)


def inputs_of(spec: Spec) -> dict[str, tuple[tuple[int, ...], str]]:
    """The raw inputs by their served names: shape without the batch, and dtype."""
    if spec["kind"] == "image":
        return {"image": (tuple(spec["shape"]), "float32")}
    numbers = {one["input"]: ((), "float32") for one in spec["numbers"]}
    return {**numbers, **{one["input"]: ((), "string") for one in spec["categories"]}}


def served_names(spec: Spec) -> dict[str, str]:
    """Source name -> served name."""
    if spec["kind"] == "image":
        return {"image": "image"}
    return {one["name"]: one["input"] for one in [*spec["numbers"], *spec["categories"]]}


def graph(spec: Spec) -> keras.Model:
    """The Keras model from raw inputs, by their served names, to what the model takes (float32)."""
    inputs = {name: keras.Input(shape, dtype=dtype, name=name) for name, (shape, dtype) in inputs_of(spec).items()}
    if spec["kind"] == "image":
        return keras.Model(inputs, after_pixels(spec)(layers.Rescaling(spec["scale"], spec["offset"], dtype="float32")(inputs["image"])))
    parts = []  # a layer's name holds a dot, which no served name does: Keras refuses a name twice
    if spec["numbers"]:
        columns = [ops.expand_dims(inputs[one["input"]], -1) for one in spec["numbers"]]
        stacked = ops.concatenate(columns, -1) if len(columns) > 1 else columns[0]
        facts = {key: [one[key] for one in spec["numbers"]] for key in ("mean", "std", "fill")}
        parts.append(Standardise(facts["mean"], facts["std"], facts["fill"], name="table.standardise")(stacked))
    for one in spec["categories"]:
        lookup = layers.StringLookup(vocabulary=one["vocabulary"], oov_token=UNKNOWN, name=f"lookup.{one['input']}")
        parts.append(ops.one_hot(lookup(inputs[one["input"]]), len(one["vocabulary"]) + 1, dtype="float32"))
    return keras.Model(inputs, ops.concatenate(parts, -1) if len(parts) > 1 else parts[0])


def after_pixels(spec: Spec) -> Any:
    """From pixels 0..255 to what the model takes: the image itself, or a standardised vector."""
    if spec["modality"] == "image":
        return lambda x: x
    pixels = keras.Input(spec["shape"], dtype="float32")
    flat = layers.Flatten(dtype="float32")(pixels)
    return keras.Model(pixels, Standardise([spec["mean"]], [spec["std"]])(flat), name="vector")  # a Sequential would cast to the policy


def encode(model: keras.Model, features: dict[str, np.ndarray], names: dict[str, str], batch: int = 4096) -> np.ndarray:
    """Raw features (by source name) through the graph, in batches: float32 (n, …)."""
    import tensorflow as tf

    renamed = {served: features[name] for name, served in names.items()}
    size = len(next(iter(renamed.values())))
    run = tf.function(model, reduce_retracing=True, autograph=False)
    pieces = []
    for start in range(0, size, batch):
        part = {name: as_tensor(values[start : start + batch]) for name, values in renamed.items()}
        pieces.append(run(part).numpy())
    return np.concatenate(pieces)


def as_tensor(values: np.ndarray) -> Any:
    """Text as string tensors, everything else as float32."""
    import tensorflow as tf

    if values.dtype.kind in "USO":
        return tf.constant(values.astype(object), tf.string)
    return tf.constant(values.astype(np.float32, copy=False))
