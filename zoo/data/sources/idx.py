"""The idx files of the MNIST family, gzipped (http://yann.lecun.com/exdb/mnist): images and labels."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from zoo.config.card import Card
from zoo.config.sources import File, IdxSource
from zoo.data import fetch
from zoo.data.sources.raw import Raw, check_images, join
from zoo.errors import ZooError


def read(card: Card, source: IdxSource) -> Raw:
    """Images uint8 (n, height, width, channels) and integer labels; the test files, if there are any, are the given test part."""
    files: dict[str, str] = {}
    pairs = [(source.images, source.labels)]
    if source.test_images and source.test_labels:
        pairs.append((source.test_images, source.test_labels))
    parts = []
    for images_file, labels_file in pairs:
        images, labels = _array(card, images_file, files), _array(card, labels_file, files)
        if labels.ndim != 1:
            raise ZooError(f"{labels_file.name} holds an array of shape {labels.shape}, where one label an image is expected")
        if len(images) != len(labels):
            raise ZooError(f"{images_file.name} holds {len(images)} images, but {labels_file.name} {len(labels)} labels")
        parts.append(({"image": check_images(card, images, images_file.name)}, labels.astype(np.int64)))
    return join(parts, files)


def _array(card: Card, file: File, files: dict[str, str]) -> np.ndarray:
    path = fetch.locate(file, card.folder)
    files[file.name] = fetch.sha256_of(path)
    return decode(path)


def decode(path: Path) -> np.ndarray:
    """An idx file (gzipped or not) as a uint8 array. Raises ZooError where it is none."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ZooError(f"{path} cannot be unpacked: {error}") from None
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        raise ZooError(f"{path} is no idx file of bytes")
    start = 4 + 4 * data[3]
    if not data[3] or len(data) < start:
        raise ZooError(f"{path} is truncated: its header is not whole")
    shape = tuple(int(size) for size in np.frombuffer(data[4:start], ">u4"))
    if len(data) - start != math.prod(shape):
        raise ZooError(f"{path} is truncated: its header says {shape}, but it holds {len(data) - start:,} values")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
