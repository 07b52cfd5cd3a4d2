"""What is known of a task without loading it: its metrics and which way is better (`max` or `min`), and how they are told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TaskFacts:
    """What the rooms and the command line ask of a task by its name.

    Attributes:
        metrics: of `metrics.json`, in the order of the report; `max` or `min` is better.
        logged: those that Keras logs in each epoch; any other that is watched is computed by a callback.
        headline: those that are shown first.
        baseline: what the metrics stand beside.
        loss: what the loss is, as the report says it.
        watched: the only ones that training can watch, where these are not all.
        in_units: those in the target's own unit.
    """

    metrics: dict[str, str]
    logged: tuple[str, ...]
    headline: tuple[str, ...]
    baseline: str
    loss: str
    watched: tuple[str, ...] = ()
    in_units: tuple[str, ...] = ()


TASK_FACTS: dict[str, TaskFacts] = {
    "classification": TaskFacts(
        metrics={
            "loss": "min",
            "accuracy": "max",
            "balanced_accuracy": "max",
            "top_5_accuracy": "max",
            "precision_macro": "max",
            "recall_macro": "max",
            "f1_macro": "max",
            "f1_weighted": "max",
            "roc_auc": "max",
            "log_loss": "min",
        },
        logged=("loss", "accuracy"),
        headline=("accuracy", "f1_macro", "roc_auc", "log_loss"),
        baseline="majority class",
        loss="what training made small: the log_loss before the temperature",
    ),
    "regression": TaskFacts(
        metrics={"loss": "min", "mae": "min", "mse": "min", "rmse": "min", "r2": "max"},
        logged=("loss", "mae"),
        headline=("mae", "rmse", "r2"),
        baseline="training mean",
        loss="what training made small: the mse of the standardised target",
        in_units=("mae", "rmse"),
    ),
    "forecasting": TaskFacts(
        metrics={"loss": "min", "mae": "min", "mse": "min", "mae_raw": "min", "rmse_raw": "min", "smape": "min", "mase": "min"},
        logged=("loss", "mae"),
        headline=("mse", "mae", "mase", "mae_raw", "smape"),
        baseline="repeat last value",
        loss="what training made small: the mse of the standardised values",
        in_units=("mae_raw", "rmse_raw"),
    ),
    "reconstruction": TaskFacts(
        metrics={
            "loss": "min",
            "f1": "max",
            "precision": "max",
            "recall": "max",
            "roc_auc": "max",
            "event_precision": "max",
            "event_recall": "max",
            "event_f1": "max",
        },
        logged=("loss",),
        headline=("loss", "f1", "precision", "recall", "roc_auc", "event_f1"),
        baseline="training mean",
        loss="what training made small: the mse of the scaled values, of pixels as fractions",
        watched=("loss",),
    ),
    "generation": TaskFacts(
        metrics=dict.fromkeys(("loss", "elbo", "reconstruction", "kl", "nll", "fid", "kid", "fid_of_val"), "min"),
        logged=("loss", "elbo", "reconstruction", "kl"),
        headline=("elbo", "reconstruction", "kl", "nll", "fid", "kid", "fid_of_val"),
        baseline="independent values",
        loss="what training made small: of a VAE the negative bound with beta, of a GAN the losses of both networks",
        watched=("loss", "elbo", "reconstruction", "kl"),
    ),
    "language": TaskFacts(
        metrics={"loss": "min", "nats": "min", "perplexity": "min"},
        logged=("loss",),
        headline=("nats", "perplexity"),
        baseline="frequency of the tokens",
        loss="what training made small: the nats of a token",
    ),
}
METRICS = {name: facts.metrics for name, facts in TASK_FACTS.items()}


def split_metric(name: str) -> tuple[str, str]:
    """`val.f1_macro` -> (`val`, `f1_macro`)."""
    split, _, metric = name.partition(".")
    return split, metric
