"""Pictures of what a generative model draws: samples, what lies between two of them, and examples beside their reconstructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes

from zoo.evaluation.examples import short
from zoo.evaluation.generated import code_size, drawn_of, noise
from zoo.evaluation.parts import Judged
from zoo.evaluation.predictions import forward

ROWS = COLUMNS = 8  # of a grid of samples
CLASSES = 12  # rows of a grid by class, at most
BETWEEN = 9  # samples from one code to another, both among them
PATHS = 6
PAIRS = 10  # of examples and reconstructions
SIDE = 64  # pixels of an image in a figure, about
GAP = 1  # pixels of the source between images
SEED = 3  # of the codes that are gone between


def tiled(images: np.ndarray, columns: int, side: int = 0) -> np.ndarray:
    """A grid of images (n, height, width, channels), pixels 0..255, row by row: uint8 (rows, columns, 3), white where there is none.

    Each pixel is drawn several times over until an image is about `side` high.
    """
    pixels = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    pixels = np.repeat(pixels, 3, -1) if pixels.shape[-1] == 1 else pixels[..., :3]
    count, height, width = pixels.shape[:3]
    rows = ceil(count / columns)
    grid = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), 255, np.uint8)
    for place, one in enumerate(pixels):
        top, left = GAP + place // columns * (height + GAP), GAP + place % columns * (width + GAP)
        grid[top : top + height, left : left + width] = one
    times = max(1, round(side / height))
    return np.repeat(np.repeat(grid, times, 0), times, 1)


def pictured(judged: Judged) -> int:
    """Whether what is drawn are images; of other examples there is no picture."""
    return int(judged.generated is not None and judged.generated.samples.ndim == 4 and judged.generated.samples.shape[-1] in (1, 3))


def grid(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """Samples as they come, none chosen; of a conditional model a row a class."""
    made = judged.generated
    assert made is not None
    if made.labels is None:
        _show(several[0], made.samples[: ROWS * COLUMNS], COLUMNS, "samples as they come")
        return
    names = judged.data.classes or ()
    shown = [one for one in np.unique(made.labels).tolist() if (made.labels == one).sum() >= COLUMNS][:CLASSES]
    of_class = [made.samples[made.labels == one][:COLUMNS] for one in shown]
    _show(several[0], np.concatenate(of_class or [made.samples[:COLUMNS]]), COLUMNS, "samples as they come, a row a class")
    _label_rows(several[0], [names[one] for one in shown], colours)


def between(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """What becomes of codes on the way from one to another."""
    ends = noise(2 * PATHS, code_size(judged.opened), SEED)
    z = np.concatenate([arc(one, other, BETWEEN) for one, other in zip(ends[:PATHS], ends[PATHS:], strict=True)])
    classes = np.arange(PATHS, dtype=np.int32) % max(1, len(judged.data.classes or ()))
    conditional = judged.generated is not None and judged.generated.labels is not None
    made = np.concatenate(list(drawn_of(judged.opened, z, np.repeat(classes, BETWEEN) if conditional else None)))
    _show(several[0], made, BETWEEN, "from one code to another")
    if conditional:
        _label_rows(several[0], [(judged.data.classes or ())[one] for one in classes], colours)


def arc(one: np.ndarray, other: np.ndarray, count: int) -> np.ndarray:
    """Codes (count, size) from one to another along the sphere that such codes lie around (White 2016, https://arxiv.org/abs/1609.04468)."""
    cosine = float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
    angle, share = np.arccos(np.clip(cosine, -1, 1)), np.linspace(0, 1, count)[:, None]
    if np.sin(angle) < 1e-3:
        return ((1 - share) * one + share * other).astype("float32")
    return ((np.sin((1 - share) * angle) * one + np.sin(share * angle) * other) / np.sin(angle)).astype("float32")


def decodes(judged: Judged) -> int:
    """Whether there are reconstructions to show."""
    return int(pictured(judged) and "encoder" in judged.opened.signatures)


def reconstructions(judged: Judged, several: list[Axes], colours: Mapping[str, str]) -> None:
    """Test examples, one of each class first, above what the mean of their code becomes."""
    part = judged.test
    firsts = [int(np.flatnonzero(part.y == one)[0]) for one in np.unique(part.y)] if judged.data.classes and part.y.ndim == 1 else []
    places = np.array([*firsts, *(place for place in range(len(part.rows)) if place not in firsts)][:PAIRS])
    rows, y, model = part.rows[places], part.y[places], judged.opened.model
    real = forward(judged.opened, lambda features, y: features)(judged.data.raw, rows, y)
    said = forward(judged.opened, lambda x, y: model(judged.task.pair(x, y)[0], training=False))(judged.data.raw, rows, y)
    _show(several[0], np.concatenate([real, said]), len(places), "above test examples, below what is decoded of their codes")


def _show(axes: Axes, images: np.ndarray, columns: int, title: str) -> None:
    axes.imshow(tiled(images, columns, SIDE), interpolation="nearest")
    axes.set_title(title)
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def _label_rows(axes: Axes, names: Sequence[str], colours: Mapping[str, str]) -> None:
    if not names:
        return
    height = axes.get_images()[0].get_size()[0] / len(names)
    axes.set_yticks([(row + 0.5) * height for row in range(len(names))], [short(name) for name in names], fontsize=7, color=colours["ink"])
    axes.tick_params(length=0)
