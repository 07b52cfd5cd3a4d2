"""The names of the metrics a task is judged by, and which way is better (`max` or `min`)."""

from __future__ import annotations

METRICS: dict[str, dict[str, str]] = {
    "classification": {
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
    "regression": {"loss": "min", "mae": "min", "mse": "min", "rmse": "min", "r2": "max"},
    "forecasting": {"loss": "min", "mae": "min", "mse": "min", "mae_raw": "min", "rmse_raw": "min", "smape": "min", "mase": "min"},
}

LOGGED_BY_KERAS = {"classification": ("loss", "accuracy"), "regression": ("loss", "mae"), "forecasting": ("loss", "mae")}


def split_metric(name: str) -> tuple[str, str]:
    """`val.f1_macro` -> (`val`, `f1_macro`)."""
    split, _, metric = name.partition(".")
    return split, metric
