"""What is known of a judged run: the one thing that figures, examples and the report are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.assembly import Opened
from zoo.data import Dataset
from zoo.runs import Run
from zoo.tasks import Task


@dataclass(frozen=True)
class Part:
    """A split, judged.

    Attributes:
        name: `val` or `test`.
        rows: row numbers in `Dataset.raw`, (n,).
        y: the encoded target, (n,): class numbers, or standardised values in float64; of a forecast Windows of them.
        target: the target as people read it, (n,): class names, or values in their own units; of a forecast Windows of them.
        outputs: of the model, float32 (n, …).
        answers: by name, (n,) each; `scores` (n, classes), `forecast` (n, horizon, targets).
        metrics: of the model.
        baseline: of whoever looks at no input, or repeats the last value.
        baselines: of what else the task names beside it, by name.
    """

    name: str
    rows: np.ndarray
    y: Any
    target: Any
    outputs: np.ndarray
    answers: dict[str, np.ndarray]
    metrics: dict[str, Any]
    baseline: dict[str, Any]
    baselines: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Generated:
    """What a generative model draws.

    Attributes:
        samples: as the model gives them, float32 (n, …).
        labels: the class numbers that it was told, (n,), or None.
        classifier: whose features the scores are of, or None.
        alarms: what is wrong with it, in words.
    """

    samples: np.ndarray
    labels: np.ndarray | None
    classifier: dict[str, Any] | None
    alarms: list[str]


@dataclass(frozen=True)
class Judged:
    """A run with its data, its reading, its two splits, and its model, opened."""

    run: Run
    task: Task
    data: Dataset
    reading: dict[str, Any]
    val: Part
    test: Part
    opened: Opened
    generated: Generated | None = None
