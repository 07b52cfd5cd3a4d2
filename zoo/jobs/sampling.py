"""What a generative model draws, by a run or by a bundle: the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.bundles import Bundle
from zoo.errors import ZooError, did_you_mean
from zoo.runs import Run, make_folder, write_atomically

if TYPE_CHECKING:
    import numpy as np

MOST = 100_000  # samples at once
DRAWING = ("generator", "decoder")  # the signatures that draw
PICTURES = {".png": "a grid", ".npy": "an array", "": "a folder of images"}


@dataclass(frozen=True)
class Sampler:
    """Something trained that draws.

    Attributes:
        path: of the run or the bundle.
        latent: numbers of a code.
        classes: names of the classes that it is told, or None.
        draw: codes `z`, and class numbers `label` where there are classes, to samples as the model gives them.
    """

    path: Path
    latent: int
    classes: list[str] | None
    draw: Callable[[Mapping[str, np.ndarray]], np.ndarray]

    def class_number(self, name: str | None) -> int | None:
        """The number of a class by its name, or as it is. Raises ZooError for one that does not exist."""
        if name is None:
            return None
        if self.classes is None:
            raise ZooError(f"--class {name}: {self.path} was not told classes when it learned, and cannot be asked for one", "leave it out")
        if name in self.classes:
            return self.classes.index(name)
        if name.isdecimal() and int(name) < len(self.classes):
            return int(name)
        numbers = f"or a number from 0 to {len(self.classes) - 1}"
        near = None if name.lstrip("-").isdecimal() else did_you_mean(name, self.classes)
        raise ZooError(f"--class {name}: no such class", near, f"classes: {', '.join(self.classes)}; {numbers}")

    def samples(self, count: int, *, label: int | None = None, seed: int = 1) -> tuple[np.ndarray, np.ndarray | None]:
        """So many samples, float32 (count, …), pixels 0..255 of images, and their class numbers, or None.

        Without a class of their own each class comes in turn.
        """
        import numpy as np

        z = np.random.default_rng(seed).standard_normal((count, self.latent)).astype("float32")
        if self.classes is None:
            return self.draw({"z": z}), None
        labels = np.full(count, label, np.int32) if label is not None else (np.arange(count) % len(self.classes)).astype(np.int32)
        return self.draw({"z": z, "label": labels}), labels


def open_sampler(trained: Run | Bundle) -> Sampler:
    """Loads a run's model, or a bundle's SavedModel. Raises ZooError for a model that draws nothing."""
    if isinstance(trained, Bundle):
        manifest = trained.manifest
        _check_task(str(manifest["task"]), trained.path)
        return _sampler(trained.path, manifest["shapes"], manifest.get("classes"), trained.ask)
    trained.needs_evaluated()
    _check_task(str(trained.facts.get("task")), trained.path)
    from zoo.assembly import open_run

    opened = open_run(trained)
    shapes = {name: {"inputs": opened.takes(name)} for name in opened.signatures}
    return _sampler(trained.path, shapes, trained.reading.get("classes"), opened.ask)


def _sampler(path: Path, shapes: Mapping[str, Any], classes: list[str] | None, ask: Callable[[str, Any], Mapping[str, Any]]) -> Sampler:
    name = next(one for one in DRAWING if one in shapes)
    size = shapes[name]["inputs"]["z"]["shape"][0]
    return Sampler(path, size, classes, lambda given: ask(name, given)["sample"])


def _check_task(task: str, path: Path) -> None:
    if task == "generation":
        return
    instead = {"language": f"it writes: zoo generate {path} PROMPT"}.get(task, f"ask it for answers: zoo predict {path} FILE")
    raise ZooError(f"{path} draws no samples: it learned {task}", instead, "models that draw: zoo models --task generation")


def check_target(target: Path, count: int) -> None:
    """Raises ZooError for a number of samples, or a place for them, that cannot be."""
    if not 1 <= count <= MOST:
        raise ZooError(f"-n {count}: it should be from 1 to {MOST:,}", "for more, draw again with another --seed" if count > MOST else None)
    if target.suffix not in PICTURES:
        known = ", ".join(f"NAME{suffix} for {what}" for suffix, what in PICTURES.items())
        raise ZooError(f"-o {target}: samples are written as {known}")
    if target.suffix and target.is_dir():
        raise ZooError(f"-o {target} is a folder", "give it a name without an ending to write images into it")
    if not target.suffix and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ZooError(f"-o {target} is there already", "give another name")
    if not target.parent.is_dir():
        raise ZooError(f"-o {target}: there is no folder {target.parent}")


def write(samples: np.ndarray, labels: np.ndarray | None, target: Path) -> None:
    """As the target's name asks: a grid of images, an array float32 as the model gives it, or a folder of images.

    Raises:
        ZooError: the samples are no images and would become such.
    """
    import numpy as np

    if target.suffix == ".npy":
        write_atomically(target, lambda path: _save(path, samples))
        return
    if samples.ndim != 4 or samples.shape[-1] not in (1, 3):
        raise ZooError(f"-o {target}: these samples are no images, but of the shape {samples.shape[1:]}", "write an array: -o samples.npy")
    if target.suffix:
        from zoo.evaluation.samples import tiled

        columns = int(np.ceil(np.sqrt(len(samples))))
        _image(tiled(samples, columns), target)
        return
    make_folder(target)
    digits = max(4, len(str(len(samples) - 1)))
    for place, one in enumerate(samples):
        of_class = "" if labels is None else f"_{labels[place]}"
        _image(np.clip(np.rint(one), 0, 255).astype(np.uint8), target / f"{place:0{digits}d}{of_class}.png")


def _save(path: Path, samples: Any) -> None:
    import numpy as np

    with path.open("wb") as file:
        np.save(file, samples)


def _image(pixels: np.ndarray, path: Path) -> None:
    from PIL import Image

    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    write_atomically(path, lambda file: image.save(file, "PNG"))
