"""Moments of a table: text to parts of the calendar, inside the graph. The zone that a time may name is ignored: clocks count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from zoo.config.features import DIRECTIVES, directives
from zoo.data.preprocess.layers import as_float32
from zoo.data.preprocess.numbers import spread
from zoo.data.preprocess.wording import stripped
from zoo.errors import ZooError

Spec = dict[str, Any]
FIELDS = {"year": 1970, "month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0, "half": 0}  # what is not written; 1 am, 2 pm
CYCLES = {"month": (1, 12), "day": (1, 31), "weekday": (0, 7), "hour": (0, 24), "minute": (0, 60), "day_of_year": (1, 366)}
BATCH = 65_536  # words that are read at once

_YEAR = "[1-9][0-9]{3}|0[1-9][0-9]{2}"  # below 100 it is one of two digits
_ZONE = "(?:[Zz]|UTC|GMT|[+-][0-9]{2}:?(?:[0-9]{2})?)"
_EXPRESSIONS = {
    "Y": _YEAR,
    "y": "[0-9]{2}",
    "m": "1[0-2]|0?[1-9]",
    "d": "3[01]|[12][0-9]|0?[1-9]",
    "H": "2[0-3]|[01]?[0-9]",
    "I": "1[0-2]|0?[1-9]",
    "M": "[0-5]?[0-9]",
    "S": "6[01]|[0-5]?[0-9]",
    "b": "1[0-2]|[1-9]",
    "B": "1[0-2]|[1-9]",
    "p": "[12]",
    "f": "[0-9]{1,9}",
    "a": r"[A-Za-z]+\.?",
    "A": "[A-Za-z]+",
    "z": _ZONE,
    "Z": "[A-Za-z0-9_/+-]*",
    "%": "%",
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_TIME = rf"(2[0-3]|[01]?[0-9])(?::?([0-5][0-9])(?::?(6[01]|[0-5][0-9])(?:[.,][0-9]+)?)?)?(?: ?{_ZONE})?"
ISO = {  # a year, a month, a date, or a date and a time; what lacks is its beginning
    "pattern": rf"({_YEAR})(?:[-/. ](1[0-2]|0?[1-9])(?:[-/. ](3[01]|[12][0-9]|0?[1-9]))?|(1[0-2]|0[1-9])(3[01]|[12][0-9]|0[1-9]))?"
    rf"(?:[Tt ]{_TIME})?",
    "fields": ["year", "month", "day", "month", "day", "hour", "minute", "second"],
    "words": [],
}


def reading(written: str | None) -> Spec:
    """How text is read: `words` are replaced (regular expression, by what), then `pattern` has to match all of it, and its groups
    are `fields` (one that stands twice is matched once). Both are of the syntax that RE2 and Python share.

    Args:
        written: strptime's format, as a card may name it; None is ISO 8601.
    """
    if written is None:
        return dict(ISO)
    pattern, fields, used = "", [], set()
    for directive, blank, letter in directives(written):
        if not directive:
            pattern += "[ \t]+" if blank else re.escape(letter)
            continue
        field, expression = DIRECTIVES[directive], _EXPRESSIONS[directive]
        fields += [field] if field else []
        used.add(directive)
        pattern += f"({expression})" if field else f"(?:{expression})"
    return {"pattern": pattern, "fields": fields, "words": _words(used)}


def _words(used: set[str]) -> list[list[str]]:
    """English names of months as their numbers, am and pm as 1 and 2."""
    months = [[f"(?i){start}[a-z]*", str(number + 1)] for number, start in enumerate(_MONTHS)] if used & {"b", "B"} else []
    return [*months, ["(?i)a\\.?m\\b\\.?", "1"], ["(?i)p\\.?m\\b\\.?", "2"]] if "p" in used else months


def fit(name: str, words: np.ndarray, written: str | None, way: Mapping[str, Any]) -> Spec:
    """How a moment is read, and which parts of it become numbers.

    Args:
        name: of the column, for messages.
        words: the training split's, str objects (n,) with "" for missing.
        written: strptime's format; None is ISO 8601.
        way: `settings("datetime", …)`.

    Raises:
        ZooError: a moment that the format does not fit.
    """
    how = reading(written)
    calendar, known = read(words, how)
    wrong = np.flatnonzero(~known & (words != ""))
    if len(wrong):
        raise ZooError(
            f"column '{name}' holds '{words[wrong[0]]:.40}', which is no moment {'as ' + written if written else 'of ISO 8601'}"
            f" ({len(wrong)} such cells in the training rows)",
            "give its format, as {type: datetime, format: '%d.%m.%Y %H:%M'}; or name what says that it is missing in source.missing",
        )
    parts = [_part(one, way["cyclic"], calendar, known) for one in way["parts"]]
    return {**how, "parts": parts}


def _part(part: str, cyclic: bool, calendar: dict[str, np.ndarray], known: np.ndarray) -> Spec:
    if cyclic and part in CYCLES:
        start, period = CYCLES[part]
        return {"part": part, "start": start, "period": period}
    if part != "elapsed":
        values = calendar[part][known].astype(np.float64)
        return {"part": part, "mean": float(values.mean()), "std": spread(values)}
    days = calendar["days"][known]
    values = days - days.min() + calendar["seconds"][known] / 86400
    return {"part": part, "origin": int(days.min()), "mean": float(values.mean()), "std": spread(values)}


def read(words: np.ndarray, how: Spec) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The calendar of text, str objects (n,), and where it is one: bool (n,). A source can ask which cells do not parse."""
    pieces = []
    for start in range(0, len(words), BATCH):
        found, known = parse(tf.constant(words[start : start + BATCH].astype(object), tf.string), how)
        pieces.append({**{name: values.numpy() for name, values in found.items()}, "": known.numpy()})
    joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    return joined, joined.pop("")


