"""A dataset's page: its target by split, samples of it, and how its values are distributed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.config import Card
from zoo.data import Dataset, prepare, preprocess
from zoo.data.windows import pick
from zoo.jobs.pages import drawing
from zoo.jobs.pages.page import Page, Section

SAMPLES = {"image": 40, "audio": 20, "series": 20, "text": 12, "table": 10}
COLUMNS = ("column", "type", "missing", "different values")
CHANNELS = 6  # of a series that are drawn
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
            shares = np.bincount(codes, minlength=len(data.classes)) / len(codes)
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

    return [Section(f"{len(rows)} of the training images", drawing.grid(len(rows), 10, 1.25, draw))]


def _sounds(data: Dataset) -> list[Section]:
    rows = _some(data)
    labels = _labels(data, rows)

    def draw(axes: Any, place: int) -> str:
        axes.plot(data.raw.features["audio"][rows[place]], linewidth=0.4, color=drawing.BAR)
        axes.set_ylim(-1, 1)
        return labels[place]

    return [Section(f"{len(rows)} of the training sounds, their waves", drawing.grid(len(rows), 5, 1.1, draw))]


def _series(data: Dataset) -> list[Section]:
    rows = _some(data)
    forecast = data.card.task == "forecasting"
    labels = ["history and what came" for _ in rows] if forecast else _labels(data, rows)

    def draw(axes: Any, place: int) -> str:
        values = np.asarray(data.raw.features["series"][rows[place]])
        axes.plot(values[:, :CHANNELS], linewidth=0.7)
        if forecast:
            ahead = np.asarray(data.raw.target[rows[place]])
            axes.plot(np.arange(len(ahead)) + len(values), ahead, linewidth=0.9, color=drawing.INK)
        return labels[place]

    return [Section(f"{len(rows)} of the training {'windows' if forecast else 'series'}", drawing.grid(len(rows), 5, 1.3, draw))]


def _texts(data: Dataset) -> list[Section]:
    if data.card.task == "language":
        return []
    rows = _some(data)
    texts = data.raw.features["text"]
    lengths = np.array([len(text) for text in texts[data.rows["train"]]], np.float64)
    shown = [(drawing.short(str(texts[row]), TEXT), label) for row, label in zip(rows, _labels(data, rows), strict=True)]
    return [
        Section("Characters a text, training split", drawing.histograms({"characters": lengths})),
        Section("Training texts", columns=("text", data.card.target.name), rows=shown),
    ]


def _table(data: Dataset) -> list[Section]:
    features = data.raw.take(data.rows["train"])
    numbers = {name: values for name, values in features.items() if values.dtype.kind == "f"}
    words = {name: np.asarray(values) for name, values in features.items() if name not in numbers}
    return [
        Section("Columns of the training split", columns=COLUMNS, rows=_columns(data.card, features)),
        Section("Numbers of the training split", drawing.histograms(numbers)),
        Section("Words of the training split", drawing.bars(words)),
        _rows(data),
    ]


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
    return [data.classes[code] for code in preprocess.encode_target(data.spec, target)] if data.classes else [_cell(one) for one in target]


def _cell(value: Any) -> str:
    return f"{value:g}" if hasattr(value, "dtype") and value.dtype.kind == "f" else drawing.short(str(value), TEXT)


SECTIONS = {"image": _images, "audio": _sounds, "series": _series, "text": _texts, "table": _table}
