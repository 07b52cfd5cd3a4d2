"""Low-rank adapters (LoRA, Hu et al. 2021, https://arxiv.org/abs/2106.09685): added for the training, part of the weights after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras

from zoo.errors import ZooError

WEIGHTS = ("kernel", "embeddings")


def adaptable(layers: Iterable[Any], model: str) -> list[Any]:
    """The layers that Keras has adapters for, or for parts of. Raises ZooError where there is none."""
    found = [one for one in layers if _adaptable_inside(one)]
    if not found:
        raise ZooError(f"transfer.lora: Keras has adapters for none of the layers of '{model}' that unfreeze names", "leave it out")
    return found


def enable(layers: Iterable[Any], rank: int, seed: int) -> None:
    """Adds adapters of a rank, which change nothing yet."""
    keras.utils.set_random_seed(seed)  # they do not depend on what was drawn before
    for layer in layers:
        for one in _adaptable_inside(layer):
            one.enable_lora(rank)


def _adaptable_inside(layer: Any) -> list[Any]:
    return [one for one in layer._flatten_layers() if hasattr(one, "enable_lora") and one.built]


def only_adapters_learn(layer: Any) -> None:
    """Of a layer and those inside it the adapters learn, nothing else."""
    for weight in layer.weights:
        weight.trainable = False
    for one in _adapted(layer):
        for adapter in _adapters(one):
            adapter.trainable = True


def merge(model: keras.Model, weights: Sequence[Any]) -> list[Any]:
    """Adds what the adapters learned to the weights they belong to, and takes them out: the model is an ordinary one again.

    Args:
        model: with adapters, or without.
        weights: values of its weights, in their order; none where nothing was kept.

    Returns:
        The values for the model as it is then.
    """
    adapted = _adapted(model)
    if not adapted:
        return list(weights)
    if weights:
        model.set_weights(weights)
    for one in adapted:
        name = _weight(one)
        merged = keras.ops.convert_to_numpy(getattr(one, name))
        getattr(one, f"_{name}").assign(merged)
        for adapter in _adapters(one):
            one._untrack_variable(adapter)
        one.lora_enabled, one.lora_rank, one.lora_alpha = False, None, None
    return model.get_weights() if weights else []


def _adapted(layer: Any) -> list[Any]:
    return [one for one in layer._flatten_layers() if getattr(one, "lora_enabled", False)]


def _weight(layer: Any) -> str:
    return next(name for name in WEIGHTS if hasattr(layer, f"lora_{name}_a"))


def _adapters(layer: Any) -> list[Any]:
    return [getattr(layer, f"lora_{_weight(layer)}_{which}") for which in "ab"]
