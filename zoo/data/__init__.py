"""The data room: sources, splits, preprocessing, and one tf.data pipeline. Names are handed on lazily: sources need no Keras."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.data.dataset import Dataset as Dataset
    from zoo.data.dataset import prepare as prepare
    from zoo.data.pipeline import Encoded as Encoded
    from zoo.data.pipeline import batches as batches

_HOMES = {"Dataset": "zoo.data.dataset", "prepare": "zoo.data.dataset", "Encoded": "zoo.data.pipeline", "batches": "zoo.data.pipeline"}
__all__ = ["Dataset", "Encoded", "batches", "prepare"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'zoo.data' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
