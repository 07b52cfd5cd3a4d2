"""What an example is made of: pixels, columns, text, sound, values over time."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from zoo.config.parts import Part
from zoo.config.preparing import CategoryWay, DatetimeWay, NumberWay, TextWay


class ImageFeature(Part):
    """Pixels of one fixed size; `range` is the source's own scale, which becomes 0..255 for the models.

    Files of another size are resized: `stretch` ignores their aspect, `pad` keeps it and fills with black, `crop` keeps it and
    cuts the middle out.
    """

    type: Literal["image"] = "image"
    shape: tuple[PositiveInt, PositiveInt, Literal[1, 3]]
    range: tuple[float, float] = (0.0, 255.0)
    fit: Literal["stretch", "pad", "crop"] = "stretch"

    @model_validator(mode="after")
    def _range_rises(self) -> ImageFeature:
        if self.range[0] >= self.range[1]:
            raise ValueError("range must be two rising numbers: the darkest and the brightest value of a pixel")
        return self


class NumberFeature(NumberWay):
    """A number. What is not said here the card's `preprocess: {number: …}` says."""

    type: Literal["number"] = "number"


class CategoryFeature(CategoryWay):
    """A category as text. What is not said here the card's `preprocess: {category: …}` says."""

    type: Literal["category"] = "category"


class BooleanFeature(Part):
    """Yes or no: 1, 0, true, false, yes, no, t, f, y, n in any case; a missing one is its own value."""

    type: Literal["boolean"] = "boolean"


DIRECTIVES = {  # of strptime's formats: what each says of a moment
    "Y": "year",
    "y": "year",
    "m": "month",
    "d": "day",
    "H": "hour",
    "I": "hour",
    "M": "minute",
    "S": "second",
    "b": "month",
    "B": "month",
    "p": "half",
    **dict.fromkeys("faAzZ%"),
}


def directives(format_: str) -> list[tuple[str, str, str]]:
    """A format in pieces: of each the directive's letter, the blanks or the letter that it is; the others are empty."""
    found: list[tuple[str, str, str]] = re.findall(r"%(.)|(\s+)|(.)", format_, re.DOTALL)
    return found


class DatetimeFeature(DatetimeWay):
    """A date, a time or both: ISO 8601, or as `format` (strptime's) says. What is not said here `preprocess: {datetime: …}` says."""

    type: Literal["datetime"] = "datetime"
    format: str | None = None

    @field_validator("format")
    @classmethod
    def _is_a_format(cls, value: str | None) -> str | None:
        pieces = directives(value or "")
        used = ["" if letter == "%" else directive for directive, _, letter in pieces if directive or letter == "%"]
        known = " ".join(f"%{one}" for one in DIRECTIVES)
        unknown = next((one for one in used if one not in DIRECTIVES), None)
        if unknown is not None:
            raise ValueError(f"the format '{value}' has %{unknown}, which is not known here; known: {known}")
        said = [field for one in used if (field := DIRECTIVES[one])]
        twice = next((field for field in said if said.count(field) > 1), None)
        if twice:
            raise ValueError(f"the format '{value}' says the {twice} twice")
        if value is not None and not said:
            raise ValueError(f"the format '{value}' says nothing of a moment; one is '%d.%m.%Y %H:%M'")
        return value


class TextColumn(TextWay):
    """Free text in a column: a bag of its words. What is not said here the card's `preprocess: {text: …}` says."""

    type: Literal["text"] = "text"


Column = Annotated[NumberFeature | CategoryFeature | BooleanFeature | DatetimeFeature | TextColumn, Field(discriminator="type")]
COLUMN_TYPES = ("number", "category", "boolean", "datetime", "text")


class TextFeature(Part):
    """One text an example: a file, or the columns of a table joined by a blank."""

    type: Literal["text"] = "text"
    columns: tuple[str, ...] = ("text",)

    @field_validator("columns", mode="before")
    @classmethod
    def _a_name_alone(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class AudioFeature(Part):
    """Mono sound of one fixed length: resampled, and trimmed or padded with silence at its end."""

    type: Literal["audio"] = "audio"
    sampling_rate: PositiveInt = 16000
    seconds: PositiveFloat = 1.0

    @property
    def samples(self) -> int:
        return round(self.sampling_rate * self.seconds)


class SeriesFeature(Part):
    """Values over time.

    Each example is a series of its own (`.ts`, `.npz`): `length` steps (shorter ones are padded at the end with NaN), `channels`
    values a step. Or a table, a row a time, is cut into windows: `columns` are the channels, `history` steps are seen, `horizon`
    steps are asked for, a window begins every `stride` rows. `time` is the column of time stamps, `id` tells the series of one
    table apart, `step` (as `1h`, `1D`, `1MS`) puts irregular times on a regular grid: means of what falls together, NaN in a gap.
    """

    type: Literal["series"] = "series"
    length: PositiveInt | None = None
    channels: PositiveInt = 1
    columns: tuple[str, ...] | None = None
    time: str | None = None
    id: str | None = None
    step: str | None = None
    history: PositiveInt | None = None
    horizon: PositiveInt | None = None
    season: PositiveInt | None = None
    stride: PositiveInt = 1

    @field_validator("step")
    @classmethod
    def _is_a_step(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[1-9]\d*(ms|s|min|h|D|W|MS|QS|YS)", value):
            raise ValueError("a step is a number and a unit: ms, s, min, h, D, W, MS (months), QS (quarters), YS (years)")
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> SeriesFeature:
        if self.columns is not None and not self.columns:
            raise ValueError("columns is empty")
        if self.columns is None and self.length is None:
            raise ValueError("a series needs length (an example is a series) or columns (a table is cut into windows)")
        if self.columns is not None and self.history is None:
            raise ValueError("a table that is cut into windows needs history: the steps of a window")
        if self.step and not self.time:
            raise ValueError("step needs time: the column of time stamps")
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """(steps, channels) of one example as it is served."""
        return (self.history or self.length or 0, len(self.columns) if self.columns else self.channels)
