"""Small facts and drawn inputs of any model: what its measuring and its tests are done with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.registry import Entry

if TYPE_CHECKING:
    import keras

SMALL: dict[str, dict[str, Any]] = {  # what every model takes, and trains fast on
    "image": {"input_shape": (16, 16, 1)},
    "vector": {"input_shape": (30,)},
    "table": {"input_shape": {"numbers": (5,), "categories": (3,)}, "cardinalities": (4, 7, 3)},
    "sequence": {"input_shape": (40, 3)},
    "tokens": {"input_shape": (12,), "vocabulary_size": 50},
}
PHOTO = {"input_shape": (76, 76, 3)}  # of those that are made for photographs
ASKED: dict[str, dict[str, Any]] = {
    "classification": {"num_outputs": 3},
    "regression": {"num_outputs": 1},
    "forecasting": {"horizon": 6, "target_channels": (1,), "season": 4},
    "reconstruction": {},
    "generation": {"num_classes": 3},
    "language": {},
}


def small_facts(entry: Entry, modality: str | None = None, task: str | None = None) -> dict[str, Any]:
    """Facts of a small size for a model, of its first modality and task unless told."""
    modality, task = modality or entry.modalities[0], task or entry.tasks[0]
    shape = entry.example["input_shape"]
    size = PHOTO if modality == "image" and max(shape[:2]) >= 200 else SMALL[modality]
    return {key: value for key, value in {**size, **ASKED[task]}.items() if key in entry.facts}


def learned(entry: Entry) -> list[tuple[str, str]]:
    """Each (modality, task) that a model learns; forecasts are of sequences only."""
    return [(one, task) for one in entry.modalities for task in entry.tasks if task != "forecasting" or one == "sequence"]


def inputs_of(model: keras.Model, facts: Mapping[str, Any], batch: int, seed: int = 0) -> Any:
    """Examples as the model takes them.

    Args:
        model: of the zoo: its inputs bear the names of the contract.
        facts: those it was built from; they say which tokens, categories and classes there are.
        batch: how many examples.
        seed: of the draw.

    Returns:
        An array, or a dict of arrays by name: pixels 0..255, standard normal numbers, tokens with padding at the end.
    """
    rng = np.random.default_rng(seed)
    if isinstance(model.input, Mapping):
        return {name: _drawn(rng, one, name, facts, batch) for name, one in model.input.items()}
    return _drawn(rng, model.input, model.input.name, facts, batch)


def _drawn(rng: np.random.Generator, one: Any, name: str, facts: Mapping[str, Any], batch: int) -> np.ndarray:
    shape = (batch, *one.shape[1:])
    match name:
        case "image":
            return rng.uniform(0, 255, shape).astype("float32")
        case "tokens":
            tokens = rng.integers(1, facts["vocabulary_size"], shape, dtype="int32")
            tokens[:, shape[1] - shape[1] // 4 :] = 0
            return tokens
        case "categories":
            return rng.integers(0, np.array(facts["cardinalities"], int), shape, dtype="int32")
        case "label":
            return rng.integers(0, facts["num_classes"], shape, dtype="int32")
    return rng.normal(size=shape).astype("float32")


def rows(inputs: Any, start: int, stop: int) -> Any:
    """Some of the examples."""
    return {name: one[start:stop] for name, one in inputs.items()} if isinstance(inputs, Mapping) else inputs[start:stop]
