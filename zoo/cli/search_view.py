"""What a search looks like in a terminal: at any time as a table, and while it works as a line that moves."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from zoo.cli import tables
from zoo.config.metrics import TASK_FACTS, split_metric
from zoo.tuning import told
from zoo.tuning.folder import SearchFolder
from zoo.tuning.scales import ranked, short_keys, written
from zoo.tuning.table import one_line
from zoo.tuning.trials import COMPLETED, FAILED, PRUNED, RUNNING, Trial

SHOWN = 10  # trials
WIDE = 104  # columns of a terminal that has room for the bar, too
REASONS = 5  # that are told; the report has all

Facts = list[tuple[str, str]]


def show(folder: SearchFolder) -> None:
    """The best trials, then what became of the others, the winner, the files, and what to type next."""
    trials = folder.trials()
    known = told.summary(folder, trials)
    tables.say(f"{known['experiment']}: {known['tuner']} for {_way(folder)} {folder.objective}, {_count(known)}")
    shown = _first(trials, folder.sign)
    if shown:
        keys = _varying(folder.keys, shown)
        columns = ("trial", "score", *short_keys(keys).values(), "state")
        rows = [_row(trial, keys) for trial in shown]
        print()
        tables.show(columns, rows, indent=2, right=columns[:-1], drop=_dropped(keys, shown[0]))
    print()
    tables.facts(facts(known))


def _way(folder: SearchFolder) -> str:
    return "the highest" if folder.sign > 0 else "the lowest"


def _count(known: dict[str, Any]) -> str:
    made = sum(known["trials"].values())
    most = known["limit"] or 0
    of = f"{made} of {tables.several(most, 'trial')}" if most and most >= made else tables.several(made, "trial")
    return f"{of}: {told.made(known['trials'])}" if made else of


def _first(trials: Sequence[Trial], sign: int) -> list[Trial]:
    """The best completed trials; where they are few, also others."""
    others = [trial for state in (PRUNED, RUNNING, FAILED) for trial in trials if trial.state == state]
    return [*ranked(trials, sign), *others][:SHOWN]


def _varying(keys: Sequence[str], trials: Sequence[Trial]) -> list[str]:
    """The keys that tell these trials apart; all of a single one."""
    several = [key for key in keys if len({json.dumps(trial.values.get(key), default=str) for trial in trials}) > 1]
    return several or list(keys)


def _dropped(keys: Sequence[str], best: Trial) -> list[str]:
    """The columns in the order in which a narrow terminal loses them: first the keys that do not count for the best trial."""
    names = short_keys(keys)
    from_the_right = keys[::-1]
    return [names[key] for key in sorted(from_the_right, key=lambda key: key in best.values)]


def _row(trial: Trial, keys: Sequence[str]) -> tuple[str, ...]:
    values = (written(trial.values[key]) if key in trial.values else "" for key in keys)
    return (str(trial.number), told.score(trial.score), *values, trial.state)


def facts(known: dict[str, Any]) -> Facts:
    """What a summary tells beside its trials."""
    left, reasons, best = known["seconds_left"], known["failed"], known["best"]
    state = f"{known['state']}: {known['why']}" if known["why"] else known["state"]
    spent = f"{told.duration(known['seconds'])}{f', about {told.duration(left)} left' if left is not None else ''}"
    here = shlex.quote(known["best_yaml"] or "")
    again = f"zoo search {shlex.quote(known['experiment'])} --resume      with the words that began it, as --set"
    going_on = again if known["state"] == "interrupted" else ""
    return [
        ("state", state),
        ("time", spent),
        *[("failed", f"{tables.several(one['count'], 'trial')}: {one['reason']}      log: {one['log']}") for one in reasons[:REASONS]],
        ("", f"{tables.several(len(reasons) - REASONS, 'more reason')} in the report" if len(reasons) > REASONS else ""),
        *(_winner(known) if known["winner"] else []),
        ("best", known["best_yaml"] or (f"trial {best['number']}: {_scored(known, best['score'])}" if best else "")),
        ("report", known["report"] or ""),
        ("next", going_on or (f"zoo run {here}" if known["best_yaml"] else "")),
    ]


def _scored(known: dict[str, Any], score: float | None) -> str:
    return f"{known['objective']} {told.score(score)}"


def _winner(known: dict[str, Any]) -> Facts:
    """The winner as the search saw it, trained again, and tested once."""
    winner = known["winner"]
    earlier = winner.get("earlier") or ()
    fresh, optimism, seeds = told.spread(winner), winner.get("optimism"), len(winner.get("seeds") or ())
    looked = tables.several(known["trials"][COMPLETED], "trial")
    again = f"{fresh} with {tables.several(seeds, 'fresh seed')}" if fresh else ""
    flattered = f": the best of {looked} flattered by {optimism:.2g}" if fresh and optimism is not None and optimism > 0 else ""
    return [
        ("winner", f"trial {winner.get('number')}: {_scored(known, winner.get('score'))}"),
        ("again", again + flattered),
        ("test", _tested(known)),
        ("", f"tested before the search was gone on with: trial {', '.join(map(str, earlier))}" if earlier else ""),
        ("run", str(winner.get("run") or f"none: {winner.get('reason')}")),
    ]


def _tested(known: dict[str, Any]) -> str:
    winner, task = known["winner"], TASK_FACTS[str(known["task"])]
    test, base = winner.get("test") or {}, winner.get("baseline") or {}
    names = list(dict.fromkeys([split_metric(known["objective"])[1], *task.headline]))
    names = [name for name in names if isinstance(test.get(name), (int, float))][:3]
    beside = {name: f" ({task.baseline} {told.score(base[name])})" for name in names if isinstance(base.get(name), (int, float))}
    return ", ".join(f"{name} {told.score(test[name])}{beside.get(name, '')}" for name in names)


class Live:
    """How a search goes, on stderr: in a terminal one line that moves, elsewhere a plain line an ended trial.

    Args:
        total: trials at most; None where nobody knows.
        objective: the metric that is searched for.
        sign: 1 where a higher score is better, else -1.
    """

    def __init__(self, total: int | None, objective: str, sign: int) -> None:
        self.total, self.objective, self.sign = total, objective, sign
        self.running: set[int] = set()
        self.first: int | None = None  # of this process; those before it ended in another
        self.ends = self.failures = 0
        self.top: Trial | None = None
        self.line: Any = None
        self.began = time.monotonic()

    def __enter__(self) -> Live:
        self.began = time.monotonic()
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            console = Console(stderr=True)
            bar = [BarColumn(24)] if console.width >= WIDE and self.total else []
            columns = (TextColumn("  {task.fields[trial]}", markup=False), *bar, TextColumn(" {task.fields[facts]}", markup=False))
            self.line = Progress(*columns, console=console, transient=True)
            self.task = self.line.add_task("", total=self.total, trial="", facts="")
            self.line.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.line:
            self.line.stop()
            self.line = None

    def started(self, trial: Trial) -> None:
        """A trial was started, or started again."""
        self.first = trial.number if self.first is None else self.first
        self.running.add(trial.number)
        self._move()

    def ended(self, trial: Trial) -> None:
        """A trial was completed, pruned or failed."""
        self.first = trial.number if self.first is None else self.first
        self.running.discard(trial.number)
        self.ends += 1
        self.failures += trial.state == FAILED
        better = self._better(trial)
        if self.line is None:
            tables.say(self._told(trial, better), sys.stderr)
        elif trial.state == FAILED:
            self.line.console.print(self._told(trial, False), markup=False, highlight=False)
        self._move()

    def best(self, trial: Trial) -> None:
        """Which trial is the best; also one of an earlier process."""
        self._better(trial)
        self._move()

    def _better(self, trial: Trial) -> bool:
        if trial.state != COMPLETED or trial.score is None:
            return False
        if self.top is not None and self.sign * trial.score <= self.sign * (self.top.score or 0.0):
            return False
        self.top = trial
        return True

    def _told(self, trial: Trial, better: bool) -> str:
        """`trial 7  val.accuracy 0.981  model.width 32  learning_rate 0.003  12 s  best so far`."""
        names = short_keys(list(trial.values))
        what = f"{trial.state}: {one_line(trial.reason)}" if trial.state == FAILED else f"{self.objective} {told.score(trial.score)}"
        values = [f"{names[key]} {written(value)}" for key, value in trial.values.items()]
        end = "best so far" if better else "pruned" if trial.state == PRUNED else ""
        return "  ".join(filter(None, [f"trial {trial.number}", what, *values, told.duration(trial.seconds), end]))

    def _move(self) -> None:
        if self.line is None:
            return
        done = (self.first or 1) - 1 + self.ends
        now = min(done + bool(self.running), self.total or done + 1)
        counted = f"trial {now}/{self.total}" if self.total else f"trial {now}"
        self.line.update(self.task, completed=done, trial=counted, facts=self._facts(done))

    def _facts(self, done: int) -> str:
        """`2 running, 1 failed  best val.accuracy 0.981 (trial 7)  about 3 min left`."""
        counts = ", ".join(f"{count} {what}" for count, what in ((len(self.running), "running"), (self.failures, "failed")) if count)
        best = f"best {self.objective} {told.score(self.top.score)} (trial {self.top.number})" if self.top else ""
        left = ""
        if self.total and self.ends:
            each = (time.monotonic() - self.began) / self.ends
            left = f"about {told.duration(each * max(0, self.total - done))} left"
        return "  ".join(filter(None, [counts, best, left]))
