"""A transformer over the columns of a table: every column is a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import Model, initializers, layers, ops
from pydantic import PositiveFloat, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Cardinalities, Outputs, TableShape, check_heads, logits
from zoo.layers.tables import CategoryTokens, NumberTokens, check_table, table_inputs
from zoo.registry import register_model


def check(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    check_table(facts)
    check_heads(facts, hparams)


@register_model(
    "ft_transformer",
    modality="table",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/2106.11959",
    example={
        "input_shape": {"numbers": (6,), "categories": (8,)},
        "cardinalities": (9, 17, 8, 16, 7, 6, 3, 43),
        "num_outputs": 2,
    },
    space={"width": [64, 128, 192], "blocks": [1, 2, 3], "attention_dropout": [0.0, 0.2], "ffn_dropout": [0.0, 0.1]},
    check=check,
)
def ft_transformer(
    input_shape: TableShape,
    cardinalities: Cardinalities,
    num_outputs: Outputs,
    *,
    width: PositiveInt = 192,
    blocks: PositiveInt = 3,
    heads: PositiveInt = 8,
    ffn_factor: PositiveFloat = 4 / 3,
    attention_dropout: Fraction = 0.2,
    ffn_dropout: Fraction = 0.1,
    residual_dropout: Fraction = 0.0,
) -> keras.Model:
    """FT-Transformer (Gorishniy et al. 2021, https://arxiv.org/abs/2106.11959).

        table -> a token a column -> and [CLS] -> [attention -> ReGLU] per block -> [CLS] -> norm -> ReLU -> logits

    Normalisation comes before each part, but before the first attention, and each part is added to what came in. As nothing but
    [CLS] is read, the last block computes [CLS] only. Defaults are the paper's. Unlike the paper, kernels start as Glorot's.

    Args:
        input_shape: of the input `numbers`, float32 and standardised already, and of `categories`, int32; one may be (0,).
        cardinalities: places of each category.
        num_outputs: logits or values; 0 gives the features.
        width: of a token; a multiple of heads.
        blocks: attention and feed-forward parts, one after the other.
        heads: of each attention.
        ffn_factor: units of a feed-forward part, as a multiple of width.
        attention_dropout: fraction of attention weights that is dropped in training.
        ffn_dropout: fraction of the feed-forward parts' units that is dropped in training.
        residual_dropout: fraction of what each part adds that is dropped in training.

    Returns:
        {"numbers": (batch, N), "categories": (batch, M)} -> (batch, num_outputs), float32.
    """
    table = table_inputs(input_shape)
    x = ClassToken()(tokens(table, cardinalities, width))  # (batch, N + M + 1, width)
    for block in range(blocks):
        normed = layers.LayerNormalization(epsilon=1e-5)(x) if block else x
        last = block == blocks - 1
        asking, x = (normed[:, -1:], x[:, -1:]) if last else (normed, x)
        attention = layers.MultiHeadAttention(heads, width // heads, dropout=attention_dropout)(asking, normed)
        x = add(x, attention, residual_dropout)
        normed = layers.LayerNormalization(epsilon=1e-5)(x)
        x = add(x, reglu(normed, int(width * ffn_factor), ffn_dropout), residual_dropout)
    x = layers.LayerNormalization(epsilon=1e-5)(layers.Flatten()(x))
    return Model(table, logits(layers.ReLU()(x), num_outputs))


def tokens(table: Mapping[str, keras.KerasTensor], cardinalities: tuple[int, ...], width: int) -> keras.KerasTensor:
    """A vector for each column, the numbers' first: (batch, N + M, width)."""
    parts = [NumberTokens(width)(table["numbers"])] if table["numbers"].shape[-1] else []
    if cardinalities:
        parts.append(CategoryTokens(cardinalities, width, bias=True)(table["categories"]))
    return layers.Concatenate(axis=1)(parts) if len(parts) > 1 else parts[0]


def reglu(x: keras.KerasTensor, units: int, dropout: float) -> keras.KerasTensor:
    """Linear units, each times the rectifier of another one, and back to the width (Shazeer 2020)."""
    width = x.shape[-1]
    x = layers.Multiply()([layers.Dense(units)(x), layers.Dense(units, activation="relu")(x)])
    return layers.Dense(width)(layers.Dropout(dropout)(x) if dropout else x)


def add(x: keras.KerasTensor, part: keras.KerasTensor, dropout: float) -> keras.KerasTensor:
    return layers.Add()([x, layers.Dropout(dropout)(part) if dropout else part])


@keras.saving.register_keras_serializable("zoo")
class ClassToken(layers.Layer):
    """A learned token behind the others: (batch, n, width) -> (batch, n + 1, width)."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = int(input_shape[-1] or 0)
        start = initializers.RandomUniform(-(width**-0.5), width**-0.5)
        self.token = self.add_weight((1, 1, width), start, name="token")

    def call(self, x: Any) -> Any:
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, x.shape[-1]))
        return ops.concatenate([x, ops.cast(token, x.dtype)], axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, length, width = input_shape
        return (batch, None if length is None else length + 1, width)
