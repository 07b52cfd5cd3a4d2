"""Numbers of a table: what is fitted for each, and the statistics that other kinds of features are fitted by too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from statistics import NormalDist
from typing import Any

import numpy as np

from zoo.data.mapped import blocks, many

QUANTILES = 1000  # points, at most, of the line from a column's own distribution to the normal one
Spec = dict[str, Any]
Change = Callable[[np.ndarray], np.ndarray]


def spread(values: np.ndarray) -> float:
    """The standard deviation; 1 for what never changes, so that it stays at 0 instead of being blown up."""
    std = float(values.std(dtype=np.float64)) if values.ndim > 1 else deviation(values)
    return std if values.min() < values.max() and std > np.finfo(np.float32).tiny else 1.0


def mean(values: np.ndarray, change: Change = np.asarray) -> float:
    """The mean, summed as float64; of many values a block at a time."""
    if not many(values):
        return float(change(values).mean(dtype=np.float64))
    return sum(float(part.sum()) for part in _parts(values, change)) / len(values)


def deviation(values: np.ndarray, change: Change = np.asarray) -> float:
    """The standard deviation, as `mean` has the mean."""
    if not many(values):
        return float(change(values).std(dtype=np.float64))
    middle = mean(values, change)
    return float(np.sqrt(sum(float(np.square(part - middle).sum()) for part in _parts(values, change)) / len(values)))


def _parts(values: np.ndarray, change: Change) -> Iterator[np.ndarray]:
    """A block of values after the other, as float64, changed."""
    return (change(values[part].astype(np.float64)) for part in blocks(len(values)))


def quantiles(values: np.ndarray, shares: Any) -> np.ndarray:
    """`np.quantile` of float32 (n,) as float64 has it; of many values without such a copy of them."""
    if not many(values):
        return np.quantile(values.astype(np.float64), shares)
    place = np.asarray(shares, np.float64) * (len(values) - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, len(values) - 1)
    ranked = np.partition(values, np.union1d(below, above))
    low, high, part = ranked[below].astype(np.float64), ranked[above].astype(np.float64), place - below
    found: np.ndarray = np.where(part >= 0.5, high - (high - low) * (1 - part), low + (high - low) * part)
    return found


def fit(values: np.ndarray, way: Mapping[str, Any]) -> Spec:
    """How a number is filled, clipped and scaled.

    Args:
        values: the training split's, float32 (n,) with NaN for missing, at least one of them known.
        way: `settings("number", …)`.
    """
    gone = np.isnan(values)
    fill = _fill(values[~gone] if gone.any() else values, way["fill"])  # of many rows each copy counts
    filled = _clipped(np.where(gone, np.float32(fill), values) if gone.any() else values, way["clip"])
    filled = filled if many(values) else filled.astype(np.float64)
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
        return float(np.median(known)) if how == "median" else mean(known)
    return float(how)


def _clipped(values: np.ndarray, clip: tuple[float, float] | None) -> np.ndarray:
    if clip is None:
        return values
    low, high = np.float32(clip[0]), np.float32(clip[1])
    found: np.ndarray = np.clip(values, low, high)
    return found


def _standard(values: np.ndarray) -> Spec:
    return {"mean": mean(values), "std": spread(values)}


def _minmax(values: np.ndarray) -> Spec:
    low, high = float(values.min()), float(values.max())
    return {"mean": low, "std": high - low if high > low else 1.0}


def _robust(values: np.ndarray) -> Spec:
    """Median and interquartile range; the deviation where the middle half is one value."""
    low, middle, high = (float(one) for one in quantiles(values, [0.25, 0.5, 0.75]))
    return {"mean": middle, "std": high - low if high - low > np.finfo(np.float32).tiny else spread(values)}


def _log(values: np.ndarray) -> Spec:
    if many(values):
        std = deviation(values, _logs)
        return {"mean": mean(values, _logs), "std": std if std > np.finfo(np.float32).tiny else 1.0}
    return _standard(_logs(values))


def _logs(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.sign(values) * np.log1p(np.abs(values))
    return found


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
    edges = np.unique(quantiles(known, np.arange(1, way["bins"]) / way["bins"]).astype(np.float32))
    return {"edges": [float(edge) for edge in edges if edge > known.min()]}
