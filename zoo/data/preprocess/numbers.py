"""Numbers of a table: what is fitted for each, and the statistics that other kinds of features are fitted by too."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np

QUANTILES = 1000  # points, at most, of the line from a column's own distribution to the normal one
Spec = dict[str, Any]


def spread(values: np.ndarray) -> float:
    """The standard deviation; 1 for what never changes, so that it stays at 0 instead of being blown up."""
    std = float(values.std(dtype=np.float64))
    return std if values.min() < values.max() and std > np.finfo(np.float32).tiny else 1.0


def fit(values: np.ndarray, way: Mapping[str, Any]) -> Spec:
    """How a number is filled, clipped and scaled.

    Args:
        values: the training split's, float32 (n,) with NaN for missing, at least one of them known.
        way: `settings("number", …)`.
    """
    known = values[~np.isnan(values)]
    fill = _fill(known, way["fill"])
    del known  # of many rows each copy counts
    filled = _clipped(np.where(np.isnan(values), np.float32(fill), values), way["clip"]).astype(np.float64)
    found: Spec = {"fill": fill}
    if way["clip"] is not None:
        found["clip"] = list(way["clip"])
    if way["indicator"]:
        found["indicator"] = True
    if way["scale"] != "standard":
        found["scale"] = way["scale"]
    return {**found, **SCALES[way["scale"]](filled)}


def _fill(known: np.ndarray, how: str | float) -> float:
    if isinstance(how, str):
        return float(np.median(known) if how == "median" else known.mean(dtype=np.float64))
    return float(how)


def _clipped(values: np.ndarray, clip: tuple[float, float] | None) -> np.ndarray:
    if clip is None:
        return values
    low, high = np.float32(clip[0]), np.float32(clip[1])
    found: np.ndarray = np.clip(values, low, high)
    return found


def _standard(values: np.ndarray) -> Spec:
    return {"mean": float(values.mean()), "std": spread(values)}


def _minmax(values: np.ndarray) -> Spec:
    low, high = float(values.min()), float(values.max())
    return {"mean": low, "std": high - low if high > low else 1.0}


def _robust(values: np.ndarray) -> Spec:
    """Median and interquartile range; the deviation where the middle half is one value."""
    low, middle, high = (float(one) for one in np.quantile(values, [0.25, 0.5, 0.75]))
    return {"mean": middle, "std": high - low if high - low > np.finfo(np.float32).tiny else spread(values)}


def _log(values: np.ndarray) -> Spec:
    return _standard(np.sign(values) * np.log1p(np.abs(values)))


def _quantile(values: np.ndarray) -> Spec:
    """A line through values of these ranks, each at the normal distribution's own; equal values share the middle of their ranks."""
    count = min(QUANTILES, len(values))
    ranks = (np.arange(count) + 0.5) / count
    chosen = np.sort(values)[(ranks * len(values)).astype(int)].astype(np.float32)
    knots, first, repeats = np.unique(chosen, return_index=True, return_counts=True)
    if len(knots) == 1:
        return {"points": [[float(knots[0]), float(np.nextafter(knots[0], np.float32(np.inf)))], [0.0, 0.0]]}
    middles = np.add.reduceat(ranks, first) / repeats
    normal = [NormalDist().inv_cdf(rank) for rank in middles.tolist()]
    return {"points": [knots.astype(float).tolist(), normal]}


SCALES = {
    "standard": _standard,
    "minmax": _minmax,
    "robust": _robust,
    "log": _log,
    "quantile": _quantile,
    "none": lambda values: {"mean": 0.0, "std": 1.0},
}


def fit_bins(values: np.ndarray, way: Mapping[str, Any]) -> Spec:
    """Edges between bins of equal counts of the known values; fewer where values repeat. See `fit`."""
    known = _clipped(values[~np.isnan(values)], way["clip"])
    edges = np.unique(np.quantile(known.astype(np.float64), np.arange(1, way["bins"]) / way["bins"]).astype(np.float32))
    return {"edges": [float(edge) for edge in edges if edge > known.min()]}
