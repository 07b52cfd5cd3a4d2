"""The figures of a search's page. They are as wide as a phone and grow downwards, so that many keys with long names stay readable."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zoo.evaluation.drawing import WIDTH, log_if_wide, markup, stacked
from zoo.evaluation.style import ACCENT, INK, LINE, MUTED, PAPER, SECOND, STYLE
from zoo.tuning.folder import SearchFolder
from zoo.tuning.importance import Importance
from zoo.tuning.scales import Scale, ranked, scales, scored, short_keys
from zoo.tuning.trials import FAILED, PRUNED, Trial

SHOWN = 300  # trials that are drawn one by one, where the best of them can still be seen
MARKS = 7  # on an axis, at most
NAME = 34  # letters of a key
LETTER = 0.0118  # of an axis as wide as the figure, in the small size
DASHED = (0, (3, 3))


@dataclass(frozen=True)
class Looked:
    """What the figures are drawn of."""

    folder: SearchFolder
    trials: list[Trial]
    importance: Importance

    @cached_property
    def best(self) -> list[Trial]:
        return ranked(self.trials, self.folder.sign)

    @cached_property
    def shown(self) -> list[tuple[Trial, float]]:
        """Completed trials with how good they are, from 0 to 1: the best last; of very many the best, and evenly of the others."""
        best, count = self.best, len(self.best)
        half = SHOWN // 2
        places = range(count) if count <= SHOWN else [*range(half), *np.linspace(half, count - 1, SHOWN - half).astype(int)]
        return [(best[place], 1 - place / max(count - 1, 1)) for place in reversed(places)]

    @cached_property
    def scales(self) -> list[Scale]:
        return scales(self.folder.space)

    @cached_property
    def names(self) -> dict[str, str]:
        return {key: _cut(name, NAME) for key, name in short_keys(self.folder.keys).items()}


def draw(looked: Looked) -> dict[str, str]:
    """The figures that the trials allow, by name, as markup for a page."""
    drawn = {}
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of a choice in a script that the font lacks
        for name, make in FIGURES.items():
            figure = make(looked)
            if figure is not None:
                drawn[name] = markup(figure, name)
    return drawn


def history(looked: Looked) -> Figure | None:
    """The score of each trial, and the best so far."""
    known = scored(looked.trials)
    if not known:
        return None
    figure, (axes,) = stacked(height=3.6)
    scores = np.array([trial.score for trial in known])
    numbers = [trial.number for trial in known]
    best = (np.maximum if looked.folder.sign > 0 else np.minimum).accumulate(scores)
    axes.step([*numbers, max(trial.number for trial in looked.trials)], [*best, best[-1]], where="post", color=SECOND, label="best so far")
    axes.scatter(numbers, scores, s=16, color=ACCENT, alpha=0.75, linewidth=0, label="completed", zorder=3)
    log_if_wide(axes, scores)
    low, high = axes.get_ylim()
    stopped = [trial for trial in looked.trials if trial.state == PRUNED and trial.score is not None]
    if stopped:
        inside = np.clip([trial.score or 0.0 for trial in stopped], low, high)  # a hopeless one shall not flatten the others
        axes.scatter(
            [one.number for one in stopped], inside, s=16, facecolor="none", edgecolor=MUTED, linewidth=1, label="pruned", zorder=3
        )
    failed = [trial.number for trial in looked.trials if trial.state == FAILED]
    if failed:
        at: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        axes.scatter(failed, [0.02] * len(failed), s=18, marker="x", color=MUTED, linewidth=1.1, label="failed", zorder=4, **at)
    axes.set_ylim(low, high)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="trial", ylabel=looked.folder.objective)
    figure.legend(loc="outside upper left", ncols=4, handletextpad=0.4, columnspacing=1.2)
    return figure


def parallel(looked: Looked) -> Figure | None:
    """An axis a key below one another and one of the score; a line is a trial."""
    if len(looked.best) < 2:
        return None
    axes_of, row = looked.scales, 0.62
    height = row * (len(axes_of) + 1) + 0.3
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set(xlim=(-0.03, 1.03), ylim=(-(len(axes_of) + 1) + 0.35, 0.6))
    scores = np.array([trial.score or 0.0 for trial in looked.best])
    low, high = float(scores.min()), float(scores.max())
    log = low > 0 and high > 20 * low
    score = Scale(looked.folder.objective, low=low, high=high if high > low else low + 1, log=log)
    for place, scale in enumerate([*axes_of, score]):
        is_score = place == len(axes_of)
        _parallel_axis(axes, -place, scale, looked.folder.objective if is_score else looked.names[scale.key], is_score)
    few = min(1.0, 40 / len(looked.shown))  # of very many, only the best stand out
    for trial, good in looked.shown:
        x, y = _line(trial, axes_of, score)
        alpha = 0.1 * few + 0.6 * good ** (2 / few)
        best = trial is looked.best[0]
        axes.plot(x, y, color=SECOND if best else ACCENT, alpha=1 if best else alpha, linewidth=2 if best else 1.1)
    return figure


def _parallel_axis(axes: Axes, y: float, scale: Scale, name: str, is_score: bool) -> None:
    axes.plot([0, 1], [y, y], color=MUTED if is_score else LINE, linewidth=1.2, zorder=1)
    axes.text(0, y + 0.14, name, fontsize=8.5, color=INK, zorder=5, fontweight="bold" if is_score else "normal", **_halo())
    for at, text in _thinned(scale.marks):
        aligned = "left" if at < 0.02 else "right" if at > 0.98 else "center"
        axes.plot([at, at], [y - 0.04, y + 0.04], color=MUTED, linewidth=0.8, zorder=1)
        axes.text(at, y - 0.1, text, fontsize=7.5, color=MUTED, ha=aligned, va="top", zorder=5, **_halo())


def _halo() -> dict[str, Any]:
    """Paper behind letters, so that lines that pass do not strike them out."""
    return {"bbox": {"facecolor": PAPER, "alpha": 0.7, "linewidth": 0, "pad": 0.6}}


def _line(trial: Trial, axes_of: Sequence[Scale], score: Scale) -> tuple[list[float], list[float]]:
    """A trial's line; it passes by the axes that do not count for it. Equal choices are spread a little, by the trial's number."""
    x, y = [], []
    for place, scale in enumerate(axes_of):
        if scale.key in trial.values:
            x.append(scale.place(trial.values[scale.key]) + (0.02 * _spread(trial.number) if scale.choices else 0.0))
            y.append(float(-place))
    return [*x, score.place(trial.score)], [*y, float(-len(axes_of))]


def _spread(number: int) -> float:
    """From -1 to 1, evenly over the numbers, and always the same."""
    return 2 * (number * 0.6180339887 % 1) - 1


def _thinned(marks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Marks whose letters do not meet; the first and the last stay, long names are cut."""
    cut = [(at, _cut(text, 16, middle=True)) for at, text in marks]
    kept = [cut[0]]
    for at, text in cut[1:]:
        last, before = kept[-1]
        room = at - last - LETTER * ((len(text) if at > 0.98 else len(text) / 2) + (len(before) if last < 0.02 else len(before) / 2))
        if room > LETTER:
            kept.append((at, text))
        elif at > 0.98 and len(kept) > 1:
            kept[-1] = (at, text)
    return kept


