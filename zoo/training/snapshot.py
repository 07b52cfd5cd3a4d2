"""The state from which a killed run goes on exactly: everything that training changes, at an epoch's end, in one file.

Keras saves seed generators nowhere and BackupAndRestore neither History nor callbacks (measured on Keras 3.15), so a
run resumed by it differs. Here are all of the model's and the optimizer's variables, the best weights so far, and the
state of every callback, written under a temporary name and renamed.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.runs import FORMAT, write_atomically

FILE = "checkpoints/last.npz"


@dataclass
class Snapshot:
    """What a checkpoint holds.

    Attributes:
        epoch: the epoch to go on with, counted from 0.
        stopped: whether training had ended by itself.
        variables: values of the model's and the optimizer's variables, in their order.
        best: values of the model's weights at the best epoch, in their order.
        callbacks: the state of each callback by its name, plain data.
        phase: of a training in phases which one it is of; the optimizer is that one's.
    """

    epoch: int
    stopped: bool
    variables: list[np.ndarray]
    best: list[np.ndarray]
    callbacks: dict[str, Any] = field(default_factory=dict)
    phase: int = 0

    def write(self, folder: Path) -> None:
        facts = {
            "format": FORMAT,
            "epoch": self.epoch,
            "stopped": self.stopped,
            "phase": self.phase,
            "variables": len(self.variables),
            "best": len(self.best),
            "callbacks": self.callbacks,
        }
        arrays = {f"v{index}": value for index, value in enumerate(self.variables)}
        arrays |= {f"b{index}": value for index, value in enumerate(self.best)}
        text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        write_atomically(folder / FILE, lambda path: np.savez(path, allow_pickle=False, facts=text, **arrays))


def read(folder: Path) -> Snapshot | None:
    """The checkpoint of a run folder; None where training was killed before the first. Raises ZooError where it is broken."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            facts = json.loads(archive["facts"].tobytes())
            variables = [archive[f"v{index}"] for index in range(facts["variables"])]
            best = [archive[f"b{index}"] for index in range(facts["best"])]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ZooError(f"{path} cannot be read: {error}", "it was changed or cut off; start a new run without --resume") from None
    return Snapshot(facts["epoch"], facts["stopped"], variables, best, facts["callbacks"], facts.get("phase", 0))


def state_of(model: keras.Model) -> list[keras.Variable]:
    """All that training changes: weights, seed generators, and the optimizers' variables (a GAN has two), in a fixed order."""
    optimizers = [one for _, one in sorted(vars(model).items()) if isinstance(one, keras.optimizers.Optimizer)]
    return [*model.variables, *(variable for optimizer in optimizers for variable in optimizer.variables)]


def restore(model: keras.Model, snapshot: Snapshot, where: Path) -> None:
    """Puts the values back. The optimizer must be built, else it would silently stay at 0."""
    variables = state_of(model)
    shapes = [tuple(value.shape) for value in snapshot.variables]
    if [tuple(variable.shape) for variable in variables] != shapes:
        raise ZooError(f"{where / FILE} does not fit the model", "was the model's code changed since? start a new run without --resume")
    for variable, value in zip(variables, snapshot.variables, strict=True):
        variable.assign(value)
