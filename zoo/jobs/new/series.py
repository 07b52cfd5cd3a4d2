"""A card of a table that is a series: a moment a row, and numbers over time."""

from __future__ import annotations

from typing import Any

import pandas as pd

from zoo.data.guess import Guess
from zoo.data.guess.words import counted
from zoo.errors import ZooError, did_you_mean
from zoo.jobs.new.draft import Draft, first_experiment, hint

# a step that Pandas finds, as a card writes it, and how many of them make a season
UNITS: list[tuple[pd.Timedelta, str, int | None]] = [
    (pd.Timedelta("365D"), "YS", None),
    (pd.Timedelta("89D"), "QS", 4),
    (pd.Timedelta("28D"), "MS", 12),
    (pd.Timedelta("7D"), "W", 52),
    (pd.Timedelta("1D"), "D", 7),
    (pd.Timedelta("1h"), "h", 24),
    (pd.Timedelta("1min"), "min", None),
    (pd.Timedelta("1s"), "s", 60),
]


def moment_of(frame: pd.DataFrame, found: dict[str, Guess]) -> str | None:
    """The column of time stamps: the only one, and rising."""
    moments = [name for name, one in found.items() if one.type == "datetime"]
    if len(moments) != 1:
        return None
    times = _times(frame[moments[0]], found[moments[0]])
    return (
        moments[0]
        if times.notna().all() and (times.is_monotonic_increasing or times.is_monotonic_decreasing) and times.nunique() > 10
        else None
    )


def looks_like_one(found: dict[str, Guess], moment: str, target: str | None) -> bool:
    """Whether all beside the moment are numbers: a table with words in it is learned row by row unless it is asked for."""
    rest = [one for name, one in found.items() if name != moment and one.type not in ("identifier", "constant")]
    return bool(rest) and all(one.type == "number" for one in rest) and (target is None or target in found)


def draft(frame: pd.DataFrame, found: dict[str, Guess], source: dict[str, Any], said: str, moment: str | None, target: str | None) -> Draft:
    """The draft of a forecast. Raises ZooError where nothing is a number over time."""
    numbers = [name for name, one in found.items() if one.type in ("number", "boolean") and name != moment]
    if target is not None and target not in numbers:
        raise ZooError(
            f"'{target}' is no column of numbers to be forecast", did_you_mean(target, numbers) or f"numbers: {', '.join(numbers[:20])}"
        )
    if not numbers:
        raise ZooError("no column of numbers is there to be forecast")
    goal = target or numbers[-1]
    unit, season, irregular = _step(_times(frame[moment], found[moment])) if moment else (None, None, False)
    season = season if season and 4 * season <= len(frame) else None  # a shorter series shows none, and its training split holds none
    horizon = max(1, min(season or 12, len(frame) // 10))
    history = max(2, min(2 * season if season else 3 * horizon, len(frame) // 4))
    about: dict[str, Any] = {"columns": numbers}
    if moment:
        about["time"] = moment
    if irregular and unit:
        about["step"] = unit
    about |= {"history": history, "horizon": horizon, **({"season": season} if season else {})}
    missing = ["", "NA", "?", *sorted({marker for name in numbers for marker in found[name].markers} - {"", "NA", "?"})]
    card = {
        "title": str(source["file"]).rpartition("/")[2],
        "source": {**source, **({"missing": missing} if len(missing) > 3 else {})},
        "licence": "unknown",
        "task": "forecasting",
        "series": about,
        "target": {"name": goal},
        "split": {"kind": "time", "val": 0.15, "test": 0.15},
    }
    left = {name: one.why for name, one in found.items() if name not in numbers and name != moment}
    guessed = [
        f"{goal} is the target: its next {horizon} steps, from the last {history}        task forecasting",
        f"a row a moment: {moment}, {'irregular, put on a grid of ' + str(unit) if irregular else 'a step of ' + str(unit)}"
        if moment
        else "a row a step",
        *(f"{name} is left out: {why}" for name, why in left.items()),
        counted(len(numbers), "channel") + (f", a season of {season} steps" if season else ""),
    ]
    asked = "is it the column to be forecast?"
    unsure = {goal: f"{asked} {hint('--target COLUMN')}"} if target is None and len(numbers) > 1 else {}
    comments = {"licence": "say whose data it is", "split": "the newest rows judge", **({"target": f"unsure: {asked}"} if unsure else {})}
    return Draft(
        f"{counted(len(frame), 'row')}, {counted(len(found), 'column')}, {said}",
        guessed,
        unsure,
        card,
        first_experiment("forecast", len(frame) - history - horizon),
        comments,
        left,
    )


def _times(cells: pd.Series, guess: Guess) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        return cells
    return pd.to_datetime(cells, errors="coerce", format=guess.format or "ISO8601")


def _step(times: pd.Series) -> tuple[str | None, int | None, bool]:
    """The step as a card writes it, steps of a season, and whether times are irregular."""
    gaps = times.sort_values().diff().dropna()
    usual = gaps[gaps > pd.Timedelta(0)].mode().iloc[0]
    for size, unit, season in UNITS:
        if usual >= size:
            count = 1 if unit in ("YS", "QS", "MS") else round(usual / size)
            if unit in ("YS", "QS", "MS"):
                return f"1{unit}", season, bool((gaps > 1.2 * usual).any() or (gaps < 0.8 * usual).any())
            whole = pd.Timedelta("1D") if unit in ("min", "h") else None
            steps = round(whole / usual) if whole is not None else (season // count if season and season % count == 0 else season)
            return f"{count}{unit}", steps, bool((gaps != usual).any())
    return None, None, False
