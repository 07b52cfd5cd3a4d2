"""What a family takes that learns from sequences and from tokens alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import Input, layers

from zoo.errors import ZooError
from zoo.layers.heads import check_answer


def steps_input(input_shape: tuple[int, ...], vocabulary_size: int | None, embedding: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The model's input and its steps as vectors: of a `sequence` its channels, of `tokens` their embeddings.

    Padding (token 0) is masked, so that recurrent layers and attention pass it over.

    Args:
        input_shape: (steps, channels), or (length,) of tokens.
        vocabulary_size: token numbers are below it; None of a sequence.
        embedding: width of a token's vector.

    Returns:
        The input, and (batch, steps, channels or embedding).
    """
    if vocabulary_size is None:
        sequence = Input(input_shape, name="sequence")
        return sequence, sequence
    tokens = Input(input_shape, dtype="int32", name="tokens")
    return tokens, layers.Embedding(vocabulary_size, embedding, mask_zero=True, name="embedding")(tokens)


def check_steps(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    """A `check` for such a family. Raises ZooError for tokens without a vocabulary, a sequence with one, and as `check_answer`."""
    shape, size = facts["input_shape"], facts.get("vocabulary_size")
    if (len(shape) == 1) != (size is not None):
        raise ZooError(
            f"input_shape = {shape} and vocabulary_size = {size} do not go together",
            "tokens: input_shape=(256,), vocabulary_size=20000; a sequence: input_shape=(150, 1)",
        )
    if size is not None and facts.get("horizon") is not None:
        raise ZooError("a forecast is of a sequence, not of tokens", "leave vocabulary_size away")
    check_answer(facts, hparams)
