"""A network's layers in order: which stand before which, its trunk, its blocks, and what it can take over from another one."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import keras
from keras import layers

from zoo.errors import ZooError, did_you_mean
from zoo.layers.backbone import strides

TRUNKS = ("backbone", "encoder")  # how our models call the inner network that answers are made from
HEAD = "head"
BLOCK = re.compile(r"(.*?block_?\d+)")


def leaves(network: keras.Model) -> list[Any]:
    """The layers of a functional network in the order of its graph; those of inner networks stand in their place."""
    return [leaf for one in _parts(network) for leaf in (leaves(one) if is_network(one) else [one])]


def places(network: keras.Model) -> dict[str, range]:
    """Where each layer stands among the `leaves`, by its name; an inner network is where its own layers are."""
    found: dict[str, range] = {}
    outer: dict[str, range] = {}
    count = 0
    for one in _parts(network):
        inside = places(one) if is_network(one) else {}
        size = len(leaves(one)) if is_network(one) else 1
        found |= {name: range(count + place.start, count + place.stop) for name, place in inside.items()}
        outer[one.name] = range(count, count + size)
        count += size
    return found | outer


def trunk(model: keras.Model) -> list[Any]:
    """All layers up to the end of `backbone` or `encoder`; of a model without one, those up to the last with weights before its head.

    The head is the layer of that name, or else the last one with weights.
    """
    known, every = places(model), leaves(model)
    for name in TRUNKS:
        if name in known:
            return every[: known[name].stop]
    weighted = [place for place, one in enumerate(every) if one.weights]
    end = known[HEAD].start if HEAD in known else weighted[-1] if weighted else 0
    return every[: max((place + 1 for place in weighted if place < end), default=0)]


def up_to(model: keras.Model, name: str) -> list[Any]:
    """A layer, or an inner network, and all layers that stand before it. Raises ZooError where the model has none of that name."""
    known = places(model)
    if name not in known:
        weighted = {one.name for one in leaves(model) if one.weights}
        raise ZooError(f"model '{model.name}' has no layer '{name}'", did_you_mean(name, {*known} - {*_weightless(model)} | weighted))
    return leaves(model)[: known[name].stop]


def blocks(model: keras.Model, part: list[Any]) -> list[list[Any]]:
    """Some layers of a model, which stand behind one another, as its blocks; each block has weights.

    Of an image's network a block is a scale, as `feature_maps` names them: the layers from where the image was halved until it is
    halved again (of MobileNetV2 the last is from `block_13_depthwise` on, of ResNet-50 all of `conv5`, of VGG `block5`). Of other
    networks whose layers are named `block1…`, `block2…`, it is what bears one name, and what follows it. Of all others each layer
    with weights is one.
    """
    scale = dict(zip(map(id, leaves(model)), _scales(model), strict=True))
    weighted = [one for one in part if one.weights]
    by_scale = 2 * sum(scale[id(one)] is not None for one in weighted) >= len(weighted)
    marks: list[Any] = []
    for one in part:
        before = marks[-1] if marks else None
        if by_scale:
            marks.append(max(scale[id(one)] or 0, before or 0))
        else:
            named = BLOCK.match(one.name)
            marks.append(named.group(1) if named else before)
    if len({mark for mark, one in zip(marks, part, strict=True) if one.weights}) < 2:
        marks = [sum(bool(one.weights) for one in part[: place + 1]) for place in range(len(part))]
    found: list[list[Any]] = []
    for _, group in groupby(zip(marks, part, strict=True), key=lambda pair: pair[0]):
        block = [one for _, one in group]
        if found and not any(one.weights for one in block):
            found[-1] += block  # as the pool that ends VGG
        elif found and not any(one.weights for one in found[-1]):
            found[-1] += block
        else:
            found.append(block)
    return found


@dataclass(frozen=True)
class Taken:
    """How many of a model's weights came from another, and the layers that kept their own."""

    count: int
    total: int
    fresh: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.count} of {self.total} weights"


def take(model: keras.Model, source: keras.Model, where: str) -> Taken:
    """Takes over the weights of another model, layer by layer, where a layer's name and the shapes of its weights agree.

    The layers of `backbone` and `encoder` are one trunk, whatever it is called, and so are those of a model without inner networks.
    Layers that Keras named by counting are counted from the first again.

    Args:
        model: what takes them.
        source: another model of the zoo.
        where: what the source is, for messages.

    Raises:
        ZooError: nothing but the head fits; then with the first layer that differs.
    """
    ours, theirs = _named(model), _named(source)
    fitting = {name: one for name, one in ours.items() if name in theirs and _shapes(one) == _shapes(theirs[name])}
    if not set(fitting) - {HEAD}:
        name, first = next(iter(ours.items()), (model.name, None))
        other = theirs.get(name) or next(iter(theirs.values()), None)
        there = f" ('{other.name}')" if other is not None and other.name != getattr(first, "name", None) else ""
        differs = f"the first layer that differs is '{first.name if first else name}': its weights are of {_told(first)}"
        raise ZooError(f"{where} has no weights that fit the model '{model.name}'", f"{differs}, the run's of {_told(other)}{there}")
    for name, one in fitting.items():
        one.set_weights(theirs[name].get_weights())
    fresh = tuple(one.name for name, one in ours.items() if name not in fitting)
    return Taken(sum(len(one.weights) for one in fitting.values()), len(model.weights), fresh)


def _parts(network: keras.Model) -> list[Any]:
    every = network.layers if isinstance(network, keras.Sequential) else network.operations
    return [one for one in every if isinstance(one, layers.Layer) and not isinstance(one, layers.InputLayer)]


def is_network(layer: Any) -> bool:
    """Whether it is made of layers that stand behind one another, each with a place of its own."""
    return isinstance(layer, keras.Sequential) or (isinstance(layer, keras.Model) and hasattr(layer, "operations"))


def _weightless(model: keras.Model) -> set[str]:
    return {one.name for one in leaves(model) if not one.weights}


def _scales(network: keras.Model) -> list[int | None]:
    """Of each of the `leaves` how many pixels a step of its output is; None where it gives no map."""
    image = not isinstance(network, keras.Sequential) and len(network.inputs) == 1 and len(network.inputs[0].shape) == 4
    plain = all(isinstance(one, keras.Sequential) or not is_network(one) for one in _parts(network))
    at = strides(network) if image and plain else {}
    found: list[int | None] = []
    for one in _parts(network):
        if isinstance(one, keras.Sequential):
            found += [at.get(one.name)] * len(leaves(one))
        else:
            found += _scales(one) if is_network(one) else [at.get(one.name)]
    return found


def _named(model: keras.Model) -> dict[str, Any]:
    """The layers with weights by names that do not depend on what else a process has built."""
    found: dict[str, Any] = {}
    counted: Counter[str] = Counter()
    for part in _parts(model):
        scope = f"{part.name}/" if is_network(part) and part.name not in TRUNKS else ""
        for one in leaves(part) if is_network(part) else [part]:
            if not one.weights:
                continue
            stem = re.sub(r"_\d+$", "", one.name)
            by_count = stem.replace("_", "") == type(one).__name__.lower()
            name = f"{scope}{stem} {counted[scope + stem]}" if by_count else f"{scope}{one.name}"
            counted[scope + stem] += by_count
            found.setdefault(name, one)
    return found


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [tuple(one.shape) for one in layer.weights]


def _told(layer: Any) -> str:
    return (", ".join(map(str, _shapes(layer))) if layer is not None else "") or "none"
