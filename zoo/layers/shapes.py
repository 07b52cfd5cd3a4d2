"""The shapes that a model may be given, as types that say in words what is wrong with another one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, PositiveInt


def _image(shape: Any) -> Any:
    if not isinstance(shape, (tuple, list)) or len(shape) != 3:
        raise ValueError("an image is (height, width, channels), for example (28, 28, 1)")
    return shape


def _vector(shape: Any) -> Any:
    if not isinstance(shape, (tuple, list)) or len(shape) != 1:
        raise ValueError("a vector is (length,), for example (30,)")
    return shape


def _tokens(shape: Any) -> Any:
    if not isinstance(shape, (tuple, list)) or len(shape) != 1:
        raise ValueError("tokens are (length,), for example (256,)")
    return shape


def _sequence(shape: Any) -> Any:
    if not isinstance(shape, (tuple, list)) or len(shape) != 2:
        raise ValueError("a sequence is (steps, channels), for example (150, 1)")
    return shape


ImageShape = Annotated[tuple[PositiveInt, PositiveInt, PositiveInt], BeforeValidator(_image)]
VectorShape = Annotated[tuple[PositiveInt], BeforeValidator(_vector)]
TokensShape = Annotated[tuple[PositiveInt], BeforeValidator(_tokens)]
SequenceShape = Annotated[tuple[PositiveInt, PositiveInt], BeforeValidator(_sequence)]
