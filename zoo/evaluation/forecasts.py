"""What is told of a forecast beside its metrics: its figures, drawn into axes, and how its error moves over the test split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import MaxNLocator

from zoo.data import Dataset
from zoo.data.windows import TIMES, Windows
from zoo.evaluation.metrics import metrics_of
from zoo.evaluation.parts import Judged
from zoo.tasks import Forecasting

SEEN = 2  # horizons of the history that are drawn
STEPS = 4096  # windows that are measured at once
STRETCHES, POINTS = 6, 60  # of the test split, at most: that are told, and that are drawn
UNITS: tuple[Any, ...] = ("D", "m", "s", "ns")  # that times are written in
TOLD = ("mse", "mae", "mase")  # of each stretch


def windows(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """Test windows spread over the split: what was seen, what came, and what was said of the first target."""
    assert isinstance(judged.task, Forecasting)
    part, horizon = judged.test, judged.task.horizon
    values, seen = part.target.values[:, 0], min(SEEN * horizon, judged.task.history)
    chosen = np.unique(np.linspace(0, len(part.rows) - 1, len(several)).astype(int))
    row = "" if TIMES in judged.data.raw.beside else "row "
    when = [f"from {row}{moment}" for moment in _words(_origins(judged.data, part.rows[chosen]))]
    marker = "o" if horizon == 1 else ""
    for axes, place, moment in zip(several, chosen, when, strict=False):
        start = int(part.target.starts[place])
        axes.plot(np.arange(1 - seen, 1), values[start - seen : start], color=colours["muted"], linewidth=1.2, label="seen")
        came, said = values[start : start + horizon], part.answers["forecast"][place, :, 0]
        axes.plot(np.arange(1, horizon + 1), came, color=colours["ink"], linewidth=1.2, marker=marker, label="true")
        axes.plot(np.arange(1, horizon + 1), said, color=colours["accent"], marker=marker, label="said")
        axes.axvline(0.5, color=colours["muted"], linewidth=0.8, linestyle=(0, (3, 3)))
        axes.set_title(moment, fontsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in several[len(chosen) :]:
        axes.set_visible(False)
    unit = f" ({judged.task.unit})" if judged.task.unit else ""
    several[0].set_title(f"{judged.task.columns[0]}{unit}, {when[0]}, test")
    several[0].legend(ncols=3, fontsize=8)
    several[len(chosen) - 1].set_xlabel("steps ahead")


def steps(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """The mean absolute error at each step ahead, scaled, beside that of the baselines."""
    assert isinstance(judged.task, Forecasting)
    horizon, y = judged.task.horizon, judged.test.y

    def by_step(outputs: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.sum([np.abs(outputs[span] - y[span]).mean(-1).sum(0) for span in _spans(len(y))], axis=0) / len(y)
        return found

    _beside(judged, several[0], colours, np.arange(1, horizon + 1), by_step)
    several[0].set(xlabel="steps ahead", title="error by step, test")
    several[0].xaxis.set_major_locator(MaxNLocator(integer=True))


def over_time(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """The mean absolute error as the forecast's origin rolls over the test split, scaled, beside that of the baselines."""
    assert isinstance(judged.task, Forecasting)
    when, y = _origins(judged.data, judged.test.rows), judged.test.y
    groups = _stretches(when, POINTS)

    def by_time(outputs: np.ndarray) -> np.ndarray:
        each = np.concatenate([np.abs(outputs[span] - y[span]).mean((1, 2)) for span in _spans(len(y))])
        return np.array([each[rows].mean() for rows in groups])

    axes = several[0]
    _beside(judged, axes, colours, np.array([np.sort(when[rows])[len(rows) // 2] for rows in groups]), by_time)
    axes.set(xlabel="first step that is forecast" if when.dtype.kind == "M" else "row of the first step", title="error over time, test")
    if when.dtype.kind == "M":
        places = AutoDateLocator(maxticks=6)
        axes.xaxis.set_major_locator(places)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(places))


def _beside(judged: Judged, axes: Axes, colours: Mapping[str, str], places: np.ndarray, error: Callable[[np.ndarray], np.ndarray]) -> None:
    """A line of errors for the model, and one for each baseline."""
    marker = "o" if len(places) == 1 else ""
    lines = zip(_everyone(judged.task, judged.test.outputs, judged.test.y).items(), ("accent", "muted", "second"), strict=False)
    for (name, outputs), colour in lines:
        axes.plot(places, error(outputs), color=colours[colour], marker=marker, label=name or "said")
    axes.set_ylabel("mae, scaled")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)


def backtest(task: Forecasting, data: Dataset, rows: np.ndarray, y: Any, outputs: np.ndarray) -> list[dict[str, Any]]:
    """How good the forecasts of a split are in consecutive stretches of time, by when the first step that is forecast is.

    Args:
        task: that gave the outputs.
        data: that the windows are of.
        rows: of the split.
        y: its encoded target.
        outputs: the model's.

    Returns:
        At most STRETCHES of about as many moments each, `{from, to, windows, mse, mae, mase, baselines: {name: {mse, mae, mase}}}`.
        `from` and `to` are times, or row numbers where the series have no times.
    """
    when, reading, told = _origins(data, rows), task.baseline_reading(), []
    everyone, stretches = _everyone(task, outputs, y), _stretches(when, STRETCHES)
    edges = _words(np.array([edge for some in stretches for edge in (when[some].min(), when[some].max())]))
    for some, begin, end in zip(stretches, edges[::2], edges[1::2], strict=True):
        found = {name: metrics_of(task, said[some], y.pick(some), reading) for name, said in everyone.items()}
        kept = {name: {key: one[key] for key in TOLD} for name, one in found.items()}
        told.append({"from": begin, "to": end, "windows": len(some), **kept.pop(""), "baselines": kept})
    return told


def _everyone(task: Any, outputs: np.ndarray, y: Any) -> dict[str, np.ndarray]:
    """Outputs by name: first the model's, which has none, then the baselines'."""
    return {"": outputs, task.baseline_name: task.baseline(None, y), **task.more_baselines(None, y)}


def _origins(data: Dataset, rows: np.ndarray) -> np.ndarray:
    """When the first step is that each window is asked for: its time, or its row number where the series have no times."""
    times = data.raw.beside.get(TIMES)
    found: np.ndarray = times.values[times.starts[rows]] if isinstance(times, Windows) else data.raw.ids[rows]
    return found


def _words(moments: np.ndarray) -> list[Any]:
    """Times as people write them, all of them no finer than the finest; numbers as they are."""
    if moments.dtype.kind == "M":
        unit = next(unit for unit in UNITS if unit == UNITS[-1] or (moments == moments.astype(f"M8[{unit}]")).all())
        return [str(one).replace("T", " ") for one in np.datetime_as_string(moments, unit=unit)]
    return [int(one) if one == int(one) else float(one) for one in moments]


def _stretches(when: np.ndarray, most: int) -> list[np.ndarray]:
    """The windows in consecutive groups of about as many moments each; those of one moment stay together."""
    known, which = np.unique(when, return_inverse=True)
    pieces = np.array_split(np.arange(len(known)), min(most, len(known)))
    return [np.flatnonzero((which >= piece[0]) & (which <= piece[-1])) for piece in pieces]


def _spans(size: int) -> Iterator[slice]:
    return (slice(start, start + STEPS) for start in range(0, size, STEPS))
