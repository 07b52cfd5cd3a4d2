"""A dataset's page: its target by split, samples of it, and how its values are distributed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.config import Card
from zoo.data import Dataset, prepare, preprocess
from zoo.data.windows import Windows, pick
from zoo.evaluation.distributions import loudness
from zoo.evaluation.examples import short
from zoo.jobs.pages import drawing
from zoo.jobs.pages.page import Page, Section

SAMPLES = {"image": 40, "audio": 20, "series": 20, "text": 12, "table": 10}
COLUMNS = ("column", "type", "missing", "different values")
POINTS = 3000  # of a long series that are drawn
CHANNELS = 6  # of a series that are drawn
LOOK = 2000  # examples that a distribution is made of
TEXT = 400  # characters of a text that are shown


def of_card(card: Card) -> Page:
    """The page of a card. Raises ZooError where its data cannot be had."""
    data = prepare(card)
    facts = [
        ("holds", data.describe()),
        ("target", card.target.name + (f" ({card.target.unit})" if card.target.unit else "")),
        ("split", f"{card.split.kind}: " + ", ".join(f"{name} {len(rows):,}" for name, rows in data.rows.items())),
        ("licence", card.licence),
        ("homepage", card.homepage or "-"),
        ("citation", card.citation or "-"),
    ]
    sections = [Section("Target, by split", _target(data)), *SECTIONS[card.kind](data)]
    return Page(card.name, card.title, facts, [one for one in sections if one.image or one.rows])


def _target(data: Dataset) -> str:
    """Shares of the classes, or the values' distribution, of each split; nothing of a target that is more than one value."""
    if data.raw.target.ndim > 1:
        return ""
    drawn, axes = drawing.figure(9, 3)
    for index, (name, rows) in enumerate(data.rows.items()):
        y = data.raw.target[rows]
        how: dict[str, Any] = {"label": name, "color": drawing.BAR, "alpha": 1 - 0.3 * index}
        if data.classes:
            codes = preprocess.encode_target(data.spec, y)
            shares = codes.mean(0) if codes.ndim > 1 else np.bincount(codes, minlength=len(data.classes)) / len(codes)
            axes.bar(np.arange(len(shares)) + 0.27 * (index - 1), shares, 0.25, **how)
        else:
            axes.hist(y, bins=np.histogram_bin_edges(data.raw.target, 20), density=True, histtype="step", **how)
    if data.classes:
        axes.set_xticks(range(len(data.classes)), data.classes, rotation=30 if max(map(len, data.classes)) > 4 else 0, ha="right")
        axes.set_ylabel("share of rows")
    drawn.legend(frameon=False, loc="outside upper right", ncols=3)
    return drawing.png(drawn)


def _some(data: Dataset) -> np.ndarray:
    """Training rows, spread over the split."""
    rows = data.rows["train"]
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), SAMPLES[data.card.kind]), dtype=int))]


def _images(data: Dataset) -> list[Section]:
    rows = _some(data)
    low, high = data.card.image.range if data.card.image else (0, 1)
    labels = _labels(data, rows)

    def draw(axes: Any, place: int) -> str:
        image = (data.raw.features["image"][rows[place]] - low) / (high - low)
        axes.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=1)
        return labels[place]

    some = data.raw.features["image"][data.rows["train"][:LOOK]].reshape(min(LOOK, len(data.rows["train"])), -1)
    about = {"brightness": some.mean(-1, dtype=np.float64), "contrast": some.std(-1, dtype=np.float64)}
    return [
        Section(f"{len(rows)} of the training images", drawing.grid(len(rows), 10, 1.25, draw)),
        Section("Mean and spread of an image's pixels, training split", drawing.histograms(about)),
    ]


def _sounds(data: Dataset) -> list[Section]:
    rows = _some(data)
    labels = _labels(data, rows)

    def draw(axes: Any, place: int) -> str:
        axes.plot(data.raw.features["audio"][rows[place]], linewidth=0.4, color=drawing.BAR)
        axes.set_ylim(-1, 1)
        return labels[place]

    waves = np.asarray(data.raw.features["audio"][data.rows["train"][:LOOK]])
    return [
        Section(f"{len(rows)} of the training sounds, their waves", drawing.grid(len(rows), 5, 1.1, draw)),
        Section("Loudness, decibels below full scale, training split", drawing.histograms({"loudness": loudness(waves)})),
    ]


def _series(data: Dataset) -> list[Section]:
    rows = _some(data)
    forecast = data.card.task == "forecasting"
    labels = [f"from row {data.raw.ids[row]:,}" for row in rows] if forecast else _labels(data, rows)

    def draw(axes: Any, place: int) -> str:
        values = np.asarray(data.raw.features["series"][rows[place]])
        axes.plot(values[:, :CHANNELS], linewidth=0.7)
        if forecast:
            ahead = np.asarray(data.raw.target[rows[place]])
            axes.plot(np.arange(len(ahead)) + len(values), ahead, linewidth=0.9, color=drawing.INK)
        return labels[place]

    what = "windows, and in black what is to be forecast" if forecast else "series"
    drawn = Section(f"{len(rows)} of the training {what}", drawing.grid(len(rows), 5, 1.3, draw))
    return [*_whole(data), drawn, Section("Values, training split", drawing.histograms(_channels(data)))]


