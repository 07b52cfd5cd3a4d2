"""`report.html`: one file that says what was done, how good it is, and how to go on. It loads nothing from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from zoo.config.metrics import METRICS, TASK_FACTS, split_metric
from zoo.evaluation import about, examples, writing
from zoo.evaluation.drawing import inline
from zoo.evaluation.page import environment
from zoo.evaluation.parts import Judged
from zoo.tasks import Reconstruction

MEANING = {
    "accuracy": "answers that are right",
    "balanced_accuracy": "answers that are right, each class counting alike",
    "top_5_accuracy": "the truth is among the five likeliest",
    "precision_macro": "of what was said, how much is right",
    "recall_macro": "of what is true, how much was found",
    "precision": "of the alarms, how many are right",
    "recall": "of the anomalies, how many were found",
    "f1": "precision and recall in one",
    "event_precision": "of events that were found and of false alarms, the share of the first",
    "event_recall": "of the labelled events, how many hold an alarm",
    "event_f1": "both in one: several alarms in one event count once",
    "f1_macro": "precision and recall in one, each class alike",
    "f1_weighted": "precision and recall in one, classes by their size",
    "roc_auc": "how well the scores rank",
    "log_loss": "how honest the probabilities are, in nats",
    "mae": "mean size of the errors",
    "mse": "mean of the squared errors",
    "rmse": "root of the mean squared error: large ones weigh more",
    "r2": "share of the variance that is explained",
    "elbo": "the bound of -log p(example), in nats",
    "reconstruction": "its part that decoding loses, in nats",
    "kl": "its part that the code says, in nats",
    "nll": "-log p(example) by importance weights, in nats",
    "fid": "how far samples are from real ones, in a classifier's features",
    "kid": "the same, for few examples as good; around 0 is none",
    "fid_of_val": "fid of real images, those of val: who draws perfectly gets this",
    "nats": "how much each next token surprises, in natural logarithms",
    "perplexity": "e to the nats: as if one guessed among so many tokens",
    "mae_raw": "mean size of the errors",
    "rmse_raw": "root of the mean squared error: large ones weigh more",
    "smape": "errors as a share of the values' size, 0 to 2",
    "mase": "errors beside those of repeating the last season; below 1 is better than that",
}
CAPTIONS = {
    "learning_curves": "Learning curves: the loss, and the metric that is logged beside it, on the training and the val split.",
    "confusion": "Confusion: a row is a true class, a column what was said. Darker is a larger share of the row.",
    "calibration": "Calibration: of the answers given with a probability, how many are right. On the dashed line it is honest.",
    "roc": "ROC: found of the true ones, against false alarms, as the threshold moves.",
    "precision_recall": "Precision against recall, as the threshold moves.",
    "forecasts": "Forecasts of test windows, spread over the split: what was seen, what came, and what was said.",
    "steps": "The error at each step ahead, beside that of the baselines.",
    "backtest": "The error as the forecasts' origin rolls over the test split, beside that of the baselines.",
    "anomalies": "Test series: what is labelled is shaded, a mark is the end of a window that gives an alarm; below it the score.",
    "scores": "How the scores are spread; above the threshold, fitted on val, is an alarm.",
    "reconstructions": "Test examples and what the model makes of them, the highest scores first.",
    "samples": "Samples of the model, as they come.",
    "between": "What codes become on the way from one to another: a model that has learned no more than its examples would jump.",
    "decoded": "Test examples, and what the mean of their codes is decoded to.",
    "embedding": "What the encoder makes of test examples, on a plane.",
    "places": "The nats of the next token by how many were seen before it in the window, beside those of the tokens' frequencies alone.",
    "residuals": "What was said against what is true, and the spread of the errors.",
}
IMAGES, ROWS, COLUMNS, CLASSES, PAIRS = 24, 12, 8, 20, 8  # what is shown at most


def render(judged: Judged, drawn: dict[str, Path]) -> str:
    """The page. Everything that comes from the user is escaped."""
    template = environment(Path(__file__).parent).get_template("report.html")
    drawings = [(name, Markup(inline(path)), CAPTIONS[name]) for name, path in drawn.items() if path.suffix == ".svg"]
    return template.render(
        run=judged.run,
        card=judged.data.card,
        sentence=_sentence(judged),
        goal=_goal(judged),
        alarms=judged.generated.alarms if judged.generated else [],
        headline=_headline(judged),
        baseline_name=judged.task.baseline_name,
        baselines=[judged.task.baseline_name, *judged.test.baselines],
        backtest=judged.test.metrics.get("backtest", []),
        metrics=_metrics(judged),
        classes=_classes(judged),
        pairs=_confused(judged),
        targets=judged.test.metrics.get("per_target", {}),
        drawings=drawings,
        images=_images(judged),
        table=_worst_rows(judged),
        samples=writing.samples(judged),
        sections=about.sections(judged),
        commands=about.commands(judged),
    )


def _sentence(judged: Judged) -> str:
    data, sizes = judged.data, {name: f"{len(rows):,}" for name, rows in judged.data.rows.items()}
    what = {"image": "images", "table": "rows", "text": "texts", "audio": "sounds", "series": "series"}[data.card.kind]
    what = "windows" if data.card.series and data.card.series.columns else what
    model = judged.run.experiment.model.name
    aim = f"to predict {data.card.target.name}"
    if data.card.multilabel:
        aim = f"which of {len(data.classes or ())} labels of {data.card.target.name} hold"
    elif data.classes:
        aim = f"to tell {len(data.classes)} classes of {data.card.target.name} apart"
        aim = f"to tell {' from '.join(data.classes)} ({data.card.target.name})" if len(data.classes) == 2 else aim
    if isinstance(judged.task, Reconstruction):
        normal, sizes["train"] = judged.task.normal, f"{len(data.rows_of('train', judged.task.normal)):,}"
        aim = "to reconstruct" if normal is None else f"to reconstruct what is {(data.classes or ())[normal]}"
    if judged.task.name == "generation":
        return f"{model} learned to draw {what} from {sizes['train']}, and is measured beside {sizes['test']} that it had never seen."
    if judged.task.name == "language":
        aim, what = "to go on with a text", f"windows of {data.spec['length']} {data.spec['tokens']}s"
        return f"{model} learned {aim} from {sizes['train']} {what}, and is measured on {sizes['test']} that it had never seen."
    return f"{model} learned {aim} from {sizes['train']} {what}, and answers for {sizes['test']} that it had never seen."


def _goal(judged: Judged) -> dict[str, Any] | None:
    goal = judged.run.experiment.goal
    if goal is None:
        return None
    value, met = goal.reached({"val": judged.val.metrics, "test": judged.test.metrics})
    return {"text": str(goal), "value": value, "met": met}


def _headline(judged: Judged) -> list[dict[str, Any]]:
    goal = judged.run.experiment.goal
    usual = [name for name in TASK_FACTS[judged.task.name].headline if judged.test.metrics.get(name) is not None]
    names = list(dict.fromkeys([*([split_metric(goal.metric)[1]] if goal else []), *usual]))[:4]
    return [_beside(judged, name) for name in names]


def _beside(judged: Judged, name: str) -> dict[str, Any]:
    """A metric of test beside the baseline's, with the lengths of their bars in percent."""
    value, base = judged.test.metrics[name], judged.test.baseline.get(name)
    known = [max(one, 0.0) for one in (value, base) if one is not None]
    whole = 1.0 if METRICS[judged.task.name][name] == "max" else max([*known, 1e-12])
    width, base_width = (0.0 if one is None else 100 * min(max(one, 0.0) / whole, 1.0) for one in (value, base))
    return {"name": name, "meaning": _meaning(judged, name), "value": value, "baseline": base, "width": width, "base_width": base_width}


