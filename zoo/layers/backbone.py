"""What the backbones share: pixels as a network of keras.applications wants them, the network itself, and maps or an answer of it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import keras
from keras import Input, layers
from pydantic import PositiveInt

from zoo.errors import ZooError, did_you_mean
from zoo.layers.heads import logits

Head: TypeAlias = Literal["pooled", "paper"] | None
Maps: TypeAlias = tuple[str, ...]
Side: TypeAlias = PositiveInt | None
Tensor: TypeAlias = keras.KerasTensor

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of RGB in 0..1
CAFFE_MEAN = (103.939, 116.779, 123.68)  # of BGR in 0..255
PYRAMID = {"P1": 2, "P2": 4, "P3": 8, "P4": 16, "P5": 32}  # https://arxiv.org/abs/1612.03144
PADDING = ("ZeroPadding2D", "Cropping2D")
MERGING = ("Add", "Concatenate")


def pixels(input_shape: tuple[int, int, int], resize: int | None) -> tuple[Tensor, Tensor]:
    """The input `image`, and its pixels 0..255 as the network gets them: of the asked size, one channel three times."""
    x = image = Input(input_shape, name="image")
    if resize:
        x = layers.Resizing(resize, resize, interpolation="bilinear", antialias=False, name="resize")(x)
    if input_shape[2] == 1:
        x = layers.Concatenate(name="gray_to_rgb")([x, x, x])
    return image, x


def normalised(x: Tensor, like: Literal["tf", "torch", "caffe", "tf_128"]) -> Tensor:
    """Pixels 0..255 as the training on ImageNet normalised them, in float32 whatever the policy.

    Args:
        x: (batch, height, width, channels); other than three channels take the mean of the three statistics.
        like: `tf` -1..1; `torch` standardised by channel; `caffe` blue first, less the mean; `tf_128` as `tf`, by 128.
    """
    if like in ("tf", "tf_128"):
        half = 127.5 if like == "tf" else 128.0
        return layers.Rescaling(1 / half, offset=-1, dtype="float32", name="normalised")(x)
    channels = x.shape[-1]
    if like == "torch":
        mean, std = by_channel(IMAGENET_MEAN, channels), by_channel(IMAGENET_STD, channels)
        scale = [1 / (255 * one) for one in std]
        offset = [-one / other for one, other in zip(mean, std, strict=True)]
        return layers.Rescaling(scale, offset, dtype="float32", name="normalised")(x)
    if channels == 3:
        x = keras.ops.take(x, [2, 1, 0], axis=-1)
    return layers.Rescaling(1.0, [-one for one in by_channel(CAFFE_MEAN, channels)], dtype="float32", name="normalised")(x)


def by_channel(values: Sequence[float], channels: int) -> list[float]:
    """Statistics of the three colours, or for other channels their mean."""
    return list(values) if channels == 3 else [sum(values) / len(values)] * channels


def application(variant: str, input_shape: tuple[int, ...], *, include_top: bool = False, **options: Any) -> keras.Model:
    """A network of keras.applications with fresh weights; its layers are named as in a process that built nothing before."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This model usually expects 1 or 3 input channels")
        return _named_afresh(
            getattr(keras.applications, variant)(include_top=include_top, weights=None, input_shape=input_shape, **options)
        )


def backbone(network: keras.Model, x: Tensor, feature_maps: Maps = (), *, end: Tensor | None = None) -> Any:
    """The layer `backbone`: the network, or its part up to `end`, applied to `x`.

    Args:
        network: of keras.applications, without its top.
        x: (batch, height, width, channels).
        feature_maps: `P2` to `P5` (the last layer at stride 4, 8, 16, 32), or layers of the network by name.
        end: the output that is wanted; None for the network's own.

    Returns:
        The last map; where feature maps are asked for, a dict of them by name, float32.

    Raises:
        ZooError: the network has no such map.
    """
    inside = keras.Model(network.input, network.output if end is None else end, name="backbone")
    if not feature_maps:
        return inside(x)
    given = keras.Model(network.input, {name: _map_of(inside, network.name, name) for name in feature_maps}, name="backbone")(x)
    return {name: layers.Activation("linear", dtype="float32", name=name)(given[name]) for name in feature_maps}


def answer_of(x: Tensor, num_outputs: int, dropout: float) -> Tensor:
    """A dense layer `head` over the features, (batch, width), or over the mean of maps."""
    x = layers.GlobalAveragePooling2D(name="pool")(x) if len(x.shape) == 4 else x
    x = layers.Dropout(dropout, name="dropout")(x) if dropout else x
    return logits(x, num_outputs)


