"""The hall: what the command line and Python both call. Names are handed on lazily, so importing it costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.jobs.answers import predict as predict
    from zoo.jobs.opening import load_bundle as load_bundle
    from zoo.jobs.opening import load_dataset as load_dataset
    from zoo.jobs.opening import load_run as load_run
    from zoo.jobs.pipeline import evaluate as evaluate
    from zoo.jobs.pipeline import export as export
    from zoo.jobs.pipeline import run as run
    from zoo.jobs.pipeline import train as train
    from zoo.jobs.searching import search as search

_HOMES = {
    "run": "zoo.jobs.pipeline",
    "train": "zoo.jobs.pipeline",
    "evaluate": "zoo.jobs.pipeline",
    "export": "zoo.jobs.pipeline",
    "predict": "zoo.jobs.answers",
    "load_run": "zoo.jobs.opening",
    "load_bundle": "zoo.jobs.opening",
    "load_dataset": "zoo.jobs.opening",
    "search": "zoo.jobs.searching",
}
__all__ = ["evaluate", "export", "load_bundle", "load_dataset", "load_run", "predict", "run", "search", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'zoo.jobs' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
