"""Rows of a table: one vector of all columns, or (for models that embed) numbers and categories apart.

What becomes numbers: numbers, their indicators of a missing value, booleans, moments, text; what becomes places: bins, categories,
crosses. A vector holds the numbers and then the places, one-hot; a table {"numbers": float32, "categories": int32 places}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from zoo.bundles import identifiers
from zoo.config.card import Card
from zoo.config.preparing import settings
from zoo.data.mapped import blocks
from zoo.data.preprocess import categories, dates, numbers, text
from zoo.data.preprocess.layers import Bins, Clip, Interpolate, Missing, Nothing, OneHot, Places, Scale, Stack, Standardise, YesNo
from zoo.data.preprocess.wording import Written
from zoo.errors import ZooError

Spec = dict[str, Any]
FAR = 10  # deviations from 0: float32 would lose digits of what is farther, as the time in seconds is, so float64 computes it
INPUTS = {"numbers": "float32", "bins": "float32", "booleans": "float32", "datetimes": "string", "texts": "string", "categories": "string"}


def fit(card: Card, train: Mapping[str, Any], modality: str) -> Spec:
    """Each column's fill, mean, deviation, vocabulary, …; lists that would be empty are not there but `numbers` and `categories`."""
    served = identifiers(list(card.columns or {}))
    found: dict[str, list[Spec]] = {name: [] for name in INPUTS}
    crossed = {name for cross in card.preprocess.crosses for name in cross}
    kept: dict[str, np.ndarray] = {}
    for name, column in (card.columns or {}).items():
        values = train[name]
        if all(_is_missing(values[part]) for part in blocks(len(values))):
            raise ZooError(f"column '{name}' of '{card.name}' is missing in every training row", "leave it out of the card's columns")
        kind, fitted = _column(card, name, column, values)
        found[kind].append({"name": name, "input": served[name], **fitted})
        if name in crossed:
            kept[name] = values
    crosses = [_cross(card, pair, kept, served) for pair in card.preprocess.crosses]
    lists = {name: found[name] for name in INPUTS if found[name] or name in ("numbers", "categories")}
    return {"kind": "table", "modality": modality, **lists, **({"crosses": crosses} if crosses else {})}


def _is_missing(values: np.ndarray) -> bool:
    return bool(np.isnan(values).all() if values.dtype.kind == "f" else (values == "").all())


def _column(card: Card, name: str, column: Any, values: np.ndarray) -> tuple[str, Spec]:
    """The list that a column belongs to, and what is fitted for it."""
    match column.type:
        case "number":
            way = settings("number", column, card.preprocess.number)
            return ("bins", numbers.fit_bins(values, way)) if way["bins"] else ("numbers", numbers.fit(values, way))
        case "boolean":
            return "booleans", {}
        case "datetime":
            return "datetimes", dates.fit(name, values, column.format, settings("datetime", column, card.preprocess.datetime))
        case "text":
            fitted = text.fit_bag(values, text.bag_settings(column, card.preprocess.text))
            if not fitted["vocabulary"]:
                raise ZooError(f"column '{name}' of '{card.name}' holds no word", "leave it out of the card's columns")
            return "texts", fitted
    return "categories", categories.fit(name, values, settings("category", column, card.preprocess.category))


def _cross(card: Card, pair: tuple[str, str], columns: Mapping[str, np.ndarray], served: Mapping[str, str]) -> Spec:
    words = categories.Pairs(columns[pair[0]], columns[pair[1]])
    fitted = categories.fit(" x ".join(pair), words, settings("category", card.preprocess.category))
    return {"columns": list(pair), "inputs": [served[name] for name in pair], **fitted}


def _inputs(spec: Spec) -> dict[str, tuple[str, str]]:
    """Source name -> served name and dtype."""
    return {one["name"]: (one["input"], dtype) for kind, dtype in INPUTS.items() for one in spec.get(kind, ())}


def inputs(spec: Spec) -> dict[str, tuple[tuple[int, ...], str]]:
    """Each column, by its served name."""
    return {served: ((), dtype) for served, dtype in _inputs(spec).values()}


def names(spec: Spec) -> dict[str, str]:
    """Source name -> served name."""
    return {name: served for name, (served, _) in _inputs(spec).items()}


def facts(spec: Spec) -> dict[str, Any]:
    """What a builder may ask beside the shape: of a table how many places each of its categories has, place 0 among them."""
    return {"cardinalities": tuple(_sizes(spec))} if spec["modality"] == "table" else {}


