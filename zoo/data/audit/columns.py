"""Columns of a table: empty ones, constant ones, and one that tells the target by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from zoo.data import preprocess
from zoo.data.audit.finding import Finding, percent, sample, some
from zoo.data.windows import pick

if TYPE_CHECKING:
    from zoo.config.features import Column
    from zoo.data.dataset import Dataset

HALF = 0.5  # missing values of a column
TELLS = 0.99  # AUC or R2 of one column alone on val, and on test: above it, it is likely the target itself
ROWS = 20_000  # of each split that a column is judged by
LEAVES = 256  # of the tree that a column of numbers learns
CLASSES = 50  # that a column is judged by


def missing(data: Dataset) -> list[Finding]:
    """Columns, channels or texts that lack values; a warning for more than half of them, a note for fewer."""
    rates = {name: _gone(values) for name, values in _columns(data).items()}
    many = {name: rate for name, rate in rates.items() if rate > HALF}
    few = {name: rate for name, rate in rates.items() if 0 < rate <= HALF}
    advice = "leave the column out, or keep what it tells by being there: {type: number, indicator: true}"
    told = [
        Finding("warning", "empty columns", f"over half of '{name}' is missing: {percent(rate, 1)}", (), advice)
        for name, rate in many.items()
    ]
    if few:
        listed = some(f"{name} {percent(rate, 1)}" for name, rate in sorted(few.items(), key=lambda one: -one[1]))
        told.append(Finding("note", "missing values", f"{len(few):,} of {len(rates):,} columns lack values", listed))
    return told


def constant(data: Dataset) -> list[Finding]:
    """Columns that hold one value in all of train, missing ones apart."""
    of_train = (lambda values: pick(values, data.rows["train"])) if data.card.kind == "table" else np.asarray
    found = [name for name, values in _columns(data).items() if _is_constant(np.asarray(of_train(values)))]
    advice = "it tells nothing: leave it out"
    return [Finding("warning", "constant columns", f"'{name}' has one value only in train", (), advice) for name in found]


def _columns(data: Dataset) -> dict[str, Any]:
    """What can lack values: the columns of a table, the texts, the channels of a series in windows."""
    features, windows = data.raw.features, data.raw.features.get("series")
    if data.card.kind == "table" or (data.card.kind == "text" and data.card.task != "language"):
        return dict(features)
    if data.card.series and data.card.series.columns and windows is not None:
        return {name: windows.values[:, place] for place, name in enumerate(data.card.series.columns)}
    return {}


def _missing(values: np.ndarray) -> np.ndarray:
    return (
        np.isnan(values)
        if values.dtype.kind == "f"
        else np.asarray(values == "")
        if values.dtype.kind in "OU"
        else np.zeros(len(values), bool)
    )


def _gone(values: Any) -> float:
    return float(_missing(np.asarray(values)).mean())


def _is_constant(values: np.ndarray) -> bool:
    there = values[~_missing(values)]
    return bool(len(there) == 0 or (there == there[0]).all())


def giveaway(data: Dataset) -> list[Finding]:
    """Columns of which one alone predicts the target on val and on test: AUC or R2 above 0.99, by more than chance could."""
    if data.card.kind != "table" or data.card.task not in ("classification", "regression"):
        return []
    rows = {name: sample(rows, ROWS) for name, rows in data.rows.items()}
    found = []
    for name, column in (data.card.columns or {}).items():
        if column.type == "text":
            continue
        parts = {part: _typed(np.asarray(data.raw.features[name][rows[part]]), column) for part in rows}
        for told, target in _learned(data):
            scores = [_sure(parts, rows, target, part, data.card.task) for part in ("val", "test")]
            if min(scores) > TELLS:
                found.append((name, told, scores[0]))
    measure = "AUC" if data.card.task == "classification" else "R2"
    advice = "is it known before the target is? if not, it will not be there when it is needed: take it out of columns"
    return [
        Finding("error", "giveaways", f"'{name}' alone predicts '{told}': {measure} {score:.3f} on val", (), advice)
        for name, told, score in found
    ]


def _learned(data: Dataset) -> Iterator[tuple[str, np.ndarray]]:
    """What is learned, by name, (n,) each: class numbers, whether a label holds, or values."""
    target = np.asarray(data.raw.target)
    if data.card.multilabel:
        yield from zip(data.classes or (), preprocess.encode_target(data.spec, data.raw.target).T, strict=True)
    elif data.card.task == "classification":
        yield data.card.target.name, np.unique(target, return_inverse=True)[1]
    else:
        yield from zip(data.card.targets, target.reshape(len(target), -1).T, strict=True)


def _typed(values: np.ndarray, column: Column) -> np.ndarray:
    """Numbers as they are, moments as seconds, categories as text."""
    if column.type != "datetime":
        return values
    moments = pd.to_datetime(pd.Series(values.astype(str)), format=column.format or "ISO8601", errors="coerce", utc=True)
    return (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(np.float64)


def _sure(parts: dict[str, np.ndarray], rows: dict[str, np.ndarray], target: np.ndarray, part: str, task: str) -> float:
    """The score of a model of one column, fitted on train; an AUC less two of its standard errors, as few rows prove little."""
    fit = _by_word if parts["train"].dtype.kind in "OU" else _by_number
    seen, asked = target[rows["train"]], target[rows[part]]
    if task == "regression":
        return _r2(asked, fit(parts["train"], seen[:, None].astype(float), parts[part])[:, 0])
    classes = np.unique(seen)[:CLASSES]
    scores = fit(parts["train"], (seen[:, None] == classes).astype(float), parts[part])
    areas = [_auc(scores[:, place], asked == one) for place, one in enumerate(classes)]
    known = [area for area in areas if area is not None]
    area = float(np.mean(known)) if known else 0.0
    return area - 2 * np.sqrt(area * (1 - area) / len(asked))


def _by_number(train: np.ndarray, target: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """What a tree of one number says, which may be missing; where a straight line says it better, the line."""
    from sklearn.tree import DecisionTreeRegressor

    leaf = len(train) // (2000 if target.shape[1] == 1 else max(20, 4 * target.shape[1]))  # shares of classes need rows
    tree = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=max(1, leaf), random_state=0)
    tree.fit(train[:, None], target)
    found: np.ndarray = tree.predict(asked[:, None]).reshape(len(asked), -1)
    there = np.isfinite(train)
    if target.shape[1] == 1 and there.sum() > 2 and np.ptp(train[there]) > 0:
        slope, start = np.polyfit(train[there].astype(float), target[there, 0], 1)
        line = slope * np.where(np.isnan(asked), train[there].mean(), asked) + start
        if _r2(target[there, 0], slope * train[there] + start) > TELLS:
            return line[:, None]
    return found


def _by_word(train: np.ndarray, target: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The mean target of each word of train; of an unknown word that of all."""
    words, which, counts = np.unique(train.astype(str), return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(which, one, len(words)) for one in target.T], 1) / counts[:, None]
    place = np.clip(np.searchsorted(words, asked.astype(str)), 0, len(words) - 1)
    found: np.ndarray = np.where((words[place] == asked.astype(str))[:, None], means[place], target.mean(0))
    return found


def _r2(target: np.ndarray, found: np.ndarray) -> float:
    spread = ((target - target.mean()) ** 2).sum()
    return float(1 - ((target - found) ** 2).sum() / spread) if spread else 0.0


def _auc(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """The area under the ROC curve; None where there is one class only."""
    from scipy.stats import rankdata

    yes, no = int(positive.sum()), int((~positive).sum())
    return float((rankdata(scores)[positive].sum() - yes * (yes + 1) / 2) / (yes * no)) if yes and no else None
