"""Time series, an example each: the `.ts` format of the UCR and UEA archives, and UCR's plain text.

`.ts`: lines of `@key value`, then `@data`, then an example a line: its channels with `:` between them, its values with `,`, and
last the label. Plain text: a label and values a line, with blanks, tabs or commas between them. `?` and `NaN` are missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.config.card import Card
from zoo.config.sources import File, TsSource
from zoo.data import fetch
from zoo.data.sources.cells import is_number
from zoo.data.sources.raw import Raw, join
from zoo.errors import ZooError, did_you_mean

Example = tuple[list[np.ndarray], str]  # a float32 array a channel, and the label


@dataclass
class Header:
    """What the lines before `@data` say. `labels` are the classes that may occur; None where it names none."""

    has_label: bool = True
    labels: tuple[str, ...] | None = None
    equal: bool = False
    length: int | None = None


def read(card: Card, source: TsSource) -> Raw:
    """`series` float32 (n, length, channels), NaN where a value is missing and behind the end of a shorter series."""
    parts, files = [], {}
    for file in filter(None, (source.file, source.test_file)):
        path = fetch.locate(file, card.folder)
        files[file.name] = fetch.sha256_of(path)
        parts.append(_read(card, file, path))
    return join(parts, files)


def _read(card: Card, file: File, path: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    assert card.series is not None
    length, channels = card.series.shape
    lines, examples, labels = _lines(path), [], []
    for line, (values, label) in _parsed(path, lines):
        where = f"{path}, line {line}"
        if len(values) != channels:
            raise ZooError(f"{where}: a series of {len(values)} channels, but the card '{card.name}' says channels: {channels}")
        longest = max(len(one) for one in values)
        if longest > length:
            raise ZooError(f"{where}: a series of {longest} steps, but the card '{card.name}' says length: {length}", f"length: {longest}?")
        example = np.full((length, channels), np.nan, np.float32)
        for channel, one in enumerate(values):
            example[: len(one), channel] = one
        if np.isinf(example).any():
            raise ZooError(f"{where}: a value is infinite, or larger than a float32 can be")
        examples.append(example)
        labels.append(label)
    if not examples:
        raise ZooError(f"{path} holds no series")
    return {"series": np.stack(examples)}, _labels(np.array(labels), plain=not _is_ts(lines))


def examples_of(path: Path) -> Iterator[tuple[int, Example]]:
    """Each example of a file with its line. Raises ZooError where a line does not parse."""
    return _parsed(path, _lines(path))


def _parsed(path: Path, lines: list[tuple[int, str]]) -> Iterator[tuple[int, Example]]:
    return _marked(path, lines) if _is_ts(lines) else _plain(path, lines)


def _labels(labels: np.ndarray, plain: bool) -> np.ndarray:
    """Words as they stand there; those of plain text are numbers, as 1.0000000e+00, where all of them are."""
    try:
        return labels.astype(np.float64) if plain else labels
    except ValueError:
        return labels


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines that are neither blank nor comments, with their numbers."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ZooError(f"{path}, line {line}: not UTF-8 text", "save it as UTF-8") from None
    except OSError as error:
        raise ZooError(f"{path}: {error.strerror or error}") from None
    found = ((number, line.strip()) for number, line in enumerate(re.split("\r\n|\n|\r", text), 1))
    return [(number, line) for number, line in found if line and not line.startswith("#")]


def _is_ts(lines: list[tuple[int, str]]) -> bool:
    return bool(lines) and lines[0][1].startswith("@")


def _marked(path: Path, lines: list[tuple[int, str]]) -> Iterator[tuple[int, Example]]:
    header, data = Header(), False
    for number, line in lines:
        if data:
            yield number, _example(f"{path}, line {number}", line, header)
        elif line.lower() == "@data":
            data = True
        elif line.startswith("@"):
            _heed(f"{path}, line {number}", line, header)
        else:
            raise ZooError(f"{path}, line {number}: a series before the line @data")
    if not data:
        raise ZooError(f"{path} has no line @data")


def _heed(where: str, line: str, header: Header) -> None:
    key, *words = line[1:].split() or [""]
    key, first = key.lower(), words[0].lower() if words else ""
    if key == "timestamps" and first == "true":
        raise ZooError(f"{where}: series with time stamps are not read", "values at equal steps are: @timeStamps false")
    if key in ("classlabel", "targetlabel"):
        header.has_label = first == "true"
        header.labels = tuple(words[1:]) or None
    if key == "equallength":
        header.equal = first == "true"


def _example(where: str, line: str, header: Header) -> Example:
    *channels, label = line.split(":") if header.has_label else [*line.split(":"), ""]
    label = label.strip()
    if header.has_label and (not channels or "," in label):
        raise ZooError(f"{where}: no label behind the last ':'")
    if header.labels and label not in header.labels:
        raise ZooError(f"{where}: the label '{label}' is none of those that @classLabel names", did_you_mean(label, header.labels))
    values = [_values(where, one.split(",")) for one in channels]
    longest = max(len(one) for one in values)
    if header.equal and header.length not in (None, longest):
        raise ZooError(f"{where}: a series of {longest} steps, where those before have {header.length} and the file says @equalLength true")
    header.length = longest
    return values, label


def _plain(path: Path, lines: list[tuple[int, str]]) -> Iterator[tuple[int, Example]]:
    for number, line in lines:
        label, *words = re.split(r"\s*,\s*|\s+", line)
        if not words:
            raise ZooError(f"{path}, line {number}: a label and values are expected, as '1 0.52 0.61'")
        values = _values(f"{path}, line {number}", words)
        known = np.flatnonzero(~np.isnan(values))
        yield number, ([values[: known[-1] + 1 if len(known) else 0]], label)  # shorter ones are padded with NaN in the archive


def _values(where: str, words: list[str]) -> np.ndarray:
    words = ["nan" if word.strip() == "?" else word for word in words] if len(words) > 1 or words[0].strip() else []
    try:
        with np.errstate(over="ignore"):
            return np.array(words, np.float64).astype(np.float32)
    except ValueError:
        wrong = next(word for word in words if not is_number(word))
        raise ZooError(f"{where}: '{wrong.strip():.40}', where a number is expected") from None
