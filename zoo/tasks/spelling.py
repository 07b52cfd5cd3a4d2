"""Text to the numbers of its tokens and back, as TensorFlow in the served graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf


class Spelling:
    """Characters or bytes as the preprocessing has numbered them; one text at a time.

    Args:
        target: `tokens` (`character` or `byte`), `lower`, and `codes`: the code point or byte of each token from number `first` on.
    """

    def __init__(self, target: Mapping[str, Any]) -> None:
        self.bytes, self.lower, self.first = target["tokens"] == "byte", bool(target["lower"]), int(target["first"])
        self.codes = np.array(target["codes"], np.int32)
        self.size = self.first + len(self.codes)
        self.noun = "byte" if self.bytes else "character"

    def checked(self, text: Any, most: int) -> Any:
        """A text, string (), that a model with a context of `most` tokens can go on with. Else its user is told what is wrong with it."""
        codes = self._codes(text)
        size = tf.size(codes)
        known = tf.reduce_any(codes[:, None] == self.codes, -1)
        place = tf.argmin(tf.concat([tf.cast(known, tf.int32), [0]], 0), output_type=tf.int32)  # the first that is not, or the end
        stranger = tf.strings.unicode_encode(tf.concat([codes, [0]], 0)[place : place + 1], "UTF-8")
        unknown = tf.strings.join(["the prompt holds the character ", stranger, ", which the text that the model learned from does not"])
        long = tf.strings.join(["the prompt has ", tf.strings.as_string(size), f" {self.noun}s, more than the context of {most}"])
        text = demand({"text": text}, (size > 0, f"the prompt is empty: give one {self.noun} at least"))["text"]
        return demand({"text": text}, (tf.reduce_all(known), unknown), (size <= most, long))["text"]

    def numbers(self, text: Any) -> Any:
        """Of a text that is known, string (): int32 (n,)."""
        order = np.argsort(self.codes)
        return self.first + tf.gather(order.astype(np.int32), tf.searchsorted(self.codes[order], self._codes(text)))

    def text(self, numbers: Any) -> Any:
        """Of tokens int32 (n,): string (), valid UTF-8 also where bytes are none."""
        codes = tf.gather(self.codes, numbers - self.first)
        if not self.bytes:
            return tf.strings.unicode_encode(codes, "UTF-8")
        whole = tf.strings.reduce_join(tf.gather([bytes([code]) for code in range(256)], codes))
        return tf.strings.unicode_transcode(whole, "UTF-8", "UTF-8")

    def _codes(self, text: Any) -> Any:
        text = tf.strings.lower(text, encoding="utf-8") if self.lower else text
        if self.bytes:
            return tf.cast(tf.io.decode_raw(text, tf.uint8), tf.int32)
        return tf.strings.unicode_decode(text, "UTF-8")

    def made_up(self, count: int, longest: int) -> list[str]:
        """Prompts of every length up to `longest`, of any tokens but U+0000, which NumPy drops; always the same."""
        codes, chance = self.codes[self.codes > 0], np.random.default_rng(0)
        codes = codes[codes < 128] if self.bytes else codes
        lengths = np.linspace(1, longest, count).astype(int)
        return ["".join(map(chr, chance.choice(codes, length))) for length in lengths]


def demand(values: dict[str, Any], *needs: tuple[Any, Any]) -> dict[str, Any]:
    """The values, which nobody can have before each need (a condition and what is said without it) is met."""
    with tf.control_dependencies([tf.debugging.Assert(holds, [said]) for holds, said in needs]):
        return {name: tf.identity(value) for name, value in values.items()}
