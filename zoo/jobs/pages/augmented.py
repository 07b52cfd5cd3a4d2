"""What augmentation makes of a dataset: a few training examples, and the same in some epochs."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from zoo.config import Card
from zoo.data import Dataset, Encoded, batches, prepare
from zoo.jobs.pages import drawing
from zoo.jobs.pages.page import Page, Section

EXAMPLES, EPOCHS = 8, 7
NUMBERS = 12  # of an example that are neither drawn nor read


def of_card(card: Card) -> Page:
    """A grid: an example a line, first as it is."""
    data = prepare(card)
    facts: list[tuple[str, str]] = [
        (str(step.name), ", ".join(f"{key} {value}" for key, value in step.model_dump().items() if key != "name")) for step in card.augment
    ]
    lines = seen(data)
    sections = [_drawn(lines)] if len(lines[0][0].shape) == 3 or card.series else [_written(lines, data)]
    return Page(card.name, f"{EXAMPLES} training examples as {data.spec['modality']}, then in epochs 1 to {EPOCHS}", facts, sections)


def seen(data: Dataset) -> list[list[np.ndarray]]:
    """Of each example what the model takes without augmentation, then in each epoch: (examples, 1 + epochs)."""
    train = data.encoded["train"]
    plain = next(iter(batches(train, EXAMPLES)))[0].numpy()
    shown = [plain]
    rows = _first(train, EXAMPLES)
    epoch = tf.Variable(0, dtype=tf.int64)
    for number in range(EPOCHS):
        epoch.assign(number)
        place = np.argsort(_order(len(rows), data.seed, number))
        shown.append(next(iter(batches(rows, EXAMPLES, seed=data.seed, epoch=epoch)))[0].numpy()[place])
    return [list(line) for line in zip(*shown, strict=True)]


def _first(split: Encoded, count: int) -> Encoded:
    import dataclasses

    rows = np.arange(min(count, len(split)))
    return dataclasses.replace(split, x=tf.nest.map_structure(lambda values: values[rows], split.x), y=split.y[rows])


def _order(size: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which an epoch gives the examples."""
    from zoo.data.draw import Orders

    rows: np.ndarray = Orders(size, seed).of(tf.constant(epoch, tf.int64))(0, size).numpy()
    return rows


def _drawn(lines: list[list[np.ndarray]]) -> Section:
    """Images, or curves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.25 * len(lines)), layout="constrained")
    for line, values in enumerate(lines):
        for column, value in enumerate(values):
            axes = figure.add_subplot(len(lines), 1 + EPOCHS, line * (1 + EPOCHS) + column + 1)
            if value.ndim == 3:
                axes.imshow(np.clip(value / 255, 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1)
            else:
                axes.plot(value, linewidth=0.8)
            axes.set_axis_off()
            if line == 0:
                axes.set_title(f"epoch {column}" if column else "as it is", fontsize=8, color=drawing.INK)
    return Section("Augmentation", drawing.png(figure))


def _written(lines: list[list[np.ndarray]], data: Dataset) -> Section:
    """Tokens or numbers, a row each."""
    rows: list[tuple[Any, ...]] = []
    for line, values in enumerate(lines):
        for epoch, value in enumerate(values[:3]):
            cells = " ".join(f"{one:.4g}" for one in value.ravel()[:NUMBERS])
            rows.append((str(line + 1), f"epoch {epoch}" if epoch else "as it is", cells))
    return Section("Augmentation", columns=("example", "", f"the first {NUMBERS} numbers"), rows=rows)
