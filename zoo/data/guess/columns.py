"""The type of a column by its values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from zoo.data.guess.words import counted

YES_NO = ({"yes", "no"}, {"true", "false"}, {"t", "f"}, {"y", "n"})
MARKERS = ("", "NA", "?", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "#N/A", "-", "--")
FORMATS = (
    None,  # ISO 8601
    *(
        f"{day}{time}"
        for day in ("%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y%m%d")
        for time in ("", " %H:%M", " %H:%M:%S")
    ),
)
ISO = re.compile(r"\d{4}-\d{2}(-\d{2})?([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
SAMPLE = 20_000  # values that are looked at where a look at each would be slow
FEW, RARE, MANY = 12, 0.02, 1000  # different values that may be codes; share that may be no numbers; words that one-hot still bears
WORDS = 4  # words of free text, in the mean

Type = Literal["number", "category", "boolean", "datetime", "text", "identifier", "constant"]


@dataclass(frozen=True)
class Guess:
    """What a column seems to be.

    Attributes:
        type: of a card's column; `identifier` and `constant` are better left out.
        why: what was seen, in words.
        unsure: what else it may be, as a question; None where there is no doubt.
        missing: cells without a value, under the markers that count as such.
        distinct: different values.
        markers: words among its cells that say that a value is missing, beside the usual ones.
        format: of a datetime that is not ISO 8601.
    """

    type: Type
    why: str
    unsure: str | None = None
    missing: int = 0
    distinct: int = 0
    markers: tuple[str, ...] = ()
    format: str | None = None

    @property
    def learns(self) -> bool:
        """Whether a model can take it."""
        return self.type not in ("identifier", "constant")


def guesses(frame: pd.DataFrame) -> dict[str, Guess]:
    """A guess a column, by name."""
    return {str(name): guess(frame.iloc[:, place], str(name)) for place, name in enumerate(frame.columns)}


def guess(values: pd.Series, name: str = "") -> Guess:
    """What a column of text cells, or of typed values, is."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return Guess("boolean", "true or false", missing=int(values.isna().sum()), distinct=int(values.nunique()))
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return Guess("datetime", "moments", missing=int(values.isna().sum()), distinct=int(values.nunique()))
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        return _of_numbers(numbers[~np.isnan(numbers)], name, int(np.isnan(numbers).sum()), ())
    cells = values.astype(object).where(values.notna(), "").astype(str).str.strip()
    return _of_text(cells, name)


def _of_text(cells: pd.Series, name: str) -> Guess:
    known = cells[~cells.isin(MARKERS)]
    missing = len(cells) - len(known)
    if len(known) == 0:
        return Guess("constant", "nothing but missing values", missing=missing)
    if _are_codes(known):
        return _of_words(known, name, missing)
    numbers = pd.to_numeric(known, errors="coerce").to_numpy(np.float64)
    wrong = known[np.isnan(numbers)]
    markers = tuple(sorted(set(cells[cells.isin(MARKERS[3:])])))
    if len(wrong) == 0:
        return _of_numbers(numbers, name, missing, markers)
    if len(wrong) <= RARE * len(known) and wrong.nunique() <= 2 and len(known) >= 50:
        words = tuple(sorted(set(wrong)))
        found = _of_numbers(numbers[~np.isnan(numbers)], name, missing + len(wrong), (*markers, *words))
        said = " and ".join(f"'{word}'" for word in words)
        return Guess(**{**vars(found), "unsure": f"{said} in {counted(len(wrong), 'cell')} taken as missing?"})
    return _of_words(known, name, missing)


def _are_codes(known: pd.Series) -> bool:
    """Whether digits have leading zeros, as the zip code 08001: all are equally long, or there are more than a slip."""
    zeros = known.str.fullmatch(r"0\d+")
    return bool(zeros.any() and known.str.fullmatch(r"\d+").mean() > 1 - RARE and (zeros.mean() > RARE or known.str.len().nunique() == 1))


