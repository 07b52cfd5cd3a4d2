"""`report.html`: one file that says what was done, how good it is, and how to go on. It loads nothing from anywhere."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from zoo.config.metrics import METRICS, split_metric
from zoo.evaluation import examples, figures
from zoo.evaluation.parts import Judged

HEADLINE = {
    "classification": ("accuracy", "f1_macro", "roc_auc", "log_loss"),
    "binary": ("accuracy", "roc_auc", "f1_macro", "log_loss"),
    "regression": ("mae", "rmse", "r2"),
    "forecasting": ("mse", "mae_raw", "smape", "mase"),
}
MEANING = {
    "accuracy": "answers that are right",
    "balanced_accuracy": "answers that are right, each class counting alike",
    "top_5_accuracy": "the truth is among the five likeliest",
    "precision_macro": "of what was said, how much is right",
    "recall_macro": "of what is true, how much was found",
    "f1_macro": "precision and recall in one, each class alike",
    "f1_weighted": "precision and recall in one, classes by their size",
    "roc_auc": "how well the scores rank",
    "log_loss": "how honest the probabilities are, in nats",
    "mae": "mean size of the errors",
    "mse": "mean of the squared errors",
    "rmse": "root of the mean squared error: large ones weigh more",
    "r2": "share of the variance that is explained",
    "mae_raw": "mean size of the errors",
    "rmse_raw": "root of the mean squared error: large ones weigh more",
    "smape": "errors as a share of the values' size, 0 to 2",
    "mase": "errors beside those of repeating the last season; below 1 is better than that",
}
IN_UNITS = {"classification": (), "regression": ("mae", "rmse"), "forecasting": ("mae_raw", "rmse_raw")}
LOSS = {
    "classification": "what training made small: the log_loss before the temperature",
    "regression": "what training made small: the mse of the standardised target",
    "forecasting": "what training made small: the mse of the standardised values",
}
CAPTIONS = {
    "learning_curves": "Learning curves: the loss, and the metric that is logged beside it, on the training and the val split.",
    "confusion": "Confusion: a row is a true class, a column what was said. Darker is a larger share of the row.",
    "calibration": "Calibration: of the answers given with a probability, how many are right. On the dashed line it is honest.",
    "roc": "ROC: found of the true ones, against false alarms, as the threshold moves.",
    "precision_recall": "Precision against recall, as the threshold moves.",
    "forecasts": "Forecasts of test windows, spread over the split: what was seen, what came, and what was said.",
    "steps": "The error at each step ahead, beside that of repeating the last value.",
    "residuals": "What was said against what is true, and the spread of the errors.",
}
MUCH_WAITING = 0.3  # of an epoch
IMAGES, ROWS, COLUMNS, CLASSES, PAIRS = 24, 12, 8, 20, 8  # what is shown at most


def render(judged: Judged, drawn: dict[str, Path]) -> str:
    """The page. Everything that comes from the user is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    template = environment.get_template("report.html")
    drawings = [(name, Markup(figures.inline(path)), CAPTIONS[name]) for name, path in drawn.items() if path.suffix == ".svg"]
    return template.render(
        run=judged.run,
        card=judged.data.card,
        sentence=_sentence(judged),
        goal=_goal(judged),
        headline=_headline(judged),
        baseline_name=judged.task.baseline_name,
        metrics=_metrics(judged),
        classes=_classes(judged),
        pairs=_confused(judged),
        drawings=drawings,
        images=_images(judged),
        table=_worst_rows(judged),
        sections={"Data": _data(judged), "Model": _model(judged), "Training": _training(judged), "Made with": _versions(judged)},
        commands=_commands(judged),
    )


