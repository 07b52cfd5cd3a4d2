"""A transformer over the categories of a table: what a word means depends on the others of its row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import Model, layers, ops
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Cardinalities, Outputs, TableShape, check_heads, encoder_block, logits
from zoo.layers.tables import CategoryTokens, check_table, table_inputs
from zoo.registry import register_model


def check(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    check_table(facts)
    check_heads(facts, hparams)


@register_model(
    "tab_transformer",
    modality="table",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/2012.06678",
    example={
        "input_shape": {"numbers": (6,), "categories": (8,)},
        "cardinalities": (9, 17, 8, 16, 7, 6, 3, 43),
        "num_outputs": 2,
    },
    space={"width": [32, 64], "blocks": [1, 2, 3, 6], "dropout": [0.0, 0.1, 0.2], "hidden": [(128, 64), (256, 128), (1024, 512)]},
    check=check,
)
def tab_transformer(
    input_shape: TableShape,
    cardinalities: Cardinalities,
    num_outputs: Outputs,
    *,
    width: PositiveInt = 32,
    blocks: PositiveInt = 6,
    heads: PositiveInt = 8,
    dropout: Fraction = 0.1,
    hidden: tuple[PositiveInt, ...] | None = None,
) -> keras.Model:
    """TabTransformer (Huang et al. 2020, https://arxiv.org/abs/2012.06678).

        table -> categories -> embeddings -> [attention -> dense] per block -> and numbers -> dense -> dense -> logits

    An eighth of an embedding says which column it is, the rest which of its values. Sizes are the paper's. Unlike the paper:
    numbers are as the preprocessing standardised them, over the rows and not within one. A single category has no other to look at:
    it goes past the transformer; a table without any has the dense layers alone.

    Args:
        input_shape: of the input `numbers`, float32 and standardised already, and of `categories`, int32; one may be (0,).
        cardinalities: places of each category.
        num_outputs: logits or values; 0 gives the features.
        width: of an embedding; a multiple of heads.
        blocks: of the transformer.
        heads: of each attention.
        dropout: fraction that is dropped in training: attention weights, what a block's parts add, and each hidden layer.
        hidden: units of each layer between the transformer and the logits; None: four times, then twice what comes out of it.

    Returns:
        {"numbers": (batch, N), "categories": (batch, M)} -> (batch, num_outputs), float32.
    """
    table = table_inputs(input_shape)
    parts = [contextual(table["categories"], cardinalities, width, blocks, heads, dropout)] if cardinalities else []
    parts += [table["numbers"]] if table["numbers"].shape[-1] else []
    x = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    for units in (4 * x.shape[-1], 2 * x.shape[-1]) if hidden is None else hidden:
        x = layers.Dense(units, activation="relu")(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    return Model(table, logits(x, num_outputs))


def contextual(
    categories: keras.KerasTensor, cardinalities: Sequence[int], width: int, blocks: int, heads: int, dropout: float
) -> keras.KerasTensor:
    """The categories' embeddings after the transformer, beside each other: (batch, M * width)."""
    own = width // 8
    x = CategoryTokens(cardinalities, width - own, name="embedding")(categories)
    x = ColumnNames(own)(x) if own else x  # (batch, M, width)
    for block in range(blocks if len(cardinalities) > 1 else 0):
        x = encoder_block(x, heads, 4 * width, dropout=dropout, name=f"block{block + 1}")
    return layers.Flatten()(x)


@keras.saving.register_keras_serializable("zoo")
class ColumnNames(layers.Layer):
    """A learned vector a column, before the vector of its value: (batch, n, width) -> (batch, n, own + width).

    Args:
        own: width of what is the column's.
    """

    def __init__(self, own: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.own = own

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.names = self.add_weight((1, input_shape[1], self.own), "uniform", name="names")

    def call(self, x: Any) -> Any:
        shape = (ops.shape(x)[0], *self.names.shape[1:])
        return ops.concatenate([ops.cast(ops.broadcast_to(self.names, shape), x.dtype), x], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.own + (input_shape[-1] or 0))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "own": self.own}
