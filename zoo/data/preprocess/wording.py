"""Words as the readers of tables give them, inside the graph too: a served value is looked up as the training data's was."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from zoo.data.preprocess.layers import as_float32

BLANKS = "\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # what str.strip takes, as ranges
AROUND = f"^[{BLANKS}]+|[{BLANKS}]+$"
TRUTHS = ("true", "false")


def stripped(words: Any) -> Any:
    """Without blanks around them, those that are no ASCII too: string (batch,) in and out. `tf.strings.strip` knows ASCII alone."""
    return tf.strings.regex_replace(words, AROUND, "")


def written(words: Any) -> Any:
    """Stripped; true and false, which each format writes in its own case, in lower case. string (batch,) in and out."""
    words = stripped(words)
    lower = tf.strings.lower(words)
    return tf.where((lower == TRUTHS[0]) | (lower == TRUTHS[1]), lower, words)


def word(given: str) -> str:
    """`written` of one word."""
    plain = given.strip()
    return plain.lower() if plain.lower() in TRUTHS else plain


@keras.saving.register_keras_serializable("zoo")
class Written(layers.Layer):
    """`written`, as a layer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))

    def call(self, words: Any) -> Any:
        return written(words)

    def compute_output_spec(self, words: Any) -> keras.KerasTensor:
        return keras.KerasTensor(words.shape, "string")
