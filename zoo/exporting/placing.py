"""How a version gets its name: everything on the disk first, then two renames, the number last."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.bundles import file_sha256, versions
from zoo.runs import fsync_folder, locked, sweep


def files_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and hash of every file under a folder, by relative path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in paths}


def fsync_tree(folder: Path) -> None:
    """Everything under a folder is on the disk, so that a name never lasts longer than what it names."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            fsync_folder(path)
    fsync_folder(folder)


@contextmanager
def next_version(folder: Path) -> Iterator[tuple[Path, int]]:
    """Holds a bundle's folder; gives an empty folder inside of it to build in, which is removed at the end, and the next number."""
    with locked(folder, "the bundle"):
        sweep(folder)
        _sweep_formats(folder)
        number = max(versions(folder), default=0) + 1
        building = folder / f".new-{os.getpid()}-{number}"
        try:
            building.mkdir()
            yield building, number
        finally:
            shutil.rmtree(building, ignore_errors=True)


def place(building: Path, folder: Path, number: int) -> None:
    """Moves a version out of where it was built: the formats first, the number, which servers look for, last."""
    formats = building / f"{number}.formats"
    if formats.is_dir():
        formats.rename(folder / formats.name)
    (building / str(number)).rename(folder / str(number))
    fsync_folder(folder)


def _sweep_formats(folder: Path) -> None:
    """Removes formats without their version, which an export killed between the two renames left."""
    for formats in folder.glob("*.formats"):
        if formats.stem.isdecimal() and not (folder / formats.stem).is_dir():
            shutil.rmtree(formats)
