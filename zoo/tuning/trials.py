"""A trial: one point of the space, what came of it, and what was known when it was proposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.runs import read_json, write_json

FILE = "trial.json"
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
        facts |= {key: tuple(facts[key]) for key in ("knows", "curve") if key in facts}
        trial = Trial(**facts)
        if not isinstance(trial.number, int) or not isinstance(trial.values, dict) or f"{trial.number:04d}" != folder.name:
            raise TypeError("it is of another trial")
    except ZooError as error:
        raise ZooError(error.what, *error.details, again) from None
    except TypeError as error:
        raise ZooError(f"{path} cannot be read: {error}", "it was changed by hand", again) from None
    return trial