def _of_numbers(numbers: np.ndarray, name: str, missing: int, markers: tuple[str, ...]) -> Guess:
    different = np.unique(numbers)
    facts: dict[str, Any] = {"missing": missing, "distinct": len(different), "markers": markers}
    whole = bool(np.isfinite(numbers).all() and (numbers == np.round(numbers)).all())
    if len(different) <= 1:
        return Guess("constant", "never changes", **facts)
    if len(different) == 2 and set(different.tolist()) == {0.0, 1.0}:
        return Guess("boolean", "0 or 1", unsure="0/1: category?", **facts)
    if whole and len(different) == len(numbers) >= 20 and (_counts(different) or _says_id(name)):
        return Guess("identifier", "all different, counted up" if _counts(different) else "all different", **facts)
    if whole and len(different) <= FEW and len(numbers) >= 10 * len(different):
        return Guess("number", "a number", unsure=f"{len(different)} whole numbers: category?", **facts)
    return Guess("number", "a number", **facts)


def _counts(different: np.ndarray) -> bool:
    return bool(different[-1] - different[0] == len(different) - 1)


def _says_id(name: str) -> bool:
    return bool(re.search(r"(^|[^a-z])(id|key|code|nr|no|uuid|guid)$", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))


def _of_words(known: pd.Series, name: str, missing: int) -> Guess:
    distinct = int(known.nunique())
    facts: dict[str, Any] = {"missing": missing, "distinct": distinct}
    if distinct <= 1:
        return Guess("constant", "never changes", **facts)
    lowered = set(known.str.lower().unique()) if distinct <= 6 else set()
    if any(lowered == pair for pair in YES_NO):
        return Guess("boolean", "yes or no", **facts)
    some = known.sample(SAMPLE, random_state=0) if len(known) > SAMPLE else known
    found, ambiguous = _moment(some)
    if found:
        return Guess(
            "datetime", "dates", unsure="day and month could stand the other way round" if ambiguous else None, format=found[0], **facts
        )
    words = float(some.str.count(r"\S+").mean())
    if words >= WORDS and distinct > 0.5 * len(known):
        doubt = f"{words:.0f} words in the mean: a name or an identifier? leave it out" if words < 6 else None
        return Guess("text", f"text of {words:.0f} words in the mean", unsure=doubt, **facts)
    if distinct == len(known) >= 20:
        return Guess("identifier", "all different", unsure=None if words < 2 or _says_id(name) else "several words: free text?", **facts)
    if distinct > MANY or (distinct > 0.5 * len(known) and len(known) >= 50):
        return Guess("identifier", f"{distinct:,} different words, most of them once", unsure="a category all the same?", **facts)
    return Guess("category", f"{distinct} different", **facts)


def _moment(cells: pd.Series) -> tuple[tuple[str | None] | None, bool]:
    """The one-element tuple of the format under which every cell is a moment, None where there is none; whether it is ambiguous."""
    if not cells.str.fullmatch(r"[\d:./TZ +-]{6,35}").all():
        return None, False
    if cells.str.fullmatch(ISO).all() and not pd.to_datetime(cells, errors="coerce", format="ISO8601", utc=True).isna().any():
        return (None,), False
    fitting = [one for one in FORMATS if one and not pd.to_datetime(cells, errors="coerce", format=one).isna().any()]
    plausible = [one for one in fitting if not one.startswith("%Y%m%d") or cells.str.fullmatch(r"(19|20)\d{6}.*").all()]
    return ((plausible[0],), len(plausible) > 1) if plausible else (None, False)


def learns(target: Guess, rows: int) -> tuple[Literal["classification", "regression"], str | None]:
    """The task that a target column asks for, and what else it may be."""
    if target.type in ("category", "boolean", "text", "datetime", "identifier"):
        return "classification", None
    if target.distinct <= 20 and rows >= 10 * target.distinct and (target.unsure or target.distinct == 2):
        return "classification", f"{target.distinct} whole numbers: is it a number to be learned as such?" if target.distinct > 2 else None
    return "regression", None
