"""GPT: the next token from those before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import Input, Model, initializers, layers, ops
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.errors import ZooError
from zoo.layers import CausalBlock, PositionEmbedding, TokensShape, check_heads
from zoo.layers.hub import hub_backbone, move
from zoo.registry import register_model


def check(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    """Raises ZooError for a context that there are too few positions for, or a width that its heads cannot share."""
    check_heads(facts, hparams)
    if hparams["positions"] is not None and facts["input_shape"][0] > hparams["positions"]:
        raise ZooError(
            f"a context of {facts['input_shape'][0]} tokens is more than the {hparams['positions']} positions",
            "shorten the context, or give the hparam positions (null: as many as the context)",
        )


def from_hub(model: keras.Model, weights: str, facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> bool:
    """Loads `hub:PRESET`: the weights of a GPT-2 of KerasHub, by its name or its folder."""
    backbone = hub_backbone(weights, "GPT2Backbone", model.name, {**facts, **hparams})
    if backbone is None:
        return False
    if not (hparams["bias"] and hparams["tied"]):
        raise ZooError(f"{weights} does not fit the model '{model.name}'", "GPT-2 has biases and a tied head: bias: true, tied: true")
    for ours, name in {"embedding": "token_embedding", "positions": "position_embedding", "norm": "layer_norm"}.items():
        move(backbone.get_layer(name).weights, [model.get_layer(ours)])
    for number in range(hparams["depth"]):
        block = model.get_layer(f"block{number + 1}")
        theirs = backbone.get_layer(f"transformer_layer_{number}").weights  # query, key and value apart, each of a kernel and a bias
        kernels = [ops.reshape(one, (hparams["width"], -1)) for one in theirs[:6:2]]
        biases = [ops.reshape(one, (-1,)) for one in theirs[1:6:2]]
        move([ops.concatenate(kernels, -1), ops.concatenate(biases)], [block.attention.look])
        move(theirs[6:], [block.attention.tell, block.norm1, block.dense1, block.dense2, block.norm2])
    return True


@register_model(
    "gpt2_base",
    example={"input_shape": (1024,), "vocabulary_size": 50257},
    hparams={"depth": 12, "width": 768, "heads": 12, "dropout": 0.1, "bias": True, "tied": True, "positions": 1024},
)
@register_model(
    "gpt_mini",
    example={"input_shape": (256,), "vocabulary_size": 65},
    hparams={"depth": 6, "width": 384, "heads": 6, "dropout": 0.2, "tied": True},
)
@register_model(
    "gpt_nano",
    modality="tokens",
    tasks=("language",),
    paper="https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf",
    example={"input_shape": (64,), "vocabulary_size": 65},
    hparams={"depth": 4, "width": 128, "heads": 4, "dropout": 0.0},
    space={"dropout": [0.0, 0.1, 0.2], "tied": [False, True]},
    check=check,
    pretrained=from_hub,
)
def gpt(
    input_shape: TokensShape,
    vocabulary_size: PositiveInt,
    *,
    depth: PositiveInt,
    width: PositiveInt,
    heads: PositiveInt,
    dropout: Fraction = 0.1,
    bias: bool = False,
    tied: bool = False,
    positions: PositiveInt | None = None,
) -> keras.Model:
    """GPT-2 (Radford et al. 2019,
    https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf), in its sizes and in small.

        tokens -> embedding + position -> depth x (norm -> causal attention -> norm -> dense -> dense) -> norm -> logits

    Unlike the paper: the small ones have no biases, as nanoGPT (https://github.com/karpathy/nanoGPT), and gpt_nano has a head of its
    own. No padding is masked: it stands at the end, where nothing looks at it. `zoo.layers.generate` writes on with a cache. KerasHub's
    pretrained weights are loaded by `weights="hub:gpt2_base_en"` (or another preset's name or folder), for its own token numbers;
    larger ones want the paper's sizes (medium: depth 24, width 1024, heads 16).

    Args:
        input_shape: (context,) of the int32 input `tokens`, filled up at the end.
        vocabulary_size: token numbers are below it.
        depth: blocks.
        width: of a token's vector; four times as wide between the two dense layers of a block.
        heads: of each attention; they share the width.
        dropout: fraction dropped in training: of embeddings, of attention's weights, of each branch of a block.
        bias: whether dense layers and norms have one.
        tied: whether the head is the embedding, transposed.
        positions: vectors of positions; null for as many as the context.

    Returns:
        (batch, context) -> (batch, context, vocabulary_size), float32: at each place the logits of the token that follows.

    Raises:
        ZooError: a longer context than positions, or a width that is no multiple of the heads.
    """
    tokens = Input(input_shape, dtype="int32", name="tokens")
    small = initializers.RandomNormal(stddev=0.02)
    embedding = layers.ReversibleEmbedding(
        vocabulary_size, width, tied, embeddings_initializer=small, reverse_dtype="float32", name="embedding"
    )
    x = embedding(tokens)  # (batch, context, width)
    x = PositionEmbedding(positions or input_shape[0], small.clone(), name="positions")(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    for number in range(1, depth + 1):
        x = CausalBlock(heads, dropout, bias, name=f"block{number}")(x)
    x = layers.LayerNormalization(epsilon=1e-5, center=bias, name="norm")(x)
    return Model(tokens, layers.Activation("linear", dtype="float32", name="head")(embedding(x, reverse=True)))
