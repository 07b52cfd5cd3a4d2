"""Who learns and who judges: the kinds of splits a card may ask for."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, model_validator

from zoo.config.parts import Part, Seed

Range = Annotated[tuple[NonNegativeInt, NonNegativeInt], Field(description="half-open range of row numbers")]
Share = Annotated[float, Field(gt=0, lt=1)]


class _Shares(Part):
    """Fractions of all rows for val and test; the rest learns."""

    val: Share = 0.15
    test: Share = 0.15

    @model_validator(mode="after")
    def _leaves_something(self) -> Any:
        if self.val + self.test >= 1:
            raise ValueError("val and test together leave nothing to train on")
        return self


class ShuffledSplit(_Shares):
    """Rows drawn at random, `stratified` by the label, or not (`random`). The seed is the card's own."""

    kind: Literal["stratified", "random"] = "stratified"
    seed: Seed = 0


class GivenSplit(Part):
    """The source's own parts, or the rows whose `column` holds one of the values `test`. `val` is a fraction cut from the
    training part, stratified by the label; it is not used where the source has a val part of its own."""

    kind: Literal["given"]
    val: Share = 0.1
    seed: Seed = 0
    column: str | None = None
    test: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _whole(self) -> GivenSplit:
        if (self.column is None) != (self.test is None):
            raise ValueError("column and test go together: rows whose column holds one of the values of test")
        return self


class FixedSplit(Part):
    """Half-open ranges of row numbers, counted from 0 in the order of the source."""

    kind: Literal["fixed"]
    train: Range
    val: Range
    test: Range

    @model_validator(mode="after")
    def _apart(self) -> FixedSplit:
        spans = sorted((self.train, self.val, self.test))
        if any(low >= high for low, high in spans) or any(a[1] > b[0] for a, b in pairwise(spans)):
            raise ValueError("train, val and test must be rising ranges that share no row")
        return self


class GroupSplit(_Shares):
    """Whole groups of rows (a speaker, a patient) on one side; `column` names them, default: the card's `group`, or series' id."""

    kind: Literal["group"]
    column: str | None = None
    seed: Seed = 0


class TimeSplit(_Shares):
    """The oldest rows learn, the newest judge; `gap` rows (steps of a series) between two splits belong to none.

    `column` holds the time: numbers or ISO text; default: the order of the source. Windows are cut by the steps that they ask for,
    all series at one time, where the card's series has times, else each by its own order.
    """

    kind: Literal["time"]
    column: str | None = None
    gap: NonNegativeInt = 0


class HashSplit(_Shares):
    """By a hash of the example (of `columns`, where they are given): no row moves when others are added or removed."""

    kind: Literal["hash"]
    columns: tuple[str, ...] | None = None
    seed: Seed = 0


class _Folded(Part):
    """One of several equal parts, counted from 0."""

    folds: Annotated[int, Field(ge=2)] = 5
    fold: NonNegativeInt = 0

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Any:
        if self.fold >= self.folds:
            raise ValueError(f"fold is counted from 0: the last of {self.folds} is {self.folds - 1}")
        return self


class FoldSplit(_Folded):
    """Fold number `fold` of `folds` judges; `val` is a fraction of the rest. `by` says what is drawn: rows by label, rows, groups."""

    kind: Literal["fold"]
    by: Literal["stratified", "random", "group"] = "stratified"
    column: str | None = None
    val: Share = 0.15
    seed: Seed = 0


class CrossValidation(_Folded):
    """Train and val of the split are pooled and cut into `folds` parts, as the split drew them: part `fold` is val, the rest learns.
    Test stays as the split made it, row for row."""


Split = Annotated[ShuffledSplit | GivenSplit | FixedSplit | GroupSplit | TimeSplit | HashSplit | FoldSplit, Field(discriminator="kind")]


def columns_of(split: Any) -> tuple[str, ...]:
    """The columns that a split looks at, beside the card's group and time."""
    if isinstance(split, HashSplit):
        return split.columns or ()
    column = getattr(split, "column", None)
    return (column,) if column else ()


def by_group(split: Any) -> bool:
    """Whether a split keeps groups whole."""
    return isinstance(split, GroupSplit) or (isinstance(split, FoldSplit) and split.by == "group")
