"""A table over time, cut into windows: by id, by file, in the order of time, on a regular grid where the card names a step.

Nothing is copied: all series stand in one array, and a window is where it starts. No window leaves its id or its file, and
none is asked for a step that is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

from zoo.config.card import Card
from zoo.config.features import SeriesFeature
from zoo.data import fetch
from zoo.data.sources.raw import Raw
from zoo.data.windows import ANOMALIES, LAST, SERIES, TIMES, Windows
from zoo.errors import ZooError, did_you_mean

STEPS = 100_000_000  # of a grid, at most: a wrong step would fill the memory
NAME = "file"  # where a table's `attrs` hold the name of its file


@dataclass
class Series:
    """One id of one file, in the order of time.

    Attributes:
        name: the id; "" where the card names none.
        file: its file's name.
        part: `train` or `test`.
        values: float64 (steps, channels), NaN where one is missing.
        rows: of each step its row number in the source; -1 for a step of the grid without one.
        times: of each step: datetime64[ns], the number that stands there, or its place in the series.
    """

    name: str
    file: str
    part: str
    values: np.ndarray
    rows: np.ndarray
    times: np.ndarray


def cut(card: Card, source: Any, tables: Iterable[tuple[str, pd.DataFrame]]) -> Raw:
    """Windows over the series of some tables.

    Args:
        card: its `series` names columns, history, horizon, stride, and may name time, id and step.
        source: of the tables; its `anomalies` are what a reconstruction is judged by.
        tables: `train` or `test`, and the typed columns: channels float64, id and time text; the index is the line in the file,
            `attrs["file"]` its name. A table a file.

    Returns:
        `series` Windows float32 (n, history, channels). The target: of forecasting Windows float64 (n, horizon, targets); of
        reconstruction 1 where a window holds an anomalous time, else 0. `ids`: the row number of the first target step (of
        reconstruction: of the window's first step). `beside`: the columns of that row that the card names, and where the window
        ends (`zoo.data.windows`).

    Raises:
        ZooError: times that do not parse or stand twice, infinite values, an id that is missing, no series as long as a window.
    """
    if card.task not in ("forecasting", "reconstruction"):
        raise ZooError(f"a table that is cut into windows is for forecasting or reconstruction, and '{card.name}' is for {card.task}")
    series, first, parts = _feature(card), 0, []
    others: dict[str, list[Any]] = {name: [] for name in card.beside if name not in (series.id, series.time)}
    for part, frame in tables:
        file = str(frame.attrs.get(NAME) or source.files()[0].name)
        parts += _series_of(card, file, part, frame, first)
        first += len(frame)
        for name, found in others.items():
            found.append(frame[name].to_numpy())
    values = np.concatenate([one.values for one in parts]) if parts else np.empty((0, len(series.columns or ())))
    starts, which = _starts(card, parts, values)
    forecast = card.task == "forecasting"
    ahead, span = (series.shape[0], series.horizon or 0) if forecast else (0, series.shape[0])
    rows, times = (np.concatenate([getattr(one, key) for one in parts]) for key in ("rows", "times"))
    wrong = Windows(_anomalous(card, source, parts), starts, span)
    target: Any = Windows(values[:, _places(card)], starts + ahead, span) if forecast else _holding(wrong)
    names = np.array([one.name for one in parts], object)[which]
    last = starts + ahead + span - 1
    beside: dict[str, Any] = {SERIES: which, LAST: rows[last]}
    beside |= {TIMES: Windows(times, starts + ahead, span)} if series.time else {}
    beside |= {key: found for key, found in ((series.id, names), (series.time, times[starts + ahead])) if key}
    ids = rows[starts + ahead]
    beside |= {name: np.concatenate(found)[ids] for name, found in others.items()}
    given = np.array([one.part for one in parts])
    anomalies = getattr(source, "anomalies", None)
    beside |= {ANOMALIES: wrong} if anomalies and not forecast else {}
    return Raw(
        features={"series": Windows(_small(values), starts, series.shape[0])},
        target=target,
        ids=ids,
        given=given[which] if (given == "test").any() else None,
        beside=beside,
        files={anomalies.name: fetch.sha256_of(fetch.locate(anomalies, card.folder))} if anomalies else {},
        source_rows=first,
    )


def _feature(card: Card) -> SeriesFeature:
    assert card.series is not None
    return card.series


def _places(card: Card) -> list[int]:
    """Where the targets stand among the channels."""
    columns = list(_feature(card).columns or ())
    return [columns.index(name) for name in card.targets]


def _small(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _starts(card: Card, parts: list[Series], values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the windows start in all series one after another, and the number of the series that each lies in."""
    series, longest = _feature(card), max((len(one.values) for one in parts), default=0)
    forecast, history = card.task == "forecasting", series.shape[0]
    whole = history + (series.horizon or 0 if forecast else 0)
    if forecast and (series.season or 1) >= longest >= whole:
        raise ZooError(
            f"a season of {series.season} steps does not fit into '{card.name}': its longest series has {longest:,} steps",
            "use a shorter season (task.season, or the card's series.season), or none",
        )
    lacks = np.concatenate([[0], np.isnan(values[:, _places(card)] if forecast else values).any(-1).cumsum()])
    starts, which, offset = [], [], 0
    for number, one in enumerate(parts):
        found = np.arange(offset, offset + len(one.values) - whole + 1, series.stride)
        known = lacks[found + whole] == lacks[found + (history if forecast else 0)]
        starts.append(found[known])
        which.append(np.full(known.sum(), number))
        offset += len(one.values)
    if not sum(map(len, starts)):
        told = f"{history} steps of history and {series.horizon} of horizon" if forecast else f"{history} steps"
        why = f"its longest series has {longest:,} steps" if longest < whole else "in each of them a value of the target is missing"
        raise ZooError(f"the dataset '{card.name}' holds no window of {told}: {why}", "use a shorter history or horizon")
    return np.concatenate(starts), np.concatenate(which)


def _series_of(card: Card, file: str, part: str, frame: pd.DataFrame, first: int) -> list[Series]:
    """The series of a table, in the order in which their ids appear."""
    series, columns = _feature(card), list(_feature(card).columns or ())
    values = frame[columns].to_numpy(np.float64)
    bad = np.argwhere(np.isinf(_small(values)))
    if len(bad):
        row, column = bad[0]
        raise ZooError(f"{file}, line {frame.index[row]}: column '{columns[column]}' is infinite, or larger than a float32 can be")
    times = _times(frame[series.time], file, series.step is not None) if series.time else None
    names = _names(frame[series.id], file) if series.id else np.full(len(frame), "", object)
    found = []
    for name in dict.fromkeys(names):
        rows = np.flatnonzero(names == name)
        if times is None:
            found.append(Series(name, file, part, values[rows], rows + first, np.arange(len(rows))))
            continue
        rows = rows[np.argsort(times[rows], kind="stable")]
        one = Series(name, file, part, values[rows], rows + first, times[rows])
        found.append(_on_grid(one, series.step) if series.step else _refuse_equal(one, frame, first, series.time or ""))
    return found


def _names(cells: pd.Series, file: str) -> np.ndarray:
    names = cells.to_numpy(object)
    gone = np.flatnonzero(pd.isna(names) | (names == ""))
    if len(gone):
        raise ZooError(f"{file}, line {cells.index[gone[0]]}: the id '{cells.name}' is missing")
    return names


def _times(cells: pd.Series, file: str, dates: bool) -> np.ndarray:
    """Numbers as they are (unless dates are needed), else datetime64[ns], UTC."""
    words = cells.astype(str).str.strip()
    if not dates:
        numbers = pd.to_numeric(words, errors="coerce").to_numpy(np.float64)
        if len(numbers) and np.isfinite(numbers).all():
            return numbers
    moments = pd.to_datetime(words, format="ISO8601", errors="coerce", utc=True)
    wrong = np.flatnonzero(~moments.dt.year.between(1678, 2261))  # NaT too; others are no nanoseconds
    if len(wrong):
        raise ZooError(
            f"{file}, line {cells.index[wrong[0]]}: '{words.iloc[wrong[0]]:.40}' in column '{cells.name}' is no time",
            "times are written as 2016-07-01 13:00 (ISO 8601)" + ("" if dates else ", or as numbers"),
        )
    return moments.dt.tz_localize(None).to_numpy("datetime64[ns]")


def _refuse_equal(one: Series, frame: pd.DataFrame, first: int, column: str) -> Series:
    equal = np.flatnonzero(one.times[1:] == one.times[:-1])
    if len(equal):
        lines = [frame.index[row - first] for row in one.rows[equal[0] : equal[0] + 2]]
        raise ZooError(
            f"{one.file}, line {lines[1]}: the time '{frame[column].loc[lines[1]]}' stands in line {lines[0]} already",
            f"both of the series '{one.name}'" if one.name else None,
            "several series in one table are told apart by series.id; means of what falls together are taken with series.step, as 1h",
        )
    return one


def _on_grid(one: Series, step: str) -> Series:
    """The means of what falls into each step, from the first to the last; NaN in a gap."""
    index = pd.DatetimeIndex(one.times)
    two = (index[0] + pd.tseries.frequencies.to_offset(step) * 2) - index[0]
    count = 2 * (float(index.asi8[-1]) - float(index.asi8[0])) / two.as_unit("ns").value  # a difference of dates would overflow
    if count > STEPS:
        raise ZooError(f"{one.file}: a grid of {step} would have {count:,.0f} steps", "use a longer series.step")
    table = pd.DataFrame(one.values, index=index).assign(row=one.rows)
    bins = table.resample(step)
    rows = bins["row"].first()
    values = bins[list(range(one.values.shape[1]))].mean().to_numpy(np.float64)
    return Series(one.name, one.file, one.part, values, rows.fillna(-1).to_numpy(np.int64), rows.index.to_numpy("datetime64[ns]"))


def _anomalous(card: Card, source: Any, parts: list[Series]) -> np.ndarray:
    """Which steps of all series, one after another, are at an anomalous time, bool (steps,)."""
    wrong = np.zeros(sum(len(one.values) for one in parts), bool)
    if card.task == "forecasting" or getattr(source, "anomalies", None) is None:
        return wrong
    where = source.anomalies.name
    if _feature(card).time is None:
        raise ZooError(f"{where} holds times, but the card '{card.name}' names no series.time")
    told, offset = _told(card, source), 0
    for one in parts:
        name = next((key for key in told if PurePath(key).name == PurePath(one.file).name), None)
        if name is None:
            raise ZooError(f"{where} says nothing of {PurePath(one.file).name}", did_you_mean(one.file, told))
        for span in told[name]:
            low, high = _times(pd.Series([span, span] if isinstance(span, str) else span, name=name), where, dates=True)
            wrong[offset : offset + len(one.values)] |= (one.times >= low) & (one.times <= high)
        offset += len(one.values)
    return wrong


def _holding(wrong: Windows) -> np.ndarray:
    """1 for each window that holds a step that is marked, else 0."""
    before = np.concatenate([[0], wrong.values.cumsum()])
    return (before[wrong.starts + wrong.length] > before[wrong.starts]).astype(np.int64)


def _told(card: Card, source: Any) -> dict[str, list[Any]]:
    path = fetch.locate(source.anomalies, card.folder)
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ZooError(f"{path} is no JSON that can be read: {error}") from None
    lists = list(told.values()) if isinstance(told, dict) else [None]
    if not all(isinstance(one, list) and all(isinstance(span, str) or len(span) == 2 for span in one) for one in lists):
        raise ZooError(f'{path}: times by file name are expected, as {{"a.csv": [["2014-04-10 07:15", "2014-04-11 16:45"]]}}')
    return dict(told)
