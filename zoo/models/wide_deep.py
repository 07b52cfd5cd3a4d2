"""A linear model and a deep network beside each other: one remembers, the other generalises."""

from __future__ import annotations

from collections.abc import Mapping

import keras
from keras import Model, layers, ops
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Cardinalities, Outputs, TableShape
from zoo.layers.tables import CategoryTokens, check_table, table_inputs, table_vector
from zoo.registry import register_model


@register_model(
    "wide_deep",
    modality="table",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1606.07792",
    example={
        "input_shape": {"numbers": (6,), "categories": (8,)},
        "cardinalities": (9, 17, 8, 16, 7, 6, 3, 43),
        "num_outputs": 2,
    },
    space={"embedding": [8, 16, 32], "hidden": [(64, 32), (256, 128, 64), (1024, 512, 256)], "dropout": [0.0, 0.2, 0.5]},
    check=check_table,
)
def wide_deep(
    input_shape: TableShape,
    cardinalities: Cardinalities,
    num_outputs: Outputs,
    *,
    embedding: PositiveInt = 32,
    hidden: tuple[PositiveInt, ...] = (256, 128, 64),
    dropout: Fraction = 0.0,
) -> keras.Model:
    """Wide & Deep (Cheng et al. 2016, https://arxiv.org/abs/1606.07792).

        table -> linear                                                          -> sum -> logits
        table -> numbers, embeddings -> [dense -> ReLU] per hidden layer -> dense -> sum

    What the wide part is for are pairs of categories: ask for them by `preprocess: {crosses: [[a, b]]}`, and they are further
    categories. Unlike the paper: numbers are in the wide part too, the deep part is smaller, and one optimizer learns both.

    Args:
        input_shape: of the input `numbers`, float32 and standardised already, and of `categories`, int32; one may be (0,).
        cardinalities: places of each category.
        num_outputs: logits or values; 0 gives the deep part's features.
        embedding: width of a category's vector in the deep part.
        hidden: units of each hidden layer of the deep part.
        dropout: fraction of each hidden layer that is dropped in training.

    Returns:
        {"numbers": (batch, N), "categories": (batch, M)} -> (batch, num_outputs), float32.
    """
    table = table_inputs(input_shape)
    x = table_vector(table, cardinalities, embedding)
    for units in hidden:
        x = layers.Dense(units, activation="relu")(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    if num_outputs == 0:
        return Model(table, layers.Activation("linear", dtype="float32", name="features")(x))
    deep = layers.Dense(num_outputs, dtype="float32", name="deep")(x)
    return Model(table, layers.Add(dtype="float32", name="head")([deep, *wide(table, cardinalities, num_outputs)]))


def wide(table: Mapping[str, keras.KerasTensor], cardinalities: tuple[int, ...], num_outputs: int) -> list[keras.KerasTensor]:
    """What a linear model gives for the numbers, and for each place of each category; it starts at 0."""
    parts = []
    if table["numbers"].shape[-1]:
        dense = layers.Dense(num_outputs, use_bias=False, kernel_initializer="zeros", dtype="float32", name="wide_numbers")
        parts.append(dense(table["numbers"]))
    if cardinalities:
        tokens = CategoryTokens(cardinalities, num_outputs, zeros=True, dtype="float32", name="wide_categories")
        parts.append(ops.sum(tokens(table["categories"]), axis=1))
    return parts
