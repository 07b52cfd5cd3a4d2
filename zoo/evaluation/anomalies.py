"""What is told of a reconstruction beside the metrics of its examples: events, a baseline, and its figures, drawn into axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FuncFormatter, NullFormatter
from PIL import Image

from zoo.assembly import Opened
from zoo.data import Dataset
from zoo.data.windows import ANOMALIES, SERIES, TIMES, Windows, steps_of
from zoo.evaluation.examples import short
from zoo.evaluation.metrics import metrics_of
from zoo.evaluation.parts import Judged, Part
from zoo.evaluation.predictions import forward
from zoo.tasks import Reconstruction

SHOWN = 3  # series, at most
POINTS = 2000  # of a line, or of a scatter
PAIRS, LINES = 12, 4  # reconstructions that are shown: of images, of sequences
SIDE, GAP, COLUMNS = 120, 12, 6  # of a grid of images: pixels, pixels, and how many
EVENTS = ("event_precision", "event_recall", "event_f1")


def completed(opened: Opened, data: Dataset, parts: Mapping[str, Part]) -> dict[str, Part]:
    """The splits beside whoever tells each example as the mean of those that were learned; its threshold is fitted as the model's is."""
    task = opened.task
    mean = _mean(opened, data)
    give = forward(opened, lambda features, y: task.outputs(lambda *_, **__: mean, features, y))
    outputs = {name: give(data.raw, part.rows, part.y) for name, part in parts.items()}
    reading, made = task.fit_reading(outputs["val"], parts["val"].y), {}
    for name, part in parts.items():
        alarms = outputs[name][:, 0] > np.float32(reading["threshold"])
        made[name] = replace(
            part,
            baseline={**metrics_of(task, outputs[name], part.y, reading), **events(data, part.rows, alarms)},
        )
    return made


def _mean(opened: Opened, data: Dataset) -> tf.Tensor:
    """The mean of the training examples that were learned, as the model takes them, (1, …)."""
    rows = data.rows_of("train", opened.task.normal)
    sums = forward(opened, lambda features, y: ops.sum(ops.cast(features, "float32"), axis=0, keepdims=True))(data.raw, rows, rows)
    return tf.constant(sums.sum(0, keepdims=True, dtype=np.float64) / len(rows), tf.float32)


def events(data: Dataset, rows: np.ndarray, alarms: np.ndarray) -> dict[str, Any]:
    """How well alarms find what happened, not how well they find each step of it; of windows over series whose anomalies are known.

    An event is a run of steps that are labelled as anomalous; it is found where one window at least that holds a step of it gives an
    alarm. Windows of a series that give one, one after another, are one alarm; it is false where none of them holds a labelled step.
    `event_recall` is found events of all, `event_precision` found events of these and the false alarms, as Hundman et al. 2018
    (section 4, https://arxiv.org/abs/1802.04431) count them: several alarms inside one event count once.

    Args:
        data: that the windows are of.
        rows: of the split, (n,).
        alarms: of each, bool (n,).

    Returns:
        The three metrics, and `events`: the counts `labelled`, `found`, `false_alarms`. None each where no event is known.
    """
    none = {**dict.fromkeys(EVENTS), "events": None}
    if ANOMALIES not in data.raw.beside:
        return none
    labelled = found = false = 0
    for places, marks, first in _each_series(data, rows):
        mine = data.raw.features["series"].pick(rows[places])
        flagged = steps_of(mine.pick(np.flatnonzero(alarms[places])))[first : first + len(marks)]
        before, starts = np.concatenate([[0], marks.cumsum()]), mine.starts - first
        right = before[starts + mine.length] > before[starts]
        true = _runs(marks)
        labelled += len(true)
        found += sum(bool(flagged[low:high].any()) for low, high in true)
        false += sum(not right[low:high].any() for low, high in _runs(alarms[places]))
    if not labelled:
        return none
    told = {"labelled": labelled, "found": found, "false_alarms": false}
    precision = found / (found + false) if found + false else 0.0
    f1 = 2 * found / (found + false + labelled)  # both in one: found events are the only right ones of either
    return {"event_precision": precision, "event_recall": found / labelled, "event_f1": f1, "events": told}


