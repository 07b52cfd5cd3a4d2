"""A column of a table that names files: images or sounds below the table's folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from zoo.data.guess.entities import cells
from zoo.data.guess.folders import SUFFIXES

MOST = 0.5  # of the cells are paths of one kind, of the paths files that are there, of the files different ones
FOLDERS = 50  # sub-folders in which paths may start


@dataclass(frozen=True)
class Paths:
    """A column of paths.

    Attributes:
        column: its name.
        kind: image or audio.
        root: where the paths start: the table's folder, or one inside it.
        files: those that are there, each once.
        missing: paths without a file, in rows that have one.
    """

    column: str
    kind: str
    root: Path
    files: list[str]
    missing: list[str]


def paths(folder: Path, frame: pd.DataFrame, columns: Iterable[str]) -> Paths | None:
    """The column whose cells are paths of images or sounds below a folder; None where there is none."""
    for column in columns:
        known = cells(frame[column]) if not pd.api.types.is_numeric_dtype(frame[column].dtype) else pd.Series([], dtype=object)
        kind = _kind(known)
        if kind is None or known.nunique() <= MOST * len(known):
            continue
        names = sorted(set(known))
        inside = [one for one in sorted(folder.iterdir()) if one.is_dir() and not one.name.startswith(".")]
        for root in [folder, *inside[:FOLDERS]]:
            if not any(_is_there(root, name) for name in names[:20]):
                continue
            files = [name for name in names if _is_there(root, name)]
            if len(files) > MOST * len(names):
                return Paths(column, kind, root, files, sorted(set(names) - set(files)))
    return None


def _kind(known: pd.Series) -> str | None:
    suffixes = known.str.extract(r"(\.\w+)$")[0].str.lower() if len(known) else pd.Series([], dtype=object)
    return next((kind for kind in ("image", "audio") if len(known) and suffixes.isin(SUFFIXES[kind]).mean() > MOST), None)


def _is_there(root: Path, name: str) -> bool:
    return not Path(name).is_absolute() and ".." not in Path(name).parts and (root / name).is_file()
