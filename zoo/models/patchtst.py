"""A transformer over patches of a series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import Input, Model, layers, ops
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Channels, PositionEmbedding, SequenceShape, check_channels, check_heads, check_length, encoder_block
from zoo.registry import register_model


def check(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    """Raises ZooError for a history shorter than a patch, heads that do not divide the width, or a target that is no channel."""
    check_length(facts, hparams["patch"], f"a patch of {hparams['patch']} steps", "give it a smaller patch and stride, or take nlinear")
    check_heads(facts, hparams)
    check_channels(facts)


@register_model(
    "patchtst",
    modality="sequence",
    tasks=("forecasting",),
    paper="https://arxiv.org/abs/2211.14730",
    example={"input_shape": (336, 7), "horizon": 96, "target_channels": (6,)},
    space={"width": [16, 64, 128], "blocks": [1, 2, 3], "heads": [4, 8, 16], "hidden": [128, 256], "dropout": [0.0, 0.2, 0.3]},
    check=check,
)
def patchtst(
    input_shape: SequenceShape,
    horizon: PositiveInt,
    target_channels: Channels,
    *,
    patch: PositiveInt = 16,
    stride: PositiveInt = 8,
    blocks: PositiveInt = 3,
    width: PositiveInt = 128,
    heads: PositiveInt = 16,
    hidden: PositiveInt = 256,
    dropout: Fraction = 0.2,
) -> keras.Model:
    """PatchTST (Nie et al. 2023, https://arxiv.org/abs/2211.14730), supervised.

        sequence -> each target alone, standardised -> patches -> dense + positions -> blocks of attention -> dense -> forecast

    A forecast is put back on the mean and the deviation that its history had. As in the paper all channels share all weights, and the
    last value is repeated for one more patch. Unlike the paper: a layer normalisation stands where it has a batch normalisation, and
    GELU is the tanh approximation. For small data its authors take a width of 16, 4 heads, hidden 128 and a dropout of 0.3.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already.
        horizon: steps that are forecast.
        target_channels: where the targets stand among the channels.
        patch: steps of a patch.
        stride: steps from a patch to the next.
        blocks: of the encoder.
        width: of a patch's vector, a multiple of `heads`.
        heads: of the attention.
        hidden: width of the feed-forward networks.
        dropout: fraction dropped in training, of each patch's vector, attention, each branch and the last features.

    Returns:
        (batch, steps, channels) -> (batch, horizon, targets), float32.

    Raises:
        ZooError: a history shorter than a patch; heads that do not divide the width; a target that is none of the channels.
    """
    sequence = Input(input_shape, name="sequence")
    x = layers.Permute((2, 1), dtype="float32")(ops.take(sequence, list(target_channels), axis=-1))  # (batch, targets, steps)
    mean = ops.mean(x, axis=-1, keepdims=True)
    spread = ops.sqrt(ops.var(x, axis=-1, keepdims=True) + 1e-5)
    x = patches((x - mean) / spread, patch, stride)
    targets, count = x.shape[1:3]
    x = ops.reshape(x, (-1, count, patch))  # (batch * targets, patches, patch): channels do not know each other
    x = PositionEmbedding(count, name="positions")(layers.Dense(width, name="embedding")(x))
    x = layers.Dropout(dropout)(x) if dropout else x
    for block in range(blocks):
        x = encoder_block(x, heads, hidden, dropout=dropout, name=f"block_{block + 1}")
    x = layers.Flatten()(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    x = layers.Dense(horizon, dtype="float32", name="forecast")(x)
    x = ops.reshape(x, (-1, targets, horizon)) * spread + mean
    return Model(sequence, layers.Permute((2, 1), dtype="float32", name="head")(x))


def patches(x: keras.KerasTensor, patch: int, stride: int) -> keras.KerasTensor:
    """(batch, targets, steps) -> (batch, targets, patches, patch), after the last value was repeated `stride` times."""
    x = ops.concatenate([x, ops.repeat(x[:, :, -1:], stride, axis=-1)], axis=-1)
    starts = range(0, x.shape[-1] - patch + 1, stride)
    return ops.take(x, [[start + step for step in range(patch)] for start in starts], axis=-1)
