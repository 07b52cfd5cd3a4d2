"""A folder of text files, an example a file: the label is a sub-folder's name, or what a pattern finds in the path."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from zoo.config.card import Card
from zoo.config.sources import TextFolderSource
from zoo.data.sources.folders import find
from zoo.data.sources.raw import Raw
from zoo.errors import ZooError

log = logging.getLogger("zoo")

SUFFIXES = (".txt", ".text", ".md", ".html", ".htm")


def read(card: Card, source: TextFolderSource) -> Raw:
    """`text` str (n,). Raises ZooError for a file that is not UTF-8 text (`on_error: skip` leaves it out)."""
    found = find(card, source, SUFFIXES)
    texts = [_text(found.path / name) for name in found.files]  # threads would only wait for each other
    bad = [f"{name}: {text[0]}" for name, text in zip(found.files, texts, strict=True) if isinstance(text, tuple)]
    if bad and source.on_error == "refuse":
        more = f"and {len(bad) - 1:,} more files" if len(bad) > 1 else None
        raise ZooError(bad[0], more, "save it as UTF-8, or leave it out: source: {on_error: skip}")
    if bad:
        log.warning("note: %d of %d files are left out, as %s", len(bad), len(texts), bad[0])
    kept = np.array([place for place, text in enumerate(texts) if isinstance(text, str)], np.int64)
    values = np.array([texts[place] for place in kept], object)
    return found.raw(source, values, kept, bad, "text", {"encoding": "utf-8"})


def _text(path: Path) -> str | tuple[str]:
    """The text of a file, or why it is none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return (f"is no UTF-8 text (byte {error.start + 1})",)
    except OSError as error:
        return (f"cannot be read: {error.strerror}",)
    return (f"is no text: it holds NUL bytes (the first is byte {text.index(chr(0)) + 1})",) if "\0" in text else text
