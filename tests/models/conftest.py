"""What the tests of models share: models of fixed weights, their inputs, and a registry that may be spoilt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest

from zoo import registry
from zoo.jobs import drawn


def fix_weights(model: keras.Model) -> None:
    """Weights from a NumPy generator in the order of the variables: no initialiser, no seed of Keras has a say."""
    rng = np.random.default_rng(7)
    for variable in model.weights:
        values = rng.normal(size=variable.shape)
        if variable.name.endswith("kernel"):
            depthwise = len(variable.shape) == 4 and variable.shape[-1] == 1
            values /= np.sqrt(np.prod(variable.shape[: 2 if depthwise else -1]))
        elif variable.name == "moving_variance":
            values = 0.5 * np.exp(0.3 * values)  # about what a rectifier leaves, so that a deep network does not go blind
        else:
            values = 0.1 * values + (variable.name == "gamma")
        variable.assign(values.astype("float32"))


@pytest.fixture(scope="session")
def model_of() -> Callable[..., keras.Model]:
    """The model of a name at its small size, with fixed weights; one for all tests, so never train it."""

    @cache
    def build(name: str, modality: str | None = None, task: str | None = None) -> keras.Model:
        model = registry.create_model(name, **drawn.small_facts(registry.entry(name), modality, task))
        fix_weights(model)
        return model

    return build


@pytest.fixture(scope="session")
def inputs_of(model_of: Callable[..., keras.Model]) -> Callable[..., Any]:
    """Fixed inputs of such a model."""

    def draw(name: str, batch: int, modality: str | None = None, task: str | None = None) -> Any:
        return drawn.inputs_of(model_of(name, modality, task), drawn.small_facts(registry.entry(name), modality, task), batch, seed=11)

    return draw


@pytest.fixture
def bfloat16() -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)
