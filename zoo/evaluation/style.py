"""How figures look: the colours of paper, which a page may replace by its own, and matplotlib's settings."""

from __future__ import annotations

from typing import Any

COLOURS = {"ink": "#1f2a37", "muted": "#66717f", "line": "#dfe3e8", "accent": "#2f6fad", "second": "#c4762c", "paper": "#ffffff"}
INK, MUTED, LINE, ACCENT, SECOND, PAPER = COLOURS.values()
STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a class may be named $5
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "svg.fonttype": "none",
}
