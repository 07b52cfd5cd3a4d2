"""A cross network, which multiplies columns with each other, and a deep one."""

from __future__ import annotations

from typing import Literal

import keras
from keras import Model, layers
from pydantic import NonNegativeInt, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Cardinalities, Outputs, TableShape, logits
from zoo.layers.tables import check_table, table_inputs, table_vector
from zoo.registry import register_model


@register_model(
    "dcn_v2",
    modality="table",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/2008.13535",
    example={
        "input_shape": {"numbers": (6,), "categories": (8,)},
        "cardinalities": (9, 17, 8, 16, 7, 6, 3, 43),
        "num_outputs": 2,
    },
    space={
        "structure": ["stacked", "parallel"],
        "crosses": [1, 2, 3],
        "rank": [None, 16, 64],
        "embedding": [8, 16, 32],
        "hidden": [(64, 64), (128, 128), (256, 256)],
        "dropout": [0.0, 0.2],
    },
    check=check_table,
)
def dcn_v2(
    input_shape: TableShape,
    cardinalities: Cardinalities,
    num_outputs: Outputs,
    *,
    structure: Literal["stacked", "parallel"] = "stacked",
    crosses: NonNegativeInt = 2,
    rank: PositiveInt | None = None,
    embedding: PositiveInt = 16,
    hidden: tuple[PositiveInt, ...] = (128, 128),
    dropout: Fraction = 0.0,
) -> keras.Model:
    """DCN-V2, deep & cross network (Wang et al. 2021, https://arxiv.org/abs/2008.13535).

        stacked:  table -> x0: numbers, embeddings -> cross layers -> [dense -> ReLU] per hidden layer -> logits
        parallel: table -> x0 -> cross layers                      -> both -> logits
                          x0 -> [dense -> ReLU] per hidden layer   -> both

    A cross layer gives x0 * (W x + b) + x; of a rank W is a product of two thin matrices. Unlike the paper: all embeddings are
    equally wide, dropout can be asked for, and there is no mixture of low-rank experts.

    Args:
        input_shape: of the input `numbers`, float32 and standardised already, and of `categories`, int32; one may be (0,).
        cardinalities: places of each category.
        num_outputs: logits or values; 0 gives the features.
        structure: the deep network behind the cross layers, or beside them.
        crosses: cross layers; n of them hold products of up to n + 1 columns.
        rank: of a cross layer's matrix; None: full.
        embedding: width of a category's vector.
        hidden: units of each hidden layer of the deep network.
        dropout: fraction of each hidden layer that is dropped in training.

    Returns:
        {"numbers": (batch, N), "categories": (batch, M)} -> (batch, num_outputs), float32.
    """
    table = table_inputs(input_shape)
    x0 = crossed = table_vector(table, cardinalities, embedding)
    for _ in range(crosses):
        crossed = cross(x0, crossed, rank)
    x = crossed if structure == "stacked" else x0
    for units in hidden:
        x = layers.Dense(units, activation="relu")(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    x = x if structure == "stacked" else layers.Concatenate()([crossed, x])
    return Model(table, logits(x, num_outputs))


def cross(x0: keras.KerasTensor, x: keras.KerasTensor, rank: int | None) -> keras.KerasTensor:
    """Every column times a weighted sum of what the layers before made of all columns."""
    thin = layers.Dense(rank, use_bias=False)(x) if rank else x
    return layers.Add()([layers.Multiply()([x0, layers.Dense(x0.shape[-1])(thin)]), x])