def _sizes(spec: Spec) -> list[int]:
    bins = [len(one["edges"]) + 2 for one in spec.get("bins", ())]
    return bins + [categories.size(one) for one in (*spec["categories"], *spec.get("crosses", ()))]


def graph(spec: Spec) -> keras.Model:
    """From the columns to what the model takes."""
    columns = {name: keras.Input(shape, dtype=dtype, name=name) for name, (shape, dtype) in inputs(spec).items()}
    values, places = _values(spec, columns), _places(spec, columns)
    if spec["modality"] == "table":
        halves = {
            "numbers": _beside(values, "table.numbers") if values else Nothing("float32", name="table.numbers")(places[0]),
            "categories": Places(name="table.categories")(places) if places else Nothing("int32", name="table.categories")(values[0]),
        }
        return keras.Model(columns, halves)
    one_hots = [OneHot(size, name=f"one_hot.{index}")(place) for index, (place, size) in enumerate(zip(places, _sizes(spec), strict=True))]
    return keras.Model(columns, _beside([*values, *one_hots], "table.vector"))


def _beside(parts: list[Any], name: str) -> Any:
    return layers.Concatenate(name=name, dtype="float32")(parts) if len(parts) > 1 else parts[0]


def _values(spec: Spec, columns: Mapping[str, Any]) -> list[Any]:
    """What becomes numbers: tensors (batch, …), in their order."""

    def stacked(some: list[Spec], what: str) -> Any:
        return Stack(name=f"stack.{what}")([columns[one["input"]] for one in some])

    scaled, lines = lines_apart(spec["numbers"])
    unsure = [one for one in spec["numbers"] if one.get("indicator")]
    parts = [_scaled(scaled, stacked(scaled, "numbers"))] if scaled else []
    if lines:
        filled = _clipped(lines, stacked(lines, "quantile"), "clip.quantile")
        parts.append(Interpolate([one["points"] for one in lines], name="table.quantile")(filled))
    if unsure:
        parts.append(Missing(name="table.missing")(stacked(unsure, "missing")))
    if spec.get("booleans"):
        yes = stacked(spec["booleans"], "booleans")
        parts += [YesNo(name="booleans.yes")(yes), Missing(name="booleans.missing")(yes)]
    for one in spec.get("datetimes", ()):
        how = {key: one[key] for key in ("pattern", "fields", "words", "parts")}
        parts.append(dates.Moment(**how, name=f"moment.{one['input']}")(columns[one["input"]]))
    return parts + [text.bag(one, name=f"bag.{one['input']}")(columns[one["input"]]) for one in spec.get("texts", ())]


def lines_apart(some: list[Spec]) -> tuple[list[Spec], list[Spec]]:
    """The numbers that are scaled by mean and deviation, and those that go along a line of points."""
    return [one for one in some if "points" not in one], [one for one in some if "points" in one]


def _clipped(some: list[Spec], x: Any, name: str) -> Any:
    bounds = [one.get("clip", (None, None)) for one in some]
    return Clip([low for low, _ in bounds], [high for _, high in bounds], [one["fill"] for one in some], name=name)(x)


def _scaled(some: list[Spec], x: Any) -> Any:
    mean, std, fill = ([one[key] for one in some] for key in ("mean", "std", "fill"))
    if all("scale" not in one and "clip" not in one and abs(one["mean"]) <= FAR * one["std"] for one in some):
        return Standardise(mean, std, fill, name="table.standardise")(x)
    logs = [one.get("scale") == "log" for one in some]
    x = Scale(mean, std, logs, name="table.scale")(_clipped(some, x, "clip.numbers"))
    ends = [one.get("scale") == "minmax" for one in some]
    if any(ends):
        x = Clip([0.0 if end else None for end in ends], [1.0 if end else None for end in ends], name="table.minmax")(x)
    return x


def _places(spec: Spec, columns: Mapping[str, Any]) -> list[Any]:
    """What becomes places: integers (batch,), in their order."""
    found = [Bins(one["edges"], name=f"bins.{one['input']}")(columns[one["input"]]) for one in spec.get("bins", ())]
    for one in spec["categories"]:
        words = Written(name=f"written.{one['input']}")(columns[one["input"]])
        found.append(categories.lookup(one, f"lookup.{one['input']}")(words))
    for index, one in enumerate(spec.get("crosses", ())):
        pair = categories.Cross(name=f"cross.{index}")([columns[name] for name in one["inputs"]])
        found.append(categories.lookup(one, f"lookup.cross.{index}")(pair))
    return found
