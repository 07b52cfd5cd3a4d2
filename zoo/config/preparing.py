"""How raw values become numbers (`preprocess`, which travels into the exported graph), and what only training sees (`augment`).

A setting of `None` says nothing: a column's own setting comes first, then the card's for its type, then the default below.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from zoo.config.parts import Choice, Fraction, Part

DAY_PARTS = ("year", "month", "day", "weekday", "hour", "minute", "day_of_year", "elapsed")


class NumberWay(Part):
    """A number: missing ones are filled, it is clipped, binned or scaled. Statistics are the training split's."""

    fill: Literal["median", "mean"] | float | None = None
    indicator: bool | None = Field(default=None, description="a further column: 1 where the value was missing")
    scale: Literal["standard", "minmax", "robust", "log", "quantile", "none"] | None = None
    clip: tuple[float, float] | None = Field(default=None, description="lowest and highest value, in the column's own units")
    bins: Annotated[int, Field(ge=2, le=1000)] | None = Field(default=None, description="one-hot bins of equal counts instead of a number")

    @model_validator(mode="after")
    def _clip_rises(self) -> NumberWay:
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise ValueError("clip must be two rising numbers: the lowest and the highest value")
        return self


class CategoryWay(Part):
    """A category: one-hot, or in a model that takes a table a number to embed. Unknown and missing words share place 0."""

    min_count: PositiveInt | None = Field(default=None, description="rarer words of the training split share place 0 with unknown ones")
    vocabulary: PositiveInt | None = Field(default=None, description="at most this many words, the most frequent ones")
    hash: Annotated[int, Field(ge=2)] | None = Field(default=None, description="this many buckets of a hash instead of a vocabulary")


class DatetimeWay(Part):
    """A moment: parts of the calendar; `cyclic` ones as sine and cosine, so that December is near January."""

    parts: tuple[Literal["year", "month", "day", "weekday", "hour", "minute", "day_of_year", "elapsed"], ...] | None = None
    cyclic: bool | None = None


class TextWay(Part):
    """Text: lower case, cut into tokens, numbered by a vocabulary of the training split. 0 is padding, 1 an unknown token."""

    tokens: Literal["word", "character", "byte", "subword"] | None = None
    vocabulary: Annotated[int, Field(ge=3)] | None = None
    length: PositiveInt | None = Field(default=None, description="tokens an example: longer ones are cut, shorter ones padded at the end")
    lower: bool | None = None
    ngrams: Annotated[int, Field(ge=1, le=3)] | None = Field(default=None, description="of a bag of words: runs of up to so many words")


class AudioWay(Part):
    """Sound: the logarithm of a mel spectrogram (`keras.layers.MelSpectrogram`), standardised."""

    mel_bins: PositiveInt | None = None
    window: PositiveFloat | None = Field(default=None, description="seconds of a frame")
    stride: PositiveFloat | None = Field(default=None, description="seconds from a frame to the next")


class Rolling(Part):
    """A statistic of the last `window` steps."""

    window: Annotated[int, Field(ge=2)]
    stat: Literal["mean", "min", "max", "std"] = "mean"


class SeriesWay(Part):
    """Values over time: filled forward where they lack, scaled a channel at a time; lags and rolling windows are further channels."""

    scale: Literal["standard", "minmax", "robust", "none"] | None = None
    lags: tuple[PositiveInt, ...] | None = None
    rolling: tuple[Rolling, ...] | None = None


class TargetWay(Part):
    """A number to be learned: as it is scaled, so it is scaled back. `log` learns log(1 + value)."""

    scale: Literal["standard", "log", "none"] | None = None


class Preprocess(Part):
    """The card's `preprocess`, and an experiment's, which overrides it key by key."""

    number: NumberWay = NumberWay()
    category: CategoryWay = CategoryWay()
    datetime: DatetimeWay = DatetimeWay()
    text: TextWay = TextWay()
    audio: AudioWay = AudioWay()
    series: SeriesWay = SeriesWay()
    target: TargetWay = TargetWay()
    crosses: tuple[tuple[str, str], ...] = ()


