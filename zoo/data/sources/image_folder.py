"""A folder of images: the label is a sub-folder's name, or what a pattern finds in the path."""

from __future__ import annotations

from zoo.config.card import Card
from zoo.config.sources import ImageFolderSource
from zoo.data.sources.folders import read_decoded
from zoo.data.sources.raw import Raw


def read(card: Card, source: ImageFolderSource) -> Raw:
    """`image` uint8 (n, H, W, C): JPEG, PNG, BMP, GIF and WebP files, decoded once."""
    return read_decoded(card, source)
