"""A card: what a dataset is. One flat YAML a dataset; every field is documented in `datasets/README.md`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, PrivateAttr, model_validator
from pydantic.json_schema import JsonSchemaValue

from zoo.config.features import COLUMN_TYPES, AudioFeature, Column, ImageFeature, SeriesFeature, TextFeature
from zoo.config.parts import Fraction as Fraction  # models know it from here
from zoo.config.parts import Part
from zoo.config.preparing import Augment, Preprocess, misplaced
from zoo.config.sources import TABLES, USUAL_MISSING, NpzSource, Source, TableSource, names_test
from zoo.config.splits import CrossValidation, FixedSplit, Split, by_group, columns_of

KINDS = ("image", "columns", "text", "audio", "series")
GIVES = {  # the modalities that examples of a kind can become, their own first
    "image": ("image", "vector"),
    "table": ("vector", "table"),
    "text": ("tokens", "vector"),
    "audio": ("image", "sequence", "vector"),
    "series": ("sequence", "vector"),
}


class Target(Part):
    """What is learned. `classes` names the labels: label 0 is the first; without it they are the sorted values.

    `aliases` are what the data says for them, as `{"1": gun, "<=50K.": "<=50K"}`: a word may mean another's class.
    `columns` are those that are learned, where they are several: values, or labels of which any number may hold (1 or 0 each); of a
    forecast also the one that is not named as the target is. `separator` stands between the labels of one text, as in `red;round`.
    """

    name: Annotated[str, Field(min_length=1)]
    classes: tuple[str, ...] | None = None
    aliases: dict[str, str] | None = None
    unit: str | None = None
    columns: tuple[str, ...] | None = None
    separator: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Target:
        for key in ("classes", "columns"):
            names = getattr(self, key)
            if names is not None and len(set(names)) != len(names):
                raise ValueError(f"{key} holds a name twice")
        if self.columns and self.separator:
            raise ValueError("columns and separator say twice where the labels stand: columns of 1 and 0, or one column of texts")
        return self

    @property
    def joint(self) -> str:
        """What stands between labels that are said together."""
        return self.separator or ";"


def _short(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


def _default_split(value: dict[str, Any]) -> str:
    """The kind of a split that names none: the source's own, else by time, by the label, or at random."""
    if names_test(value.get("source")):
        return "given"
    if value.get("task") in ("forecasting", "language", "reconstruction"):
        return "time"
    return "random" if value.get("task") == "regression" or _several(value) else "stratified"


def _several(value: dict[str, Any]) -> bool:
    """Whether the target of a card's document is several labels at once: a set of them is no class to keep the share of."""
    target = value.get("target")
    return isinstance(target, dict) and bool(target.get("columns") or target.get("separator"))