def is_paper(head: Head, num_outputs: int) -> bool:
    """Whether the architecture's own top is asked for: the default for the 1,000 classes of ImageNet."""
    return head == "paper" or (head is None and num_outputs == 1000)


def at_least(side: int, variant: str | None = None) -> Callable[[Mapping[str, Any], Mapping[str, Any]], None]:
    """A `check` for a family whose images are `side` pixels at least."""

    def check(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
        height, width, _ = facts["input_shape"]
        resize, what = hparams["resize"], f"{variant or hparams['variant']} takes images of at least {side}x{side} pixels"
        if resize and resize < side:
            raise ZooError(f"{what}, not {resize}x{resize}", f"resize: {side} is the smallest")
        if not resize and min(height, width) < side:
            raise ZooError(
                f"{what}, not {height}x{width}",
                f"the hparam resize: {max(side, 96)} enlarges them inside the model; cnn_small takes any size",
            )
        if hparams["feature_maps"] and facts["num_outputs"]:
            raise ZooError("feature_maps are given in place of an answer", f"num_outputs=0, not {facts['num_outputs']}, gives them")

    return check


def strides(network: keras.Model) -> dict[str, int]:
    """How many pixels of the input a step of each layer's output is, for layers that have kept their place in the image.

    From the layers' own strides, so that it holds where an odd size or valid padding makes the shapes say something else.
    """
    found: dict[str, int] = {}
    for layer in network.operations:
        before = [found[one] for one in _before(layer) if one in found]
        if isinstance(layer, layers.InputLayer):
            found[layer.name] = 1
        elif before and len(layer.output.shape) == 4 and not getattr(layer, "keepdims", False):
            found[layer.name] = max(before) * _stride(layer)
    return found


def _stride(layer: Any) -> int:
    if isinstance(layer, keras.Sequential):
        stride = 1
        for one in layer.layers:
            stride *= _stride(one)
        return stride
    own = getattr(layer, "strides", 1)
    return int(own[0] if isinstance(own, (tuple, list)) else own)


def _before(layer: Any) -> list[str]:
    """The layers whose outputs a layer takes, where it stands in its own network."""
    return [tensor._keras_history.operation.name for node in layer._inbound_nodes[:1] for tensor in node.input_tensors]


def _map_of(network: keras.Model, called: str, name: str) -> Tensor:
    known = {one.name: one.output for one in network.operations if not isinstance(one, layers.InputLayer) and len(one.output.shape) == 4}
    if name in PYRAMID:
        return known[_last_at(network, PYRAMID[name])]
    if name not in known:
        raise ZooError(f"{called} has no feature map '{name}'", did_you_mean(name, known), f"{', '.join(PYRAMID)} are at strides 2 to 32")
    return known[name]


def _last_at(network: keras.Model, stride: int) -> str:
    """The last layer at a stride that all that comes later goes through; where branches pass every layer by, the last that merges."""
    place = {layer.name: index for index, layer in enumerate(network.operations)}  # sums without a layer of their own among them
    last_use = dict(place)
    for layer in network.operations:
        for one in _before(layer):
            last_use[one] = max(last_use[one], place[layer.name])
    through, merging, reach, at = None, None, 0, strides(network)
    for index, layer in enumerate(network.operations):
        if at.get(layer.name) == stride and type(layer).__name__ not in PADDING:
            through = layer.name if reach <= index else through
            merging = layer.name if type(layer).__name__ in MERGING else merging
        reach = max(reach, last_use[layer.name])
    found = through or merging
    if found is None:
        raise ZooError(f"{network.name} has no layer at stride {stride}")
    return found


def _named_afresh(network: keras.Model) -> keras.Model:
    """Keras counts the layers that were given no name over the whole process; here they are counted from the first."""
    counted: dict[str, list[tuple[int, Any]]] = {}
    for layer in network.operations:
        stem, number = re.fullmatch(r"(.*?)(?:_(\d+))?", layer.name).groups()  # type: ignore[union-attr]
        if stem.replace("_", "") == type(layer).__name__.lower():
            counted.setdefault(stem, []).append((int(number or 0), layer))
    for stem, numbered in counted.items():
        for place, (_, layer) in enumerate(sorted(numbered, key=lambda one: one[0])):
            layer.name = f"{stem}_{place}" if place else stem
    return network
