"""What drawings of a page share: axes of its width, a file that is the same every time, the page's own colours.

It loads neither TensorFlow nor Keras.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from zoo.evaluation.style import COLOURS

WIDTH = 4.8  # inches: a phone's width at a readable size


def stacked(rows: int = 1, ratios: tuple[float, ...] | None = None, share: bool = False, height: float = 4.6) -> tuple[Figure, list[Axes]]:
    """A figure with so many axes below one another."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    grid = figure.subplots(rows, 1, squeeze=False, sharex=share, height_ratios=ratios)
    return figure, [axes for row in grid for axes in row]


def log_if_wide(axes: Axes, values: np.ndarray) -> None:
    """A loss that falls to a twentieth is a flat line on any other scale."""
    if values.min() > 0 and values.max() > 20 * values.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()


def save(figure: Figure, name: str, path: Path | io.BytesIO, kind: str = "svg") -> None:
    FigureCanvasAgg(figure)
    with matplotlib.rc_context({"svg.hashsalt": name}):  # the same drawing is the same file
        figure.savefig(path, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else None)


def markup(figure: Figure, name: str) -> str:
    """A figure as markup for a page, without a file."""
    drawn = io.BytesIO()
    save(figure, name, drawn)
    return _of_page(drawn.getvalue().decode(), name)


def inline(path: Path) -> str:
    """A drawn SVG as markup for a page: its colours and its font are the page's, its ids its own."""
    return _of_page(path.read_text("utf-8"), path.stem)


def _of_page(text: str, name: str) -> str:
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", text))
    text = re.sub(r"font-family: ?[^;\"]+;?", "", text)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    for colour_name, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{colour_name})")
    return text
