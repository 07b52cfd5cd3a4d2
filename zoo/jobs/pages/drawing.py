"""Figures of a page, as PNG in base64."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from zoo.evaluation.examples import short

SHOWN_COLUMNS = 30  # more drawings than that tell nobody anything
SHOWN_VALUES = 8  # of a category
INK, BAR = "#1f2933", "#3b7dd8"


def histograms(numbers: Mapping[str, np.ndarray]) -> str:
    """A histogram a column of numbers."""
    return columns(numbers, 1.7, lambda axes, values: axes.hist(values[~np.isnan(values)], bins=24, color=BAR))


def bars(categories: Mapping[str, np.ndarray]) -> str:
    """A bar a value, the most frequent at the top; missing cells are one of them."""

    def draw(axes: Any, values: np.ndarray) -> None:
        names, counts = np.unique(values, return_counts=True)
        often = np.argsort(-counts, kind="stable")[:SHOWN_VALUES][::-1]
        axes.barh(range(len(often)), counts[often], color=BAR)
        axes.set_yticks(range(len(often)), [short(str(names[one]), 14) or "(missing)" for one in often])

    return columns(categories, 2.2, draw)


def columns(values_of: Mapping[str, np.ndarray], height: float, draw: Callable[[Any, np.ndarray], Any]) -> str:
    """A small drawing a column, five a line."""
    shown = list(values_of.items())[:SHOWN_COLUMNS]
    if not shown:
        return ""
    lines = -(-len(shown) // 5)
    drawn = Figure(figsize=(10, height * lines), layout="constrained")
    for place, (name, values) in enumerate(shown):
        axes = drawn.add_subplot(lines, 5, place + 1)
        axes.set_yticks([])
        draw(axes, values)
        axes.set_title(short(name, 25), fontsize=8, color=INK)
        axes.tick_params(labelsize=6)
        axes.spines[["top", "right", "left"]].set_visible(False)
    return png(drawn)


def grid(count: int, across: int, height: float, draw: Callable[[Any, int], str]) -> str:
    """A small drawing an example; `draw(axes, place)` gives its title."""
    lines = -(-count // across)
    drawn = Figure(figsize=(10, height * lines), layout="constrained")
    for place in range(count):
        axes = drawn.add_subplot(lines, across, place + 1)
        axes.set_title(short(draw(axes, place), 18), fontsize=8, color=INK)
        axes.set_axis_off()
    return png(drawn)


def figure(width: float, height: float) -> tuple[Figure, Any]:
    """A figure of one drawing."""
    drawn = Figure(figsize=(width, height), layout="constrained")
    axes = drawn.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return drawn, axes


def png(drawn: Figure) -> str:
    file = io.BytesIO()
    drawn.savefig(file, format="png", dpi=110)
    return base64.b64encode(file.getvalue()).decode()
