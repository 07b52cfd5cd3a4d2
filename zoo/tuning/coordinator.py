"""The coordinator: the one process that owns a search's folder and asks its oracle. All that it knows stands in the folder."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from zoo import registry
from zoo.config import Experiment
from zoo.config.load import absolute
from zoo.config.tunable import Tunable
from zoo.errors import ZooError
from zoo.runs.stopping import check_stop
from zoo.tuning.events import write_events
from zoo.tuning.folder import SearchFolder, best_of
from zoo.tuning.oracles import Oracle, Wait
from zoo.tuning.table import write_table
from zoo.tuning.trials import COMPLETED, FAILED, RUNNING, Trial
from zoo.tuning.workers import Event, Workers

log = logging.getLogger("zoo")

LOOKS = 0.5  # seconds between two looks at the clock
LOSSES = 3  # so often a trial is tried again that was lost with its machine


class View(Protocol):
    """Who shows how the search goes."""

    def started(self, trial: Trial) -> None: ...

    def ended(self, trial: Trial) -> None: ...

    def best(self, trial: Trial) -> None: ...


class Coordinator:
    """Runs trials until a budget is spent; a killed one leaves a folder from which another goes on.

    `runs` is where runs are that the experiment names; `keep` is told of each trial that is the best so far.
    """

    def __init__(
        self,
        folder: SearchFolder,
        tunable: Tunable,
        oracle: Oracle,
        staff: Callable[[], Workers],
        runs: Path,
        view: View | None = None,
        keep: Callable[[Trial], None] = lambda trial: None,
    ) -> None:
        self.runs, self.keep = runs, keep
        self.folder, self.tunable, self.oracle, self.staff, self.view = folder, tunable, oracle, staff, view
        self.search = tunable.search
        self.trials = {trial.number: trial for trial in folder.trials()}
        self.seats: dict[int, int] = {}  # seat -> trial
        self.starts: dict[int, float] = {}  # of trials of this process
        self.slow: set[int] = set()
        self.workers: Workers | None = None
        self.began, self.spent = time.monotonic(), float(folder.facts["seconds"])
        self.exhausted = False

    @property
    def ended(self) -> list[Trial]:
        """The trials that ended, in the order in which they did."""
        return sorted((one for one in self.trials.values() if one.ended), key=lambda one: (one.place or 0, one.number))

    @property
    def seconds(self) -> float:
        """The time spent so far, in earlier processes too."""
        return self.spent + time.monotonic() - self.began

    @property
    def _all_tried(self) -> str:
        return "the sweep came to its end" if self.search.tuner == "hyperband" else "every point was tried"

    def run(self) -> str:
        """Tries until there is nothing left to try; returns why it ended."""
        best = best_of(self.ended, self.folder.sign)
        if self.view and best:
            self.view.best(best)  # of an earlier process
        with self._timed():
            while True:
                check_stop()
                self._start_all()
                if not self.seats:
                    return self._over() or self._all_tried
                assert self.workers is not None
                for event in self.workers.wait(LOOKS):
                    self._heard(event)
                self._kill_slow(self.workers)
                if self._out_of_time() and self.seats:
                    self._stop_all(self.workers)
                    return "the time was over"

    @contextmanager
    def _timed(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.folder.mark(seconds=round(self.seconds, 3))

    def _stop_all(self, workers: Workers) -> None:
        """Ends the trials that run; they stay as they are, to be gone on with."""
        log.info("the time is over; to go on with %s, give it more and --resume", " and ".join(f"trial {n}" for n in self.seats.values()))
        for seat in self.seats:
            workers.kill(seat)
        while self.seats:
            for event in workers.wait(LOOKS):
                self.seats.pop(event.seat, None)

    def _over(self) -> str | None:
        """Which budget is spent, in words; None where another trial may start."""
        search, ended = self.search, self.ended
        failed = next((place for place, one in enumerate(reversed(ended)) if one.state != FAILED), len(ended))
        if failed >= search.failures:
            return f"{failed} trials failed in a row, the last: {ended[-1].reason}"
        if search.trials is not None and len(self.trials) >= search.trials and not self._unfinished():
            return f"{len(self.trials)} trial{'s' * (len(self.trials) > 1)} {'were' if len(self.trials) > 1 else 'was'} made"
        if self._out_of_time():
            return "the time was over"
        if search.epochs is not None and sum(one.trained for one in ended) >= search.epochs:
            return f"{search.epochs} epochs were trained"
        best = best_of(ended, self.folder.sign)
        if search.patience is not None and best is not None and len(ended) - 1 - ended.index(best) >= search.patience:
            return f"{search.patience} trials went by without a better one"
        return self._all_tried if self.exhausted else None

    def _out_of_time(self) -> bool:
        return self.search.time is not None and self.seconds >= self.search.time

    def _kill_slow(self, workers: Workers) -> None:
        """Kills each trial that takes too long; it fails when its seat says that it died."""
        limit = self.search.trial_time
        for seat, number in self.seats.items():
            if limit is not None and number not in self.slow and time.monotonic() - self.starts[number] >= limit:
                self.slow.add(number)
                workers.kill(seat)

    def _unfinished(self) -> list[Trial]:
        """Trials that a killed or stopped search left, and nobody runs now."""
        return [one for number, one in sorted(self.trials.items()) if not one.ended and number not in self.seats.values()]

    def _start_all(self) -> None:
        while self._over() is None:
            if self.workers is None:
                self.workers = self.staff()
            free = next((seat for seat in range(self.workers.seats) if seat not in self.seats), None)
            trial = next(iter(self._unfinished()), None) if free is not None else None
            if free is None or (trial is None and (trial := self._proposed()) is None):
                return
            self._start(free, trial)

    def _proposed(self) -> Trial | None:
        """A new trial, written before it starts."""
        if self.search.trials is not None and len(self.trials) >= self.search.trials:
            return None
        number = next(count for count in range(1, len(self.trials) + 2) if count not in self.trials)
        knows = tuple(one.number for one in self.ended)
        try:
            proposal = self.oracle.ask(number, [self.trials[one] for one in sorted(self.trials)])
        except Wait:
            return None
        if proposal is None:
            self.exhausted = True
            return None
        return Trial(number, proposal.values, knows, epochs=proposal.epochs, continues=proposal.continues)

    def _start(self, seat: int, trial: Trial) -> None:
        trial = self._write(replace(trial, state=RUNNING, attempts=trial.attempts + 1))
        if self.view:
            self.view.started(trial)
        try:
            task = self.task(trial)
        except ZooError as error:  # the values do not go together
            self._end(replace(trial, state=FAILED, reason=" ".join(error.what.split())))
            return
        assert self.workers is not None
        self.seats[seat], self.starts[trial.number] = trial.number, time.monotonic()
        self.workers.start(seat, task)

    def task(self, trial: Trial) -> dict[str, Any]:
        """What a worker is told of a trial."""
        past = None
        if self.search.pruner:  # what was known when it was proposed: the same whenever it is tried again
            known = [self.trials[number] for number in sorted(trial.knows) if number in self.trials]  # a folder may have been removed
            past = [list(one.curve) for one in known if one.state == COMPLETED]
        continues = str(self.folder.of(trial.continues).resolve()) if trial.continues else None
        told = task_of(self.tunable, self.tunable.at(trial.values), self.folder.of(trial.number), self.folder.facts["threads"], self.runs)
        return {**told, "epochs": trial.epochs, "continues": continues, "past": past}

    def _heard(self, event: Event) -> None:
        number = self.seats.pop(event.seat, None)
        if number is None:
            return
        trial = self.trials[number]
        if event.lost is not None and trial.attempts <= LOSSES:
            log.warning("note: trial %d was lost: %s; it is tried again", number, event.lost)
            return
        if event.result is None:
            slow = f"it took longer than search.trial_time: {self.search.trial_time:g} s" if number in self.slow else None
            self._end(replace(trial, state=FAILED, reason=slow or event.died or f"{event.lost}, {trial.attempts} times"))
            return
        result = dict(event.result)
        self.folder.check_data(result.pop("data", None))
        before = self.trials[trial.continues].curve if trial.continues in self.trials else ()
        epochs = result.pop("epochs")
        self._end(replace(trial, **{**result, "curve": tuple(result["curve"])}, trained=max(0, epochs - len(before))))

    def _end(self, trial: Trial) -> None:
        trial = self._write(replace(trial, place=len(self.ended) + 1))
        self.folder.mark(seconds=round(self.seconds, 3))
        write_table(self.folder, [self.trials[number] for number in sorted(self.trials)])
        write_events(self.folder, [trial])
        best = best_of(self.ended, self.folder.sign)
        better = best is not None and best.number == trial.number
        if better:
            self.keep(trial)
        if self.view:
            self.view.ended(trial)
            if better:
                self.view.best(trial)

    def _write(self, trial: Trial) -> Trial:
        self.folder.write(trial)
        self.trials[trial.number] = trial
        return trial


def task_of(tunable: Tunable, experiment: Experiment, folder: Path, threads: int, others: Path) -> dict[str, Any]:
    """What a worker is told of an experiment, which may name runs in `others`: plain data, with every path absolute."""
    told = experiment.model_dump(mode="json")
    told["train"]["threads"] = experiment.train.threads or threads
    module = registry.entry(experiment.model.name).module
    return {
        "folder": str(folder.resolve()),
        "experiment": told,
        "card": absolute(experiment.card).model_dump(mode="json", exclude_none=True),
        "name": experiment.name,
        "dataset": experiment.card.name,
        "objective": tunable.objective,
        "watched": tunable.watched,
        "folds": tunable.search.folds,
        "epochs": None,
        "continues": None,
        "past": None,
        "runs": None,
        "others": str(others.resolve()),
        "imports": [] if module.startswith("zoo.") else [module],
        "path": [str(Path(one).resolve()) for one in sys.path if one],
    }


def check_models(tunable: Tunable) -> None:
    """Raises ZooError where a worker could not find a model: one that stands in a script or a notebook."""
    names = {
        tunable.experiment.model.name,
        *(str(name) for axis in tunable.space.axes if axis.key == "model.name" for name in axis.choices),
    }
    for name in sorted(names):
        if registry.entry(name).module == "__main__":
            raise ZooError(
                f"model '{name}' is registered in a script or a notebook, where the processes of trials cannot find it",
                "put its builder into a module, as my_net.py, and import that",
            )