def _each_series(data: Dataset, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Of each series: which of the rows are windows of it, which steps from its first window's on are labelled, and that first step."""
    windows, which = data.raw.features["series"], data.raw.beside[SERIES][rows]
    wrong = data.raw.beside.get(ANOMALIES)
    for number in np.unique(which):
        places = np.flatnonzero(which == number)
        first, last = windows.starts[rows[places]].min(), windows.starts[rows[places]].max() + windows.length
        covered = steps_of(windows.pick(rows[places]))[first:last]
        yield places, covered & wrong.values[first:last] if isinstance(wrong, Windows) else np.zeros(last - first, bool), int(first)


def _runs(marks: np.ndarray) -> np.ndarray:
    """Where the runs of marked steps begin and end, (n, 2)."""
    return np.flatnonzero(np.diff(np.concatenate([[0], marks, [0]]))).reshape(-1, 2)


def panels(judged: Judged) -> int:
    """How many axes `over_time` needs: two a series."""
    over = judged.data.raw.features.get("series")
    return 2 * min(SHOWN, len(np.unique(judged.data.raw.beside[SERIES][judged.test.rows]))) if isinstance(over, Windows) else 0


def over_time(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """The test series with what is labelled shaded and the ends of the windows that give an alarm marked; below each the score."""
    part, windows = judged.test, judged.data.raw.features["series"]
    times = judged.data.raw.beside.get(TIMES)
    step_times = times.values if isinstance(times, Windows) else np.arange(len(windows.values))
    for number, (places, marks, first) in enumerate(_each_series(judged.data, part.rows)):
        if number == SHOWN:
            break
        axes, below = several[2 * number : 2 * number + 2]
        when, values = step_times[first : first + len(marks)], windows.values[first : first + len(marks), 0]
        axes.plot(*_thinned(when, values), color=colours["ink"], linewidth=0.9)
        for low, high in _runs(marks):
            for one in (axes, below):
                one.axvspan(when[low], when[high - 1], color=colours["second"], alpha=0.18, linewidth=0)
        ends = when[windows.starts[part.rows[places]] - first + windows.length - 1]
        scores, alarms = part.answers["score"][places], part.answers["anomaly"][places]
        axes.plot(ends[alarms], np.full(alarms.sum(), np.nanmin(values)), "|", color=colours["accent"], markersize=7)
        below.plot(*_thinned(ends, scores), color=colours["accent"], linewidth=1.0)
        below.axhline(judged.reading["threshold"], color=colours["muted"], linewidth=0.8, linestyle=(0, (3, 3)))
        below.set_ylabel("score")
        for one in (axes, below):
            one.set_xlim(when[0], when[-1])
            _dates(one, when)
    column = (judged.data.card.series.columns or ("value",))[0] if judged.data.card.series else ""
    several[0].set_title(f"{short(column)}, what is labelled, alarms (|) and score, test")


def _dates(axes: Axes, when: np.ndarray) -> None:
    if when.dtype.kind == "M":
        places = AutoDateLocator(maxticks=6)
        axes.xaxis.set_major_locator(places)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(places))


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A line of at most POINTS: of each stretch its lowest and its highest value, so that no spike is lost."""
    if len(x) <= POINTS:
        return x, y
    stretches = np.array_split(np.where(np.isnan(y), 0, y), POINTS // 2)
    firsts = np.cumsum([0, *map(len, stretches[:-1])])
    places = np.sort([[first + one.argmin(), first + one.argmax()] for first, one in zip(firsts, stretches, strict=True)], axis=1).ravel()
    return x[places], y[places]


def scores(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """How the scores of the test split are spread, normal and anomalous ones apart where that is known, and the threshold."""
    assert isinstance(judged.task, Reconstruction)
    axes, found, anomalous = several[0], judged.test.answers["score"], judged.task.anomalous(judged.test.y)
    low, high = float(found.min()), float(found.max())
    wide = low > 0 and high > 20 * low
    edges = np.geomspace(low, high, 41) if wide else np.linspace(low, high if high > low else low + 1, 41)
    groups = {"normal": (~anomalous, "accent"), "anomalous": (anomalous, "second")} if anomalous.any() else {"": (~anomalous, "accent")}
    for name, (which, colour) in groups.items():
        axes.hist(found[which], bins=edges.tolist(), color=colours[colour], alpha=0.55, linewidth=0, label=name or None)
    axes.axvline(judged.reading["threshold"], color=colours["muted"], linewidth=0.8, linestyle=(0, (3, 3)), label="threshold")
    axes.set(xlabel="score", ylabel="examples", title="scores, test", xscale="log" if wide else "linear")
    if wide:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # powers would be written as mathematics
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(fontsize=8)


def pictured(judged: Judged) -> int:
    """How many axes `reconstructions` needs: one for images, one for each sequence that is shown, none for what has no picture."""
    match judged.data.spec["modality"]:
        case "image":
            return 1
        case "sequence":
            return len(_worst(judged, LINES))
    return 0


def reconstructions(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """Test examples and what became of them, the highest scores first."""
    images = judged.data.spec["modality"] == "image"
    places = _worst(judged, PAIRS if images else LINES)
    rows, y = judged.test.rows[places], judged.test.y[places]
    examples = forward(judged.opened, lambda features, y: features)(judged.data.raw, rows, y)
    said = forward(judged.opened, lambda features, y: judged.opened.model(features, training=False))(judged.data.raw, rows, y)
    if images:
        several[0].imshow(_pairs(examples, said), interpolation="nearest")
        several[0].set_axis_off()
        several[0].set_title("above the image, below its reconstruction; worst first", fontsize=9)
        return
    for axes, place, true, told in zip(several, places, examples, said, strict=True):
        axes.plot(true[:, 0], color=colours["ink"], linewidth=1.2, label="example")
        axes.plot(told[:, 0], color=colours["accent"], linewidth=1.2, label="reconstruction")
        axes.set_title(_told(judged, int(place)), fontsize=8)
    several[0].legend(ncols=2, fontsize=8)
    several[-1].set_xlabel("step")


def _told(judged: Judged, place: int) -> str:
    truth = f", {short(str(judged.test.target[place]))}" if judged.data.classes and not judged.data.card.multilabel else ""
    return f"row {judged.data.raw.ids[judged.test.rows[place]]}{truth}: score {judged.test.answers['score'][place]:.3g}"


def _worst(judged: Judged, count: int) -> np.ndarray:
    """The places of the highest scores in the test split; of windows none that shares a step with another."""
    order, series = np.argsort(-judged.test.answers["score"], kind="stable"), judged.data.raw.features.get("series")
    if not isinstance(series, Windows):
        return order[:count]
    chosen: list[int] = []
    starts = series.starts[judged.test.rows]
    while len(chosen) < count and len(order):
        chosen.append(int(order[0]))
        order = order[np.abs(starts[order] - starts[order[0]]) >= series.length]
    return np.array(chosen)


def _pairs(images: np.ndarray, said: np.ndarray) -> np.ndarray:
    """A grid of images (n, height, width, channels), 0..255, each above what it became."""
    rows, columns = -(-len(images) // COLUMNS), min(COLUMNS, len(images))
    picture = Image.new("RGB", (columns * (SIDE + GAP), rows * (2 * SIDE + 2 * GAP)), "white")
    for place, pair in enumerate(zip(images, said, strict=True)):
        left, top = place % columns * (SIDE + GAP), place // columns * (2 * SIDE + 2 * GAP)
        for below, values in enumerate(pair):
            pixels = np.clip(np.round(values), 0, 255).astype(np.uint8)
            one = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels[..., :3]).convert("RGB")
            picture.paste(one.resize((SIDE, SIDE), Image.Resampling.NEAREST), (left, top + below * (SIDE + 2)))
    return np.asarray(picture)


def embeds(judged: Judged) -> int:
    """Whether there is something for `embedding` to draw."""
    return int("encoder" in judged.opened.signatures)


def embedding(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """Codes of test examples: two numbers as they are, more by their two principal components; coloured by class where there is one."""
    part, axes = judged.test, several[0]
    some = np.linspace(0, len(part.rows) - 1, min(len(part.rows), POINTS)).astype(int)
    encode = judged.opened.signatures["encoder"].call
    give = forward(judged.opened, lambda x, y: encode(judged.task.pair(x, y)[0])["embedding"])
    codes = give(judged.data.raw, part.rows[some], part.y[some])
    points, share = _flat(codes.astype(np.float64))
    known = judged.data.classes if judged.data.classes and not judged.data.card.multilabel else ("",)
    which = part.y[some] if len(known) > 1 else np.zeros(len(some), int)
    paints = [colours["accent"], colours["second"]] if len(known) <= 2 else [*colormaps["tab20"].colors]  # type: ignore[attr-defined]
    for number, name in enumerate(known):
        mine = points[which == number]
        if len(mine):
            axes.scatter(mine[:, 0], mine[:, 1], s=7, alpha=0.6, linewidth=0, color=paints[number % len(paints)], label=short(name) or None)
    names = ("first", "second") if share is None else tuple(f"component {one + 1}: {100 * part:.0f} %" for one, part in enumerate(share))
    axes.set(xlabel=names[0], ylabel=names[1], title=f"codes of {codes.shape[1]} numbers, test")
    if 1 < len(known) <= 20:
        axes.legend(fontsize=7, ncols=2, markerscale=2)


def _flat(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Codes (n, k) as points (n, 2), and the share of the variance of each component where they are such."""
    if codes.shape[1] <= 2 or len(codes) < 2 or not np.ptp(codes, axis=0).any():
        return np.pad(codes[:, :2], ((0, 0), (0, max(0, 2 - codes.shape[1])))), None
    from sklearn.decomposition import PCA

    plane = PCA(2, random_state=0).fit(codes)
    return plane.transform(codes), plane.explained_variance_ratio_
