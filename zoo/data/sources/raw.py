"""The one form that every source gives, and what is refused in any of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np

from zoo.config import label_sets
from zoo.config.card import Card
from zoo.data import fetch
from zoo.data.mapped import release
from zoo.data.sources.words import Words, numbered
from zoo.data.windows import Windows, pick
from zoo.errors import ZooError

FILE = "zoo.file"  # in `Raw.beside`: the file of each example, where each is one
BLOCK = 65_536  # rows of text that are hashed at once


class Taken(Mapping[str, Any]):
    """Some rows of every feature, each gathered when it is asked for."""

    def __init__(self, features: Mapping[str, Any], rows: np.ndarray) -> None:
        self._features, self._rows = features, rows

    def __getitem__(self, name: str) -> Any:
        found = pick(self._features[name], self._rows)
        release(self._features[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._features)

    def __len__(self) -> int:
        return len(self._features)


@dataclass
class Raw:
    """Examples as the source holds them.

    Attributes:
        features: by source name, array-likes of n rows (NumPy, memory-mapped, or Windows).
            `image` (n, height, width, channels) in the source's scale; the card's columns: numbers and booleans float32 (n,) with
            NaN for missing, categories, moments (as they stand there) and text str objects (n,) with "" for missing;
            `text` str objects (n,); `audio` float32 (n, samples), -1..1; `series` float32 (n, steps, channels), NaN for missing.
        target: labels (numbers or str) or float64 values (n,), several values (n, targets); where several labels may hold at once
            Words, those that do joined in their order; of forecasting Windows float64 (n, horizon, targets).
        ids: the row number of each example in the source, (n,).
        given: `train`, `val` or `test` an example, where the source says which part it is of.
        beside: columns (n,) that splits and audits look at, as `Card.beside` and `split` name them.
        files: sha256 of the files and folders read, by name.
        source_rows: rows of the source, those that were left out too.
        rejected: what was left out because it is broken, and why (`on_error: skip`), a line each.
        stamp: the fingerprint, where hashing every value is not wanted: made of the files' hashes and how they were read.
    """

    features: dict[str, Any]
    target: Any
    ids: np.ndarray
    given: np.ndarray | None = None
    beside: dict[str, np.ndarray] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    source_rows: int = 0
    rejected: list[str] = field(default_factory=list)
    stamp: str | None = None

    def __post_init__(self) -> None:
        self.source_rows = self.source_rows or len(self.target)

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: np.ndarray) -> Taken:
        """The features of some rows."""
        return Taken(self.features, rows)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over every value of every example, in order; or the stamp."""
        if self.stamp:
            return self.stamp
        digest = hashlib.sha256()
        for name, values in [*sorted(self.features.items()), ("target", self.target)]:
            if isinstance(values, Windows):
                digest.update(f"{name} windows of {values.length} from ".encode())
                digest.update(np.ascontiguousarray(values.starts).data)
                values = values.values
            digest.update(f"{name} {values.dtype.kind if values.dtype.kind in 'iufb' else 'text'} {values.shape}".encode())
            if values.dtype.kind in "iufb":
                digest.update(np.ascontiguousarray(values).data)
                continue
            for start in range(0, len(values), BLOCK):
                digest.update("".join(f"{word}\0" for word in values[start : start + BLOCK]).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def read(card: Card) -> Raw:
    """Reads a card's source. Raises ZooError for data that nothing can be learned from."""
    fetch.locate_all([file for file in card.source.files() if not fetch.is_pattern(file, card.folder)], card.folder)
    module = import_module(f"zoo.data.sources.{card.source.kind}")
    raw: Raw = module.read(card, card.source)
    if len(raw) == 0:
        raise ZooError(f"the dataset '{card.name}' has no rows")
    if card.task == "regression":
        raw.target = _numbers(card, raw)
        return raw
    if card.task in ("forecasting", "language"):
        return raw
    raw.target = _label_sets(card, raw) if card.multilabel else _named(card, _labels(card, raw))
    if card.task == "classification" and len(np.unique(raw.target)) < 2:
        one = "the same labels in every row" if card.multilabel else "one class only"
        raise ZooError(
            f"the target '{card.target.name}' of the dataset '{card.name}' has {one}: {raw.target[0]!s}",
            "there is nothing to tell apart; name another target, or add examples of another class",
        )
    return raw


def _numbers(card: Card, raw: Raw) -> np.ndarray:
    """The target as float64."""
    words = raw.target.reshape(len(raw), -1)
    for row, value in zip(np.repeat(raw.ids, words.shape[1]), words.flat, strict=True) if words.dtype.kind in "SU" else ():
        try:
            float(value)
        except ValueError:
            raise ZooError(
                f"the target '{card.target.name}' of '{card.name}' is '{value}' in row {row + 1}, where a number is expected",
                "task: classification?",
            ) from None
    values: np.ndarray = raw.target.astype(np.float64, copy=False)
    with np.errstate(over="ignore"):
        _refuse_infinite(card, raw, values.astype(np.float32))
    release(raw.target)
    return values


def _labels(card: Card, raw: Raw) -> np.ndarray:
    """The target as integers where it holds whole numbers, as text where it holds text."""
    target = raw.target
    if target.dtype.kind == "S":
        return np.char.decode(target, "utf-8", "replace")
    if target.dtype.kind == "f":
        _refuse_infinite(card, raw, target)
        return target.astype(np.int64) if (target == np.round(target)).all() else target
    return target.astype(np.int64) if target.dtype.kind == "b" else target


def _named(card: Card, labels: Any) -> Any:
    """The labels by the names that the card's aliases give them."""
    if not card.target.aliases:
        return labels
    values, which = np.unique(labels, return_inverse=True)
    return np.array([card.target.aliases.get(str(value), str(value)) for value in values], object)[which]


def _label_sets(card: Card, raw: Raw) -> Words:
    """The labels of each example as one text, in the labels' order; none are an empty one."""
    target, joint = card.target, card.target.joint
    if target.columns:
        wrong = np.argwhere((raw.target != 0) & (raw.target != 1))
        if len(wrong):
            row, place = wrong[0]
            raise ZooError(
                f"the label '{target.columns[place]}' of '{card.name}' is {raw.target[row, place]!s} in row {raw.ids[row] + 1}",
                "where 1 says that it holds, and 0 that it does not",
            )
        sets, which = np.unique(raw.target == 1, axis=0, return_inverse=True)
        return Words(which.reshape(-1).astype(np.int32), np.array(label_sets.joined(sets, target.columns, joint), object))
    values, which = numbered(_labels(card, raw))
    aliases = target.aliases or {}
    found = [[aliases.get(label, label) for label in label_sets.labels_of(str(value), joint)] for value in values]
    names = target.classes or sorted({label for labels in found for label in labels})
    unknown = sorted({label for labels in found for label in labels if label not in names})
    if unknown:
        raise ZooError(f"the target '{target.name}' of '{card.name}' holds '{unknown[0]}', which the card's classes do not name")
    if len(names) < 2:
        raise ZooError(
            f"the target '{target.name}' of the dataset '{card.name}' holds {f'one label only: {names[0]}' if names else 'no label'}",
            f"'{joint}' stands between labels; without target.separator each text is one class",
        )
    return Words(which, np.array([joint.join(name for name in names if name in labels) for labels in found], object))


def _refuse_infinite(card: Card, raw: Raw, values: np.ndarray) -> None:
    finite = np.isfinite(values)
    bad = raw.ids[~(finite if finite.ndim == 1 else finite.all(-1))]
    if len(bad):
        raise ZooError(
            f"the target '{card.target.name}' of '{card.name}' is not finite in {len(bad)} rows, first in row {bad[0] + 1}",
            "or larger than a float32 can be",
        )


def join(parts: list[tuple[dict[str, np.ndarray], np.ndarray]], files: dict[str, str]) -> Raw:
    """One Raw of a training part and, if there is one, a test part."""
    sizes = [len(target) for _, target in parts]
    names: dict[str, Any] = {name: [features[name] for features, _ in parts] for name in parts[0][0]}
    return Raw(
        features={name: np.concatenate(values) for name, values in names.items()},
        target=np.concatenate([target for _, target in parts]),
        ids=np.arange(sum(sizes)),
        given=np.repeat(["train", "test"][: len(sizes)], sizes) if len(parts) > 1 else None,
        files=files,
    )


def check_images(card: Card, images: np.ndarray, where: str) -> np.ndarray:
    """Images as (n, height, width, channels) of the card's shape, finite and within its range."""
    assert card.image is not None
    images = images[..., None] if images.ndim == 3 else images
    if images.shape[1:] != card.image.shape:
        raise ZooError(f"{where} holds images of shape {images.shape[1:]}, but the card '{card.name}' says {card.image.shape}")
    if len(images) and images.dtype.kind == "f" and not np.isfinite(images).all():
        raise ZooError(f"{where} holds numbers that are not finite")
    low, high = card.image.range
    if len(images) and (images.min() < low or images.max() > high):
        raise ZooError(
            f"{where} holds pixels from {images.min():g} to {images.max():g}, but the card '{card.name}' says range: [{low:g}, {high:g}]"
        )
    return images
