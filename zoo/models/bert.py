"""BERT: words that look at each other in both directions, layer by layer, and a summary of the text in front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import keras
from keras import Input, Model, initializers, layers, ops
from pydantic import NonNegativeInt, PositiveInt

from zoo.config.card import Fraction
from zoo.errors import ZooError
from zoo.layers import MeanOverSteps, Outputs, PositionEmbedding, TokensShape, check_heads, encoder_block, logits, real_tokens
from zoo.layers.hub import hub_backbone, move
from zoo.registry import register_model


def check(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    """Raises ZooError for a text that there are too few positions for, or a width that its heads cannot share."""
    check_heads(facts, hparams)
    in_front = 0 if hparams["cls_token"] is None else 1
    if facts["input_shape"][0] + in_front > hparams["positions"]:
        raise ZooError(
            f"{facts['input_shape'][0]} tokens{' and one in front' * in_front} are more than the {hparams['positions']} positions",
            f"shorten the texts, as preprocess: {{text: {{length: {hparams['positions'] - in_front}}}}}, or give the hparam positions",
        )
    if in_front and hparams["cls_token"] >= facts["vocabulary_size"]:
        raise ZooError(f"cls_token = {hparams['cls_token']}: token numbers are below vocabulary_size = {facts['vocabulary_size']}")


def from_hub(model: keras.Model, weights: str, facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> bool:
    """Loads `hub:PRESET`: the weights of a BERT of KerasHub, by its name or its folder."""
    backbone = hub_backbone(weights, "BertBackbone", model.name, {**facts, **hparams})
    if backbone is None:
        return False
    names = {"embedding": "token_embedding", "positions": "position_embedding", "segments": "segment_embedding"}
    names |= {"embedding_norm": "embeddings_layer_norm", "pooler": "pooled_dense"}
    for ours, theirs in names.items():
        move(backbone.get_layer(theirs).weights, [model.get_layer(ours)])
    for number in range(hparams["depth"]):
        parts = [model.get_layer(f"block{number + 1}_{part}") for part in ("attention", "norm1", "norm2", "dense1", "dense2")]
        move(backbone.get_layer(f"transformer_layer_{number}").weights, parts)
    return True


@register_model("bert_base", hparams={"depth": 12, "width": 768, "heads": 12})
@register_model("bert_small", hparams={"depth": 4, "width": 512, "heads": 8})
@register_model("bert_mini", hparams={"depth": 4, "width": 256, "heads": 4})
@register_model(
    "bert_tiny",
    modality="tokens",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1810.04805",
    example={"input_shape": (256,), "vocabulary_size": 30522, "num_outputs": 2},
    hparams={"depth": 2, "width": 128, "heads": 2},
    space={"dropout": [0.0, 0.1, 0.3], "pool": ["first", "mean"]},
    check=check,
    pretrained=from_hub,
)
def bert(
    input_shape: TokensShape,
    vocabulary_size: PositiveInt,
    num_outputs: Outputs,
    *,
    depth: PositiveInt,
    width: PositiveInt,
    heads: PositiveInt,
    dropout: Fraction = 0.1,
    positions: PositiveInt = 512,
    cls_token: NonNegativeInt | None = 0,
    pool: Literal["first", "mean"] = "first",
) -> keras.Model:
    """BERT (Devlin et al. 2019, https://arxiv.org/abs/1810.04805; sizes of Turc et al. 2019, https://arxiv.org/abs/1908.08962).

        [CLS] tokens -> embeddings of word, position, segment -> norm -> depth x encoder block -> [CLS] -> dense, tanh -> logits

    The vectors of all tokens are the output of the layer `encoder`. Unlike the paper: a text is one segment and nothing stands at its
    end. Tokens come without a [CLS], so one is put in front: token 0, whose vector nothing else needs as padding is masked.
    KerasHub's pretrained weights are loaded by `weights="hub:bert_base_en_uncased"` (or another preset's name or folder); they mean the
    token numbers of their own vocabulary, where [CLS] is 101 in English.

    Args:
        input_shape: (length,) of the int32 input `tokens`; 0 is padding.
        vocabulary_size: token numbers are below it.
        num_outputs: logits or values; 0 gives the features, which are the paper's pooled output.
        depth: encoder blocks.
        width: of a token's vector; four times as wide between the two layers of a block.
        heads: of each attention; they share the width.
        dropout: fraction dropped in training, everywhere that the paper does.
        positions: vectors of positions; the longest text that weights can be used for.
        cls_token: the number that is put in front of each text; null where texts begin with one.
        pool: what stands for the text: the `first` token, as in the paper, or the `mean` of all.

    Returns:
        (batch, length) -> (batch, num_outputs), float32.

    Raises:
        ZooError: more tokens than positions, or a width that is no multiple of the heads.
    """
    tokens = Input(input_shape, dtype="int32", name="tokens")
    numbers, mask = tokens, real_tokens(tokens)
    if cls_token is not None:
        numbers = ops.pad(tokens, ((0, 0), (1, 0)), constant_values=cls_token)  # (batch, 1 + length)
        mask = real_tokens(ops.pad(tokens, ((0, 0), (1, 0)), constant_values=1))
    small = initializers.TruncatedNormal(stddev=0.02)  # cloned: one that is asked twice says the same twice
    words = layers.Embedding(vocabulary_size, width, embeddings_initializer=small.clone(), name="embedding")(numbers)
    segments = layers.Embedding(2, width, embeddings_initializer=small.clone(), name="segments")(ops.zeros_like(numbers))
    x = PositionEmbedding(positions, initializer=small.clone(), name="positions")(layers.Add()([words, segments]))  # (batch, steps, width)
    x = layers.LayerNormalization(epsilon=1e-12, name="embedding_norm")(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    for number in range(1, depth + 1):
        x = encoder_block(x, heads, 4 * width, mask=mask, dropout=dropout, epsilon=1e-12, initializer=small, name=f"block{number}")
    x = layers.Activation("linear", name="encoder")(x)
    x = x[:, 0] if pool == "first" else MeanOverSteps()(x, mask=mask)
    x = layers.Dense(width, activation="tanh", kernel_initializer=small.clone(), name="pooler")(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(tokens, logits(x, num_outputs))
