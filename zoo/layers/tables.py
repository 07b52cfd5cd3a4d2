"""A table as a model takes it: its two inputs, and numbers and categories as vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import keras
from keras import Input, initializers, layers, ops

from zoo.errors import ZooError
from zoo.layers.shapes import TableShape


def table_inputs(input_shape: TableShape) -> dict[str, keras.KerasTensor]:
    """The inputs of a table.

    Returns:
        `numbers`, float32 (batch, N), standardised already, and `categories`, int32 places (batch, M). N or M may be 0.
    """
    numbers = Input(input_shape["numbers"], name="numbers")
    return {"numbers": numbers, "categories": Input(input_shape["categories"], dtype="int32", name="categories")}


def table_vector(table: Mapping[str, keras.KerasTensor], cardinalities: Sequence[int], width: int) -> keras.KerasTensor:
    """Numbers as they are, then the categories' embeddings: (batch, N + M * width)."""
    parts = [table["numbers"]] if table["numbers"].shape[-1] else []
    if cardinalities:
        parts.append(layers.Flatten()(CategoryTokens(cardinalities, width, name="embedding")(table["categories"])))
    return layers.Concatenate()(parts) if len(parts) > 1 else parts[0]


def check_table(facts: Mapping[str, Any], hparams: Mapping[str, Any] | None = None) -> None:
    """Raises ZooError for a table without a column, or whose cardinalities are not one a category."""
    shape, sizes = facts["input_shape"], facts["cardinalities"]
    if not shape["numbers"][0] and not shape["categories"][0]:
        raise ZooError("a table needs a number or a category at least", f"input_shape = {shape} has none")
    if len(sizes) != shape["categories"][0]:
        raise ZooError(
            f"{len(sizes)} cardinalities, but {shape['categories'][0]} categories in input_shape = {shape}",
            "cardinalities are one a category: how many places it has, place 0 (missing or unknown) among them",
        )


@keras.saving.register_keras_serializable("zoo")
class NumberTokens(layers.Layer):
    """Each number times a vector of its own, plus another: (batch, n) -> (batch, n, width).

    Args:
        width: of a vector.
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (input_shape[-1], self.width)
        self.kernel = self.add_weight(shape, _uniform(self.width), name="kernel")
        self.bias = self.add_weight(shape, _uniform(self.width), name="bias")

    def call(self, numbers: Any) -> Any:
        return ops.expand_dims(numbers, -1) * self.kernel + self.bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape, self.width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable("zoo")
class CategoryTokens(layers.Layer):
    """A vector for each place of each category, all in one table: int32 (batch, n) -> (batch, n, width).

    Args:
        cardinalities: places of each category.
        width: of a vector.
        bias: whether each category has a vector of its own beside, whatever its place is.
        zeros: whether the vectors start at 0, as a linear model's weights may.
    """

    def __init__(self, cardinalities: Sequence[int], width: int, bias: bool = False, zeros: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cardinalities, self.width, self.has_bias, self.zeros = tuple(cardinalities), width, bias, zeros
        self.starts = list(accumulate(self.cardinalities[:-1], initial=0))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        start = "zeros" if self.zeros else _uniform(self.width)
        self.embeddings = self.add_weight((sum(self.cardinalities), self.width), start, name="embeddings")
        shape = (len(self.cardinalities), self.width)
        self.bias = self.add_weight(shape, _uniform(self.width), name="bias") if self.has_bias else None

    def call(self, categories: Any) -> Any:
        x = ops.take(self.embeddings, categories + ops.convert_to_tensor(self.starts, "int32"), axis=0)
        return x if self.bias is None else x + self.bias

    def compute_output_spec(self, categories: Any) -> keras.KerasTensor:
        return keras.KerasTensor((*categories.shape, self.width), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        own = {"cardinalities": self.cardinalities, "width": self.width, "bias": self.has_bias, "zeros": self.zeros}
        return {**super().get_config(), **own}


def _uniform(width: int) -> initializers.Initializer:
    return initializers.RandomUniform(-(width**-0.5), width**-0.5)
