"""A split, encoded once: in memory where it fits, else in the store, memory-mapped; what is augmented raw is encoded afterwards."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.config.card import Card
from zoo.data import augment, preprocess, store
from zoo.data.images import after_pixels
from zoo.data.mapped import release
from zoo.data.pipeline import Encoded
from zoo.data.sources import Raw
from zoo.data.windows import Rows, Windows, pick

BLOCK = 65_536  # rows that are encoded at a time where the whole is too large


@dataclasses.dataclass(frozen=True)
class Encoder:
    """A card's fitted preprocessing, for whole splits."""

    card: Card
    raw: Raw
    spec: preprocess.Spec
    graph: keras.Model

    def split(self, rows: np.ndarray, learns: bool = False) -> Encoded:
        """Some rows; augmented as the card says, if it is the part that learns."""
        y = preprocess.encode_target(self.spec, pick(self.raw.target, rows))
        steps = self._augment() if learns else None
        if steps and steps.before:
            return self._raw(rows, y, steps)
        return dataclasses.replace(self._encoded(rows, y), augment=steps)

    def _augment(self) -> augment.Augment | None:
        classes = self.spec["target"].get("classes")
        return augment.make(self.card.augment, self.card.kind, self.spec["modality"], len(classes) if classes else None)

    def _encoded(self, rows: np.ndarray, y: Any) -> Encoded:
        if self.spec["modality"] == "image" and self._is_pixels:
            return Encoded(self._pixels(rows), y)  # nothing to compute: they are cast a batch at a time
        if any(isinstance(values, Windows) for values in self.raw.features.values()):
            features, served = self.raw.take(rows), preprocess.served_names(self.spec)
            return Encoded({served[name]: features[name] for name in served}, y, finish=self.graph)
        if store.fits(self._size(len(self.raw))):  # all splits alike
            return Encoded(preprocess.encode(self.graph, self.raw.take(rows), preprocess.served_names(self.spec)), y)
        return Encoded(self._stored(rows), y)

    @property
    def _is_pixels(self) -> bool:
        return (self.spec.get("scale"), self.spec.get("offset")) == (1.0, 0.0)

    def _pixels(self, rows: np.ndarray) -> Any:
        """Images as the source has them: bytes as they are, numbers as float32; what is memory-mapped stays where it is."""
        images = self.raw.features["image"]
        if isinstance(images, np.memmap) and images.dtype == np.uint8:
            return Rows(images, rows)
        images = pick(images, rows)
        return images if images.dtype == np.uint8 else images.astype(np.float32, copy=False)

    def _raw(self, rows: np.ndarray, y: Any, steps: augment.Augment) -> Encoded:
        """What is augmented before it is encoded: pixels 0..255, or waveforms."""
        if self.card.kind == "image":
            finish = None if self.spec["modality"] == "image" else after_pixels(self.graph, self.spec)
            pixels = self._pixels(rows)
            if not self._is_pixels:  # the source's range to 0..255, as the graph has it
                pixels = np.asarray(pixels[:], np.float32) * np.float32(self.spec["scale"]) + np.float32(self.spec["offset"])
            return Encoded(pixels, y, finish, steps)
        (name, served), *_ = preprocess.served_names(self.spec).items()
        values = self.raw.features[name]
        values = Rows(values, rows) if isinstance(values, np.memmap) else pick(values, rows)
        return Encoded(values, y, lambda x: self.graph({served: x}), steps)

    def _size(self, rows: int) -> int:
        shapes = tf.nest.flatten(self.graph.output)
        return sum(rows * int(np.prod(one.shape[1:])) * 4 for one in shapes)

    def _stored(self, rows: np.ndarray) -> Any:
        """Encoded a block at a time into the store: an array, or a dict of such by name."""
        digest = hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()
        folder = store.made(store.key_of([self.raw.fingerprint, self.spec, digest]), lambda into: self._write(rows, into))
        outputs = self.graph.output
        if isinstance(outputs, dict):
            return {name: store.mapped(folder / f"{name}.npy") for name in outputs}
        return store.mapped(folder / "x.npy")

    def _write(self, rows: np.ndarray, folder: Path) -> None:
        served, files = preprocess.served_names(self.spec), dict[str, np.memmap]()
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            found = preprocess.encode(self.graph, self.raw.take(block), served)
            for name, values in (found if isinstance(found, dict) else {"x": found}).items():
                if name not in files:
                    files[name] = store.array(folder / f"{name}.npy", values.dtype, (len(rows), *values.shape[1:]))
                files[name][start : start + len(block)] = values
            for held in (*files.values(), *self.raw.features.values()):
                release(getattr(held, "codes", held))


def on_disk(values: Any) -> bool:
    """Whether a column was too large for memory where it was read: what is made of it is no smaller."""
    return isinstance(getattr(values, "codes", values), np.memmap)
