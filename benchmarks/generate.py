"""What the cache of keys and values saves: `python benchmarks/generate.py` times gpt_nano as it writes, both ways in turn.

cached       zoo.layers.generate as it is served: one step a token, and a whole context anew each time that it is full
anew         the same, but the whole context is read for each token

The weights are as drawn: the time does not depend on them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from zoo.layers import generate
from zoo.registry import create_model

TOKENS, ROUNDS = 200, 5


def writer(model: keras.Model, cached: bool) -> Callable[[tf.Tensor], tf.Tensor]:
    """Writing, traced once."""

    @tf.function(autograph=False)
    def write(prompt: tf.Tensor) -> tf.Tensor:
        return generate(model, prompt, TOKENS, temperature=0.8, seed=1, cached=cached)

    return write


def seconds(write: Callable[[tf.Tensor], tf.Tensor], prompt: tf.Tensor) -> float:
    start = time.perf_counter()
    write(prompt)
    return time.perf_counter() - start


def main() -> None:
    keras.utils.set_random_seed(1)
    for context, batch in ((64, 1), (64, 16), (256, 1)):
        model = create_model("gpt_nano", input_shape=(context,), vocabulary_size=67)
        ways = {"cached": writer(model, cached=True), "anew": writer(model, cached=False)}
        prompt = tf.constant(np.random.default_rng(1).integers(2, 67, (batch, 8)), tf.int32)
        written = {name: write(prompt).numpy() for name, write in ways.items()}
        same = (written["cached"] == written["anew"]).mean()
        best = dict.fromkeys(ways, float("inf"))
        for _ in range(ROUNDS):
            best = {name: min(best[name], seconds(write, prompt)) for name, write in ways.items()}
        told = ", ".join(f"{name} {1000 * one / TOKENS:.2f} ms a token" for name, one in best.items())
        print(f"context {context}, batch {batch}: {told}, ratio {best['anew'] / best['cached']:.1f}; {100 * same:.0f} % equal")


if __name__ == "__main__":
    main()
