"""The target: labels to class numbers, values scaled, and the way back (which the tasks take)."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.config import label_sets
from zoo.config.card import Card
from zoo.config.preparing import settings
from zoo.data.mapped import blocks, gather, many
from zoo.data.preprocess import forecast
from zoo.data.preprocess.numbers import mean, spread
from zoo.data.sources.words import numbered
from zoo.errors import ZooError

Spec = dict[str, Any]


def fit(card: Card, train: Any, target: Any) -> Spec:
    """Classes with the values they stand for, or mean and deviation.

    Args:
        card: says what is learned.
        train: the training split's target; statistics come from nowhere else.
        target: the whole target, of which only the set of class names is taken.
    """
    if card.task == "language":
        return {"name": card.target.name}  # its values are tokens, which the text's own description numbers
    if card.task == "forecasting":
        return {"name": card.target.name, **forecast.fit(card, train)}
    if card.task == "reconstruction":
        return {"name": card.target.name, **_anomalies(card, target)}
    if card.multilabel:
        return {"name": card.target.name, **_labels(card, target)}
    if card.task == "classification":
        return {"name": card.target.name, **_classes(card, target)}
    if card.target.columns:
        return {"name": card.target.name, **_numbers(card, train, target)}
    return {"name": card.target.name, **_number(card, card.target.name, train, target)}


def _classes(card: Card, target: np.ndarray) -> Spec:
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


def _labels(card: Card, target: Any) -> Spec:
    """The labels of which any number may hold, and what stands between them in a text."""
    joint = card.target.joint
    given = card.target.columns or card.target.classes
    names = given or sorted({label for text in np.unique(target) for label in label_sets.labels_of(text, joint)})
    return {"classes": list(names), "multilabel": True, "separator": joint}


def _anomalies(card: Card, target: np.ndarray) -> Spec:
    """The normal class and the anomalous one: labels 0 and 1, or as the card's `classes` name them in that order."""
    names = list(card.target.classes or ("normal", "anomalous"))
    found = {str(value) for value in np.unique(target)}
    values = ["0", "1"] if found <= {"0", "1"} else names
    if len(names) != 2 or not found <= set(values):
        raise ZooError(
            f"the target '{card.target.name}' of '{card.name}' holds {', '.join(sorted(found)[:5])}, where 0 is normal and 1 anomalous",
            "or name both in target.classes, the normal one first",
        )
    return {"classes": names, "values": values}


def _number(card: Card, name: str, train: np.ndarray, target: np.ndarray) -> Spec:
    """Mean and deviation of what is learned: of the value, or with `log` of log(1 + value); without a scale 0 and 1."""
    scale = settings("target", card.preprocess.target)["scale"]
    if scale == "none":
        return {"mean": 0.0, "std": 1.0, "unit": card.target.unit}
    if scale == "standard":
        return {"mean": mean(train), "std": spread(train), "unit": card.target.unit}
    if (target <= -1).any():
        raise ZooError(
            f"the target '{name}' of '{card.name}' holds {target.min():g}, and log(1 + value) needs values above -1",
            "preprocess: {target: {scale: standard}}",
        )
    logs = np.log1p(train)
    return {"mean": mean(logs), "std": spread(logs), "unit": card.target.unit, "scale": "log"}


def _numbers(card: Card, train: np.ndarray, target: np.ndarray) -> Spec:
    """The same of several values, a list each."""
    several = [_number(card, name, train[:, place], target[:, place]) for place, name in enumerate(card.targets)]
    return {**several[0], "columns": list(card.targets), **{key: [one[key] for one in several] for key in ("mean", "std")}}


def encode(wanted: Spec, target: Any) -> Any:
    """Labels as int32 class numbers; several at once float32 (n, labels), 1 where one holds; values as float32 standardised."""
    if "horizon" in wanted:
        return forecast.encode(wanted, target)
    if wanted.get("multilabel"):
        texts, which = numbered(target)
        return gather(label_sets.marks(texts, wanted["classes"], wanted["separator"]).astype(np.float32), which)
    if "classes" in wanted:
        place = {value: index for index, value in enumerate(wanted["values"])}
        values, which = numbered(target)
        return gather(np.array([place[str(value)] for value in values], np.int32), which)
    if "mean" not in wanted:
        return target
    if many(target):
        return np.concatenate([encode(wanted, target[part]) for part in blocks(len(target))])
    values = np.log1p(target) if wanted.get("scale") == "log" else target
    return ((values - wanted["mean"]) / wanted["std"]).astype(np.float32)