def _meaning(judged: Judged, name: str) -> str:
    if name == "loss":
        return TASK_FACTS[judged.task.name].loss
    if judged.task.name == "forecasting" and name in ("mae", "mse"):
        return f"{MEANING[name]}, scaled"
    unit = judged.data.card.target.unit
    return f"{MEANING[name]}, in {unit}" if unit and name in TASK_FACTS[judged.task.name].in_units else MEANING[name]


def _metrics(judged: Judged) -> list[dict[str, Any]]:
    few = len(judged.data.classes or ()) <= 5  # of five classes the truth is always among the five likeliest
    return [
        {
            "name": name,
            "way": "↑" if way == "max" else "↓",
            "meaning": _meaning(judged, name),
            "test": judged.test.metrics[name],
            "val": judged.val.metrics[name],
            "baselines": [one.get(name) for one in (judged.test.baseline, *judged.test.baselines.values())],
        }
        for name, way in METRICS[judged.task.name].items()
        if name in judged.test.metrics and not (few and name == "top_5_accuracy")
    ]


def _classes(judged: Judged) -> list[dict[str, Any]]:
    """Per class; where there are many, the hardest first."""
    rows = [{"name": name, **one} for name, one in judged.test.metrics.get("per_class", {}).items()]
    return sorted(rows, key=lambda row: row["f1"]) if len(rows) > CLASSES else rows


def _confused(judged: Judged) -> list[dict[str, Any]]:
    """The pairs of classes that are taken for one another most often."""
    counts = np.array(judged.test.metrics.get("confusion", [[0]]))
    np.fill_diagonal(counts, 0)
    names = judged.data.classes or ("",)
    order = np.argsort(-counts, axis=None, kind="stable")[:PAIRS]
    pairs = [divmod(int(place), len(counts)) for place in order]
    return [{"true": names[t], "said": names[s], "count": int(counts[t, s])} for t, s in pairs if counts[t, s]]


def _images(judged: Judged) -> list[dict[str, Any]]:
    if judged.data.card.kind not in examples.PICTURED or judged.task.name in ("forecasting", "reconstruction", "generation"):
        return []
    return [{"example": one, "uri": examples.data_uri(judged, one.row)} for one in examples.worst(judged, IMAGES)]


def _worst_rows(judged: Judged) -> dict[str, Any] | None:
    if judged.data.card.kind in examples.PICTURED or judged.task.name in ("language", "generation"):
        return None
    every = list(judged.data.card.columns or ["text"])
    names = every[:COLUMNS]
    rows = [{"example": one, "cells": examples.cells(judged, one.row, names)} for one in examples.worst(judged, ROWS)]
    return {"columns": names, "left_out": len(every) - len(names), "rows": rows}
