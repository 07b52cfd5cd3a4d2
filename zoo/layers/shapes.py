"""The facts that a model may be given, as types that say in words what is wrong with another value."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt


def _shape(what: str, sizes: int) -> BeforeValidator:
    def check(shape: Any) -> Any:
        if not isinstance(shape, (tuple, list)) or len(shape) != sizes:
            raise ValueError(what)
        return shape

    return BeforeValidator(check)


def _table(shape: Any) -> Any:
    if not isinstance(shape, dict) or set(shape) != {"numbers", "categories"}:
        raise ValueError('a table is its numbers and categories, for example {"numbers": (6,), "categories": (8,)}')
    return shape


def _steps(shape: Any) -> Any:
    if not isinstance(shape, (tuple, list)) or len(shape) not in (1, 2):
        raise ValueError("a sequence is (steps, channels), for example (150, 1); tokens are (length,), for example (256,)")
    return shape


ImageShape = Annotated[
    tuple[PositiveInt, PositiveInt, PositiveInt], _shape("an image is (height, width, channels), for example (28, 28, 1)", 3)
]
VectorShape = Annotated[tuple[PositiveInt], _shape("a vector is (length,), for example (30,)", 1)]
TokensShape = Annotated[tuple[PositiveInt], _shape("tokens are (length,), for example (256,)", 1)]
SequenceShape = Annotated[tuple[PositiveInt, PositiveInt], _shape("a sequence is (steps, channels), for example (150, 1)", 2)]
StepsShape = Annotated[tuple[PositiveInt, ...], BeforeValidator(_steps)]  # of a sequence, or of tokens
TableShape = Annotated[dict[Literal["numbers", "categories"], tuple[NonNegativeInt]], BeforeValidator(_table)]
Outputs = NonNegativeInt  # 0: the features instead
Channels = Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]  # where a forecast's targets stand among the channels
Cardinalities = tuple[PositiveInt, ...]  # places of each category, place 0 (missing or unknown) among them
Sizes = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]  # an hparam: one a layer, of layers that there must be
Classes = Annotated[int, Field(ge=2)]
