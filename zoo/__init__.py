"""keras-zoo: a name becomes a trained, proven, served and watched model. Importing it loads no TensorFlow."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.bundles import Bundle as Bundle
    from zoo.data import Dataset as Dataset
    from zoo.errors import ZooError as ZooError
    from zoo.jobs import evaluate as evaluate
    from zoo.jobs import export as export
    from zoo.jobs import load_bundle as load_bundle
    from zoo.jobs import load_dataset as load_dataset
    from zoo.jobs import load_run as load_run
    from zoo.jobs import predict as predict
    from zoo.jobs import run as run
    from zoo.jobs import search as search
    from zoo.jobs import train as train
    from zoo.registry import create_model as create_model
    from zoo.registry import list_models as list_models
    from zoo.registry import register_model as register_model
    from zoo.runs import Run as Run
    from zoo.tuning.hypermodel import hypermodel as hypermodel

__version__ = "0.1.0"

_HOMES = {
    "create_model": "zoo.registry",
    "list_models": "zoo.registry",
    "register_model": "zoo.registry",
    "load_dataset": "zoo.jobs",
    "run": "zoo.jobs",
    "train": "zoo.jobs",
    "search": "zoo.jobs",
    "hypermodel": "zoo.tuning.hypermodel",
    "evaluate": "zoo.jobs",
    "export": "zoo.jobs",
    "predict": "zoo.jobs",
    "load_run": "zoo.jobs",
    "load_bundle": "zoo.jobs",
    "Dataset": "zoo.data",
    "Run": "zoo.runs",
    "Bundle": "zoo.bundles",
    "ZooError": "zoo.errors",
}
__all__ = [
    "Bundle",
    "Dataset",
    "Run",
    "ZooError",
    "create_model",
    "evaluate",
    "export",
    "hypermodel",
    "list_models",
    "load_bundle",
    "load_dataset",
    "load_run",
    "predict",
    "register_model",
    "run",
    "search",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'zoo' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
