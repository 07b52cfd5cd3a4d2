"""Rows of a table: one vector of all columns, or (for models that embed) numbers and categories apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo.bundles import identifiers
from zoo.config.card import Card
from zoo.config.features import NumberFeature
from zoo.data.preprocess.layers import Standardise
from zoo.data.preprocess.numbers import spread
from zoo.errors import ZooError

UNKNOWN = "\x00unknown"  # no word of a text file can be this

Spec = dict[str, Any]


def fit(card: Card, train: Mapping[str, Any], modality: str) -> Spec:
    """Each column's fill, mean, deviation, vocabulary."""
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
            numbers.append({"name": name, "input": served[name], "fill": fill, "mean": float(filled.mean()), "std": spread(filled)})
        else:
            categories.append({"name": name, "input": served[name], "vocabulary": sorted(set(known.tolist()))})
    return {"kind": "table", "modality": modality, "numbers": numbers, "categories": categories}


def inputs(spec: Spec) -> dict[str, tuple[tuple[int, ...], str]]:
    """Each column, by its served name."""
    numbers = {one["input"]: ((), "float32") for one in spec["numbers"]}
    return {**numbers, **{one["input"]: ((), "string") for one in spec["categories"]}}


def names(spec: Spec) -> dict[str, str]:
    """Source name -> served name."""
    return {one["name"]: one["input"] for one in [*spec["numbers"], *spec["categories"]]}


def facts(spec: Spec) -> dict[str, Any]:
    """What a builder may ask beside the shape."""
    return {}


def graph(spec: Spec) -> keras.Model:
    """From the columns to what the model takes."""
    inputs_ = {name: keras.Input(shape, dtype=dtype, name=name) for name, (shape, dtype) in inputs(spec).items()}
    parts = []  # a layer's name holds a dot, which no served name does: Keras refuses a name twice
    if spec["numbers"]:
        columns = [ops.expand_dims(inputs_[one["input"]], -1) for one in spec["numbers"]]
        stacked = ops.concatenate(columns, -1) if len(columns) > 1 else columns[0]
        facts = {key: [one[key] for one in spec["numbers"]] for key in ("mean", "std", "fill")}
        parts.append(Standardise(facts["mean"], facts["std"], facts["fill"], name="table.standardise")(stacked))
    for one in spec["categories"]:
        lookup = layers.StringLookup(vocabulary=one["vocabulary"], oov_token=UNKNOWN, name=f"lookup.{one['input']}")
        parts.append(ops.one_hot(lookup(inputs_[one["input"]]), len(one["vocabulary"]) + 1, dtype="float32"))
    return keras.Model(inputs_, ops.concatenate(parts, -1) if len(parts) > 1 else parts[0])
