"""The examples that are worth looking at: the worst mistakes of the test split."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from zoo.evaluation.parts import Judged
from zoo.tasks import Reconstruction

LARGEST = 160  # pixels of a side in the report
INKS = ("#3b7dd8", "#d64545", "#2d9d5c", "#b26a00", "#7b4fc9", "#52606d")  # a channel of a series each, the first ones
LONGEST = 300  # characters of a text
PICTURED = ("image", "audio", "series")  # kinds of examples that are shown as pictures


@dataclass(frozen=True)
class Example:
    """One example of the test split: its row in `Dataset.raw`, its id in the source, and what was said of it.

    `sureness` is the probability of what was said, the score of a reconstruction, or the error of a value; of several values the mean
    size of their errors.
    """

    row: int
    id: int
    truth: str
    said: str
    sureness: float
    right: bool


def worst(judged: Judged, count: int) -> list[Example]:
    """The test examples of the largest loss; of classes those that were mistaken come first."""
    part = judged.test
    losses = judged.task.losses(part.outputs, part.y)
    if "value" in part.answers:
        order = np.argsort(-losses, kind="stable")[:count]
        return [_of_value(judged, int(place)) for place in order]
    if isinstance(judged.task, Reconstruction):
        return [_of_score(judged, judged.task, int(place)) for place in np.argsort(-losses, kind="stable")[:count]]
    right = part.answers["label"] == part.target
    order = np.lexsort((-losses, right))[:count]
    return [_of_class(judged, int(place), bool(right[place])) for place in order]


def _of_class(judged: Judged, place: int, right: bool) -> Example:
    part = judged.test
    row, label, probability = int(part.rows[place]), part.answers["label"][place], float(part.answers["probability"][place])
    return Example(row, int(judged.data.raw.ids[row]), str(part.target[place]), str(label), probability, right)


def _of_value(judged: Judged, place: int) -> Example:
    part = judged.test
    row, truth, said = int(part.rows[place]), np.atleast_1d(part.target[place]), np.atleast_1d(part.answers["value"][place])
    true_text, said_text = (", ".join(f"{float(one):.4g}" for one in values) for values in (truth, said))
    error = float(said[0] - truth[0]) if len(truth) == 1 else float(np.abs(said - truth).mean())
    return Example(row, int(judged.data.raw.ids[row]), true_text, said_text, error, True)


def _of_score(judged: Judged, task: Reconstruction, place: int) -> Example:
    part = judged.test
    row, said = int(part.rows[place]), bool(part.answers["anomaly"][place])
    right = task.normal is None or said == bool(task.anomalous(part.y[place : place + 1])[0])
    told, score = "anomaly" if said else "normal", float(part.answers["score"][place])
    return Example(row, int(judged.data.raw.ids[row]), str(part.target[place]), told, score, right)


def picture(judged: Judged, row: int) -> Image.Image:
    """An image in the colours that the model sees, 0..255; a sound as its spectrogram or wave; a series as its lines."""
    spec, features = judged.data.spec, judged.data.raw.features
    if spec["kind"] == "series":
        return _lines(features["series"][row])
    if spec["kind"] == "audio":
        return _lines(features["audio"][row].astype(np.float32)[:, None])
    values = features["image"][row] * spec["scale"] + spec["offset"]
    pixels = np.clip(np.round(values), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _lines(values: np.ndarray) -> Image.Image:
    """Values (steps, channels) as lines over time, each channel over its own range."""
    width, height = LARGEST, LARGEST // 2
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    for channel in range(min(values.shape[1], len(INKS))):
        line = values[:, channel]
        known = np.flatnonzero(np.isfinite(line))
        if len(known) < 2:
            continue
        low, high = line[known].min(), line[known].max()
        x = known * (width - 5) / max(1, len(line) - 1) + 2
        y = height - 3 - (line[known] - low) / (high - low if high > low else 1) * (height - 6)
        pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=INKS[channel], width=1)
    return picture


def data_uri(judged: Judged, row: int) -> str:
    """An image as a PNG inside an address."""
    image = picture(judged, row)
    image.thumbnail((LARGEST, LARGEST))
    file = io.BytesIO()
    image.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def cells(judged: Judged, row: int, names: list[str]) -> list[str]:
    """A table's row as it stands in the source; an empty text where a value is missing."""
    values = [judged.data.raw.features[name][row] for name in names]
    return [
        ("" if np.isnan(value) else f"{value:.4g}") if isinstance(value, np.floating) else short(str(value), LONGEST) for value in values
    ]


def short(text: str, length: int = 14) -> str:
    """A text of at most so many characters; of a longer one the beginning."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
