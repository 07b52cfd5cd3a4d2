"""What the report says of a run in words: its data, its model, its training, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from zoo.config.experiment import LAST
from zoo.evaluation.parts import Judged

MUCH_WAITING = 0.3  # of an epoch


def sections(judged: Judged) -> dict[str, list[tuple[str, str]]]:
    """Terms and what they are, by the section's title."""
    return {"Data": _data(judged), "Model": _model(judged), "Training": _training(judged), "Made with": _versions(judged)}


def _data(judged: Judged) -> list[tuple[str, str]]:
    card, record = judged.data.card, judged.run.data
    crossed = card.cross_validation
    sizes = ", ".join(f"{name} {len(rows):,}" for name, rows in judged.data.rows.items())
    source = f"{card.source.kind}: {getattr(card.source, 'name', '')}".rstrip(": ")
    files = [("file", f"{name}, sha256 {digest}") for name, digest in record["files"].items()]
    told = [
        ("dataset", f"{card.name}: {card.title}"),
        ("examples", judged.data.describe()),
        ("split", f"{sizes} ({card.split.kind})"),
        ("cross-validation", f"val is fold {crossed.fold} of {crossed.folds}, counted from 0" if crossed else ""),
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
        *_drawn_by(judged),
    ]


def _drawn_by(judged: Judged) -> list[tuple[str, str]]:
    """Of a generative model: whose features its scores are of, and how much of its code is in use."""
    if judged.generated is None:
        return []
    told, by = [], judged.generated.classifier
    if by:
        run = f"{by['experiment']}/{by['run']}"
        told.append(("fid, kid", f"on the features of {by['model']}, run {run}, test.accuracy {by['accuracy']:.3f}"))
    else:
        told.append(("fid, kid", "not measured: name a classifier's experiment, task.classifier"))
    test = judged.test.metrics
    return [*told, ("active units", f"{test['active_units']} of {test['latent_dim']}")] if "active_units" in test else told


def _shape(judged: Judged) -> str:
    shape = judged.data.input_shape
    parts = shape.values() if isinstance(shape, dict) else [shape]
    return " and ".join(" x ".join(map(str, part)) for part in parts)


def _training(judged: Judged) -> list[tuple[str, str]]:
    part, facts = judged.run.experiment.train, judged.run.facts
    stop = part.early_stopping
    told = [
        ("epochs", f"{facts.get('epochs', len(judged.run.history))} of at most {part.epochs}"),
        ("kept", f"epoch {facts['best_epoch']}, {_chosen(facts.get('kept_by', part.best_metric))}" if facts.get("best_epoch") else None),
        ("batch size", str(part.batch_size)),
        ("optimizer", _settings(part.optimizer.model_dump())),
        ("schedule", _settings(part.schedule.model_dump())),
        ("early stopping", f"{stop.monitor}, patience {stop.patience}" if stop else "none"),
        ("augmentation", ", ".join(_settings(step.model_dump()) for step in judged.data.card.augment)),
        ("imbalance", judged.run.experiment.imbalance),
        ("transfer", _transfer(judged)),
        ("input", _waiting(facts)),
        ("seed", str(part.seed)),
        ("precision", part.precision),
        ("threads", str(facts["threads"]) if "threads" in facts else None),
        ("from", _when(facts.get("started"))),
        ("to", _when(facts.get("finished"))),
    ]
    return [(term, text) for term, text in told if text]


def _chosen(metric: str) -> str:
    return "the last that went well" if metric == LAST else f"the best by {metric}"


def _transfer(judged: Judged) -> str | None:
    """What was frozen at first, and what learned then."""
    part = judged.run.experiment.transfer
    if part is None:
        return None
    settings = {key: value for key, value in part.model_dump().items() if value is not None}
    return ", ".join(f"{key} {_plain(value)}" for key, value in settings.items())


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


def commands(judged: Judged) -> list[tuple[str, str]]:
    run, file = judged.run, {"image": "one.png", "audio": "one.wav", "series": "new.npy"}.get(judged.data.card.kind, "new.csv")
    folder = shlex.quote(str(run.path))
    asking = {
        "language": ("let it write", f"zoo generate {folder} PROMPT"),
        "generation": ("let it draw", f"zoo sample {folder} -n 64"),
    }
    return [
        ("make a bundle of it that TensorFlow Serving reads, with a proof", f"zoo export {folder}"),
        asking.get(judged.task.name, ("ask it, with raw values", f"zoo predict {folder} {file}")),
        ("train it again", f"zoo run {shlex.quote(run.name)}"),
    ]
