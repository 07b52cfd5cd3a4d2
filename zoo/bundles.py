"""A bundle: a released, self-proving export, in the folder that TF Serving reads as it is.

    bundles/NAME/VERSION/           saved_model.pb, variables/, assets/, assets.extra/
    bundles/NAME/VERSION.formats/   other formats; TF Serving sees numbers only
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from zoo.errors import ZooError, did_you_mean
from zoo.runs import read_json

MANIFEST = "assets.extra/zoo/manifest.json"
GOLDEN = "assets.extra/zoo/golden.npz"
WARMUP = "assets.extra/tf_serving_warmup_requests"


def identifiers(names: list[str]) -> dict[str, str]:
    """Each name as a unique identifier: letters, digits and `_`, never a leading digit or `_`.

    SavedModel signatures refuse or silently rename other names; the manifest maps them back.
    """
    taken: dict[str, str] = {}
    for name in names:
        kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter == "_") else "_" for letter in name)
        base = kept.strip("_") or "column"
        base = f"n{base}" if base[0].isdigit() else base
        unique, count = base, 2
        while unique in taken.values():
            unique, count = f"{base}_{count}", count + 1
        taken[name] = unique
    return taken


def versions(folder: Path) -> list[int]:
    """The version numbers in a bundle's folder, rising."""
    return sorted(int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit() and path.is_dir())


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Bundle:
    """One version of a bundle, read. It answers raw values; nothing of it runs Python code."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest: dict[str, Any] = read_json(path / MANIFEST)

    def __repr__(self) -> str:
        return f"Bundle('{self.path}')"

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def version(self) -> int:
        return int(self.manifest["version"])

    @property
    def formats(self) -> Path:
        """The folder of the formats beside the SavedModel."""
        return self.path.with_name(f"{self.path.name}.formats")

    @cached_property
    def _served(self) -> Any:
        return import_module("zoo.serving").Served(self)

    def predict(self, inputs: Any) -> dict[str, Any]:
        """Raw values in, the named answers out, by the SavedModel itself (loads TensorFlow, no Keras model).

        Args:
            inputs: a mapping of columns, a table, an array of images, or a list of encoded image files (bytes).

        Returns:
            `label`, `probability`, `scores` or `value`, a NumPy array each, a row an example.
        """
        return self._served.answer(inputs)


def find(what: str | Path | Bundle, root: Path) -> Bundle:
    """A bundle by its version's folder, by its name's folder or by name (the newest version)."""
    if isinstance(what, Bundle):
        return what
    for folder in (Path(what), root / str(what)):
        if (folder / MANIFEST).is_file():
            return Bundle(folder)
        if folder.is_dir() and versions(folder):
            return Bundle(folder / str(versions(folder)[-1]))
    known = {path.name for path in root.glob("*") if versions(path)}
    raise ZooError(f"no bundle '{what}'", did_you_mean(what, known))