class Card(Part):
    """A dataset: source, licence, features, target, split, preprocessing."""

    title: str
    source: Source
    licence: str
    homepage: str | None = None
    citation: str | None = None
    task: Literal["classification", "regression", "forecasting", "reconstruction", "language"]
    image: ImageFeature | None = None
    columns: dict[str, Column] | None = None
    text: TextFeature | None = None
    audio: AudioFeature | None = None
    series: SeriesFeature | None = None
    target: Target
    group: str | None = None
    split: Split
    cross_validation: CrossValidation | None = None
    preprocess: Preprocess = Preprocess()
    augment: Augment = ()
    keep_examples: bool = True

    _name: str = PrivateAttr("inline")
    _folder: Path = PrivateAttr(default_factory=Path)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        """A column may be its type alone; a split without a kind is the source's own, else by time, by label, or random."""
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if isinstance(value.get("columns"), dict):
            value["columns"] = {name: _short(column) for name, column in value["columns"].items()}
        if value.get("task") in ("language", "reconstruction"):
            value.setdefault("target", {"name": "anomaly" if value["task"] == "reconstruction" else "next token"})
        split = value.get("split", {})
        if isinstance(split, dict) and "kind" not in split:
            value["split"] = {"kind": _default_split(value), **split}
        elif isinstance(split, dict) and split["kind"] == "fold" and (value.get("task") != "classification" or _several(value)):
            value["split"] = {"by": "random", **split}
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The short forms are in the schema too."""
        made = handler(schema)
        card = handler.resolve_ref_schema(made)
        columns = card["properties"]["columns"]["anyOf"][0]
        columns["additionalProperties"] = {"anyOf": [{"enum": list(COLUMN_TYPES)}, columns["additionalProperties"]]}
        card["required"] = [name for name in card["required"] if name not in ("split", "target")]
        split = card["properties"]["split"]
        card["properties"]["split"] = {"anyOf": split["oneOf"]}  # without a kind it is the first
        return made

    @model_validator(mode="after")
    def _one_kind_of_input(self) -> Card:
        held = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(held) != 1:
            raise ValueError(f"a card has one of {', '.join(KINDS)}; this one has {' and '.join(held) or 'none'}")
        if self.columns is not None and not self.columns:
            raise ValueError("columns is empty")
        if "stratified" in (self.split.kind, getattr(self.split, "by", "")) and self.task != "classification":
            raise ValueError(f"split: stratified needs classes, and the task is {self.task}; use random")
        if by_group(self.split) and not (getattr(self.split, "column", None) or self.group or (self.series and self.series.id)):
            raise ValueError("split: which group? Name its column: split: {kind: group, column: …}, or the card's group: …")
        leaks = [name for name in self.targets if name in (self.columns or ())]
        if leaks:
            raise ValueError(f"the target '{leaks[0]}' stands among the columns too, which would leak it")
        why = misplaced(self.augment, self.kind)
        if why:
            raise ValueError(why)
        return self

    @model_validator(mode="after")
    def _task_fits(self) -> Card:
        series, columns = self.series, self.columns or {}
        if (self.task == "forecasting") != bool(series and series.horizon):
            raise ValueError("task: forecasting and series: {columns, history, horizon} go together")
        if (self.task == "language") != (self.source.kind == "text_file"):
            raise ValueError("task: language and a text_file source go together")
        if self.task == "reconstruction" and series is None and self.image is None:
            raise ValueError("task: reconstruction needs series or image")
        channels = (series and series.columns) or ()
        unknown = [name for name in self.targets if name not in channels] if self.task == "forecasting" else []
        if unknown:
            raise ValueError(f"the target '{unknown[0]}' is not among the series' columns")
        if series and series.horizon and isinstance(self.split, FixedSplit):
            self._holds_the_horizon(series.horizon, self.split)
        for name in (name for cross in self.preprocess.crosses for name in cross):
            if name not in columns or columns[name].type not in ("category", "boolean"):
                raise ValueError(f"preprocess.crosses: '{name}' is no column of categories or booleans")
        return self

    @model_validator(mode="after")
    def _several_targets(self) -> Card:
        target, learned = self.target, self.task in ("classification", "regression")
        if target.separator and self.task != "classification":
            raise ValueError(f"target.separator stands between labels, and the task is {self.task}")
        if learned and target.columns is not None and not isinstance(self.source, (TableSource, NpzSource)):
            raise ValueError(f"target.columns are those of a table or of an npz array, and the source is {self.source.kind}")
        if learned and target.columns is not None and len(target.columns) < 2:
            raise ValueError("target.columns are two or more; a target of one column is {name: COLUMN}")
        if not self.multilabel:
            return self
        if target.columns and (target.classes or target.aliases):
            raise ValueError("target.columns name the labels: leave classes and aliases out")
        if target.classes is not None and len(target.classes) < 2:
            raise ValueError("target.separator stands between labels, of which classes names two or more")
        torn = [label for label in target.columns or target.classes or () if target.joint in label or label != label.strip()]
        if torn:
            raise ValueError(f"the label '{torn[0]}' holds a blank at an end, or '{target.joint}', which stands between labels")
        return self

    @staticmethod
    def _holds_the_horizon(horizon: int, split: FixedSplit) -> None:
        for name in ("train", "val", "test"):
            low, high = getattr(split, name)
            if high - low < horizon:
                raise ValueError(f"a horizon of {horizon} steps is longer than the {name} split, which has {high - low}")

    @model_validator(mode="after")
    def _source_has_it(self) -> Card:
        kind, source = self.kind, self.source.kind
        holds = HOLDS[source]
        if kind not in holds:
            fitting = " or ".join("columns" if one == "table" else one for one in holds)
            raise ValueError(f"a card with a source of the kind {source} needs {fitting}, not {'columns' if kind == 'table' else kind}")
        if isinstance(self.source, TableSource) and (kind in ("image", "audio")) != (self.source.paths is not None):
            raise ValueError(
                f"{kind} in a table is files: source.paths names the column of their paths"
                if kind in ("image", "audio")
                else f"source.paths is for image or audio, and the card has {kind}"
            )
        for name, column in (self.columns or {}).items():
            if column.type not in ("number", "boolean") and source in ("sklearn", "npz"):
                raise ValueError(f"column '{name}' is a {column.type}, and a {source} source holds numbers only")
        return self

    def __repr__(self) -> str:
        return f"Card('{self.name}', {self.kind}, {self.task})"

    @property
    def name(self) -> str:
        return self._name

    @property
    def folder(self) -> Path:
        """Where relative paths of its files start."""
        return self._folder

    @property
    def kind(self) -> str:
        """What the source gives: `image`, `table`, `text`, `audio` or `series`; models may take a conversion of it."""
        return next("table" if kind == "columns" else kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def missing(self) -> tuple[str, ...]:
        """The words of a table that say that a value is missing: the source's own, else the usual ones."""
        return self.source.missing if isinstance(self.source, TABLES) else USUAL_MISSING

    @property
    def table(self) -> dict[str, Any]:
        """How its tables are read, as plain data: tables that are to be answered are read alike."""
        own = {"separator", "header", "quoted", "decimal", "encoding", "features"}
        said = self.source.model_dump(mode="json", include=own, exclude_defaults=True) if isinstance(self.source, TABLES) else {}
        columns = {name: one for name, one in (self.columns or {}).items() if one.type in ("boolean", "datetime")}
        typed = {name: {"type": one.type, "format": getattr(one, "format", None)} for name, one in columns.items()}
        return {**said, "typed": typed} if typed else said

    @property
    def gives(self) -> tuple[str, ...]:
        """The modalities that its examples can become, its own first."""
        return GIVES[self.kind]

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that are learned."""
        return self.target.columns or (self.target.name,)

    @property
    def multilabel(self) -> bool:
        """Whether any number of the labels may hold at once."""
        return self.task == "classification" and bool(self.target.columns or self.target.separator)

    @property
    def beside(self) -> tuple[str, ...]:
        """Columns that a split or an audit looks at, whether or not a model sees them: `Raw.beside` holds them."""
        series = self.series.id if self.series else None
        return tuple(dict.fromkeys((*columns_of(self.split), *(name for name in (self.group, series) if name))))


HOLDS: dict[str, tuple[str, ...]] = {  # what examples a source of a kind can hold
    "sklearn": ("image", "table"),
    "idx": ("image",),
    "npz": ("image", "table", "series"),
    "csv": ("table", "text", "series", "image", "audio"),
    "parquet": ("table", "text", "series", "image", "audio"),
    "jsonl": ("table", "text", "series", "image", "audio"),
    "tfrecord": ("table", "text", "image", "audio"),
    "image_folder": ("image",),
    "audio_folder": ("audio",),
    "text_folder": ("text",),
    "text_file": ("text",),
    "ts": ("series",),
    "tfds": ("image", "table", "text", "series"),
}
