"""What the tests of models share: models of fixed weights, inputs, and a registry that may be spoilt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest

from zoo import registry
from zoo.registry import known

SMALL = {"image": (16, 16, 1), "vector": (30,), "tokens": (12,), "sequence": (40, 3)}  # what every model takes, and trains fast on


def fix_weights(model: keras.Model) -> None:
    """Weights from a NumPy generator in the order of the variables: no initialiser, no seed of Keras has a say."""
    rng = np.random.default_rng(7)
    for variable in model.weights:
        values = rng.normal(size=variable.shape)
        if variable.name == "kernel":
            values /= np.sqrt(np.prod(variable.shape[:-1]))
        elif variable.name == "moving_variance":
            values = 1 + values**2
        else:
            values = 0.1 * values + (variable.name == "gamma")
        variable.assign(values.astype("float32"))


@pytest.fixture(scope="session")
def model_of() -> Callable[[str], keras.Model]:
    """The model of a name at its example's size, with fixed weights; one for all tests, so never train it."""

    @cache
    def build(name: str) -> keras.Model:
        model = registry.create_model(name, **registry.entry(name).example)
        fix_weights(model)
        return model

    return build


@pytest.fixture(scope="session")
def inputs_of() -> Callable[..., np.ndarray]:
    """Fixed inputs of a modality: pixels 0..255, standardised numbers, or tokens below 50."""

    def draw(modality: str, batch: int, shape: tuple[int, ...], seed: int = 11) -> np.ndarray:
        rng = np.random.default_rng(seed)
        if modality == "tokens":  # with padding at the end, as text comes
            tokens = rng.integers(1, 50, (batch, *shape), dtype="int32")
            tokens[:, shape[0] - shape[0] // 4 :] = 0
            return tokens
        drawn = {"image": lambda size: rng.uniform(0, 255, size), "vector": rng.normal, "sequence": rng.normal}[modality]
        return drawn(size=(batch, *shape)).astype("float32")

    return draw


@pytest.fixture
def small() -> Callable[..., dict[str, Any]]:
    """Facts of a small size for a model, with which training takes seconds."""

    def facts(name: str, **more: Any) -> dict[str, Any]:
        entry = registry.entry(name)
        forecast = {"horizon": 6, "target_channels": (1,)} if "horizon" in entry.example else {}
        return {**entry.example, "input_shape": SMALL[entry.modality], **forecast, **more}

    return facts


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A registry of the test's own: what it registers is forgotten afterwards."""
    registry.load_all()
    monkeypatch.setattr(known, "_registered", dict(known._registered))
    monkeypatch.setattr(known, "_broken", {})
    yield
    registry.catalogue.cache_clear()


@pytest.fixture
def bfloat16() -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)
