"""Files of weights: which file holds what (`zoo/weights.json`), where it is, and what is wrong with one that does not fit.

The manifest names the files of keras.applications, as Keras downloads them, that of a benchmark, and others by their sha256.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from zoo.errors import ZooError, printable

if TYPE_CHECKING:
    import keras

log = logging.getLogger("zoo")

MANIFEST = Path(__file__).parents[1] / "weights.json"
SUFFIXES = (".keras", ".h5", ".hdf5")
PATIENCE = 2  # seconds in which a host must answer; Keras's own download tries much longer


class Saved(NamedTuple):
    """A layer's name, and the shapes of its weights."""

    name: str
    shapes: list[tuple[int, ...]]


NOTHING = Saved("", [])


@dataclass(frozen=True)
class WeightsFile:
    """A file of the manifest.

    `architecture` is a name of keras.applications or one of a benchmark, `width` its multiplier where it has one (`alpha`), `size`
    the side of the images that it was trained on, `data` their name, `top` whether the classifier is in it. One of the hashes may
    be None, and both where nobody published one.
    """

    architecture: str
    file: str
    top: bool
    size: int
    width: float | None = None
    sha256: str | None = None
    md5: str | None = None
    url: str | None = None
    data: str = "ImageNet"

    def hash(self) -> tuple[str, str] | None:
        return ("sha256", self.sha256) if self.sha256 else ("md5", self.md5) if self.md5 else None

    def __str__(self) -> str:
        hashed = self.hash()
        return f"{self.file} ({hashed[0]} {hashed[1]})" if hashed else self.file


def manifest() -> list[WeightsFile]:
    return [WeightsFile(**one) for one in json.loads(MANIFEST.read_text("utf-8"))["files"]]


def find(architecture: str, width: float | None, top: bool) -> Path:
    """The file of an architecture's published weights: in `ZOO_DATA_DIR` or Keras's own folder, or downloaded as Keras does.

    Raises:
        ZooError: there are no such weights, no file can be had, or one of the name is another file.
    """
    of_it = [one for one in manifest() if one.architecture == architecture and one.top == top]
    fitting = [one for one in of_it if one.width == width]
    if not fitting:
        widths = ", ".join(f"{one.width:g}" for one in of_it if one.width is not None)
        raise ZooError(f"nobody published ImageNet weights of {architecture} at alpha {width:g}", f"there are: {widths}")
    for one in fitting:
        for path in _at_hand(one):
            return checked(path, one)
    return _download(next(one for one in fitting if one.url), fitting)


def _at_hand(one: WeightsFile) -> Iterator[Path]:
    root = os.environ.get("ZOO_DATA_DIR")
    if root and not Path(root).is_dir():
        raise ZooError(f"ZOO_DATA_DIR is '{root}', which is no folder")
    for folder, _, names in os.walk(root) if root else ():
        if one.file in names:
            yield Path(folder, one.file)
    if (keras_folder() / one.file).is_file():
        yield keras_folder() / one.file


