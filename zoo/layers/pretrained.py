"""Weights of keras.applications in a backbone of ours: those of ImageNet by name, or a file of such a network."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.layers.backbone import application, is_paper
from zoo.layers.trunk import take
from zoo.registry import weights as files
from zoo.runs import Run, find

IMAGENET = "imagenet"
ID = re.compile(r"\d{8}-\d{6}(-\d+)?")


def run_named(weights: str | None, root: Path, modality: str) -> Run | None:
    """The finished run that `model.weights` names by its folder, its ID or `NAME@last`; None for other weights.

    Raises:
        ZooError: there is no such run, it is not finished, or its model takes another modality.
    """
    if weights is None or not (ID.fullmatch(weights) or "@" in weights or Path(weights, "run.json").is_file()):
        return None
    run = find(weights, root)
    run.needs_finished()
    theirs = run.data["preprocess"]["modality"]
    if theirs != modality:
        raise ZooError(f"model.weights: the model of {run.path} takes {theirs}, and this one {modality}", "weights mean nothing elsewhere")
    return run


def started_from_weights(model: keras.Model, weights: str, source: Run | None) -> dict[str, Any]:
    """Takes over a run's weights where one is named; what `run.json` says of the weights that training starts from."""
    facts: dict[str, Any] = {"given": weights}
    if source:
        taken = take(model, source.model, str(source.path))
        facts |= {"run": str(source.path), "taken": str(taken), "fresh": list(taken.fresh)}
    digest = hashlib.sha256()
    for value in model.get_weights():
        digest.update(np.ascontiguousarray(value).tobytes())
    return {**facts, "sha256": digest.hexdigest()}


def pretrained(model: keras.Model, weights: str, facts: Mapping[str, Any], hparams: Mapping[str, Any], variant: str | None = None) -> bool:
    """A family's `pretrained`: `imagenet`, or the path of a file of keras.applications' own network; False for other files.

    The classifier of ImageNet is loaded too where the model has 1,000 outputs and the paper's head.

    Raises:
        ZooError: the weights cannot be had, or do not fit.
    """
    variant, channels = variant or hparams["variant"], facts["input_shape"][2]
    path = Path(weights)
    if weights != IMAGENET and not (path.is_file() and is_of_applications(path)):
        if not path.exists() and not path.suffix:
            raise ZooError(f"model '{model.name}' knows no weights '{weights}'", "it takes: imagenet, or the path of a file")
        return False
    if channels not in (1, 3):
        raise ZooError(f"{weights if weights == IMAGENET else path.name} takes images of 1 or 3 channels, not {channels}")
    top = facts["num_outputs"] == 1000 and is_paper(hparams["head"], 1000)
    width = hparams.get("alpha")
    if weights == IMAGENET:
        path = files.find(variant, width, top)
    options = {} if width is None else {"alpha": width}
    if weights != IMAGENET and files.has_top(path) is not None:
        top = bool(files.has_top(path))
    hand_over(network_of(path, variant, model, top, options), model)
    return True


def network_of(path: Path, variant: str, model: keras.Model, top: bool, options: Mapping[str, Any]) -> keras.Model:
    """The network of keras.applications with the weights of a file."""
    shape = (*model.get_layer("backbone").input_shape[1:3], 3)
    over = {"classifier_activation": None} if top else {"pooling": "avg"}
    network = application(variant, shape, include_top=top, **over, **options)
    files.load_weights(network, path, model.name)
    return network


def hand_over(network: keras.Model, model: keras.Model) -> None:
    """The network's weights to the model: inside the backbone by name, above it in order.

    A convolution over one place and a dense layer, or one of a group a channel and a depthwise one, hold the same numbers in the
    same order, in another shape.
    """
    inside = {layer.name: layer for layer in model.get_layer("backbone").layers}
    above = iter([layer for layer in model.layers if layer.name != "backbone" and layer.weights])
    for layer in network.layers:
        taker = inside.get(layer.name) or (next(above, None) if layer.weights else None)
        if taker is not None and layer.weights:
            wanted = [tuple(one.shape) for one in taker.weights]
            taker.set_weights([value.reshape(shape) for value, shape in zip(layer.get_weights(), wanted, strict=True)])


def is_of_applications(path: Path) -> bool:
    """Whether a file holds a bare network, not a model of ours around it."""
    import h5py

    if zipfile.is_zipfile(path) or not files.is_whole(path):
        return False
    with h5py.File(path, "r") as file:
        if "layers" in file:  # of Keras 3, which names a network inside a model by its class
            return "functional" not in file["layers"]
    return "backbone" not in [name for name, _, _ in files.legacy_layers(path)]
