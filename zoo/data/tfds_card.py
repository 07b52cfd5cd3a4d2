"""What a builder of TensorFlow Datasets says of its examples, and the card that follows from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.config.card import Card
from zoo.config.sources import TfdsSource
from zoo.data import tfds_builder
from zoo.errors import ZooError

SIDE = 128  # pixels, of images that have no size of their own
COLUMNS = {"number": "number", "boolean": "boolean", "label": "category", "text": "category"}


@dataclass(frozen=True)
class Leaf:
    """One value of an example: the keys that lead to it, its TFDS feature, and its place in a vector, if it is in one."""

    path: tuple[str, ...]
    feature: Any
    place: int | None = None

    @property
    def kind(self) -> str:
        """`image`, `label`, `text`, `boolean`, `number`, `series`, or `other`."""
        names = {base.__name__ for base in type(self.feature).__mro__}
        shape, dtype = self.feature.shape, np.dtype(self.feature.np_dtype if self.feature.np_dtype is not str else object)
        if names & {"Video", "Audio"}:
            return "other"
        if "Image" in names:
            return "image" if len(shape) == 3 else "other"
        if "ClassLabel" in names:
            return "label"
        if self.place is not None or shape == ():
            return {"b": "boolean", "O": "text", "S": "text", "U": "text"}.get(dtype.kind, "number")
        return "series" if len(shape) in (1, 2) and dtype.kind in "fiu" else "other"


def leaves(features: Any) -> dict[str, Leaf]:
    """Values by name, those of a nested dict by their own names; a short vector is a column a place (`features_0`, …)."""
    found: dict[str, Leaf] = {}
    for name, feature in features.items():
        inner = {(name, key): one for key, one in feature.items()} if type(feature).__name__ == "FeaturesDict" else {(name,): feature}
        for path, one in inner.items():
            sequence = type(one).__name__ in ("Sequence", "Dataset")
            if not hasattr(one, "items") and not hasattr(getattr(one, "feature", None), "items"):
                found[path[-1]] = Leaf(path, one)
                if not sequence and len(one.shape) == 1 and one.shape[0] and np.dtype(one.np_dtype).kind in "fiu":
                    found |= {f"{path[-1]}_{place}": Leaf(path, one, place) for place in range(one.shape[0])}
    return found


def card_of(name: str) -> Card:
    """A card for `NAME[/config]`, made of what the builder says of itself; nothing is fetched.

    Raises:
        ZooError: there is no such dataset, or it has no input or target that a card could name.
    """
    plain, _, config = name.partition("/")
    source = TfdsSource(kind="tfds", name=plain, config=config or None)
    info = tfds_builder.find(source, Path()).info
    made = Card.model_validate(
        {
            "title": f"TensorFlow Datasets: {info.full_name}",
            "source": source,
            "licence": info.redistribution_info.license or "not stated by TensorFlow Datasets; its homepage may say",
            "homepage": info.homepage or None,
            "citation": " ".join(info.citation.split()) or None,
            **_content(info),
        }
    )
    made._name = "tfds_" + re.sub(r"[^A-Za-z0-9_.-]+", "_", name)
    return made


def _content(info: Any) -> dict[str, Any]:
    """Task, input and target of a builder."""
    known = leaves(info.features)
    target = target_of(info, known)
    leaf = known[target]
    task = "regression" if leaf.kind == "number" else "classification"
    return {"task": task, **_input(info, known, target), "target": {"name": target, "classes": _classes(leaf)}}


def _classes(leaf: Leaf) -> list[str] | None:
    names = leaf.feature.names if leaf.kind == "label" else None
    return list(names) if names and len(set(names)) == len(names) else None


def supervised(info: Any) -> tuple[tuple[str, ...], str | None]:
    """The names of what the builder itself calls input, and target. A few builders name the two the other way round."""
    keys = info.supervised_keys
    if not keys or keys[0] == keys[1]:
        return (), None
    given, target = _names(keys[0]), _names(keys[1])
    if hasattr(dict(info.features.items()).get(target[0]), "items"):
        given, target = target, given
    return (given, target[0]) if len(target) == 1 else ((), None)


def _names(keys: Any) -> tuple[str, ...]:
    """A name, or names in a tuple or a dict."""
    if isinstance(keys, str):
        return (keys,)
    return tuple(name for one in (keys.values() if hasattr(keys, "values") else keys) for name in _names(one))


def target_of(info: Any, known: dict[str, Leaf]) -> str:
    """The feature that is learned: what the builder calls so, else its label. Raises ZooError where there is none."""
    target = supervised(info)[1]
    labels = [target] if target else [one for one in ("label", "labels") if one in known]
    labels += [name for name, leaf in known.items() if leaf.kind == "label"]
    if not labels or labels[0] not in known or known[labels[0]].kind not in ("label", "boolean", "number", "text"):
        raise ZooError(
            f"tfds: {info.full_name} names no target that could be learned: a class or a number",
            f"write a card of it whose target is one of: {', '.join(known)}" if known else None,
        )
    return labels[0]


def _input(info: Any, known: dict[str, Leaf], target: str) -> dict[str, Any]:
    """The card's image, text, series or columns."""
    given = supervised(info)[0]
    others = {name: leaf for name, leaf in known.items() if name != target and (not given or set(given) & set(leaf.path))}
    kinds = {kind: [name for name, leaf in others.items() if leaf.kind == kind] for kind in ("image", "text", "series")}
    columns = {name: leaf for name, leaf in others.items() if leaf.kind in COLUMNS and (given or name not in ("id", "idx"))}
    if kinds["image"]:
        return {"image": {"shape": _pixels(others[kinds["image"][0]].feature.shape)}}
    if kinds["text"] and len(kinds["text"]) == len(columns):
        return {"text": {"columns": kinds["text"]}}
    if columns:
        return {"columns": {name: COLUMNS[leaf.kind] for name, leaf in columns.items()}}
    if kinds["series"]:
        shape = others[kinds["series"][0]].feature.shape
        if shape[0]:
            return {"series": {"length": shape[0], "channels": shape[1] if len(shape) == 2 else 1}}
    raise ZooError(
        f"tfds: {info.full_name} holds no image, text, numbers or categories to learn from",
        f"it holds: {', '.join(others)}; a series of any length needs a card that says series: {{length: …}}",
    )


def _pixels(shape: tuple[int | None, ...]) -> tuple[int, int, int]:
    height, width, channels = shape
    return (height, width, 1 if channels == 1 else 3) if height and width else (SIDE, SIDE, 1 if channels == 1 else 3)
