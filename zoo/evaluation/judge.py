"""A finished run, measured: every file of it that evaluation writes, `metrics.json` last."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.assembly import Opened, open_run
from zoo.data import Dataset
from zoo.data.preprocess.text import as_texts
from zoo.data.windows import pick
from zoo.evaluation import anomalies, distributions, figures, forecasts, generated, predictions, report
from zoo.evaluation.metrics import baseline_metrics, metrics_of
from zoo.evaluation.parts import Judged, Part
from zoo.evaluation.validation import Seen, measured, see, target_of
from zoo.runs import Run, locked, make_folder, sweep, write_atomically, write_json, write_text
from zoo.tasks import Forecasting, Generation, Reconstruction


def judge(run: Run) -> Run:
    """`zoo.evaluation.evaluate`."""
    run.needs_weights()
    with locked(run.path, "the run"):
        sweep(run.path, run.path / "checkpoints", run.path / "figures")
        opened, data = open_run(run), run.dataset
        forward = predictions.forward(opened)
        y_train = target_of(opened.task, data, "train")
        seen = {name: see(opened, data, name, forward) for name in ("val", "test")}
        reading = opened.task.fit_reading(seen["val"].outputs, seen["val"].y)
        opened.reading = reading  # the file is written below, or is that of an earlier evaluation
        parts = {name: _part(opened, data, one, y_train) for name, one in seen.items()}
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


def _as_read(data: Dataset, y: Any, rows: np.ndarray) -> Any:
    """The target as people read it."""
    if data.classes and not data.card.multilabel:
        return np.array(data.classes, object)[y]
    target = pick(data.raw.target, rows)
    if data.card.task == "language":
        return np.array(as_texts(data.spec, target[:]), object)
    return np.asarray(target) if data.card.multilabel else target


def _part(opened: Opened, data: Dataset, seen: Seen, y_train: Any) -> Part:
    task, rows, y = opened.task, seen.rows, seen.y
    answers, metrics = measured(opened, data, seen)
    if isinstance(task, Forecasting) and seen.name == "test":
        metrics["backtest"] = forecasts.backtest(task, data, rows, y, seen.outputs)
    return Part(
        name=seen.name,
        rows=rows,
        y=y,
        target=_as_read(data, y, rows),
        outputs=seen.outputs,
        answers=answers,
        metrics=metrics,
        baseline=baseline_metrics(task, y_train, y),
        baselines={one: metrics_of(task, said, y, task.baseline_reading()) for one, said in task.more_baselines(y_train, y).items()},
    )
