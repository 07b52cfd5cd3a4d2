"""Convolutions over words and a maximum over the text: what a sentence holds somewhere decides (Kim 2014)."""

from __future__ import annotations

import keras
from keras import Input, Model, layers, ops
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Outputs, Sizes, TokensShape, logits
from zoo.registry import register_model


@register_model(
    "text_cnn",
    modality="tokens",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1408.5882",
    example={"input_shape": (256,), "vocabulary_size": 20000, "num_outputs": 2},
    space={"width": [32, 64, 128], "filters": [32, 64, 128], "windows": [(3,), (3, 4, 5), (2, 3, 4, 5)], "dropout": [0.0, 0.3, 0.5]},
)
def text_cnn(
    input_shape: TokensShape,
    vocabulary_size: PositiveInt,
    num_outputs: Outputs,
    *,
    width: PositiveInt = 64,
    filters: PositiveInt = 64,
    windows: Sizes = (3, 4, 5),
    dropout: Fraction = 0.5,
) -> keras.Model:
    """Text CNN (Kim 2014, https://arxiv.org/abs/1408.5882).

        tokens -> embedding -> per window: conv -> ReLU -> max over the text -> dropout -> logits

    Unlike the paper: embeddings are learned from scratch, smaller, with fewer maps, and no norm is bounded. Padding is nothing:
    its embedding is 0 and no maximum is taken there, so an answer does not depend on how far a text is filled up.

    Args:
        input_shape: (length,) of the int32 input `tokens`; 0 is padding.
        vocabulary_size: token numbers are below it.
        num_outputs: logits or values; 0 gives the features.
        width: of an embedding.
        filters: maps of each window.
        windows: tokens that a convolution sees at once.
        dropout: fraction of the maxima that is dropped in training.

    Returns:
        (batch, length) -> (batch, num_outputs), float32.
    """
    tokens = Input(input_shape, dtype="int32", name="tokens")
    x = layers.Embedding(vocabulary_size, width)(tokens)  # (batch, length, width)
    there = ops.expand_dims(ops.cast(ops.not_equal(tokens, 0), x.dtype), -1)
    x = x * there
    found = []
    for window in windows:
        maps = layers.Conv1D(filters, window, padding="same", activation="relu")(x)
        found.append(layers.GlobalMaxPooling1D()(maps * there))
    x = layers.Concatenate()(found) if len(found) > 1 else found[0]
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(tokens, logits(x, num_outputs))
