"""Text becomes tokens, and tokens numbers: TensorFlow operations that fit the vocabulary and stand in the exported graph.

A word is a run of letters, marks, digits and `_`, in any script; everything else only parts words. A script that writes without
blanks has words as long as its sentences: take characters there. Invalid UTF-8 becomes the character U+FFFD.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.data.preprocess import tokenizers_subword as subword
from zoo.data.preprocess.wording import stripped

NO_WORD = r"[^\p{L}\p{M}\p{N}_ ]+"  # without blanks: most stand alone, and splitting sees to them
FIRST = 2  # the number of the first token of a vocabulary: 0 is padding, 1 an unknown token
BYTES = FIRST + 256


def words(text: Any, lower: bool, most: int | None = None) -> tf.RaggedTensor:
    """The words of each text, the first `most`: string (batch,) -> string (batch, words)."""
    text = tf.strings.regex_replace(text, NO_WORD, " ")
    text = tf.strings.lower(text, encoding="utf-8") if lower else text
    return tf.strings.split(text) if most is None else tf.strings.split(text, maxsplit=most)[:, :most]  # the rest is one word more


def characters(text: Any, lower: bool, most: int | None = None) -> tf.RaggedTensor:
    """The code points of each text, the first `most`: string (batch,) -> string (batch, characters)."""
    return tf.strings.unicode_split(lowered(text) if lower else text, "UTF-8")[:, :most]


def lowered(text: Any) -> Any:
    """Lower case, with a blank for U+0000, at which TensorFlow would end the text."""
    return tf.strings.lower(tf.strings.regex_replace(text, r"\x00", " "), encoding="utf-8")


def runs(text: Any, lower: bool, ngrams: int) -> tf.RaggedTensor:
    """Words and, with `ngrams` above 1, runs of up to so many words, joined by a blank."""
    alone = words(text, lower)
    return alone if ngrams == 1 else tf.strings.ngrams(alone, tuple(range(1, ngrams + 1)), separator=" ")


class _Lookup(keras.layers.Layer):
    """A layer from string (batch,), with a table from the tokens of its vocabulary to their places.

    `saved_model.write` finds the table by its name `lookup_table`; what is not among `vocabulary` is `unknown`.
    """

    def __init__(self, vocabulary: list[Any], first: int, unknown: int, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **{key: value for key, value in kwargs.items() if key != "dtype"})
        self._convert_input_args = False  # strings are no tensors that Keras could cast
        self._allow_non_tensor_positional_args = True
        self.vocabulary = list(vocabulary)
        if not self.vocabulary:
            return
        with tf.init_scope():  # also where the layer is made while something is traced
            keys = tf.constant(self.vocabulary, tf.int64 if isinstance(self.vocabulary[0], int) else tf.string)
            places = tf.range(first, first + len(self.vocabulary), dtype=tf.int64)
            self.lookup_table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, places), unknown)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocabulary": self.vocabulary}


@keras.saving.register_keras_serializable("zoo")
class Tokens(_Lookup):
    """Text to the numbers of its tokens: string (batch,) -> int32 (batch, length), cut or filled up with 0 at the end.

    Args:
        tokens: `word`, `character`, `byte` (whose number is the byte + 2; it has no vocabulary) or `subword`.
        vocabulary: the tokens from number 2 on.
        length: tokens an example.
        lower: whether the text is written in lower case first.
    """

    def __init__(self, tokens: str, vocabulary: list[str], length: int, lower: bool, **kwargs: Any) -> None:
        super().__init__(vocabulary, FIRST, 1, **kwargs)
        self.tokens, self.length, self.lower = tokens, length, lower
        self.longest = max(map(len, vocabulary), default=1)

    def call(self, text: Any) -> Any:
        if self.tokens in ("byte", "character"):
            text = stripped(text)  # as a table's reader does; words have no blanks
        if self.tokens == "byte":
            return self._bytes(lowered(text) if self.lower else text)
        cut = characters if self.tokens == "character" else words
        found = cut(text, self.lower, self.length)  # a word is at least one piece
        if self.tokens == "subword":
            numbers = subword.pieces(found, self.lookup_table, self.longest, self.length)
        else:
            numbers = found.with_flat_values(self.lookup_table.lookup(found.flat_values))
        return tf.cast(numbers.to_tensor(shape=(None, self.length)), tf.int32)

    def _bytes(self, text: Any) -> Any:
        numbers = tf.cast(tf.io.decode_raw(text, tf.uint8, fixed_length=self.length), tf.int32) + FIRST
        return tf.where(tf.sequence_mask(tf.strings.length(text), self.length), numbers, 0)

    def compute_output_spec(self, text: Any) -> keras.KerasTensor:
        return keras.KerasTensor((text.shape[0], self.length), "int32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tokens": self.tokens, "length": self.length, "lower": self.lower}


@keras.saving.register_keras_serializable("zoo")
class BagOfWords(_Lookup):
    """Text to log(1 + count) of each word or run of words of the vocabulary: string (batch,) -> float32 (batch, vocabulary).

    It is not divided by its length: a bag of a long text is a long vector.
    """

    def __init__(self, vocabulary: list[str], ngrams: int, lower: bool, **kwargs: Any) -> None:
        super().__init__(vocabulary, 0, len(vocabulary), **kwargs)
        self.ngrams, self.lower = ngrams, lower

    def call(self, text: Any) -> Any:
        found, size = runs(text, self.lower, self.ngrams), len(self.vocabulary)
        places = self.lookup_table.lookup(found.flat_values)
        known = places < size
        cells = (tf.cast(found.value_rowids(), tf.int64) * size + places)[known]
        rows = tf.cast(found.nrows(), tf.int64)
        counts = tf.math.unsorted_segment_sum(tf.ones_like(cells, tf.float32), cells, rows * size)
        return tf.math.log1p(tf.reshape(counts, (-1, size)))

    def compute_output_spec(self, text: Any) -> keras.KerasTensor:
        return keras.KerasTensor((text.shape[0], len(self.vocabulary)), "float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ngrams": self.ngrams, "lower": self.lower}


@keras.saving.register_keras_serializable("zoo")
class Codes(_Lookup):
    """Code points, or bytes, to the numbers of their tokens: int32 (batch, length) in and out, as `Tokens` gives them."""

    def __init__(self, vocabulary: list[int], **kwargs: Any) -> None:
        super().__init__(vocabulary, FIRST, 1, **kwargs)

    def call(self, codes: Any) -> Any:
        return tf.cast(self.lookup_table.lookup(tf.cast(codes, tf.int64)), tf.int32)

    def compute_output_spec(self, codes: Any) -> keras.KerasTensor:
        return keras.KerasTensor(codes.shape, "int32")


def numbers_of(codes: np.ndarray, vocabulary: list[int]) -> np.ndarray:
    """What `Codes` gives, in NumPy: int32 of the codes' shape."""
    ordered = np.argsort(vocabulary)
    known = np.asarray(vocabulary)[ordered]
    places = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    return np.where(known[places] == codes, ordered[places] + FIRST, 1).astype(np.int32)
