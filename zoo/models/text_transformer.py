"""One encoder block over learned words: the smallest transformer that reads a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import keras
from keras import Input, Model, layers
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.errors import ZooError
from zoo.layers import (
    MaxOverSteps,
    MeanOverSteps,
    Outputs,
    PositionEmbedding,
    TokensShape,
    check_heads,
    encoder_block,
    logits,
    real_tokens,
)
from zoo.registry import register_model


def check(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    """Raises ZooError for a text that there are too few positions for, or a width that its heads cannot share."""
    check_heads(facts, hparams)
    if facts["input_shape"][0] > hparams["positions"]:
        raise ZooError(
            f"{facts['input_shape'][0]} tokens are more than the {hparams['positions']} positions",
            f"shorten the texts, as preprocess: {{text: {{length: {hparams['positions']}}}}}, or give the hparam positions",
        )


@register_model(
    "text_transformer",
    modality="tokens",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1706.03762",
    example={"input_shape": (256,), "vocabulary_size": 20000, "num_outputs": 2},
    space={"width": [16, 32, 64], "heads": [2, 4], "pool": ["mean", "max"], "dropout": [0.0, 0.1, 0.3]},
    check=check,
)
def text_transformer(
    input_shape: TokensShape,
    vocabulary_size: PositiveInt,
    num_outputs: Outputs,
    *,
    depth: PositiveInt = 1,
    width: PositiveInt = 32,
    heads: PositiveInt = 2,
    hidden: PositiveInt = 32,
    dropout: Fraction = 0.1,
    positions: PositiveInt = 1024,
    pool: Literal["mean", "max"] = "mean",
) -> keras.Model:
    """The encoder of the transformer (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762), of one small block.

        tokens -> embedding + position -> depth x encoder block -> mean over the text -> dropout -> logits

    Unlike the paper: positions are learned, and sizes are those of Keras's example of text classification
    (https://keras.io/examples/nlp/text_classification_with_transformer), which has a further dense layer before its head.

    Args:
        input_shape: (length,) of the int32 input `tokens`; 0 is padding.
        vocabulary_size: token numbers are below it.
        num_outputs: logits or values; 0 gives the features.
        depth: encoder blocks.
        width: of a token's vector.
        heads: of each attention; they share the width.
        hidden: width between the two layers of a block.
        dropout: fraction dropped in training: of attention's weights, of each branch of a block, of the features.
        positions: vectors of positions; the longest text that weights can be used for.
        pool: what stands for the text, the `mean` or the maximum (`max`) of its tokens.

    Returns:
        (batch, length) -> (batch, num_outputs), float32.

    Raises:
        ZooError: more tokens than positions, or a width that is no multiple of the heads.
    """
    tokens = Input(input_shape, dtype="int32", name="tokens")
    mask = real_tokens(tokens)
    x = layers.Embedding(vocabulary_size, width, name="embedding")(tokens)  # (batch, length, width)
    x = PositionEmbedding(positions, name="positions")(x)
    for number in range(1, depth + 1):
        x = encoder_block(x, heads, hidden, mask=mask, dropout=dropout, activation="relu", name=f"block{number}")
    x = (MeanOverSteps if pool == "mean" else MaxOverSteps)()(x, mask=mask)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(tokens, logits(x, num_outputs))
