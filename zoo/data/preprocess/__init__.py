"""Preprocessing: fitted on the training split only, one plain description, one Keras graph made of it.

The graph encodes the training data and stands in the exported SavedModel, so both see the same numbers by construction.
The description (`data.json`, `preprocess.json`) is all that a NumPy twin needs. Each kind of examples is a module of the
same five functions:

fit(card, train, modality)   the description; `train` holds raw features of the training split by source name
inputs(spec)                 raw inputs by served name: shape without the batch, and dtype
names(spec)                  source name -> served name
graph(spec)                  the Keras model from raw inputs, by served name, to what the model takes
facts(spec)                  what a builder may ask of the data beside `input_shape`
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any

import keras
import numpy as np

from zoo.config.card import Card
from zoo.data.mapped import release
from zoo.data.preprocess import target as targets
from zoo.data.windows import Windows

Spec = dict[str, Any]


def fit(card: Card, train: Mapping[str, Any], train_target: Any, target: Any, modality: str) -> Spec:
    """The description of a fitted preprocessing.

    Args:
        card: what the examples are.
        train: raw features of the training split; statistics come from nowhere else.
        train_target: its target.
        target: the whole target, of which only the set of class names is taken.
        modality: what the model takes.
    """
    release(target)  # the training rows were picked from it
    spec = {**_kind(card.kind).fit(card, train, modality), "target": targets.fit(card, train_target, target)}
    if "codes" in spec:  # what is learned are tokens of the text itself
        spec["target"] |= {key: spec[key] for key in ("tokens", "lower", "first", "codes")}
    columns = card.text.columns if card.text else card.series.columns if card.series else None
    return {**spec, "columns": list(columns)} if columns else spec  # of a table, that one input is made of


def _kind(kind: str) -> ModuleType:
    return import_module(f"zoo.data.preprocess.{kind}")


def encode_target(spec: Spec, target: Any) -> Any:
    """Labels as int32 class numbers, or values as float32, scaled."""
    if spec["kind"] == "text" and isinstance(target, Windows):
        return _kind("text").encode_target(spec, target)
    return targets.encode(spec["target"], target)


def inputs_of(spec: Spec) -> dict[str, tuple[tuple[int, ...], str]]:
    """The raw inputs by their served names: shape without the batch, and dtype."""
    found: dict[str, tuple[tuple[int, ...], str]] = _kind(spec["kind"]).inputs(spec)
    return found


def served_names(spec: Spec) -> dict[str, str]:
    """Source name -> served name."""
    found: dict[str, str] = _kind(spec["kind"]).names(spec)
    return found


def facts_of(spec: Spec) -> dict[str, Any]:
    """What a model's builder may ask beside `input_shape`, as `vocabulary_size` and `cardinalities`."""
    found: dict[str, Any] = _kind(spec["kind"]).facts(spec)
    return found


def graph(spec: Spec) -> keras.Model:
    """The Keras model from raw inputs, by their served names, to what the model takes."""
    return _kind(spec["kind"]).graph(spec)


def shape_of(graph: keras.Model) -> Any:
    """The shape of one example as the model takes it; of a table those of its parts by name."""
    out = graph.output
    return {name: tuple(one.shape[1:]) for name, one in out.items()} if isinstance(out, dict) else tuple(out.shape[1:])


def encode(model: keras.Model, features: Mapping[str, Any], names: dict[str, str], batch: int = 4096) -> Any:
    """Raw features (by source name) through the graph, in batches: an array of n rows, or a dict of such."""
    import tensorflow as tf

    renamed = {served: features[name] for name, served in names.items()}
    size = len(next(iter(renamed.values())))
    run = _traced(model)
    pieces = []
    for start in range(0, size, batch):
        part = {name: as_tensor(values[start : start + batch]) for name, values in renamed.items()}
        pieces.append(tf.nest.map_structure(lambda found: found.numpy(), run(part)))
    return tf.nest.map_structure(lambda *found: np.concatenate(found), *pieces)


@lru_cache(maxsize=1)
def _traced(model: keras.Model) -> Any:
    """Traced once, however many blocks of rows are encoded."""
    import tensorflow as tf

    return tf.function(model, reduce_retracing=True, autograph=False)


def as_tensor(values: Any) -> Any:
    """Text as string tensors, everything else as float32."""
    import tensorflow as tf

    values = values[:]  # windows are cut here
    if values.dtype.kind in "USO":
        try:
            return tf.constant(values.astype(object), tf.string)
        except ValueError:  # half a surrogate pair, as JSON may hold, is no UTF-8
            return tf.constant([str(word).encode("utf-8", "replace") for word in values], tf.string)
    return tf.constant(values.astype(np.float32, copy=False))
