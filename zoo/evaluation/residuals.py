"""What the figure of a regression shows, drawn into axes: what was said against what is true, and how the errors are spread."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from zoo.evaluation.parts import Judged

POINTS = 2000  # of a scatter
PANELS = 4  # targets that are drawn, where they are several


def panels(judged: Judged) -> int:
    """How many axes are needed: of one target two, else one a target, of the first few."""
    return min(len(judged.data.card.targets), PANELS) if judged.test.target.ndim > 1 else 2


def draw(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """Said against true of each target; of a single one the errors below it."""
    truth, said = judged.test.target, judged.test.answers["value"].astype(np.float64)
    unit = f" ({judged.data.card.target.unit})" if judged.data.card.target.unit else ""
    if truth.ndim > 1:
        for place, (name, axes) in enumerate(zip(judged.data.card.targets, several, strict=False)):
            _scatter(axes, truth[:, place], said[:, place], f"{name}{unit}", colours)
        several[0].set_title("said and true, test")
        return
    axes, below = several
    _scatter(axes, truth, said, f"{judged.data.card.target.name}{unit}", colours)
    axes.set_title("said and true, test")
    below.hist(said - truth, bins=min(40, max(8, len(truth) // 6)), color=colours["accent"], alpha=0.6, linewidth=0)
    below.axvline(0, color=colours["muted"], linewidth=0.8, linestyle=(0, (3, 3)))
    below.set(xlabel=f"said - true{unit}", ylabel="examples")
    below.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _scatter(axes: Axes, truth: np.ndarray, said: np.ndarray, name: str, colours: Mapping[str, str]) -> None:
    some = np.linspace(0, len(truth) - 1, min(len(truth), POINTS)).astype(int)
    low, high = min(truth.min(), said.min()), max(truth.max(), said.max())
    axes.plot([low, high], [low, high], color=colours["muted"], linewidth=0.8, linestyle=(0, (3, 3)))
    axes.plot(truth[some], said[some], "o", color=colours["accent"], alpha=0.5, markersize=4, markeredgewidth=0)
    axes.set(xlabel=f"true {name}", ylabel="said")
