"""What a forecast is asked for: windows of values, scaled a target at a time, and the error of whoever repeats a season."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.config.card import Card
from zoo.config.preparing import settings
from zoo.data.preprocess.numbers import spread
from zoo.data.windows import Windows, steps_of
from zoo.errors import ZooError

Spec = dict[str, Any]


def fit(card: Card, train: Windows) -> Spec:
    """Mean and deviation of each target over the steps of the training split, each counted once, history too.

    `seasonal` is the mean absolute difference of each target to its value one season before, on the same steps, in its own
    units: what the mase divides by. None where no such pair of steps is known, or where it is 0.
    """
    assert card.series is not None
    way, season = settings("target", card.preprocess.target)["scale"], card.series.season or 1
    history = card.series.shape[0]
    steps, pieces = steps_of(train, before=history), (~steps_of(train, before=history - 1)).cumsum()  # a piece: no window reaches another
    if not (pieces[season:] == pieces[:-season]).any():
        raise ZooError(
            f"a season of {season} steps does not fit into the training split of '{card.name}', which has {np.bincount(pieces).max()}",
            "use a shorter season (task.season, or the card's series.season), or none, or a larger training split",
        )
    values = _learned(train.values, way == "log", card.name)[steps]
    known = [column[~np.isnan(column)] for column in values.T]
    return {
        "columns": list(card.targets),
        "horizon": train.length,
        "history": history,
        "log": way == "log",
        "mean": [0.0 if way == "none" else float(column.mean()) for column in known],
        "std": [1.0 if way == "none" else spread(column) for column in known],
        "season": season,
        "seasonal": [_seasonal(column, pieces, season) for column in train.values.T],
        "unit": card.target.unit,
    }


def _seasonal(values: np.ndarray, pieces: np.ndarray, season: int) -> float | None:
    apart = np.abs(values[season:] - values[:-season])[pieces[season:] == pieces[:-season]]
    apart = apart[~np.isnan(apart)]
    return float(apart.mean()) or None if len(apart) else None


def encode(wanted: Spec, target: Windows, dtype: Any = np.float32) -> Windows:
    """The same windows over values as they are learned."""
    values = (_learned(target.values, wanted["log"], wanted["name"]) - wanted["mean"]) / wanted["std"]
    return Windows(values.astype(dtype), target.starts, target.length)


def _learned(values: np.ndarray, log: bool, name: str) -> np.ndarray:
    if not log:
        return values
    if (values <= -1).any():
        raise ZooError(f"preprocess.target.scale: log learns log(1 + value), and the target of '{name}' holds values of -1 and below")
    return np.log1p(values)
