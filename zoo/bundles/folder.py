"""A bundle's folder, read.

bundles/NAME/VERSION/           saved_model.pb, variables/, assets/, assets.extra/
bundles/NAME/VERSION.formats/   other formats; TF Serving sees numbers only
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError, did_you_mean
from zoo.runs import read_json

if TYPE_CHECKING:
    import numpy as np

MANIFEST = "assets.extra/zoo/manifest.json"
GOLDEN = "assets.extra/zoo/golden.npz"
WARMUP = "assets.extra/tf_serving_warmup_requests"
FORMAT_NAMES = {"saved_model": "SavedModel", "onnx": "ONNX"}


def versions(folder: Path) -> list[int]:
    """The version numbers in a bundle's folder, rising."""
    return sorted(int(path.name) for path in folder.glob("[1-9]*") if path.name.isdecimal() and path.is_dir())


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

    @property
    def proof(self) -> dict[str, dict[str, Any]]:
        """By format: max_difference, examples, batch_sizes, tolerance."""
        return dict(self.manifest["proof"])

    def describe(self) -> str:
        """One line, as `proven without Keras on 16 golden examples: SavedModel 0.0, ONNX 2.1e-07`."""
        told = ", ".join(f"{FORMAT_NAMES[kind]} {one['max_difference']:.2g}" for kind, one in self.proof.items())
        return f"proven without Keras on {self.proof['saved_model']['examples']} golden examples: {told}"

    def verify(self) -> None:
        """Raises ZooError unless every file of the SavedModel is there and as it was exported."""
        for name, facts in self.manifest["files"].items():
            path = self.path / name
            if not path.is_file():
                raise ZooError(f"{self.path} is broken: {name} is missing", "export the run again: zoo export RUN")
            if path.stat().st_size != facts["bytes"] or file_sha256(path) != facts["sha256"]:
                raise ZooError(f"{self.path} is broken: {name} is not the file that was exported", "export the run again: zoo export RUN")

    @cached_property
    def _served(self) -> Any:
        return import_module("zoo.serving").Served(self)

    def predict(self, inputs: Any) -> dict[str, np.ndarray]:
        """Raw values in, the named answers out, by the SavedModel itself (loads TensorFlow, no Keras model).

        Args:
            inputs: a mapping of columns, a table, an array of images, or a list of encoded image files (bytes).

        Returns:
            `label`, `probability`, `scores` or `value`, a NumPy array each, a row an example.

        Raises:
            ZooError: a column is missing or of another type, an image cannot be decoded, or the bundle is broken.
        """
        answers: dict[str, np.ndarray] = self._served.answer(inputs)
        return answers

    def ask(self, signature: str, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What one of the signatures answers to arrays by the names of its inputs, a row an example."""
        answers: dict[str, np.ndarray] = self._served.ask(signature, columns)
        return answers


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
