"""A trial: one point of the space, what came of it, and what was known when it was proposed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.runs import read_json, write_json

FILE = "trial.json"
LOG = "trial.log"
RUNNING, COMPLETED, PRUNED, FAILED = "running", "completed", "pruned", "failed"
ENDED = (COMPLETED, PRUNED, FAILED)


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        number: counted from 1, in the order of the proposals.
        values: its point: dotted key -> plain value.
        knows: the numbers of the trials that had ended when it was proposed, in the order in which they ended.
        state: running (also: stopped, to be gone on with), completed, pruned, failed.
        epochs: where the tuner gives out epochs (hyperband), it trains until this one.
        continues: the trial whose weights it goes on with.
        score: the best value of the objective; of a failed trial None.
        curve: the objective after each epoch, from the first.
        trained: epochs that this trial itself trained.
        seconds: that its last attempt took.
        params: of its model.
        reason: of a failed or pruned one, in a line.
        attempts: how often it was started.
        place: in the order in which trials ended, from 1.
    """

    number: int
    values: dict[str, Any]
    knows: tuple[int, ...] = ()
    state: str = RUNNING
    epochs: int | None = None
    continues: int | None = None
    score: float | None = None
    curve: tuple[float, ...] = ()
    trained: int = 0
    seconds: float = 0.0
    params: int | None = None
    reason: str | None = None
    attempts: int = 0
    place: int | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def write(self, folder: Path) -> None:
        """Writes `trial.json` into the trial's folder."""
        write_json(folder / FILE, asdict(self))


def read_trial(folder: Path) -> Trial:
    """The trial of a folder. Raises ZooError where its file is missing or broken."""
    path = folder / FILE
    again = f"remove the folder {folder} to have this trial tried again"
    try:
        found: Mapping[str, Any] = read_json(path)
        known = {one.name for one in fields(Trial)}
        facts: dict[str, Any] = {key: value for key, value in found.items() if key in known}
        facts["knows"] = tuple(facts.get("knows", ()))
        facts["curve"] = tuple(math.nan if one is None else one for one in facts.get("curve", ()))  # JSON has no NaN
        trial = Trial(**facts)
        _check(trial, folder.name)
    except ZooError as error:
        raise ZooError(error.what, *error.details, again) from None
    except TypeError as error:
        raise ZooError(f"{path} cannot be read: {error}", "it was changed by hand", again) from None
    return trial


def _check(trial: Trial, name: str) -> None:
    """Raises TypeError where a fact is not of its kind."""
    if not isinstance(trial.number, int) or not isinstance(trial.values, dict) or f"{trial.number:04d}" != name:
        raise TypeError("it is of another trial")
    if trial.state not in (RUNNING, *ENDED):
        raise TypeError(f"there is no state {trial.state!r}")
    perhaps = {key: getattr(trial, key) for key in ("score", "epochs", "continues", "params", "place")}
    always = {"trained": trial.trained, "seconds": trial.seconds, "attempts": trial.attempts}
    for key, value in [*always.items(), *((key, one) for key, one in perhaps.items() if one is not None)]:
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise TypeError(f"{key} is {value!r}")
    if not all(isinstance(one, (int, float)) for one in (*trial.knows, *trial.curve)):
        raise TypeError("knows and curve are lists of numbers")
    if not isinstance(trial.reason, str | None):
        raise TypeError(f"reason is {trial.reason!r}")
