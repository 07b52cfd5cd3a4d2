"""The figures of a report, drawn with matplotlib's objects (no pyplot, no state), and which task has which.

Drawn in the colours of paper; `zoo/evaluation/drawing.py` makes a drawing follow the page's own, light or dark.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageOps

from zoo.config.metrics import TASK_FACTS
from zoo.errors import ZooError
from zoo.evaluation import anomalies, examples, forecasts, residuals, samples, writing
from zoo.evaluation.drawing import log_if_wide, save, stacked
from zoo.evaluation.examples import short
from zoo.evaluation.parts import Judged
from zoo.evaluation.style import ACCENT, COLOURS, INK, MUTED, PAPER, SECOND, STYLE
from zoo.runs import write_atomically

MANY = 20  # classes, from which a confusion matrix holds no numbers
CURVES = 3  # of learning, at most


def draw(judged: Judged, folder: Path) -> dict[str, Path]:
    """Draws the figures of the run's task that its data allows; returns their files by name."""
    drawn = {}
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of a class named in a script that the font lacks
        for name, make in FIGURES[judged.task.name].items():
            figure = make(judged)
            if figure is not None:
                drawn[name] = folder / f"{name}.{'png' if name == 'examples' else 'svg'}"
                write_atomically(drawn[name], lambda path, figure=figure, name=name: save(figure, name, path, path.suffix[1:]))  # type: ignore[misc]
    return drawn


def learning_curves(judged: Judged) -> Figure:
    """Loss, and what is logged beside it, epoch by epoch; the kept epoch is marked."""
    history, facts = judged.run.history, TASK_FACTS[judged.task.name]
    needed = facts.logged if not facts.watched else ("loss",)
    lacking = [name for one in needed for name in ("epoch", one, f"val.{one}") if name not in history]
    if lacking:
        raise ZooError(f"{judged.run.path / 'history.csv'} has no column '{lacking[0]}'", "it was changed by hand")
    names = [name for name in map(str, history) if f"val.{name}" in history][:CURVES]
    figure, several = stacked(len(names), share=True, height=max(3.2, 2.3 * len(names)))
    best, marker = int(judged.run.facts.get("best_epoch") or 0), "o" if len(history) == 1 else ""
    for axes, name in zip(several, names, strict=True):
        axes.plot(history["epoch"], history[name], color=ACCENT, marker=marker, label="train")
        axes.plot(history["epoch"], history[f"val.{name}"], color=SECOND, marker=marker, label="val")
        axes.set_title(name)
        if name == "loss":
            log_if_wide(axes, np.concatenate([history["loss"], history["val.loss"]]))
        at_best = history.loc[history["epoch"] == best, f"val.{name}"]
        if len(at_best):
            axes.axvline(best, color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)))
            axes.plot([best], at_best, "o", color=SECOND, markersize=5, label=f"kept: epoch {best}")
    several[0].legend()
    several[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    several[-1].set_xlabel("epoch")
    return figure


def confusion(judged: Judged) -> Figure | None:
    """What examples of each class were said to be: shares of a row, and counts where there is room."""
    if judged.data.card.multilabel:
        return None
    counts = np.array(judged.test.metrics["confusion"])
    names, many = [short(name) for name in judged.data.classes or ()], len(counts) > MANY
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, (axes,) = stacked()
    axes.grid(False)
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour, alpha = ACCENT if row == column else SECOND, 0.08 + 0.9 * float(shares[row, column])
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, alpha=alpha, linewidth=0))
        if not many:
            size = min(9.0, 120 / len(counts))
            paint = PAPER if shares[row, column] > 0.6 else INK
            axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=size, color=paint)
    step = -(-len(counts) // 40)
    places = np.arange(0, len(counts), step)
    upright = max(map(len, names)) <= 3 or len(names) <= 3
    size = min(9.0, max(4.5, 140 / len(places)))
    axes.set_xticks(places, [names[place] for place in places], rotation=0 if upright and step == 1 else 90, fontsize=size)
    axes.set_yticks(places, [names[place] for place in places], fontsize=size)
    axes.set(xlim=(-0.5, len(counts) - 0.5), ylim=(len(counts) - 0.5, -0.5), aspect="equal", xlabel="said", ylabel="true")
    axes.tick_params(length=0)
    axes.set_title("confusion, test")
    return figure


def calibration(judged: Judged) -> Figure:
    """How often answers of a confidence are right, and how many there are."""
    confidence, right = judged.test.answers["probability"], judged.test.answers["label"] == judged.test.target
    edges = np.linspace(0, 1, 11)
    which = np.clip(np.digitize(confidence, edges) - 1, 0, 9)
    counts = np.bincount(which, minlength=10)
    known = np.flatnonzero(counts)
    mean, share = (np.bincount(which, weights=values, minlength=10)[known] / counts[known] for values in (confidence, right))
    error = float(np.average(np.abs(mean - share), weights=counts[known]))
    figure, (axes, below) = stacked(2, ratios=(3, 1), share=True)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.plot(mean, share, color=ACCENT, linewidth=0.8, alpha=0.5)
    axes.scatter(mean, share, s=12 + 90 * counts[known] / counts.max(), color=ACCENT, alpha=0.85, linewidth=0)
    axes.set(xlim=(0, 1.03), ylim=(0, 1.04), ylabel="of them right")
    axes.set_title(f"calibration, test: off by {error:.3f} on average")
    below.bar(edges[:-1] + 0.05, counts, width=0.09, color=ACCENT, alpha=0.35, linewidth=0)
    below.set_ylabel("answers")
    below.set_xlabel("probability of the answer")
    below.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    return figure


def roc(judged: Judged) -> Figure | None:
    """Two classes: true against false positives at every threshold; the chosen one is marked."""
    from sklearn.metrics import roc_curve

    scores, y = _second_class(judged)
    if scores is None or len(np.unique(y)) < 2:
        return None
    false, true, _ = roc_curve(y, scores)
    said = judged.test.answers["label"] == (judged.data.classes or ())[1]
    figure, (axes,) = stacked()
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.plot(false, true, color=ACCENT)
    axes.plot([said[y == 0].mean()], [said[y == 1].mean()], "o", color=SECOND, markersize=6, label="at the chosen threshold")
    axes.set(xlim=(-0.01, 1), ylim=(0, 1.02), xlabel="false positives", ylabel="true positives")
    axes.set_title(f"ROC of '{short((judged.data.classes or ())[1])}', test: area {judged.test.metrics['roc_auc']:.3f}")
    axes.legend(loc="lower right")
    return figure


def precision_recall(judged: Judged) -> Figure | None:
    """Two classes: precision against recall at every threshold."""
    from sklearn.metrics import precision_recall_curve

    scores, y = _second_class(judged)
    if scores is None or not y.any():
        return None
    precision, recall, _ = precision_recall_curve(y, scores)
    figure, (axes,) = stacked()
    axes.axhline(y.mean(), color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)), label="who always says so")
    axes.plot(recall, precision, color=ACCENT, drawstyle="steps-post")
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title(f"precision and recall of '{short((judged.data.classes or ())[1])}', test")
    axes.legend(loc="lower left")
    return figure


