"""A table whose rows name files of images or sound: they are found below one folder, and decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from zoo.config.card import Card
from zoo.config.sources import TableSource
from zoo.data import decoding, fetch_folder
from zoo.errors import ZooError


def read_paths(
    card: Card, source: TableSource, base: Path, names: Sequence[str], lines: Sequence[int], where: str
) -> tuple[dict[str, np.ndarray], np.ndarray, list[str], str]:
    """The files that rows of a table name, decoded.

    Args:
        card: an image or an audio card.
        source: its table; `folder` is where the paths start, `on_error` what happens to a bad file.
        base: the folder of the table, where paths start if `folder` is not given.
        names: a path a row.
        lines: the line, or the row, of each in the table, for messages.
        where: the table, for messages.

    Returns:
        The features, `image` uint8 (kept, H, W, C) or `audio` float32 (kept, samples); the positions of `names` that are kept,
        rising; a line for each that is not; and the fingerprint of the files, as of a folder.

    Raises:
        ZooError: a path that leaves the folder, a file that is missing or cannot be decoded, with its line.
    """
    decoder = decoding.decoder_of(card)
    root = fetch_folder.locate_folder(source.folder, card.folder, decoder.suffixes) if source.folder else base
    checked = [_why_not(root, str(name)) for name in names]
    bad = [f"{where}, line {line}: {why}" for line, why in zip(lines, checked, strict=True) if why]
    if bad and source.on_error == "refuse":
        raise ZooError(bad[0], f"and {len(bad) - 1:,} more rows" if len(bad) > 1 else None, f"paths start in {root}", "on_error: skip?")
    good = np.array([place for place, why in enumerate(checked) if not why], np.int64)
    if not len(good):
        raise ZooError(f"{where} names no file that is there", *bad[:1], f"paths start in {root}")
    files = [str(names[place]) for place in good]
    digest = fetch_folder.fingerprint(root, sorted(set(files)))
    told = [f"{where}, line {lines[place]}: {names[place]}" for place in good]
    values, kept, rejected = decoding.decoded(decoder, root, files, digest, source.on_error, told)
    return {decoder.name: values}, good[kept], [*bad, *rejected], digest


def _why_not(root: Path, name: str) -> str | None:
    """Why a path of a row cannot be taken; None where it can."""
    if not name.strip():
        return "no path"
    if Path(name).is_absolute() or "\0" in name:
        return f"'{name}' is no path inside the folder"
    top, path = _real(root), root / name
    try:
        inside = (path.resolve() if path.is_symlink() else _real(path.parent) / path.name).is_relative_to(top)
        is_file = path.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # too long, links in a circle, no name that the system has
        return f"'{name:.60}' is no path of a file: {getattr(error, 'strerror', None) or error}"
    if not inside or path.name == "..":
        return f"'{name}' leads out of the folder"
    return None if is_file else f"there is no file '{name}'"


@lru_cache(maxsize=4096)
def _real(folder: Path) -> Path:
    return folder.resolve()
