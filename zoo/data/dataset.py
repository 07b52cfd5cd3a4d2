"""A dataset, ready: read, split, fitted, encoded, and handed out as tf.data."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.config.card import Card
from zoo.data import given, pipeline, preprocess, splits
from zoo.data.encoding import Encoder
from zoo.data.pipeline import Encoded
from zoo.data.sources import Raw, read
from zoo.data.windows import pick
from zoo.errors import ZooError

log = logging.getLogger("zoo")


@dataclass(repr=False)
class Dataset:
    """A card's examples in one modality.

    Attributes:
        card: what the dataset is.
        raw: the examples as the source holds them.
        rows: row numbers by split.
        spec: the fitted preprocessing, described.
        graph: the same as a Keras model, from raw inputs to what the model takes.
        batch_size, seed: of `.train`, whose order is another each time it is iterated.
    """

    card: Card
    raw: Raw
    rows: dict[str, np.ndarray]
    spec: preprocess.Spec
    graph: keras.Model
    batch_size: int = 64
    seed: int = 1

    def __repr__(self) -> str:
        return f"Dataset('{self.card.name}', {self.spec['modality']}: {self.describe()})"

    from_dataframe = staticmethod(given.from_dataframe)
    from_arrays = staticmethod(given.from_arrays)
    from_generator = staticmethod(given.from_generator)

    @cached_property
    def encoded(self) -> dict[str, Encoded]:
        """Each split, encoded once."""
        return {name: self.encode(rows, learns=name == "train") for name, rows in self.rows.items()}

    def rows_of(self, split: str, only: int | None = None) -> np.ndarray:
        """The row numbers of a split, all of them or those of one class number."""
        rows = self.rows[split]
        if only is not None:
            rows = rows[preprocess.encode_target(self.spec, pick(self.raw.target, rows)) == only]
        return rows

    def encode(self, rows: np.ndarray, learns: bool = False) -> Encoded:
        """Some rows, by their numbers, encoded; augmented as the card says where they are learned from."""
        return Encoder(self.card, self.raw, self.spec, self.graph).split(rows, learns)

    @property
    def train(self) -> tf.data.Dataset:
        """(x, y) batches, shuffled, and augmented as the card says, anew at each iteration."""
        return pipeline.batches(self.encoded["train"], self.batch_size, seed=self.seed)

    @property
    def val(self) -> tf.data.Dataset:
        """(x, y) batches in the source's order."""
        return pipeline.batches(self.encoded["val"], self.batch_size)

    @property
    def test(self) -> tf.data.Dataset:
        """(x, y) batches in the source's order."""
        return pipeline.batches(self.encoded["test"], self.batch_size)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Class names by their number, or the labels that may hold at once; None where the target is a number."""
        names = self.spec["target"].get("classes")
        return tuple(names) if names else None

    @property
    def num_classes(self) -> int | None:
        return len(self.classes) if self.classes else None

    @property
    def input_shape(self) -> Any:
        """The shape of one example as the model takes it; of a table those of its parts by name."""
        return preprocess.shape_of(self.graph)

    @property
    def facts(self) -> dict[str, Any]:
        """What a model's builder may ask of the data, by name."""
        return {"input_shape": self.input_shape, **preprocess.facts_of(self.spec)}

    def describe(self) -> str:
        """One line, as `1,797 images 8x8 in 10 classes (1,257 / 270 / 270)`."""
        sizes = " / ".join(f"{len(self.rows[name]):,}" for name in splits.SPLITS)
        what = _what(self.card)
        into = f" {'with' if self.card.multilabel else 'in'} {self.num_classes} {'labels' if self.card.multilabel else 'classes'}"
        return f"{len(self.raw):,} {what}{into if self.classes else ''} ({sizes})"

    def record(self) -> dict[str, Any]:
        """What `data.json` holds: fingerprint, files, split manifest, fitted statistics."""
        return {
            "dataset": self.card.name,
            "fingerprint": self.raw.fingerprint,
            "files": self.raw.files,
            **splits.manifest(self.card, self.raw, self.rows),
            "preprocess": self.spec,
            "preprocess_sha256": hashlib.sha256(json.dumps(self.spec, sort_keys=True).encode()).hexdigest(),
        }


def _what(card: Card) -> str:
    if card.image:
        return f"images {card.image.shape[0]}x{card.image.shape[1]}"
    if card.audio:
        return f"sounds of {card.audio.seconds:g} s"
    if card.series:
        return f"series of {card.series.shape[0]} steps" if card.series.length else f"windows of {card.series.history} steps"
    return "texts" if card.text else f"rows of {len(card.columns or {})} columns"


def prepare(card: Card, modality: str | None = None, *, batch_size: int = 64, seed: int = 1) -> Dataset:
    """Reads, splits and fits a card's data.

    Args:
        card: the dataset.
        modality: what the model takes; default: the first that the card gives.
        batch_size: examples a batch of `.train`, `.val` and `.test`.
        seed: of the order of `.train`.

    Raises:
        ZooError: the data cannot be found, read, split, or become that modality.
    """
    modality = modality or card.gives[0]
    if modality not in card.gives:
        raise ZooError(f"the dataset '{card.name}' gives {' or '.join(card.gives)}, not {modality}")
    raw = read(card)
    rows = splits.split(card, raw)
    train = rows["train"]
    spec = preprocess.fit(card, raw.take(train), pick(raw.target, train), raw.target, modality)
    _check_classes(card, spec, raw, train)
    return Dataset(card, raw, rows, spec, preprocess.graph(spec), batch_size, seed)


def _check_classes(card: Card, spec: preprocess.Spec, raw: Raw, train: np.ndarray) -> None:
    if card.task != "classification":
        return
    if card.multilabel:
        holds = preprocess.encode_target(spec, pick(raw.target, train)).any(0)
        never = [label for label, one in zip(spec["target"]["classes"], holds, strict=True) if not one]
        if never:
            log.warning("note: %d labels hold in no training row, as '%s': they cannot be learned", len(never), never[0])
        return
    unseen = sorted(set(map(str, np.unique(raw.target))) - set(map(str, np.unique(pick(raw.target, train)))))
    if unseen:
        log.warning("note: %d classes have no training row, as '%s': they cannot be learned", len(unseen), unseen[0])
