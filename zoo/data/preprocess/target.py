"""The target: labels to class numbers, values scaled, and the way back (which the tasks take)."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.config.card import Card
from zoo.data.preprocess.numbers import spread
from zoo.errors import ZooError

Spec = dict[str, Any]


def fit(card: Card, train: Any, target: Any) -> Spec:
    """Classes with the values they stand for, or mean and deviation.

    Args:
        card: says what is learned.
        train: the training split's target; statistics come from nowhere else.
        target: the whole target, of which only the set of class names is taken.
    """
    found = _classes(card, target) if card.task == "classification" else _number(card, train)
    return {"name": card.target.name, **found}


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


def _number(card: Card, train_target: np.ndarray) -> Spec:
    return {"mean": float(train_target.mean()), "std": spread(train_target), "unit": card.target.unit}


def encode(wanted: Spec, target: Any) -> np.ndarray:
    """Labels as int32 class numbers, or values as float32 standardised."""
    if "classes" in wanted:
        place = {value: index for index, value in enumerate(wanted["values"])}
        values, which = np.unique(target, return_inverse=True)
        return np.array([place[str(value)] for value in values], np.int32)[which]
    return ((target - wanted["mean"]) / wanted["std"]).astype(np.float32)