DEFAULTS: dict[str, dict[str, Any]] = {
    "number": {"fill": "median", "indicator": False, "scale": "standard", "clip": None, "bins": None},
    "category": {"min_count": 1, "vocabulary": None, "hash": None},
    "datetime": {"parts": ("year", "month", "weekday", "hour"), "cyclic": True},
    "text": {"tokens": "word", "vocabulary": 20_000, "length": 256, "lower": True, "ngrams": 1},
    "audio": {"mel_bins": 40, "window": 0.025, "stride": 0.010},
    "series": {"scale": "standard", "lags": (), "rolling": ()},
    "target": {"scale": "standard"},
}


def settings(kind: str, *parts: Part) -> dict[str, Any]:
    """The settings of a kind (`number`, `text`, …): what the first part says, else the next, else the default."""
    found = dict(DEFAULTS[kind])
    for part in reversed(parts):
        found |= {key: value for key in found if (value := getattr(part, key)) is not None}
    return found


# What each step of augmentation can be told, with its defaults. What it does: zoo/data/augment/, docs/data.md.
STEPS: dict[str, dict[str, Any]] = {
    "flip": {"axis": "horizontal"},
    "crop": {"padding": 4, "border": "zeros"},
    "rotate": {"degrees": 15.0, "border": "zeros"},
    "colour": {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.02},
    "cutout": {"size": 8},
    "rand_augment": {"count": 2, "magnitude": 0.5},
    "mixup": {"alpha": 0.2},
    "cutmix": {"alpha": 1.0},
    "jitter": {"sigma": 0.03},
    "scale": {"sigma": 0.1},
    "noise": {"decibels": 20.0},
    "spec_augment": {"count": 2, "time": 0.1, "frequency": 0.1},
    "word_dropout": {"rate": 0.1},
}
STEPS_OF: dict[str, tuple[str, ...]] = {  # the kind of examples that a step works on
    "image": ("flip", "crop", "rotate", "colour", "cutout", "rand_augment", "mixup", "cutmix"),
    "series": ("jitter", "scale", "mixup"),
    "audio": ("noise", "spec_augment", "mixup"),
    "text": ("word_dropout",),
    "table": ("mixup",),
}


class Augmentation(Choice):
    """A step of augmentation by name, with its own settings. `probability` is that of its being done to an example."""

    name: Literal[
        "flip", "crop", "rotate", "colour", "cutout", "rand_augment", "mixup", "cutmix",
        "jitter", "scale", "noise", "spec_augment", "word_dropout",
    ]  # fmt: skip
    probability: Annotated[float, Field(gt=0, le=1)] | None = None
    axis: Literal["horizontal", "vertical"] | None = None
    padding: PositiveInt | None = None
    border: Literal["zeros", "reflect"] | None = Field(default=None, description="what comes in from outside")
    degrees: Annotated[float, Field(gt=0, le=180)] | None = None
    brightness: Fraction | None = None
    contrast: Fraction | None = None
    saturation: Fraction | None = None
    hue: Annotated[float, Field(ge=0, le=0.5)] | None = None
    size: PositiveInt | None = None
    count: PositiveInt | None = None
    magnitude: Annotated[float, Field(ge=0, le=1)] | None = None
    alpha: PositiveFloat | None = None
    sigma: NonNegativeFloat | None = None
    decibels: float | None = Field(default=None, description="signal to noise ratio")
    time: Fraction | None = None
    frequency: Fraction | None = None
    rate: Fraction | None = None

    @classmethod
    def table(cls) -> dict[str, dict[str, Any]]:
        return {name: {"probability": 0.5 if name in ("flip", "noise") else 1.0, **own} for name, own in STEPS.items()}


Augment = tuple[Augmentation, ...]


def merged(below: Preprocess, above: Preprocess | None) -> Preprocess:
    """The one with every setting of the other that says something put over it."""
    if above is None:
        return below
    said = above.model_dump(exclude_none=True, exclude_unset=True)
    under = below.model_dump(exclude_none=True, exclude_unset=True)
    parts = {key: {**under.get(key, {}), **value} if isinstance(value, dict) else value for key, value in said.items()}
    return Preprocess.model_validate({**under, **parts})


def misplaced(steps: Augment, kind: str) -> str | None:
    """Why examples of a kind cannot take these steps; None where they can."""
    for step in steps:
        if step.name not in STEPS_OF[kind]:
            return f"augment: {step.name} is nothing for {kind}; steps that are: {', '.join(STEPS_OF[kind])}"
    return None
