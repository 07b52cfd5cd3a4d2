"""`baseline.json`: what inputs and answers were like at training time, which monitoring compares with."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.config.label_sets import labels_of
from zoo.data import Dataset, preprocess
from zoo.data.mapped import blocks, many
from zoo.data.preprocess import categories, numbers
from zoo.data.windows import pick
from zoo.evaluation.parts import Judged

BINS = 10
TOP = 50
IMAGES = 1024  # at a time


def distributions(judged: Judged) -> dict[str, Any]:
    """Every input on the training split, in raw units and by its name in the source, and the answers on val."""
    answers, told = judged.val.answers, {"split": "val", "rows": len(judged.val.rows)}
    if "value" in answers and answers["value"].ndim > 1:
        names = judged.data.card.targets
        told["value"] = {name: of_numbers(said) for name, said in zip(names, answers["value"].T, strict=True)}
    elif "value" in answers:
        told["value"] = of_numbers(answers["value"])
    elif "anomaly" in answers:
        told |= {"score": of_numbers(answers["score"]), "anomalies": int(answers["anomaly"].sum())}
    elif "score" in answers:
        told["score"] = of_numbers(answers["score"])
    elif "nats" in answers:
        told["nats"] = of_numbers(answers["nats"])
    elif "forecast" in answers:
        said = answers["forecast"]
        told["forecast"] = {name: of_numbers(said[..., place].reshape(-1)) for place, name in enumerate(judged.data.card.targets)}
    else:
        joint = judged.data.card.target.joint if judged.data.card.multilabel else None
        counts = Counter(one for said in answers["label"].tolist() for one in (labels_of(said, joint) if joint else [said]))
        told["labels"] = {name: counts[name] for name in judged.data.classes or ()}
        told["confidence"] = _binned(answers["probability"], np.arange(1, BINS) / BINS)
    return {"split": "train", "rows": len(judged.data.rows["train"]), "inputs": _inputs(judged.data), "predictions": told}


def _inputs(data: Dataset) -> dict[str, Any]:
    served = preprocess.served_names(data.spec)
    return {name: {"input": served[name], **_of(data, name)} for name in served}


def _of(data: Dataset, name: str) -> dict[str, Any]:
    """What one input is like on the training split."""
    rows, values = data.rows["train"], data.raw.features[name]
    match data.spec["kind"]:
        case "image":
            return _of_images(values, rows)
        case "audio":
            return {"kind": "audio", "count": len(rows), "loudness": of_numbers(_in_parts(values, rows, loudness))}
        case "series":
            means, spreads = _in_parts(values, rows, _step_means), _in_parts(values, rows, _step_spreads)
            channels = [{"mean": of_numbers(means[:, one]), "std": of_numbers(spreads[:, one])} for one in range(means.shape[-1])]
            return {"kind": "series", "count": len(rows), "channels": channels}
        case "text" if "codes" in data.spec:
            return {"kind": "text", "windows": len(rows), "tokens": _of_tokens(data)}
        case "text":
            texts = values[rows]
            return {"kind": "text", "count": len(rows), "characters": of_numbers(np.array([len(text) for text in texts], np.float32))}
    mine = pick(values, rows)
    return of_words(mine) if values.dtype.kind == "O" else of_numbers(mine)


def _of_tokens(data: Dataset) -> dict[str, int]:
    """How often each character stands in the training split, or each byte by its number, the TOP most frequent ones."""
    (windows,), rows, counts = data.raw.features.values(), data.rows["train"], Counter[int]()
    for start in range(0, len(rows), IMAGES):
        codes, many = np.unique(windows[rows[start : start + IMAGES]], return_counts=True)
        counts.update(dict(zip(codes.tolist(), many.tolist(), strict=True)))
    name = str if data.spec["tokens"] == "byte" else chr
    return {name(code): count for code, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:TOP]}


def _in_parts(values: Any, rows: np.ndarray, measure: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A measure of every example, a bounded number of them at a time."""
    return np.concatenate([measure(np.asarray(values[rows[start : start + IMAGES]])) for start in range(0, len(rows), IMAGES)])


def loudness(waves: np.ndarray) -> np.ndarray:
    """The root of the mean square of each sound (n, samples), in decibels below full scale; silence is -100."""
    power = np.square(waves, dtype=np.float64).mean(-1)
    found: np.ndarray = 10 * np.log10(np.maximum(power, 1e-10))
    return found


def _step_means(series: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a series of missing values only has no mean: NaN says so
        found: np.ndarray = np.nanmean(series, 1)
    return found


def _step_spreads(series: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found: np.ndarray = np.nanstd(series, 1)
    return found


def of_numbers(values: np.ndarray) -> dict[str, Any]:
    """Moments, and counts between quantiles. NaN is a missing value.

    Returns:
        `count` of the known, `missing`, `mean`, `std`, `min`, `max`; `edges`, rising, at most BINS - 1; `counts`, one more:
        below the first edge, from each edge to below the next, and from the last edge on.
    """
    known = values[~np.isnan(values)]
    known = known if many(known) else known.astype(np.float64)  # of many rows each copy counts
    told: dict[str, Any] = {"kind": "number", "count": len(known), "missing": len(values) - len(known)}
    if len(known) == 0:
        return {**told, "mean": None, "std": None, "min": None, "max": None, "edges": [], "counts": [0]}
    moments = {"mean": numbers.mean(known), "std": numbers.deviation(known), "min": known.min(), "max": known.max()}
    edges = np.unique(numbers.quantiles(known, np.arange(1, BINS) / BINS))
    return {**told, **{name: float(value) for name, value in moments.items()}, **_binned(known, edges)}


def _binned(values: np.ndarray, edges: np.ndarray) -> dict[str, Any]:
    counts = np.zeros(len(edges) + 1, np.int64)
    for part in blocks(len(values)):
        counts += np.bincount(np.searchsorted(edges, values[part], side="right"), minlength=len(counts))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def of_words(values: Any) -> dict[str, Any]:
    """How often each word stands there, the TOP most frequent ones; "" is a missing value."""
    counts = categories.counted(values)
    missing = counts.pop("", 0)
    frequent = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:TOP]
    known = counts.total()
    return {"kind": "category", "count": known, "missing": missing, "counts": dict(frequent), "other": known - sum(n for _, n in frequent)}


def _of_images(images: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    """The mean of each image's pixels and their standard deviation, in the source's scale."""
    bright, contrast = np.empty(len(rows)), np.empty(len(rows))
    for start in range(0, len(rows), IMAGES):
        span = slice(start, start + IMAGES)
        pixels = images[rows[span]].reshape(len(bright[span]), -1)
        bright[span], contrast[span] = pixels.mean(-1, dtype=np.float64), pixels.std(-1, dtype=np.float64)
    return {"kind": "image", "count": len(rows), "brightness": of_numbers(bright), "contrast": of_numbers(contrast)}
