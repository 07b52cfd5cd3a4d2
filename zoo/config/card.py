"""A card: what a dataset is. One flat YAML a dataset; every field is documented in `datasets/README.md`."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, NonNegativeInt, PositiveInt, PrivateAttr, model_validator
from pydantic.json_schema import JsonSchemaValue

from zoo.config.parts import Fraction as Fraction  # models know it from here
from zoo.config.parts import Part, Seed
from zoo.config.sources import TEST_PART, USUAL_MISSING, CsvSource, Source

Range = Annotated[tuple[NonNegativeInt, NonNegativeInt], Field(description="half-open range of row numbers")]


class ImageFeature(Part):
    """Pixels of one fixed size; `range` is the source's own scale, which becomes 0..255 for the models."""

    type: Literal["image"] = "image"
    shape: tuple[PositiveInt, PositiveInt, Literal[1, 3]]
    range: tuple[float, float] = (0.0, 255.0)

    @model_validator(mode="after")
    def _range_rises(self) -> ImageFeature:
        if self.range[0] >= self.range[1]:
            raise ValueError("range must be two rising numbers: the darkest and the brightest value of a pixel")
        return self


class NumberFeature(Part):
    """A number; a missing one is filled, then the column is standardised. Statistics are the training split's."""

    type: Literal["number"] = "number"
    fill: Literal["median", "mean"] = "median"


class CategoryFeature(Part):
    """A category as text; words that the training split lacks, and missing ones, share one place."""

    type: Literal["category"] = "category"


def _short(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class Target(Part):
    """What is learned. `classes` names the labels: label 0 is the first; without it they are the sorted values."""

    name: Annotated[str, Field(min_length=1)]
    classes: tuple[str, ...] | None = None
    unit: str | None = None

    @model_validator(mode="after")
    def _classes_differ(self) -> Target:
        if self.classes is not None and len(set(self.classes)) != len(self.classes):
            raise ValueError("classes holds a name twice")
        return self


class ShuffledSplit(Part):
    """Rows drawn at random, `stratified` by the label, or not (`random`). The seed is the card's own."""

    kind: Literal["stratified", "random"] = "stratified"
    val: Annotated[float, Field(gt=0, lt=1)] = 0.15
    test: Annotated[float, Field(gt=0, lt=1)] = 0.15
    seed: Seed = 0

    @model_validator(mode="after")
    def _leaves_something(self) -> ShuffledSplit:
        if self.val + self.test >= 1:
            raise ValueError("val and test together leave nothing to train on")
        return self


class GivenSplit(Part):
    """The source's own test part; `val` is a fraction cut from its training part, stratified by the label."""

    kind: Literal["given"]
    val: Annotated[float, Field(gt=0, lt=1)] = 0.1
    seed: Seed = 0


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


Split = Annotated[ShuffledSplit | GivenSplit | FixedSplit, Field(discriminator="kind")]


class Card(Part):
    """A dataset: source, licence, features, target, split."""

    title: str
    source: Source
    licence: str
    homepage: str | None = None
    citation: str | None = None
    task: Literal["classification", "regression"]
    image: ImageFeature | None = None
    columns: dict[str, Annotated[NumberFeature | CategoryFeature, Field(discriminator="type")]] | None = None
    target: Target
    split: Split
    keep_examples: bool = True

    _name: str = PrivateAttr("inline")
    _folder: Path = PrivateAttr(default_factory=Path)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        """A column may be its type alone; a split without a kind is the source's own, else by label, else random."""
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if isinstance(value.get("columns"), dict):
            value["columns"] = {name: _short(column) for name, column in value["columns"].items()}
        split = value.get("split", {})
        if isinstance(split, dict) and "kind" not in split:
            source = value.get("source")
            named = source if isinstance(source, dict) else getattr(source, "__dict__", {})
            drawn = "random" if value.get("task") == "regression" else "stratified"
            value["split"] = {"kind": "given" if any(named.get(key) for key in TEST_PART) else drawn, **split}
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The short forms are in the schema too."""
        made = handler(schema)
        card = handler.resolve_ref_schema(made)
        columns = card["properties"]["columns"]["anyOf"][0]
        columns["additionalProperties"] = {"anyOf": [{"enum": ["number", "category"]}, columns["additionalProperties"]]}
        card["required"] = [name for name in card["required"] if name != "split"]
        split = card["properties"]["split"]
        card["properties"]["split"] = {"anyOf": split["oneOf"]}  # without a kind it is the first
        return made

    @model_validator(mode="after")
    def _one_kind_of_input(self) -> Card:
        if (self.image is None) == (self.columns is None):
            raise ValueError("a card has either image or columns")
        if self.columns is not None and not self.columns:
            raise ValueError("columns is empty")
        if isinstance(self.split, ShuffledSplit) and self.split.kind == "stratified" and self.task == "regression":
            raise ValueError("split: stratified needs classes, and the task is regression; use kind: random")
        if self.columns and self.target.name in self.columns:
            raise ValueError(f"the target '{self.target.name}' stands among the columns too, which would leak it")
        return self

    @model_validator(mode="after")
    def _source_has_it(self) -> Card:
        if self.source.kind == "idx" and not self.image:
            raise ValueError("an idx source holds images: the card needs image, not columns")
        if self.source.kind == "csv" and not self.columns:
            raise ValueError("a csv source is a table: the card needs columns, not image")
        text = [name for name, column in (self.columns or {}).items() if column.type == "category"]
        if text and self.source.kind != "csv":
            raise ValueError(f"column '{text[0]}' is a category, and a {self.source.kind} source holds numbers only")
        return self

    @property
    def name(self) -> str:
        return self._name

    @property
    def folder(self) -> Path:
        """Where relative paths of its files start."""
        return self._folder

    @property
    def modality(self) -> str:
        """What the source gives: `image` or `table`; models may take a conversion of it."""
        return "image" if self.image else "table"

    @property
    def missing(self) -> tuple[str, ...]:
        """The words of a table that say that a value is missing: the source's own, else the usual ones."""
        return self.source.missing if isinstance(self.source, CsvSource) else USUAL_MISSING

    @property
    def gives(self) -> tuple[str, ...]:
        """The modalities that its examples can become, its own first."""
        return ("image", "vector") if self.image else ("vector",)