def bars(looked: Looked) -> Figure | None:
    """What each key explains of the order of the scores."""
    shares = looked.importance.shares
    if not shares:
        return None
    shown = list(shares.items())[:20]
    figure, (axes,) = stacked(height=0.5 + 0.42 * len(shown))
    axes.grid(False)
    axes.set_axis_off()
    for place, (key, share) in enumerate(shown):
        axes.barh(-place, share, height=0.22, color=ACCENT, linewidth=0)
        axes.text(0, 0.2 - place, looked.names[key], fontsize=8.5, color=INK, va="bottom")
        axes.text(share + 0.012, -place, f"{100 * share:.0f} %", fontsize=8, color=MUTED, va="center")
    axes.set(xlim=(0, 1.1), ylim=(0.4 - len(shown), 0.75))
    return figure


def slices(looked: Looked) -> Figure | None:
    """The score over each key, a panel each."""
    if len(looked.best) < 2:
        return None
    keys = looked.scales
    rows = -(-len(keys) // 2)
    figure = Figure(figsize=(WIDTH, 1.75 * rows), layout="constrained")
    figure.subplots(rows, 2, squeeze=False, sharey=True)
    for axes, scale in zip(figure.axes, keys, strict=False):
        _slice(axes, scale, looked)
    for axes in figure.axes[len(keys) :]:
        axes.set_axis_off()
    log_if_wide(figure.axes[0], np.array([trial.score for trial in looked.best]))
    figure.supylabel(looked.folder.objective, fontsize=8.5, color=MUTED)
    return figure


def _slice(axes: Axes, scale: Scale, looked: Looked) -> None:
    points = [(trial, good) for trial, good in looked.shown if scale.key in trial.values]
    spread = 0.04 if scale.choices else 0.0
    x = [scale.place(trial.values[scale.key]) + spread * _spread(trial.number) for trial, _ in points]
    best = [SECOND if trial is looked.best[0] else ACCENT for trial, _ in points]
    axes.scatter(x, [trial.score or 0.0 for trial, _ in points], s=11, c=best, alpha=0.7, linewidth=0)
    marks = _halved(scale.marks)
    axes.set_xticks([at for at, _ in marks], [_cut(text, 30 // len(marks), middle=True) for _, text in marks], fontsize=7)
    axes.set_xlim(-0.08, 1.08)
    axes.tick_params(axis="y", labelsize=7)
    axes.tick_params(axis="x", length=0)
    axes.set_title(_cut(looked.names[scale.key], 26), fontsize=8)


def _halved(marks: Sequence[tuple[float, str]]) -> Sequence[tuple[float, str]]:
    """So many marks as half a figure has room for; the first and the last stay."""
    most = max(2, min(5, 26 // max(len(text[:10]) for _, text in marks)))
    if len(marks) <= most:
        return marks
    return [marks[int(place)] for place in np.linspace(0, len(marks) - 1, most).round()]


def _cut(text: str, length: int, middle: bool = False) -> str:
    """A text of so many letters at most: of a dotted key the end tells most, of choices what they begin and end with."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    begin = (length - 1) // 2 if middle else 0
    return text[:begin] + "…" + text[begin + 1 - length :]


FIGURES: dict[str, Callable[[Looked], Figure | None]] = {
    "history": history,
    "importance": bars,
    "parallel": parallel,
    "slices": slices,
}