def _second_class(judged: Judged) -> tuple[np.ndarray | None, np.ndarray]:
    """The logit of the second of two classes, and where it is true."""
    outputs = judged.test.outputs
    return (outputs[:, 0] if outputs.shape[1] == 1 else None), judged.test.y


def example_grid(judged: Judged) -> Figure | None:
    """Test images, sounds or series, the worst mistakes first; drawn as one picture, for axes of their own cost a second."""
    if judged.data.card.kind not in examples.PICTURED:
        return None
    side, gap, line, columns = 150, 15, 42, 5  # pixels
    shown = examples.worst(judged, 4 * columns)
    width, height = columns * (side + gap) + gap, -(-len(shown) // columns) * (side + line) + gap
    figure = Figure(figsize=(width / 100, height / 100))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    picture = Image.new("RGB", (width, height), PAPER)
    for place, one in enumerate(shown):
        left, top = gap + place % columns * (side + gap), line + place // columns * (side + line)
        image = examples.picture(judged, one.row).convert("RGB")
        how = Image.Resampling.NEAREST if max(image.size) < side else Image.Resampling.LANCZOS
        picture.paste(ImageOps.contain(image, (side, side), how), (left, top))
        text = f"{short(one.said)}\ntrue: {short(one.truth)}"
        axes.text(left + side / 2, top - 4, text, ha="center", va="bottom", fontsize=8, color=INK if one.right else SECOND)
    axes.imshow(np.asarray(picture), interpolation="nearest", aspect="auto")
    return figure


def value_figure(judged: Judged) -> Figure:
    """What was said against what is true, and how the errors are spread."""
    rows, alone = residuals.panels(judged), judged.test.target.ndim == 1
    figure, several = stacked(rows, ratios=(5, 3) if alone else None, height=5.6 if alone else 3.2 * rows)
    residuals.draw(judged, several, COLOURS)
    return figure


def _drawn(
    draw: Callable[[Judged, list[Axes], dict[str, str]], None], rows: int | Callable[[Judged], int], height: float
) -> Callable[[Judged], Figure | None]:
    """A figure that another file draws into so many axes of this height, or none where it needs none."""

    def make(judged: Judged) -> Figure | None:
        count = rows if isinstance(rows, int) else rows(judged)
        if not count:
            return None
        figure, several = stacked(count, height=height * count)
        draw(judged, several, COLOURS)
        return figure

    return make


FIGURES: dict[str, dict[str, Callable[[Judged], Figure | None]]] = {
    "classification": {
        "learning_curves": learning_curves,
        "confusion": confusion,
        "calibration": calibration,
        "roc": roc,
        "precision_recall": precision_recall,
        "examples": example_grid,
    },
    "regression": {"learning_curves": learning_curves, "residuals": value_figure, "examples": example_grid},
    "reconstruction": {
        "learning_curves": learning_curves,
        "anomalies": _drawn(anomalies.over_time, anomalies.panels, 1.8),
        "scores": _drawn(anomalies.scores, 1, 3.4),
        "reconstructions": _drawn(anomalies.reconstructions, anomalies.pictured, 2.2),
        "embedding": _drawn(anomalies.embedding, anomalies.embeds, 4.4),
    },
    "generation": {
        "samples": _drawn(samples.grid, samples.pictured, 4.9),
        "between": _drawn(samples.between, samples.pictured, 3.4),
        "decoded": _drawn(samples.reconstructions, samples.decodes, 1.5),
        "embedding": _drawn(anomalies.embedding, anomalies.embeds, 4.4),
        "learning_curves": learning_curves,
    },
    "language": {"learning_curves": learning_curves, "places": _drawn(writing.places, 1, 3.4)},
    "forecasting": {
        "learning_curves": learning_curves,
        "forecasts": _drawn(forecasts.windows, 4, 1.85),
        "steps": _drawn(forecasts.steps, 1, 3.4),
        "backtest": _drawn(forecasts.over_time, 1, 3.4),
    },
}
