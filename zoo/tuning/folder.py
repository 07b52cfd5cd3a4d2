"""A search's folder: what is searched, its trials, its state. It is read at any time, also while the search runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from zoo.config import yamls
from zoo.config.load import absolute
from zoo.config.space import Axis, Space
from zoo.config.tunable import Tunable
from zoo.errors import ZooError
from zoo.runs import finite, fsync_folder, held, make_folder, place, read_json, reason, sweep, write_json, write_text
from zoo.tuning.trials import COMPLETED, Trial, read_trial

FILE = "search.json"
BEST = "best.yaml"
FACTS: dict[str, Any] = {  # that stand in every search.json
    **dict.fromkeys(("experiment", "dataset", "task", "objective", "direction", "state"), str),
    **dict.fromkeys(("search", "asked", "card"), dict),
    **dict.fromkeys(("keys", "axes"), list),
    "seconds": (int, float),
    "threads": int,
}
BUDGET = ("trials", "time", "trial_time", "epochs", "patience", "failures", "seeds")  # may be changed when a search goes on


class SearchFolder:
    """`searches/NAME/ID`.

    `search.json` holds: `experiment` (its name), `dataset`, `task`, `objective`, `direction` (max or min), `keys` (the dotted keys of the
    space), `axes` (those of the space: no shelf is needed to tell them), `search` (its settings, resolved), `asked` (the experiment,
    resolved, without a search) and `card`, `seconds` spent so far, `threads` of each trial, `data` (its fingerprint), `state` (running,
    interrupted, finished, failed), `why` it ended, and of a finished one `winner` (below).

    `winner`: `number` of the trial, its `score`, `seeds` (seed -> score of the objective when trained again), `mean`, `std`, `optimism`
    (how much better the search's score is than the mean of the fresh ones, in the direction that is better), `run` (the folder of
    the run that was tested once), `test` (its test metrics), `baseline` (the same of the baseline), `earlier` (the trials that won
    and were tested before the search was gone on with).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts = read_json(path / FILE)
        for key, kind in FACTS.items():
            if not isinstance(self.facts.get(key), kind):
                what = f"has {key}: {self.facts[key]!r}" if key in self.facts else f"lacks '{key}'"
                raise ZooError(f"{path / FILE} {what}", "it was changed by hand; remove the folder, or put the file back")

    @property
    def name(self) -> str:
        return str(self.facts["experiment"])

    @property
    def objective(self) -> str:
        return str(self.facts["objective"])

    @property
    def sign(self) -> int:
        """1 where a higher score is better, else -1."""
        return 1 if self.facts["direction"] == "max" else -1

    @property
    def keys(self) -> list[str]:
        """The dotted keys of the space."""
        return list(self.facts["keys"])

    @property
    def space(self) -> Space:
        """What is tried. Raises ZooError where search.json does not tell it."""
        try:
            told = self.facts["axes"]
            return Space(
                tuple(Axis(**{**one, "choices": tuple(one["choices"]), "when": one["when"] and tuple(one["when"])}) for one in told)
            )
        except (KeyError, TypeError):
            raise ZooError(f"{self.path / FILE} does not tell the axes of the space", "it was changed by hand") from None

    @property
    def state(self) -> str:
        """running, interrupted, finished or failed; one that says that it runs, while nobody holds it, was interrupted."""
        state = str(self.facts["state"])
        return "interrupted" if state == "running" and not held(self.path) else state

    def mark(self, **facts: Any) -> None:
        """Writes facts into search.json."""
        self.facts = {**self.facts, **facts}
        write_json(self.path / FILE, {key: value for key, value in self.facts.items() if key != "format"})

    def check_data(self, found: str | None) -> None:
        """Raises ZooError where scores would be compared that were made of other data."""
        known = self.facts.get("data")
        if found is None or found == known:
            return
        if known is not None:
            raise ZooError(
                f"the data of '{self.facts['dataset']}' changed since {self.path} began",
                "put the old data back, or start a new search without --resume",
            )
        self.mark(data=found)

    def of(self, number: int) -> Path:
        """A trial's folder."""
        return self.path / "trials" / f"{number:04d}"

    def trials(self) -> list[Trial]:
        """All trials that were proposed, by their numbers. Raises ZooError for one that cannot be read."""
        folders = sorted(one for one in (self.path / "trials").glob("[0-9]*") if one.is_dir())
        return [read_trial(one) for one in folders]

    def write(self, trial: Trial) -> None:
        """Writes a trial; its folder appears whole or not at all."""
        folder = self.of(trial.number)
        if folder.exists():
            trial.write(folder)
            return
        building = folder.with_name(f".new-{os.getpid()}-{folder.name}")
        try:
            building.mkdir()
            trial.write(building)
            building.rename(folder)
            fsync_folder(folder.parent)
        except OSError as error:
            raise ZooError(f"cannot write {folder}: {error.strerror}", reason(error)) from error
        finally:
            shutil.rmtree(building, ignore_errors=True)


def best_of(trials: Sequence[Trial], sign: int) -> Trial | None:
    """The completed trial of the best score, of equal ones the first; None where none is completed."""
    good = [trial for trial in trials if trial.state == COMPLETED and trial.score is not None]
    return max(good, key=lambda trial: (sign * (trial.score or 0.0), -trial.number), default=None)


def settings(tunable: Tunable) -> dict[str, Any]:
    """What a search is, as plain data: two searches of equal settings are one."""
    asked = tunable.experiment.model_dump(mode="json")
    asked.pop("search")
    return {
        "experiment": tunable.experiment.name,
        "dataset": tunable.experiment.card.name,
        "task": tunable.task,
        "objective": tunable.objective,
        "direction": "max" if tunable.sign > 0 else "min",
        "keys": list(tunable.space.keys),
        "axes": finite([asdict(axis) for axis in tunable.space.axes]),
        "search": tunable.search.model_dump(mode="json"),
        "asked": asked,
        "card": absolute(tunable.experiment.card).model_dump(mode="json", exclude_none=True),
    }


def create(root: Path, tunable: Tunable, threads: int) -> SearchFolder:
    """Makes the folder of a new search; it appears whole or not at all."""
    parent = root / tunable.experiment.name
    make_folder(parent)
    sweep(parent)
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    building = parent / f".new-{os.getpid()}-{stamp}"
    try:
        (building / "trials").mkdir(parents=True)
        write_text(building / "experiment.yaml", yamls.dump(tunable.document.value))
        write_json(building / FILE, {**settings(tunable), "threads": threads, "seconds": 0.0, "state": "running"})
        return SearchFolder(place(building, parent, stamp, "a search"))
    except OSError as error:
        raise ZooError(f"cannot make a search folder in {parent}: {error.strerror}", reason(error)) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def all_searches(root: Path, name: str) -> list[SearchFolder]:
    """The searches of an experiment's name, newest first. Raises ZooError for one that cannot be read or is of another experiment."""
    found = [SearchFolder(path.parent) for path in sorted(root.glob(f"{name}/[0-9]*/{FILE}"), reverse=True)]
    for one in found:
        if one.name != name:
            raise ZooError(f"{one.path} is a search of another experiment: {one.name}", "was the folder moved? put it back, or remove it")
    return found