def parse(words: Any, how: Spec) -> tuple[dict[str, Any], Any]:
    """From text, string (batch,), to int32 numbers of the calendar by name, and where the text is a moment: bool (batch,)."""
    words = stripped(words)
    for expression, number in how["words"]:
        words = tf.strings.regex_replace(words, expression, number)
    known = tf.strings.regex_full_match(words, how["pattern"])
    order = ",".join("".join(f"\\{place + 1}" for place, one in enumerate(how["fields"]) if one == field) for field in FIELDS)
    cells = tf.strings.regex_replace(tf.where(known, words, "," * (len(FIELDS) - 1)), f"^(?:{how['pattern']})$", order)
    year, month, day, hour, minute, second, half = tf.io.decode_csv(cells, [[default] for default in FIELDS.values()])
    year = tf.where(year < 69, year + 2000, tf.where(year < 100, year + 1900, year))  # %y, as POSIX reads it
    hour = tf.where(half > 0, hour % 12 + 12 * (half - 1), hour)
    first, days = _days(year, month, 1), _days(year, month, day)
    following = _days(tf.where(month == 12, year + 1, year), month % 12 + 1, 1)
    calendar = {"year": year, "month": month, "day": day, "weekday": (days + 3) % 7, "hour": hour, "minute": minute}
    more = {"day_of_year": days - _days(year, 1, 1) + 1, "days": days, "seconds": hour * 3600 + minute * 60 + second}
    return {**calendar, **more}, known & (day <= following - first)


def _days(year: Any, month: Any, day: Any) -> Any:
    """Days since 1970-01-01, in integers (https://howardhinnant.github.io/date_algorithms.html)."""
    month = tf.convert_to_tensor(month)
    year = tf.where(month <= 2, year - 1, year)
    era, of_era = year // 400, year % 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1  # from March on
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def width(one: Spec) -> int:
    """How many numbers a moment becomes."""
    return sum(2 if "period" in part else 1 for part in one["parts"]) + 1


@keras.saving.register_keras_serializable("zoo")
class Moment(layers.Layer):
    """Text, string (batch,), to float32 (batch, n): sine and cosine of a cyclic part, one standardised number of another.

    The last one is 1 where the text is missing or no moment; then all others are 0.
    """

    def __init__(self, pattern: str, fields: list[str], words: list[list[str]], parts: list[Spec], **kwargs: Any) -> None:
        super().__init__(**as_float32(kwargs))
        self.how: Spec = {"pattern": pattern, "fields": fields, "words": words, "parts": parts}

    def call(self, words: Any) -> Any:
        calendar, known = parse(words, self.how)
        columns = [column for part in self.how["parts"] for column in _columns(part, calendar)]
        found = [tf.where(known, column, 0.0) for column in columns]
        return tf.stack([*found, tf.cast(~known, tf.float32)], -1)

    def compute_output_spec(self, words: Any) -> keras.KerasTensor:
        return keras.KerasTensor((words.shape[0], width(self.how)), "float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.how}


def _columns(part: Spec, calendar: dict[str, Any]) -> list[Any]:
    if "period" in part:
        angle = tf.cast(calendar[part["part"]] - part["start"], tf.float32) * (2 * np.pi / part["period"])
        return [tf.sin(angle), tf.cos(angle)]
    if part["part"] == "elapsed":
        value = tf.cast(calendar["days"] - part["origin"], tf.float64) + tf.cast(calendar["seconds"], tf.float64) / 86400
    else:
        value = tf.cast(calendar[part["part"]], tf.float64)
    return [tf.cast((value - part["mean"]) / part["std"], tf.float32)]  # years differ in their last digits
