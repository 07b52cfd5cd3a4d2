"""Augmentation: what only training sees. Each step is a function of a whole batch, (x, y, keys) -> (x, y), a file a modality.

`keys` are uint32, one an example, a hash of (seed, epoch, example): whatever a step draws follows from them alone, so that an
example is changed alike whatever its batch and its place, otherwise in another epoch, and again the same after a restart.
(mixup and cutmix pair the examples of a batch, which is itself a pure function of seed and epoch.)

Steps on raw values (pixels 0..255, the waveform) stand before the rest of the preprocessing, the others after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from zoo.config.preparing import Augmentation
from zoo.data.augment import audio, chance, image, mixing, series, text
from zoo.errors import ZooError

Step = Callable[[Any, Any, Any], tuple[Any, Any]]
RAW = {"image": ("flip", "crop", "rotate", "colour", "cutout", "rand_augment", "mixup", "cutmix"), "audio": ("noise",)}
MAKERS: dict[str, Callable[..., Any]] = {  # what one makes of a step's settings: x and keys to x
    "flip": image.flip,
    "crop": image.crop,
    "rotate": image.rotate,
    "colour": image.colour,
    "cutout": image.cutout,
    "rand_augment": image.rand_augment,
    "jitter": series.jitter,
    "scale": series.scale,
    "noise": audio.noise,
    "spec_augment": audio.spec_augment,
    "word_dropout": text.word_dropout,
}
MIXERS: dict[str, Callable[..., Step]] = {"mixup": mixing.mixup, "cutmix": mixing.cutmix}  # the same, of x and y together
NEEDS = {"word_dropout": ("tokens",), "spec_augment": ("image", "sequence"), "mixup": ("image", "vector", "sequence")}


@dataclass(frozen=True)
class Augment:
    """The steps of a card for one modality, before and after what is left of the preprocessing."""

    before: Step | None
    after: Step | None


def make(steps: tuple[Augmentation, ...], kind: str, modality: str, classes: int | None = None) -> Augment | None:
    """The steps as functions; None where there are none.

    Args:
        steps: of the card, in their order.
        kind: of the examples, as `Card.kind`.
        modality: what the model takes.
        classes: the number of classes where `y` holds class numbers: labels that are mixed become float32, of two
            classes (batch,), the probability of the second, else (batch, classes).

    Raises:
        ZooError: a step works on something that the model does not take.
    """
    for step in steps:
        if modality not in NEEDS.get(step.name, (modality,)):
            raise ZooError(f"augment: {step.name} works on {' or '.join(NEEDS[step.name])}, and the model takes a {modality}")
    made = [(step.name in RAW.get(kind, ()), _step(step, place, classes)) for place, step in enumerate(steps)]
    before, after = ([one for raw, one in made if raw is wanted] for wanted in (True, False))
    return Augment(_chain(before), _chain(after)) if made else None


def _step(step: Augmentation, place: int, classes: int | None) -> Step:
    """A step with its settings, done to as many examples as its probability says, drawing from a stream of its own."""
    own = step.model_dump(exclude={"name", "probability"})
    change = MIXERS[step.name](classes=classes, **own) if step.name in MIXERS else _keeping_y(MAKERS[step.name](**own))
    probability = 1.0 if step.probability is None else step.probability

    def run(x: Any, y: Any, keys: Any) -> tuple[Any, Any]:
        keys = chance.salted(keys, 2 * place)
        new_x, new_y = change(x, y, keys)
        if probability == 1.0:
            return new_x, new_y
        chosen = chance.uniform(chance.salted(keys, 1)) < probability
        y = y if new_y is y else mixing.soft(y, classes)
        return where(chosen, new_x, x), new_y if new_y is y else where(chosen, new_y, y)

    return run


def _keeping_y(change: Any) -> Step:
    return lambda x, y, keys: (change(x, keys), y)


def where(chosen: Any, new: Any, old: Any) -> Any:
    """Of each example (batch, …) the new one where it is chosen (batch,): whole rows, which is many times faster than `tf.where`."""
    return tf.raw_ops.Select(condition=chosen, x=new, y=old)


def _chain(steps: list[Step]) -> Step | None:
    if not steps:
        return None

    def run(x: Any, y: Any, keys: Any) -> tuple[Any, Any]:
        for step in steps:
            x, y = step(x, y, keys)
        return x, y

    return run
