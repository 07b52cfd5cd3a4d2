"""Images that look like one another though no pixel need be equal: copies that were scaled, compressed again, brightened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.audit.finding import Finding, percent, sample, some
from zoo.data.audit.rows import rows_of

if TYPE_CHECKING:
    from zoo.data.dataset import Dataset

LEARN, JUDGE = 50_000, 10_000  # images of train, and of val and test together, that are compared
BITS = 6  # of 64 in which the hashes of two images may differ
SIDE = 16  # of the thumbnails by which they are compared again
ALIKE = 0.996  # the correlation of two thumbnails of one picture
STEP = 0.01  # of the range of pixels, by which neighbours differ
AT_ONCE = 64
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green, blue: what JPEG keeps best


def alike(data: Dataset) -> list[Finding]:
    """Images of val and test that show a picture of train: by a difference hash (8x8), then by their thumbnails' correlation."""
    if data.card.kind != "image":
        return []
    learn, judge = sample(data.rows["train"], LEARN), sample(np.concatenate([data.rows["val"], data.rows["test"]]), JUDGE)
    pictures = data.raw.features["image"]
    step = _step(data)
    known, known_small = _hashed(pictures, learn, step)
    asked, asked_small = _hashed(pictures, judge, step)
    pairs = []
    for start in range(0, len(judge), AT_ONCE):
        near = np.bitwise_count(asked[start : start + AT_ONCE, None] ^ known) <= BITS
        one, other = np.nonzero(near)
        one, other = one[:100_000] + start, other[:100_000]
        same = np.einsum("nd,nd->n", asked_small[one], known_small[other]) > ALIKE
        pairs += [(a, b) for a, b in zip(one[same], other[same], strict=True) if _differ(pictures, judge[a], learn[b])]
    first = dict(reversed(pairs))
    if not first:
        return []
    what = f"{len(first):,} of {len(judge):,} images of val and test ({percent(len(first), len(judge))}) look like one of train"
    told = some(f"{_name(data, int(judge[one]))} like {_name(data, int(learn[other]))}" for one, other in sorted(first.items()))
    return [Finding("warning", "near copies", what, told, "look at them; copies of one picture belong on one side: split: {kind: group}")]


def _step(data: Dataset) -> float:
    assert data.card.image is not None
    low, high = data.card.image.range
    return STEP * (high - low)


def _differ(pictures: Any, one: int, other: int) -> bool:
    """Equal pixels are told of as copies already."""
    return not np.array_equal(pictures[int(one)], pictures[int(other)])


def _name(data: Dataset, row: int) -> str:
    return rows_of(data, np.array([row]))[0]


def _hashed(pictures: Any, rows: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """The difference hash of each image, uint64 (n,), and its thumbnail of mean 0 and length 1, float32 (n, SIDE * SIDE).

    The bits say whether a cell of 8 rows and 9 columns is brighter than its left neighbour by a step that noise does not make.
    """
    height, width = pictures.shape[1:3]
    hashes, thumbnails = [], []
    for start in range(0, len(rows), 256):
        colours = np.asarray(pictures[rows[start : start + 256]], np.float32)
        grey = colours @ GREY if colours.shape[-1] == 3 else colours[..., 0]
        cells = _shrunk(grey, 8, 9)
        bits = np.packbits((np.diff(cells, axis=2) > step).reshape(len(cells), 64), axis=1)
        hashes.append(np.ascontiguousarray(bits).view(np.uint64)[:, 0])
        small = _shrunk(grey, min(SIDE, height), min(SIDE, width)).reshape(len(cells), -1)
        small -= small.mean(1, keepdims=True)
        thumbnails.append(small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6))
    return np.concatenate(hashes), np.concatenate(thumbnails)


def _shrunk(grey: np.ndarray, height: int, width: int) -> np.ndarray:
    """(n, H, W) to (n, height, width): each cell the mean of what it covers."""
    shrunk: np.ndarray = _cover(grey.shape[1], height) @ grey @ _cover(grey.shape[2], width).T
    return shrunk


def _cover(size: int, cells: int) -> np.ndarray:
    """The share of each of `size` pixels in each cell: (cells, size)."""
    edges = np.arange(cells + 1) * size / cells
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (np.clip(overlap, 0, None) * cells / size).astype(np.float32)