def number(value: float | None) -> str:
    """Three decimals; fewer for large numbers, significant digits for tiny ones, a dash for none."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if 0 < size < 0.0005:
        return f"{value:.1e}"
    return f"{value:.3f}" if size < 10 else f"{value:.1f}"


def _sentence(judged: Judged) -> str:
    data, sizes = judged.data, {name: f"{len(rows):,}" for name, rows in judged.data.rows.items()}
    what = {"image": "images", "table": "rows", "text": "texts", "audio": "sounds", "series": "series"}[data.card.kind]
    model = judged.run.experiment.model.name
    aim = f"to predict {data.card.target.name}"
    if data.classes:
        aim = f"to tell {len(data.classes)} classes of {data.card.target.name} apart"
        aim = f"to tell {' from '.join(data.classes)} ({data.card.target.name})" if len(data.classes) == 2 else aim
    return f"{model} learned {aim} from {sizes['train']} {what}, and answers for {sizes['test']} that it had never seen."


def _goal(judged: Judged) -> dict[str, Any] | None:
    goal = judged.run.experiment.goal
    if goal is None:
        return None
    value, met = goal.reached({"val": judged.val.metrics, "test": judged.test.metrics})
    return {"text": str(goal), "value": value, "met": met}


def _headline(judged: Judged) -> list[dict[str, Any]]:
    goal = judged.run.experiment.goal
    usual = HEADLINE["binary" if judged.data.num_classes == 2 else judged.task.name]
    names = list(dict.fromkeys([*([split_metric(goal.metric)[1]] if goal else []), *usual]))[:4]
    return [_beside(judged, name) for name in names]


def _beside(judged: Judged, name: str) -> dict[str, Any]:
    """A metric of test beside the baseline's, with the lengths of their bars in percent."""
    value, base = judged.test.metrics[name], judged.test.baseline[name]
    known = [max(one, 0.0) for one in (value, base) if one is not None]
    whole = 1.0 if METRICS[judged.task.name][name] == "max" else max([*known, 1e-12])
    width, base_width = (0.0 if one is None else 100 * min(max(one, 0.0) / whole, 1.0) for one in (value, base))
    return {"name": name, "meaning": _meaning(judged, name), "value": value, "baseline": base, "width": width, "base_width": base_width}


def _meaning(judged: Judged, name: str) -> str:
    if name == "loss":
        return LOSS[judged.task.name]
    if judged.task.name == "forecasting" and name in ("mae", "mse"):
        return f"{MEANING[name]}, scaled"
    unit = judged.data.card.target.unit
    return f"{MEANING[name]}, in {unit}" if unit and name in IN_UNITS[judged.task.name] else MEANING[name]


