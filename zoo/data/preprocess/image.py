"""Images: pixels 0..255, or one standardised vector of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from zoo.config.card import Card
from zoo.data.preprocess.layers import Standardise
from zoo.data.preprocess.numbers import spread

Spec = dict[str, Any]


def fit(card: Card, train: Mapping[str, Any], modality: str) -> Spec:
    """Scale and offset from the source's range to 0..255; of a vector mean and deviation too."""
    assert card.image is not None
    low, high = card.image.range
    facts = {"shape": list(card.image.shape), "fit": card.image.fit, "scale": 255.0 / (high - low), "offset": -low * 255.0 / (high - low)}
    spec: Spec = {"kind": "image", "modality": modality, **facts}
    if modality == "vector":
        images = train["image"]
        spec["mean"] = float(images.mean(dtype=np.float64)) * spec["scale"] + spec["offset"]
        spec["std"] = spread(images) * spec["scale"]
    return spec


def inputs(spec: Spec) -> dict[str, tuple[tuple[int, ...], str]]:
    """`image` in the source's units."""
    return {"image": (tuple(spec["shape"]), "float32")}


def names(spec: Spec) -> dict[str, str]:
    """Source name -> served name."""
    return {"image": "image"}


def facts(spec: Spec) -> dict[str, Any]:
    """What a builder may ask beside the shape: nothing."""
    return {}


def graph(spec: Spec) -> keras.Model:
    """From `image` to pixels 0..255, or to a vector."""
    image = keras.Input(spec["shape"], dtype="float32", name="image")
    return keras.Model({"image": image}, after_pixels(spec)(layers.Rescaling(spec["scale"], spec["offset"], dtype="float32")(image)))


def after_pixels(spec: Spec) -> Any:
    """From pixels 0..255 to what the model takes: the image itself, or a standardised vector."""
    if spec["modality"] == "image":
        return lambda x: x
    pixels = keras.Input(spec["shape"], dtype="float32")
    flat = layers.Flatten(dtype="float32")(pixels)
    return keras.Model(pixels, Standardise([spec["mean"]], [spec["std"]])(flat), name="vector")  # a Sequential would cast to the policy
