"""Values over time: filled, scaled a channel at a time, with lags and rolling statistics as further channels.

A missing value takes the last known one of its channel inside the window, else the training split's mean. Behind the end of a
shorter series (`series.length`) there is nothing to fill: those steps are 0 after scaling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from zoo.config.card import Card
from zoo.config.preparing import settings
from zoo.data.preprocess.layers import Standardise
from zoo.data.preprocess.numbers import spread
from zoo.data.preprocess.steps import BlankEnd, FillForward, LookBack
from zoo.data.windows import Windows, steps_of
from zoo.errors import ZooError

Spec = dict[str, Any]


def fit(card: Card, train: Mapping[str, Any], modality: str) -> Spec:
    """Of each channel centre, scale and fill, over the steps of the training split, each counted once.

    Those of windows are the steps that they see and, of a forecast, those that they are asked for.
    """
    assert card.series is not None
    values, way = train["series"], settings("series", card.preprocess.series)
    steps, channels = card.series.shape
    names = list(card.series.columns or [f"channel {number}" for number in range(channels)])
    if isinstance(values, Windows):
        ahead = (card.series.horizon or 0) if card.task == "forecasting" else 0
        values = values.values[steps_of(values, after=ahead)]
    values = values.reshape(-1, channels)
    ways = [_way(values[:, number], way["scale"], f"'{name}' of '{card.name}'") for number, name in enumerate(names)]
    return {
        "kind": "series",
        "modality": modality,
        "shape": [steps, channels],
        **{key: [one[key] for one in ways] for key in ("centre", "scale", "fill")},
        "padded": card.series.length is not None and card.series.columns is None,
        "lags": list(way["lags"]),
        "rolling": [one.model_dump() for one in way["rolling"]],
        "targets": [names.index(name) for name in card.targets if name in names] if card.task == "forecasting" else [],
    }


def _way(values: np.ndarray, scale: str, which: str) -> dict[str, float]:
    known = values[~np.isnan(values)].astype(np.float64)
    if len(known) == 0:
        raise ZooError(f"the channel {which} is missing at every step of the training split", "leave it out of series.columns")
    mean = float(known.mean())
    if scale == "minmax":
        low, high = float(known.min()), float(known.max())
        return {"centre": low, "scale": high - low or 1.0, "fill": mean}
    if scale == "robust":
        low, middle, high = (float(one) for one in np.quantile(known, (0.25, 0.5, 0.75)))
        return {"centre": middle, "scale": high - low or spread(known), "fill": mean}
    return {"centre": 0.0, "scale": 1.0, "fill": mean} if scale == "none" else {"centre": mean, "scale": spread(known), "fill": mean}


def inputs(spec: Spec) -> dict[str, tuple[tuple[int, ...], str]]:
    """`series` (steps, channels) in the source's units, NaN for missing."""
    return {"series": (tuple(spec["shape"]), "float32")}


def names(spec: Spec) -> dict[str, str]:
    """Source name -> served name."""
    return {"series": "series"}


def facts(spec: Spec) -> dict[str, Any]:
    """Of a forecast `target_channels`, where its targets stand among the channels, and `same_scale`, whether both are scaled alike."""
    if not spec["targets"]:
        return {}
    return {"target_channels": tuple(spec["targets"]), "same_scale": _same_scale(spec, spec["target"])}


def _same_scale(spec: Spec, target: Spec) -> bool:
    """Whether a value of the history and the same value to be forecast are one number; both are fitted on the same steps."""
    if target["log"] or len(spec["targets"]) != len(target["mean"]):
        return False
    centre, scale = (np.array(spec[key])[spec["targets"]] for key in ("centre", "scale"))
    mean, std = np.array(target["mean"]), np.array(target["std"])
    return bool((np.maximum(np.abs(mean - centre), np.abs(std - scale)) <= 1e-6 * std).all())


def graph(spec: Spec) -> keras.Model:
    """From `series` to float32 (steps, channels + further ones), or all of it as one vector."""
    series = keras.Input(spec["shape"], dtype="float32", name="series")
    x = FillForward(name="fill_forward")(series)
    x = Standardise(spec["centre"], spec["scale"], spec["fill"], name="standardise")(x)
    if spec["lags"] or spec["rolling"]:
        x = LookBack(spec["lags"], spec["rolling"], name="look_back")(x)
    if spec["padded"]:
        x = BlankEnd(name="blank_end")([x, series])
    if spec["modality"] == "vector":
        x = layers.Flatten(dtype="float32")(x)
    return keras.Model({"series": series}, x)
