"""The two shelves of YAML: cards and experiments, found by name in the user's folder, the wheel, the checkout."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Literal

from zoo.errors import ZooError, did_you_mean

Shelf = Literal["datasets", "experiments"]
NOUN = {"datasets": "dataset", "experiments": "experiment"}


def folders(shelf: Shelf) -> list[Path]:
    """Where a shelf's files are looked for, first the user's own folder."""
    return [one for one in dict.fromkeys((Path(shelf), *_shipped(shelf))) if one.is_dir()]


def _shipped(shelf: Shelf) -> list[Path]:
    try:
        package = import_module(f"zoo._shelf.{shelf}")
    except ModuleNotFoundError:  # an editable install: the checkout's folders stand beside the package
        checkout = Path(__file__).parents[1]
        return [checkout / shelf] if (checkout / "setup.cfg").is_file() else []
    return [Path(one) for one in package.__path__]


def names(shelf: Shelf) -> dict[str, Path]:
    """Every name of a shelf with its file; the user's own come before ours."""
    found: dict[str, Path] = {}
    for folder in folders(shelf):
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find(shelf: Shelf, name: str) -> Path:
    """The file that `name` means: a path as it is, else a name of the shelf. Raises ZooError with the nearest names."""
    path = Path(name)
    looks_like_a_path = path.suffix in {".yaml", ".yml"} or len(path.parts) > 1
    if looks_like_a_path:
        if not os.path.exists(path):  # pathlib's raises for a name that is too long
            raise ZooError(f"no file {name}")
        return path
    known = names(shelf)
    if name not in known:
        noun = NOUN[shelf]
        raise ZooError(
            f"no {noun} named '{name}'",
            f"looked in ./{shelf} and in the {shelf} that come with keras-zoo",
            did_you_mean(name, known),
            f"all of them: zoo {shelf}",
        )
    return known[name]


def check_name(name: str, where: str) -> str:
    """The name of a card, an experiment or a run, which may become a folder's. Raises ZooError where it would lead elsewhere."""
    if name in ("", ".", "..") or Path(name).name != name or "\0" in name:
        raise ZooError(f"{where}: '{name}' cannot be a name", "a name becomes a folder's: no slashes, and not . or ..")
    return name
