"""Pretrained transformers of KerasHub (the extra `keras-zoo[hub]`), whose weights models of ours take over."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from keras import ops

from zoo.errors import ZooError

PREFIX = "hub:"
SIZES = {  # KerasHub's name of a size: what it is of a model of ours
    "vocabulary_size": lambda given: given["vocabulary_size"],
    "num_layers": lambda given: given["depth"],
    "hidden_dim": lambda given: given["width"],
    "num_heads": lambda given: given["heads"],
    "intermediate_dim": lambda given: 4 * given["width"],
    "max_sequence_length": lambda given: given.get("positions") or given["input_shape"][0],
}
OURS = {"num_layers": "depth", "hidden_dim": "width", "num_heads": "heads", "max_sequence_length": "positions"}


def hub_backbone(weights: str, kind: str, model: str, given: Mapping[str, Any]) -> keras.Model | None:
    """The backbone of KerasHub that `weights` asks for, checked to be of the same architecture; None where it asks for something else.

    Args:
        weights: `hub:PRESET`. PRESET is a folder, the name of a folder in ZOO_DATA_DIR, or a name that KerasHub downloads.
        kind: the class of `keras_hub.models`, as BertBackbone.
        model: the name of the model of ours, for messages.
        given: its facts and hparams.

    Raises:
        ZooError: KerasHub is not installed, there is no such preset, it cannot be had, or its sizes are others.
    """
    if not weights.startswith(PREFIX):
        return None
    preset = weights.removeprefix(PREFIX)
    backbone = _loaded(preset, kind)
    sizes = {name: (getattr(backbone, name), size(given)) for name, size in SIZES.items()}
    unequal = {OURS.get(name, name): both for name, both in sizes.items() if both[0] != both[1]}
    others = [f"{name}: {there} in the preset, {here} in the model" for name, (there, here) in unequal.items()]
    if others:
        raise ZooError(f"the preset '{preset}' does not fit the model '{model}'", *others)
    return backbone


def _loaded(preset: str, kind: str) -> keras.Model:
    try:
        hub = importlib.import_module("keras_hub")
    except ImportError as error:
        raise ZooError(f"weights: hub:{preset} needs KerasHub: {error}", 'pip install "keras-zoo[hub]"') from error
    folder = next((path for path in (Path(preset), Path(os.environ.get("ZOO_DATA_DIR") or ".") / preset) if path.is_dir()), None)
    try:
        return getattr(hub.models, kind).from_preset(str(folder or preset), dtype="float32")
    except Exception as error:  # of the downloaders, of h5py, of Keras
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ZooError(
            f"the preset '{preset}' cannot be loaded as a {kind}: {said}",
            f"presets: {', '.join(sorted(getattr(hub.models, kind).presets))}",
            f"without network: keras_hub.models.{kind}.from_preset('{preset}').save_to_preset('FOLDER') where there is one,",
            "then weights: hub:FOLDER here; below ZOO_DATA_DIR the folder's name is enough",
        ) from error


def move(theirs: Sequence[Any], ours: Sequence[keras.layers.Layer]) -> None:
    """Assigns their weights to those of our layers, one after the other; KerasHub keeps the heads apart, in a further axis."""
    for here, there in zip([weight for layer in ours for weight in layer.weights], theirs, strict=True):
        here.assign(ops.reshape(there, here.shape))
