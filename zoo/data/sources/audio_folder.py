"""A folder of sounds: the label is a sub-folder's name, or what a pattern finds in the path."""

from __future__ import annotations

from zoo.config.card import Card
from zoo.config.sources import AudioFolderSource
from zoo.data.sources.folders import read_decoded
from zoo.data.sources.raw import Raw


def read(card: Card, source: AudioFolderSource) -> Raw:
    """`audio` float32 (n, samples): WAV files, decoded once."""
    return read_decoded(card, source)
