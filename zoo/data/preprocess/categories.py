"""Categories of a table: words become places. Place 0 is for unknown and missing ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import layers

from zoo.data.mapped import blocks
from zoo.data.preprocess import wording
from zoo.data.preprocess.layers import as_float32
from zoo.data.sources.words import Words
from zoo.errors import ZooError

UNKNOWN = "\x00unknown"  # no word of a text file can be this; where one is, it is unknown
BETWEEN = "\x1f"  # joins the words of a cross: the unit separator
SALT = [1, 2]  # of SipHash: another one would be another order of the buckets
Spec = dict[str, Any]


def counted(words: Any) -> Counter[str]:
    """How often each word stands in a column, str objects (n,), Words, or Pairs; a block at a time."""
    if isinstance(words, Words):
        known, counts = np.unique(words, return_counts=True)
        return Counter(dict(zip(known.tolist(), counts.tolist(), strict=True)))
    found: Counter[str] = Counter()
    for part in blocks(len(words)):
        found.update(words[part].tolist())
    return found


def fit(name: str, words: Any, way: Mapping[str, Any]) -> Spec:
    """A vocabulary, sorted, or a number of buckets.

    Args:
        name: for messages.
        words: the training split's, as `counted` takes them, with "" for missing.
        way: `settings("category", …)`.
    """
    if way["hash"]:
        return {"buckets": way["hash"], "salt": SALT}
    counts: Counter[str] = Counter()
    for word, count in counted(words).items():
        counts[wording.word(word)] += count
    for word in ("", UNKNOWN):
        counts.pop(word, None)
    kept = [word for word, count in counts.items() if count >= way["min_count"] and _is_text(word)]
    if way["vocabulary"] and len(kept) > way["vocabulary"]:
        kept = sorted(kept, key=lambda word: (-counts[word], word))[: way["vocabulary"]]
    if not kept:
        raise ZooError(
            f"column '{name}': no word of it stands {way['min_count']} times in the training rows", "a smaller min_count, or leave it out"
        )
    return {"vocabulary": sorted(kept)}


def _is_text(word: str) -> bool:
    """Half a surrogate pair, as JSON may hold, is no character that UTF-8 could write."""
    return word.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in word)


def size(one: Spec) -> int:
    """How many places it has, place 0 among them."""
    return 1 + (one["buckets"] if "buckets" in one else len(one["vocabulary"]))


def lookup(one: Spec, name: str) -> layers.Layer:
    """The layer from words, string (batch,), to places, integers (batch,)."""
    if "buckets" in one:
        return layers.Hashing(size(one), mask_value="", salt=one["salt"], name=name, dtype="int64")
    return layers.StringLookup(vocabulary=one["vocabulary"], oov_token=UNKNOWN, name=name)


def words_of(values: np.ndarray) -> np.ndarray:
    """Words as the graph looks them up; yes, no and missing (float32 1, 0, NaN) as the words 1, 0 and ""."""
    if values.dtype.kind != "f":
        codes, known = pd.factorize(values)
        made: np.ndarray = np.array([wording.word(one) for one in known], object)[codes]
        return made
    return np.where(np.isnan(values), "", np.where(values >= 0.5, "1", "0")).astype(object)


def joined(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Pairs of words as one, str objects (n,); "" where one of the two is missing. `Cross` in NumPy."""
    left, right = words_of(left), words_of(right)
    return np.where((left == "") | (right == ""), "", left + BETWEEN + right)


@dataclass(frozen=True)
class Pairs:
    """Two columns as one of pairs, joined where they are looked at."""

    left: Any
    right: Any

    def __len__(self) -> int:
        return len(self.left)

    def __getitem__(self, rows: slice) -> np.ndarray:
        return joined(self.left[rows], self.right[rows])


@keras.saving.register_keras_serializable("zoo")
class Cross(layers.Layer):
    """Two columns, string or float32 yes and no (batch,), as one column of pairs, string (batch,)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))

    def call(self, pair: list[Any]) -> Any:
        left, right = (self._word(one) for one in pair)
        lacks = tf.equal(left, "") | tf.equal(right, "")
        return tf.where(lacks, "", tf.strings.join([left, right], BETWEEN))

    def _word(self, values: Any) -> Any:
        if values.dtype == tf.string:
            return wording.written(values)
        return tf.where(tf.math.is_nan(values), "", tf.where(values >= 0.5, "1", "0"))

    def compute_output_spec(self, pair: list[Any]) -> keras.KerasTensor:
        return keras.KerasTensor(pair[0].shape, "string")
