"""A finished run, measured: every file of it that evaluation writes, `metrics.json` last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.assembly import open_run
from zoo.data import Dataset, preprocess
from zoo.data.preprocess import forecast
from zoo.data.preprocess.text import as_texts
from zoo.data.sources import Raw
from zoo.data.windows import pick
from zoo.errors import ZooError
from zoo.evaluation import anomalies, distributions, figures, forecasts, generated, predictions, report
from zoo.evaluation.metrics import baseline_metrics, metrics_of
from zoo.evaluation.parts import Judged, Part
from zoo.runs import Run, locked, make_folder, sweep, write_atomically, write_json, write_text
from zoo.tasks import Forecasting, Generation, Reconstruction, Regression, Task

Forward = Callable[[Raw, np.ndarray, Any], np.ndarray]


def judge(run: Run) -> Run:
    """`zoo.evaluation.evaluate`."""
    run.needs_weights()
    with locked(run.path, "the run"):
        sweep(run.path, run.path / "checkpoints", run.path / "figures")
        opened, data = open_run(run), run.dataset
        forward = predictions.forward(opened)
        y = {name: _target(opened.task, data, name) for name in data.rows}
        outputs = {name: _outputs(run, data, forward, name, y[name]) for name in ("val", "test")}
        reading = opened.task.fit_reading(outputs["val"], y["val"])
        opened.reading = reading  # the file is written below, or is that of an earlier evaluation
        parts = {name: _part(opened.task, data, reading, name, found, y) for name, found in outputs.items()}
        if isinstance(opened.task, Reconstruction):
            parts = anomalies.completed(opened, data, parts)
        parts, drawn = generated.completed(opened, data, parts) if isinstance(opened.task, Generation) else (parts, None)
        judged = Judged(run, opened.task, data, reading, **parts, opened=opened, generated=drawn)
        _write(judged)
    return run


def _write(judged: Judged) -> None:
    folder, parts = judged.run.path, [judged.val, judged.test]
    write_json(folder / "reading.json", judged.reading)
    write_atomically(folder / "predictions.parquet", lambda path: predictions.write(path, judged.task, judged.data.raw.ids, parts))
    write_json(folder / "baseline.json", distributions.distributions(judged))
    make_folder(folder / "figures")
    drawn = figures.draw(judged, folder / "figures")
    write_text(folder / "report.html", report.render(judged, drawn))
    metrics = {part.name: part.metrics for part in parts}
    others = {name: {part.name: part.baselines[name] for part in parts} for name in judged.test.baselines}
    alarms = {"alarms": judged.generated.alarms} if judged.generated else {}
    told = {**metrics, **alarms, "baseline": {part.name: part.baseline for part in parts}, **({"baselines": others} if others else {})}
    write_json(folder / "metrics.json", told)


def _outputs(run: Run, data: Dataset, forward: Forward, name: str, target: Any) -> np.ndarray:
    found = forward(data.raw, data.rows[name], target)
    bad = np.flatnonzero(~np.isfinite(found).reshape(len(found), -1).all(-1))
    if len(bad):
        raise ZooError(
            f"{run.path}: the model's output is not finite for {len(bad)} of {len(found)} {name} examples",
            f"first in row {data.raw.ids[data.rows[name][bad[0]]]} of '{data.card.name}'",
            "train again with a smaller learning rate, or look at that row",
        )
    return found


def _target(task: Task, data: Dataset, name: str) -> Any:
    """The encoded target; of values in float64, so that errors are those of the source's numbers, not of rounded ones."""
    target = pick(data.raw.target, data.rows[name])
    if isinstance(task, Forecasting):
        return forecast.encode(data.spec["target"], target, np.float64)
    return task.scaled(target) if isinstance(task, Regression) else preprocess.encode_target(data.spec, target)


def _as_read(data: Dataset, y: Any, rows: np.ndarray) -> Any:
    """The target as people read it."""
    if data.classes and not data.card.multilabel:
        return np.array(data.classes, object)[y]
    target = pick(data.raw.target, rows)
    if data.card.task == "language":
        return np.array(as_texts(data.spec, target[:]), object)
    return np.asarray(target) if data.card.multilabel else target


def _part(task: Task, data: Dataset, reading: dict[str, Any], name: str, outputs: np.ndarray, targets: dict[str, Any]) -> Part:
    y, y_train, rows = targets[name], targets["train"], data.rows[name]
    answers = predictions.answers(task, outputs, reading)
    rolling = {"backtest": forecasts.backtest(task, data, rows, y, outputs)} if isinstance(task, Forecasting) and name == "test" else {}
    return Part(
        name=name,
        rows=rows,
        y=y,
        target=_as_read(data, y, rows),
        outputs=outputs,
        answers=answers,
        metrics={**task.measure(outputs, y, answers), **rolling},
        baseline=baseline_metrics(task, y_train, y),
        baselines={one: metrics_of(task, said, y, task.baseline_reading()) for one, said in task.more_baselines(y_train, y).items()},
    )
