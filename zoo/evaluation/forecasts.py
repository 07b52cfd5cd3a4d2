"""What the figures of a forecast show, drawn into axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from zoo.evaluation.parts import Judged
from zoo.tasks import Forecasting

SEEN = 2  # horizons of the history that are drawn
STEPS = 4096  # windows that are measured at once


def windows(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """Test windows spread over the split: what was seen, what came, and what was said of the first target."""
    assert isinstance(judged.task, Forecasting)
    part, horizon = judged.test, judged.task.horizon
    values, seen = part.target.values[:, 0], min(SEEN * horizon, judged.task.history)
    chosen = np.unique(np.linspace(0, len(part.rows) - 1, len(several)).astype(int))
    for axes, place in zip(several, chosen, strict=False):
        start = int(part.target.starts[place])
        axes.plot(np.arange(1 - seen, 1), values[start - seen : start], color=colours["muted"], linewidth=1.2, label="seen")
        axes.plot(np.arange(1, horizon + 1), values[start : start + horizon], color=colours["ink"], linewidth=1.2, label="true")
        axes.plot(np.arange(1, horizon + 1), part.answers["forecast"][place, :, 0], color=colours["accent"], label="said")
        axes.set_title(f"row {judged.data.raw.ids[part.rows[place]]}", fontsize=8)
    unit = f" ({judged.task.unit})" if judged.task.unit else ""
    several[0].set_title(f"{judged.task.columns[0]}{unit}, from row {judged.data.raw.ids[part.rows[chosen[0]]]}, test")
    several[0].legend(ncols=3, fontsize=8)
    several[-1].set_xlabel("steps ahead")


def steps(judged: Judged, axes: Axes, colours: Mapping[str, str]) -> None:
    """The mean absolute error at each step ahead, scaled, beside that of repeating the last value."""
    assert isinstance(judged.task, Forecasting)
    part, task = judged.test, judged.task
    marker = "o" if task.horizon == 1 else ""
    for outputs, name, colour in ((part.outputs, "said", "accent"), (task.baseline(None, part.y), task.baseline_name, "muted")):
        axes.plot(np.arange(1, task.horizon + 1), _by_step(outputs, part.y), color=colours[colour], marker=marker, label=name)
    axes.set(xlabel="steps ahead", ylabel="mae, scaled")
    axes.set_ylim(bottom=0)
    axes.set_title("error by step, test")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()


def _by_step(outputs: np.ndarray, y: Any) -> np.ndarray:
    spans = [slice(start, start + STEPS) for start in range(0, len(outputs), STEPS)]
    found: np.ndarray = np.sum([np.abs(outputs[span] - y[span]).mean(-1).sum(0) for span in spans], axis=0) / len(outputs)
    return found
