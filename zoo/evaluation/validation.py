"""A split, measured: what the kept weights say of it, and how good that is. Evaluation asks for val and test, a search for val alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.assembly import Opened, open_run
from zoo.data import Dataset, preprocess
from zoo.data.preprocess import forecast
from zoo.data.windows import pick
from zoo.errors import ZooError
from zoo.evaluation import anomalies, generated, predictions
from zoo.runs import Run
from zoo.tasks import Forecasting, Generation, Reconstruction, Regression, Task


@dataclass(frozen=True)
class Seen:
    """A split beside what the model says of it.

    Attributes:
        name: of the split.
        rows: row numbers in `Dataset.raw`, (n,).
        y: the encoded target.
        outputs: of the task, float32 (n, …).
    """

    name: str
    rows: np.ndarray
    y: Any
    outputs: np.ndarray


def val_metrics(run: Run, runs: Path | None) -> dict[str, Any]:
    """`zoo.evaluation.val_metrics`."""
    run.needs_weights()
    opened, data = open_run(run), run.dataset
    val = see(opened, data, "val", predictions.forward(opened))
    opened.reading = opened.task.fit_reading(val.outputs, val.y)
    _, metrics = measured(opened, data, val)
    if isinstance(opened.task, Generation):
        metrics |= generated.compared(opened, data, val.name, val.rows, val.y, generated.classifier_of(opened, data, runs)).scores
    return metrics


def see(opened: Opened, data: Dataset, name: str, forward: predictions.Forward) -> Seen:
    """Raises ZooError where an output is not finite."""
    rows, y = data.rows[name], target_of(opened.task, data, name)
    found = forward(data.raw, rows, y)
    bad = np.flatnonzero(~np.isfinite(found).reshape(len(found), -1).all(-1))
    if len(bad):
        raise ZooError(
            f"{opened.run.path}: the model's output is not finite for {len(bad)} of {len(found)} {name} examples",
            f"first in row {data.raw.ids[rows[bad[0]]]} of '{data.card.name}'",
            "train again with a smaller learning rate, or look at that row",
        )
    return Seen(name, rows, y, found)


def target_of(task: Task, data: Dataset, name: str) -> Any:
    """The encoded target; of values in float64, so that errors are those of the source's numbers, not of rounded ones."""
    target = pick(data.raw.target, data.rows[name])
    if isinstance(task, Forecasting):
        return forecast.encode(data.spec["target"], target, np.float64)
    return task.scaled(target) if isinstance(task, Regression) else preprocess.encode_target(data.spec, target)


def measured(opened: Opened, data: Dataset, seen: Seen) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The answers that the opened run's reading makes of the outputs, and their metrics; of what is drawn nothing yet."""
    answers = predictions.answers(opened.task, seen.outputs, opened.reading)
    metrics = opened.task.measure(seen.outputs, seen.y, answers)
    if isinstance(opened.task, Reconstruction):
        metrics |= anomalies.events(data, seen.rows, answers["anomaly"])
    return answers, metrics