def keras_folder() -> Path:
    """Where Keras keeps the weights that it downloads."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def checked(path: Path, one: WeightsFile) -> Path:
    """The path, where its content is what the manifest says."""
    hashed = one.hash()
    if hashed:
        with path.open("rb") as file:
            got = hashlib.file_digest(file, hashed[0]).hexdigest()
        if got != hashed[1]:
            raise ZooError(
                f"{path} is not the file that the manifest of weights names, or is broken off",
                f"{hashed[0]} {got}",
                f"expected {hashed[1]}",
                f"fetch it again: {one.url}" if one.url else None,
            )
    return path


def _download(one: WeightsFile, fitting: list[WeightsFile]) -> Path:
    import keras

    host = urlsplit(str(one.url)).hostname
    try:
        socket.create_connection((str(host), 443), timeout=PATIENCE).close()
        log.info("fetching %s", one.url)
        path = Path(keras.utils.get_file(one.file, one.url, cache_subdir="models", file_hash=(one.hash() or (None, None))[1]))
    except Exception as error:  # Keras raises a bare Exception for a host that says no, and ValueError for another hash
        reason = printable(next(iter(str(error).splitlines()), type(error).__name__))
        raise ZooError(
            f"cannot fetch the {one.data} weights of {one.architecture} from {host}: {reason}",
            f"put {' or '.join(str(other) for other in fitting)} into a folder",
            "and name that folder, or one above it, in the environment variable ZOO_DATA_DIR",
            f"it is at {one.url}",
        ) from None
    return checked(path, one)


def load_weights(model: keras.Model, path: Path, name: str, whole: bool = False) -> None:
    """Loads a file of Keras (`.weights.h5`, `.h5`, `.keras`) into a model of the same layers.

    Args:
        model: what it is loaded into.
        path: the file.
        name: the model's, for messages.
        whole: whether a file with more layers than the model is refused too, of which Keras would take the first ones.

    Raises:
        ZooError: there is no such file, it is none of Keras, or it does not fit; then with the first layer that differs.
    """
    if not path.is_file():
        raise ZooError(f"no weights file {path}", None if path.suffix else f"and '{name}' knows no published weights of that name")
    if not path.name.endswith(SUFFIXES):
        raise ZooError(f"{path} is no file of weights by its name", f"such files end in .weights.h5, {', '.join(SUFFIXES)}")
    if not (zipfile.is_zipfile(path) if path.suffix == ".keras" else is_whole(path)):
        raise ZooError(f"{path} is no file of Keras, or it is broken off")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Skipping nested container")
        if whole and sum(len(one.shapes) for one in _saved(path).values()) > len(model.weights):
            differs = _first_difference(model, path)
            if differs:
                raise ZooError(f"{path} does not fit the model '{name}'", differs)
        try:
            model.load_weights(path)
        except Exception as error:  # h5py and Keras raise many kinds for a file that does not fit
            raise ZooError(f"{path} does not fit the model '{name}'", *_difference(model, path, str(error))) from error


def is_whole(path: Path) -> bool:
    """Whether it is an HDF5 file to its end."""
    import h5py

    try:
        with h5py.File(path, "r"):
            return True
    except OSError:
        return False


def has_top(path: Path) -> bool | None:
    """Whether a file of keras.applications holds a classifier; None where its layers have no names, as in files of Keras 3."""
    named = [name for name, _, weights in legacy_layers(path) if weights]
    return any(one in ("predictions", "conv_preds", "logits") or one.endswith("head_dense") for one in named) if named else None


def _difference(model: keras.Model, path: Path, said: str) -> list[str]:
    """The first layer that differs, and both shapes; where none does, what Keras said."""
    try:
        differs = _first_difference(model, path)
    except (OSError, KeyError, ValueError):  # of a file that is none of weights, or broken inside
        differs = None
    return [differs] if differs else [line for line in said.splitlines() if line.strip()][:2]


def _first_difference(model: keras.Model, path: Path) -> str | None:
    theirs = list(_legacy_shapes(path)) if path.suffix != ".keras" else []
    if theirs:
        ours = [Saved(one.name, [tuple(weight.shape) for weight in one.weights]) for one in model.layers if one.weights]
        for own, other in zip_longest(ours, theirs, fillvalue=NOTHING):
            if own.shapes != other.shapes:
                return _differs(own, other)
        return None
    with tempfile.TemporaryDirectory() as folder:
        model.save_weights(Path(folder, "own.weights.h5"))
        saved = _saved(Path(folder, "own.weights.h5"))
    there = _saved(path)
    order = {name: place for place, name in enumerate(_names_inside(model))}
    for group in [*sorted(saved, key=lambda one: order.get(saved[one].name, len(order))), *sorted(there)]:
        own, other = saved.get(group, NOTHING), there.get(group, NOTHING)
        if own.shapes != other.shapes:
            return _differs(own, other)
    return None


def _names_inside(layer: Any) -> Iterator[str]:
    """The names of the layers inside one, in the order of its network."""
    for one in layer._flatten_layers(include_self=False, recursive=False):
        yield one.name
        yield from _names_inside(one)


def _saved(path: Path) -> dict[str, Saved]:
    """The layers of a file as Keras 3 writes them, by where they stand in it; nothing of other files."""
    import h5py

    found: dict[str, Saved] = {}

    def visit(group: str, one: Any) -> None:
        parts = group.split("/")
        if parts[-1] == "vars" and "layers" in parts and isinstance(one, h5py.Group) and len(one):  # not an optimizer's or a metric's
            shapes = [tuple(one[number].shape) for number in sorted(one, key=lambda key: (len(key), key))]
            found[group] = Saved(_text(one.attrs.get("name", parts[-2])), shapes)

    with ExitStack() as opened:
        file: Any = path
        if zipfile.is_zipfile(path):
            archive = opened.enter_context(zipfile.ZipFile(path))
            if "model.weights.h5" not in archive.namelist():
                return {}
            file = opened.enter_context(archive.open("model.weights.h5"))
        opened.enter_context(h5py.File(file, "r")).visititems(visit)
    return found


def _differs(own: Saved, other: Saved) -> str:
    layer = own.name or other.name
    there = f" ({other.name})" if own.name and other.name not in ("", own.name) else ""
    both = f"the model's weights are of {_told(own.shapes)}, the file's of {_told(other.shapes)}{there}"
    return f"the first layer that differs is '{layer}': {both}"


def _told(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(str(shape) for shape in shapes) or "none"


def _legacy_shapes(path: Path) -> Iterator[Saved]:
    """The layers of a file as Keras 2 wrote them, in the model's order."""
    for name, group, weights in legacy_layers(path):
        if weights:
            yield Saved(name, [tuple(group[one].shape) for one in weights])


def legacy_layers(path: Path) -> Iterator[tuple[str, Any, list[str]]]:
    """Of a file as Keras 2 wrote it each layer's name, its group and its weights' names; nothing of other files."""
    import h5py

    with h5py.File(path, "r") as file:
        root = file.get("model_weights", file)
        for name in map(_text, root.attrs.get("layer_names", ())):
            yield name, root[name], [_text(one) for one in root[name].attrs.get("weight_names", ())]


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
