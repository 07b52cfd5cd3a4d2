"""Language: the next token from those before it, and texts that are written on by drawing one token after another."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo.config.experiment import TaskChoice
from zoo.config.writing import DEFAULTS, MOST
from zoo.layers import generate
from zoo.tasks.base import Reading, Signature, Task
from zoo.tasks.spelling import Spelling, demand

KINDS = {"max_new_tokens": "int32", "temperature": "float32", "top_k": "int32", "top_p": "float32", "seed": "int32"}
ROWS, SHORT = 16, 24  # of the examples that an export is proven by; tokens that each of `generate`'s writes at most
BLOCK = 4096  # windows that are counted at a time


class Language(Task):
    """Learns the next token (int32, (batch, length)) at each place from logits (float32, (batch, length, vocabulary)).

    Its outputs are the nats of each token, (batch, length). It serves no answers to examples but texts: what follows on a prompt.
    """

    name = "language"
    baseline_name = "frequency of the tokens"
    answers_examples = False

    def __init__(self, target: dict[str, Any], choice: TaskChoice | None = None, input_shape: Any = None) -> None:
        self.length = int(input_shape[0])
        self.spelling = Spelling(target)

    def facts(self) -> dict[str, int]:
        return {}

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (self.length, self.spelling.size)

    def loss(self, imbalance: str | None = None) -> keras.Loss:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def metrics(self, imbalance: str | None = None) -> list[keras.Metric]:
        return []

    def outputs(self, model: keras.Model, features: Any, y: Any = None) -> Any:
        logits = ops.cast(model(features, training=False), "float32")
        return keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)

    def losses(self, outputs: np.ndarray, y: Any) -> np.ndarray:
        """The mean of an example's tokens, nats, float64 (n,)."""
        return outputs.astype(np.float64).mean(-1)

    def fit_reading(self, outputs: np.ndarray, y: Any) -> Reading:
        """Nothing is fitted; it says how a prompt is answered that comes alone."""
        return {"task": self.name, "defaults": DEFAULTS}

    def served(self) -> dict[str, str]:
        return {"nats": "float32"}

    def read(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        """`nats` of an example's tokens, float32 (batch,)."""
        return {"nats": ops.mean(outputs, -1)}

    def numbers(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        return self.read(outputs, reading)

    def measure(self, outputs: np.ndarray, y: Any, answers: dict[str, np.ndarray]) -> dict[str, Any]:
        nats = float(self.losses(outputs, y).mean())
        return {"loss": nats, "nats": nats, "perplexity": float(np.exp(nats))}

    def baseline(self, y_train: Any, y: Any) -> np.ndarray:
        """The nats of whoever knows how often each token stands in the training split; one that stands nowhere counts as one."""
        counts = sum(
            np.bincount(y_train[at : at + BLOCK].reshape(-1), minlength=self.spelling.size) for at in range(0, len(y_train), BLOCK)
        )
        told: np.ndarray = (np.log(np.sum(counts)) - np.log(np.maximum(counts, 1))).astype(np.float32)
        return told[y[:]]

    def baseline_reading(self) -> Reading:
        return {"task": self.name}

    def signatures(self, model: keras.Model, reading: Reading) -> dict[str, Signature]:
        """`text` -> `text`, what the model writes after it: by default as the reading says, by `generate` as each row says."""
        usual = {name: tf.constant(value, KINDS[name]) for name, value in reading["defaults"].items()}

        def write_on(values: dict[str, Any]) -> dict[str, Any]:
            size = tf.shape(values["text"])
            return write({"text": values["text"], **{name: tf.fill(size, value) for name, value in usual.items()}})

        def write(values: dict[str, Any]) -> dict[str, Any]:
            return {"text": tf.map_fn(lambda row: self._written(model, row), values, fn_output_signature=tf.string)}

        prompt, settings = {"text": ((), "string")}, {name: ((), kind) for name, kind in KINDS.items()}
        return {
            "serving_default": Signature(prompt, {"text": "string"}, write_on, self._prompts),
            "generate": Signature({**prompt, **settings}, {"text": "string"}, write, self._asked),
        }

    def _written(self, model: keras.Model, row: dict[str, Any]) -> Any:
        """What follows on one prompt, a string. Rows are written one by one, so that none depends on what else is in its batch."""
        row = {**row, "text": self.spelling.checked(row["text"], self.length)}
        row = demand(
            row,
            (row["max_new_tokens"] >= 1, "max_new_tokens should be at least 1"),
            (row["max_new_tokens"] <= MOST, f"max_new_tokens should be at most {MOST}"),
            (tf.math.is_finite(row["temperature"]) & (row["temperature"] >= 0), "temperature should be a number from 0 on"),
            (row["top_k"] >= 0, "top_k should be at least 1, or 0 for all tokens"),
            ((row["top_p"] > 0) & (row["top_p"] <= 1), "top_p should be above 0, and at most 1"),
        )
        settings = {name: row[name] for name in ("temperature", "top_k", "top_p")}
        prompt, seed = self.spelling.numbers(row["text"])[None], row["seed"][None]
        drawn = generate(model, prompt, row["max_new_tokens"], seed=seed, first=self.spelling.first, **settings)
        return self.spelling.text(drawn[0])

    def _prompts(self) -> dict[str, np.ndarray]:
        return {"text": np.array(self.spelling.made_up(ROWS, self.length), object)}

    def _asked(self) -> dict[str, np.ndarray]:
        """Prompts with settings of every kind: greedy and hot, few tokens and all."""
        place = np.arange(ROWS)
        return {
            **self._prompts(),
            "max_new_tokens": (1 + place * SHORT // ROWS).astype(np.int32),
            "temperature": (place % 4 / 2).astype(np.float32),
            "top_k": (place % 3 * 4).astype(np.int32),
            "top_p": (1 - place % 5 / 10).astype(np.float32),
            "seed": (place * 1_000_003).astype(np.int32),
        }