def _whole(data: Dataset) -> list[Section]:
    """The long series that windows are cut from, and where what is asked for in each split stands."""
    series = data.raw.features["series"]
    if not isinstance(series, Windows):
        return []
    figure, axes = drawing.figure(10, 3)
    every = slice(None, None, max(1, len(series.values) // POINTS))
    places = np.arange(len(series.values))[every]
    for channel in range(min(CHANNELS, series.values.shape[1])):
        axes.plot(places, series.values[every, channel], linewidth=0.6)
    for shade, (name, rows) in zip((0.0, 0.08, 0.16), data.rows.items(), strict=True):
        starts = series.starts[rows] + series.length
        axes.axvspan(starts.min(), starts.max(), color=drawing.INK, alpha=shade, linewidth=0)
        axes.text(starts.mean(), axes.get_ylim()[1], name, ha="center", fontsize=8, color=drawing.INK)
    axes.set_xlabel("row")
    return [Section("The whole series, by split", drawing.png(figure))]


def _channels(data: Dataset) -> dict[str, np.ndarray]:
    """The values of each channel in some of the training examples."""
    rows = data.rows["train"][:: max(1, len(data.rows["train"]) // 500)]
    values = np.asarray(data.raw.features["series"][rows])
    names = (data.card.series and data.card.series.columns) or [f"channel {place}" for place in range(values.shape[-1])]
    return {name: values[..., place].reshape(-1) for place, name in enumerate(names)}


def _texts(data: Dataset) -> list[Section]:
    if data.card.task == "language":
        return []
    rows = _some(data)
    texts = data.raw.features["text"]
    lengths = np.array([len(text) for text in texts[data.rows["train"]]], np.float64)
    shown = [(short(str(texts[row]), TEXT), label) for row, label in zip(rows, _labels(data, rows), strict=True)]
    return [
        Section("Characters a text, training split", drawing.histograms({"characters": lengths})),
        Section("Training texts", columns=("text", data.card.target.name), rows=shown),
    ]


def _table(data: Dataset) -> list[Section]:
    features = data.raw.take(data.rows["train"])
    numbers = {name: values for name, values in features.items() if values.dtype.kind == "f"}
    columns = data.card.columns or {}
    moments = {name: _years(np.asarray(features[name])) for name, column in columns.items() if column.type == "datetime"}
    words = {name: np.asarray(values) for name, values in features.items() if name not in {**numbers, **moments}}
    return [
        Section("Columns of the training split", columns=COLUMNS, rows=_columns(data.card, features)),
        Section("Numbers of the training split", drawing.histograms(numbers)),
        Section("Moments of the training split, by year", drawing.histograms({name: one for name, one in moments.items() if len(one)})),
        Section("Words of the training split", drawing.bars(words)),
        _rows(data),
    ]


def _years(words: np.ndarray) -> np.ndarray:
    """Moments as years with fractions; those that Pandas does not read by itself are left out."""
    import pandas as pd

    moments = pd.to_datetime(pd.Series(words), errors="coerce", format="mixed", utc=True).dropna()
    years: np.ndarray = (moments.dt.year + (moments.dt.dayofyear - 1) / 366).to_numpy(np.float64)
    return years


def _columns(card: Card, features: Mapping[str, np.ndarray]) -> list[tuple[Any, ...]]:
    """Type, missing cells and different values of each column."""
    rows: list[tuple[Any, ...]] = []
    for name, values in features.items():
        known = np.asarray(values)
        gone = np.isnan(known) if known.dtype.kind == "f" else known == ""
        rows.append((name, (card.columns or {})[name].type, int(gone.sum()), len(np.unique(known[~gone]))))
    return rows


def _rows(data: Dataset) -> Section:
    """The first training rows as they stand in the source."""
    rows = data.rows["train"][: SAMPLES["table"]]
    names = tuple(data.card.columns or {})
    labels = _labels(data, rows)
    cells = [[*(_cell(data.raw.features[name][row]) for name in names), label] for row, label in zip(rows, labels, strict=True)]
    return Section("First training rows", columns=(*names, data.card.target.name), rows=[tuple(one) for one in cells])


def _labels(data: Dataset, rows: np.ndarray) -> list[str]:
    """The target of rows as a person reads it: its class's name, or the value."""
    target = pick(data.raw.target, rows)
    if data.classes and not data.card.multilabel:
        return [data.classes[code] for code in preprocess.encode_target(data.spec, target)]
    return [", ".join(_cell(value) for value in one) if np.ndim(one) else _cell(one) for one in target[:]]


def _cell(value: Any) -> str:
    return f"{value:g}" if hasattr(value, "dtype") and value.dtype.kind == "f" else short(str(value), TEXT)


SECTIONS = {"image": _images, "audio": _sounds, "series": _series, "text": _texts, "table": _table}
