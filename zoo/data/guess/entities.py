"""Columns that name whom a row is of: rows of one patient or speaker must not stand in two splits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from zoo.data.guess.columns import MARKERS, Guess

KEY = "(_?(id|no|nr|number|code|key|name))?"
SURE = re.compile(rf"(patient|subject|speaker|user){KEY}|customer_?id")
LIKELY = re.compile(rf"(.*_)?(patient|subject|speaker|user|person|customer|participant|client|donor|driver|author|household){KEY}")
CODE = re.compile(r"[A-Za-z]+[-_ ]?\d+")
KINDS = ("category", "identifier", "number")  # of columns that can be one
FEWEST = 3  # groups: train, val and test need one each
CODES, WORDS, EVEN = 5, 10, 2  # different values that are rather entities: codes, or words whose counts differ by no such factor


def entity(frame: pd.DataFrame, found: Mapping[str, Guess]) -> str | None:
    """The column whose name says clearly that it is an entity, and whose values repeat; None where there is none."""
    named = [name for name, one in found.items() if one.type in KINDS and SURE.fullmatch(_plain(name))]
    return next((name for name in named if _repeats(cells(frame[name]))), None)


def likely(frame: pd.DataFrame, found: Mapping[str, Guess], any_word: bool = False) -> dict[str, int]:
    """Columns that may be an entity, and how many values repeat in them.

    Args:
        frame: the table.
        found: the columns that are asked about.
        any_word: whether each column of words that repeat is one, or only those that are named or look like it.
    """
    asked = {}
    for name, one in found.items():
        if one.type not in KINDS or (one.type == "number" and not LIKELY.fullmatch(_plain(name))):
            continue
        known = cells(frame[name])
        repeated = known.value_counts()
        if not FEWEST <= len(repeated) <= len(known) / 3:
            continue
        if any_word or LIKELY.fullmatch(_plain(name)) or _looks(known, repeated):
            asked[name] = len(repeated)
    return asked


def question(name: str, values: int) -> str:
    """What is asked about such a column."""
    return f"{values:,} values repeat: an entity? group: {name}, split: {{kind: group}}"


def cells(values: pd.Series) -> pd.Series:
    """The known cells of a column as text."""
    words = values.astype(object).where(values.notna(), "").astype(str).str.strip()
    return words[~words.isin(MARKERS)]


def parts(names: Iterable[str], files: int) -> list[str]:
    """The different words of one part of the files' names, most frequent first, where they may be an entity; none where they count up."""
    counts = pd.Series(list(names)).value_counts()
    if not FEWEST <= len(counts) <= files / 3 or all(str(word).isdigit() for word in counts.index):
        return []
    return [str(word) for word in counts.index]


def _looks(known: pd.Series, repeated: pd.Series) -> bool:
    """Codes as P07, or many words that are about equally frequent."""
    if len(repeated) >= CODES and all(map(CODE.fullmatch, map(str, repeated.index))):
        return True
    return len(repeated) > WORDS and repeated.max() <= EVEN * repeated.median() and not known.str.isdigit().all()


def _repeats(known: pd.Series) -> bool:
    """Whether some values stand in several rows; one slip in a column of identifiers is none."""
    distinct = known.nunique()
    return FEWEST <= distinct <= 0.99 * len(known)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")
