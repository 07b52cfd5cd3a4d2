"""What a folder holds: images, sounds, texts or tables, and what in it is not like the rest."""

from __future__ import annotations

import os
import re
import wave
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zoo.config.sources import PARTS
from zoo.data.guess import entities
from zoo.data.guess.words import counted
from zoo.errors import ZooError

SUFFIXES = {
    "image": {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"},
    "audio": {".wav"},
    "text": {".txt"},
    "table": {".csv", ".tsv", ".parquet", ".jsonl"},
}
LOOK = 500  # files that are opened
LARGEST = 128  # pixels of a side that cnn_small learns from in reasonable time


@dataclass
class Held:
    """What a folder holds.

    Attributes:
        kind: image, audio, text or table: what most files are.
        files: paths inside the folder, of that kind.
        classes: files a label, where sub-folders or the names of the files tell one.
        pattern: a regular expression that finds the label in a path, where no sub-folder does, and the other parts of its name.
        named: the different words of a part of the names that may be an entity, most frequent first, by the part's name.
        parts: the splits that its sub-folders are.
        odd: what is not like the rest, by its reason: left out.
        notes: what is like the rest, but looks strange.
    """

    kind: str
    files: list[str]
    classes: Counter[str] = field(default_factory=Counter)
    pattern: str | None = None
    named: dict[str, list[str]] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    odd: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def held(folder: Path) -> Held:
    """Looks through a folder. Raises ZooError where it holds nothing that can be learned from."""
    every = sorted(_walk(folder))
    counts = Counter(kind for path in every for kind, suffixes in SUFFIXES.items() if Path(path).suffix.lower() in suffixes)
    if not counts:
        raise ZooError(
            f"{folder} holds no images, sounds, texts or tables", f"looked for: {', '.join(sorted(set().union(*SUFFIXES.values())))}"
        )
    kind = counts.most_common(1)[0][0]
    files = [path for path in every if Path(path).suffix.lower() in SUFFIXES[kind]]
    found = Held(kind, files, odd={"of another kind": [path for path in every if path not in set(files)]})
    if kind != "table":
        _label(found, folder)
    found.odd = {why: paths for why, paths in found.odd.items() if paths}
    return found


def _walk(folder: Path) -> list[str]:
    """Paths of all files inside a folder, with slashes; hidden ones are passed over, links are not followed into circles."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root, name).relative_to(folder).as_posix() for name in names if not name.startswith(".")]
    return found


def _label(found: Held, folder: Path) -> None:
    """Finds the label of each file: its sub-folder's name, below those of splits, or the first part of its name."""
    depth = 1 if all(path.split("/")[0].lower() in PARTS for path in found.files) else 0
    if depth:
        found.parts = sorted({PARTS[path.split("/")[0].lower()] for path in found.files})
    inside = [path for path in found.files if path.count("/") > depth]
    if len(inside) > 0.5 * len(found.files) and len({path.split("/")[depth] for path in inside}) > 1:
        found.odd["beside the folders of the classes"] = [path for path in found.files if path.count("/") <= depth]
        found.files = inside
        found.classes = Counter(path.split("/")[depth] for path in inside)
    else:
        names = [re.match(r"([A-Za-z0-9]+)[_-]", Path(path).name) for path in found.files]
        labels = Counter(match[1] for match in names if match)
        if labels.total() == len(found.files) and 2 <= len(labels) <= len(found.files) / 5:
            found.pattern, found.classes = _pattern(found), labels
    if len(found.classes) < 2:
        raise ZooError(
            f"{folder}: the files' labels are not to be seen"
            if not found.classes
            else f"{folder} holds one class only: {next(iter(found.classes))}",
            "expected: a sub-folder a class, as cats/1.jpg, or names that begin with the class, as cat_1.jpg",
        )


def _pattern(found: Held) -> str:
    """The pattern of names that begin with the label; where all have the same number of parts, each part is a group."""
    cut = [re.split("[_-]", Path(path).stem) for path in found.files]
    if len({len(parts) for parts in cut}) > 1 or not all(all(parts) for parts in cut):
        return r"(?:.*/)?(?P<label>[A-Za-z0-9]+)[_-][^/]*"
    for number, words in enumerate(list(zip(*cut, strict=True))[1:], 2):
        repeated = entities.parts(words, len(found.files))
        if repeated:
            found.named[f"part_{number}"] = repeated
    more = "".join(rf"[_-](?P<part_{number}>[^_/-]+)" for number in range(2, len(cut[0]) + 1))
    return rf"(?:^|/)(?P<label>[A-Za-z0-9]+){more}\.[A-Za-z]+$"


@dataclass(frozen=True)
class Pixels:
    """What the images of a folder have in common: `sizes` are (width, height), and how many have them."""

    shape: tuple[int, int, int]
    fit: str
    sizes: Counter[tuple[int, int]]


def pixels(folder: Path, found: Held) -> Pixels:
    """The size that images are read at; those that cannot be opened go to `found.odd`."""
    from PIL import Image, UnidentifiedImageError

    sizes: Counter[tuple[int, int]] = Counter()
    modes: Counter[str] = Counter()
    broken = []
    for path in found.files:
        try:
            with Image.open(folder / path) as image:
                sizes[image.size] += 1
                modes[image.mode] += 1
        except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
            broken.append(path)
    if not sizes:
        raise ZooError(f"{folder}: none of its {len(found.files)} images can be opened")
    if broken:
        found.odd["cannot be opened"] = broken
        found.files = [path for path in found.files if path not in set(broken)]
    (width, height), count = sizes.most_common(1)[0]
    ratios = np.array([w / h for w, h in sizes.elements()])
    smaller = min(1.0, LARGEST / max(width, height))
    side = (max(1, round(height * smaller)), max(1, round(width * smaller)))
    if count < 0.5 * sizes.total():
        side = (min(LARGEST, max(side)),) * 2
    fit = "pad" if ratios.max() > 1.1 * ratios.min() and count < 0.9 * sizes.total() else "stretch"
    return Pixels((*side, 1 if set(modes) <= {"L", "1", "LA", "I;16"} else 3), fit, sizes)


@dataclass(frozen=True)
class Sound:
    """What the sounds of a folder have in common."""

    sampling_rate: int
    seconds: float
    longest: float


def sound(folder: Path, found: Held) -> Sound:
    """Sampling rate and length at which sounds are read; those that cannot be opened go to `found.odd`."""
    rates: Counter[int] = Counter()
    lengths, broken = [], []
    for path in found.files:
        try:
            with wave.open(str(folder / path)) as file:
                rates[file.getframerate()] += 1
                lengths.append(file.getnframes() / file.getframerate())
        except (wave.Error, EOFError, OSError, ZeroDivisionError):
            broken.append(path)
    if not lengths:
        raise ZooError(f"{folder}: none of its {len(found.files)} sounds can be opened", "WAV files of 16 bits are taken")
    if broken:
        found.odd["cannot be opened"] = broken
        found.files = [path for path in found.files if path not in set(broken)]
    rate = rates.most_common(1)[0][0]
    if len(rates) > 1:
        found.notes.append(f"{rates.total() - rates[rate]:,} of {counted(rates.total(), 'sound')} not sampled at {rate:,} Hz: resampled")
    most = float(np.quantile(lengths, 0.98))
    return Sound(rate, max(0.1, round(most + 0.049, 1)), max(lengths))