def _metrics(judged: Judged) -> list[dict[str, Any]]:
    few = len(judged.data.classes or ()) <= 5  # of five classes the truth is always among the five likeliest
    return [
        {
            "name": name,
            "way": "↑" if way == "max" else "↓",
            "meaning": _meaning(judged, name),
            "test": judged.test.metrics[name],
            "val": judged.val.metrics[name],
            "baseline": judged.test.baseline[name],
        }
        for name, way in METRICS[judged.task.name].items()
        if not (few and name == "top_5_accuracy")
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
    if judged.data.card.kind not in examples.PICTURED or judged.data.card.task == "forecasting":
        return []
    return [{"example": one, "uri": examples.data_uri(judged, one.row)} for one in examples.worst(judged, IMAGES)]


def _worst_rows(judged: Judged) -> dict[str, Any] | None:
    if judged.data.card.kind in examples.PICTURED:
        return None
    every = list(judged.data.card.columns or ["text"])
    names = every[:COLUMNS]
    rows = [{"example": one, "cells": examples.cells(judged, one.row, names)} for one in examples.worst(judged, ROWS)]
    return {"columns": names, "left_out": len(every) - len(names), "rows": rows}


def _data(judged: Judged) -> list[tuple[str, str]]:
    card, record = judged.data.card, judged.run.data
    sizes = ", ".join(f"{name} {len(rows):,}" for name, rows in judged.data.rows.items())
    source = f"{card.source.kind}: {getattr(card.source, 'name', '')}".rstrip(": ")
    files = [("file", f"{name}, sha256 {digest}") for name, digest in record["files"].items()]
    told = [
        ("dataset", f"{card.name}: {card.title}"),
        ("examples", judged.data.describe()),
        ("split", f"{sizes} ({card.split.kind})"),
        ("target", card.target.name + (f" ({card.target.unit})" if card.target.unit else "")),
        ("source", source),
        *files,
        ("licence", card.licence),
        ("citation", card.citation),
        ("homepage", card.homepage),
        ("fingerprint", record["fingerprint"]),
    ]
    return [(term, text) for term, text in told if text]


def _model(judged: Judged) -> list[tuple[str, str]]:
    model, facts = judged.run.experiment.model, judged.run.facts
    reading = {name: value for name, value in judged.reading.items() if name in ("temperature", "threshold")}
    return [
        ("model", model.name),
        *([("parameters", f"{facts['params']:,}")] if "params" in facts else []),
        ("takes", f"{judged.data.spec['modality']} of {_shape(judged)}"),
        *((name, _plain(value)) for name, value in model.hparams.items()),
        *((name, f"{value:.4g} (fitted on val)") for name, value in reading.items()),
    ]


def _shape(judged: Judged) -> str:
    shape = judged.data.input_shape
    parts = shape.values() if isinstance(shape, dict) else [shape]
    return " and ".join(" x ".join(map(str, part)) for part in parts)


def _training(judged: Judged) -> list[tuple[str, str]]:
    part, facts = judged.run.experiment.train, judged.run.facts
    stop = part.early_stopping
    told = [
        ("epochs", f"{facts.get('epochs', len(judged.run.history))} of at most {part.epochs}"),
        ("kept", f"epoch {facts['best_epoch']}, the best by {part.best_metric}" if facts.get("best_epoch") else None),
        ("batch size", str(part.batch_size)),
        ("optimizer", _settings(part.optimizer.model_dump())),
        ("schedule", _settings(part.schedule.model_dump())),
        ("early stopping", f"{stop.monitor}, patience {stop.patience}" if stop else "none"),
        ("augmentation", ", ".join(_settings(step.model_dump()) for step in judged.data.card.augment)),
        ("imbalance", judged.run.experiment.imbalance),
        ("input", _waiting(facts)),
        ("seed", str(part.seed)),
        ("precision", part.precision),
        ("threads", str(facts["threads"]) if "threads" in facts else None),
        ("from", _when(facts.get("started"))),
        ("to", _when(facts.get("finished"))),
    ]
    return [(term, text) for term, text in told if text]


def _waiting(facts: dict[str, Any]) -> str | None:
    """How much of training was waiting for data."""
    share = facts.get("waits_for_data")
    if share is None:
        return None
    told = f"{100 * share:.0f} % of an epoch waits for data"
    return f"{told}: it is bound by its input, not by the model" if share > MUCH_WAITING else told


def _settings(choice: dict[str, Any]) -> str:
    own = [f"{key} {_plain(value)}" for key, value in choice.items() if key != "name"]
    return f"{choice['name']} ({', '.join(own)})" if own else str(choice["name"])


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(_plain, value)) if isinstance(value, (list, tuple)) else str(value)


def _when(stamp: str | None) -> str | None:
    return f"{datetime.fromisoformat(stamp):%Y-%m-%d %H:%M:%S} UTC" if stamp else None


def _versions(judged: Judged) -> list[tuple[str, str]]:
    facts = judged.run.facts
    told: Iterable[tuple[str, Any]] = [
        *facts.get("versions", {}).items(),
        ("python", facts.get("python")),
        ("platform", facts.get("platform")),
    ]
    return [(name, str(text)) for name, text in told if text]


def _commands(judged: Judged) -> list[tuple[str, str]]:
    run, file = judged.run, {"image": "one.png", "audio": "one.wav", "series": "new.npy"}.get(judged.data.card.kind, "new.csv")
    folder = shlex.quote(str(run.path))
    return [
        ("make a bundle of it that TensorFlow Serving reads, with a proof", f"zoo export {folder}"),
        ("ask it, with raw values", f"zoo predict {folder} {file}"),
        ("train it again", f"zoo run {shlex.quote(run.name)}"),
    ]
