"""A search: trials, then the truth about the winner."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from zoo.config.tunable import Tunable, load_tunable
from zoo.errors import CheckError, Interrupted, ZooError
from zoo.jobs.experiments import Overrides, What, differences_of
from zoo.runs import cores, held, home, locked, sweep
from zoo.runs.stopping import stoppable
from zoo.tuning.coordinator import Coordinator, View, check_models
from zoo.tuning.folder import BUDGET, FILE, SearchFolder, all_searches, best_of, create, settings
from zoo.tuning.pruning import needs_optuna
from zoo.tuning.trials import FAILED
from zoo.tuning.workers import LocalWorkers, Staff, Workers

log = logging.getLogger("zoo")

Shows = Callable[[SearchFolder], AbstractContextManager[View | None]]
UNFINISHED = ("running", "interrupted")


@stoppable()
def search(
    experiment: What,
    overrides: Overrides = (),
    *,
    workers: int = 1,
    resume: bool = False,
    cluster: str | None = None,
    searches: str | Path | None = None,
    runs: str | Path | None = None,
    view: Shows | None = None,
) -> SearchFolder:
    """Searches for the settings of an experiment that are best on val; the winner is trained again and tested once.

    Args:
        experiment: a name, a YAML file, or the same as a mapping; its `search:` says what is tried. Without one the model's own
            space is searched, and the learning rate.
        overrides: dotted keys with values, as `{"search.trials": 20}`, or words as `search.trials=20`.
        workers: so many trials at once, each in a process of its own.
        resume: go on with the newest search of the same experiment and space. Its budget may be another now; anything else may not.
        cluster: run the trials on a Ray cluster: `auto`, or its address (needs the extra `ray`).
        searches: where searches go, to `NAME/ID`; default `ZOO_HOME`'s, else `./searches`.
        runs: where the tested run of the winner goes; default `ZOO_HOME`'s, else `./runs`.
        view: makes who shows how it goes.

    Returns:
        The search's folder: `.trials()`, `.facts["winner"]`, `best.yaml`, `trials.csv`, `report.html`.

    Raises:
        ZooError: the experiment, the space, the budget or a folder cannot be used.
        CheckError: not one trial was completed; their reasons are told.
        Interrupted: Ctrl-C or SIGTERM; `resume` goes on.
    """
    if workers < 1:
        raise ZooError(f"workers: {workers}: at least one is needed")
    tunable = load_tunable(experiment, overrides)
    check_models(tunable)
    needs_optuna(tunable.search)
    root = home("searches", searches)
    make = _maker(workers, cluster)
    folder = _folder(root, tunable, resume, workers, cluster)
    try:
        with locked(folder.path, "the search"):
            folder = SearchFolder(folder.path)
            sweep(folder.path, folder.path / "trials")
            with Staff(make) as staff, Staff(lambda: LocalWorkers(1)) as at_home:  # a winner's run stays on this machine
                return _searched(folder, tunable, staff, at_home if cluster else staff, home("runs", runs), view)
    except KeyboardInterrupt:
        folder.mark(state="interrupted")
        _write_results(folder)
        raise Interrupted(f"stopped after {_ended(folder)} trials: {folder.path}", "go on: the same command with --resume") from None


def open_search(folder: str | Path) -> SearchFolder:
    """A search's folder, or that of the newest search below a folder of an experiment. Raises ZooError where there is none."""
    path = Path(folder)
    if (path / FILE).is_file():
        return SearchFolder(path)
    newest = sorted(path.glob(f"[0-9]*/{FILE}"))
    if not newest:
        raise ZooError(f"{path} is no search's folder: it has no {FILE}", "as in: zoo search --show searches/digits_cnn")
    return SearchFolder(newest[-1].parent)


def _maker(workers: int, cluster: str | None) -> Callable[[], Workers]:
    if cluster is None:
        return lambda: LocalWorkers(workers)
    from zoo.tuning.cluster import connect

    return connect(cluster, workers)


def _folder(root: Path, tunable: Tunable, resume: bool, workers: int, cluster: str | None) -> SearchFolder:
    """The search to go on with, or a new one."""
    name, now = tunable.experiment.name, _identity(settings(tunable))
    before = _before(root, name, resume)
    same = [one for one in before if _identity(one.facts) == now]
    if resume and same:
        return same[0]
    if resume and before:
        raise ZooError(
            f"{before[0].path} is a search of other settings: {', '.join(differences_of(_identity(before[0].facts), now))}",
            "a search goes on with the settings that it began with, but for its budget; start a new one without --resume",
        )
    for one in same[:1]:
        if one.state in UNFINISHED and not held(one.path):
            log.warning("note: %s stopped after %d trials; add --resume to finish it. Starting a new search.", one.path, _ended(one))
    return create(root, tunable, _threads(workers, cluster))


def _before(root: Path, name: str, resume: bool) -> list[SearchFolder]:
    """The earlier searches of a name; who starts a new one needs none of them."""
    try:
        return all_searches(root, name)
    except ZooError as error:
        if resume:
            raise
        log.warning("note: %s", error.what)
        return []


def _identity(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What must stay as it is when a search goes on."""
    search = {key: value for key, value in facts["search"].items() if key not in BUDGET}
    told = {"search": search, **{key: facts.get(key) for key in ("asked", "card", "keys", "axes")}}
    plain: dict[str, Any] = json.loads(json.dumps(told))  # as it comes back from its file
    return plain


def _threads(workers: int, cluster: str | None) -> int:
    """Threads of a trial: the processors of this machine shared among workers; results depend on them, so they are kept."""
    return 1 if cluster else max(1, cores() // workers)


def _ended(folder: SearchFolder) -> int:
    return sum(trial.ended for trial in folder.trials())


def _searched(
    folder: SearchFolder,
    tunable: Tunable,
    staff: Callable[[], Workers],
    again: Callable[[], Workers],
    runs: Path,
    view: Shows | None,
) -> SearchFolder:
    from zoo.tuning import oracles, winner

    folder.trials()  # one that cannot be read is told before anything is written
    _tell_budget(folder.facts["search"], now := settings(tunable)["search"])
    folder.mark(search=now, state="running")
    keys = ", ".join(tunable.space.keys)
    log.info("%s    %s for %s over %s, in %s", folder.name, tunable.search.tuner, folder.objective, keys, folder.path)
    with view(folder) if view else nullcontext() as shown:
        oracle = oracles.make(tunable.search, tunable.space, tunable.sign, tunable.experiment.train.epochs)
        coordinator = Coordinator(folder, tunable, oracle, staff, runs, shown, partial(winner.write_best, folder, tunable))
        folder.mark(why=coordinator.run())
    best = best_of(folder.trials(), folder.sign)
    if best is None:
        folder.mark(state="failed")
        _write_results(folder)
        raise _failure(folder)
    winner.write_best(folder, tunable, best)
    known = folder.facts.get("winner") or {}
    if (known.get("number"), known.get("of")) != (best.number, tunable.search.seeds) or "run" not in known:
        again_with = f"{tunable.search.seeds} fresh seed{'s' * (tunable.search.seeds > 1)}"
        log.info("trial %d is the best: it is trained again with %s, and tested once", best.number, again_with)
        folder.mark(winner=winner.train_again(folder, tunable, best, again, runs))
        winner.write_best(folder, tunable, best)
    folder.mark(state="finished")
    _write_results(folder)
    return folder


def _write_results(folder: SearchFolder) -> None:
    from zoo.tuning import events, report

    events.write_events(folder)
    report.write_report(folder)


def _tell_budget(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for key in BUDGET:
        if before[key] != now[key]:
            log.info("search.%s is %s now, and was %s", key, now[key], before[key])


def _failure(folder: SearchFolder) -> CheckError:
    """Says why no trial was completed: each reason, and how often."""
    failed = [trial for trial in folder.trials() if trial.state == FAILED]
    reasons = Counter(trial.reason for trial in failed)
    first = {trial.reason: trial.number for trial in reversed(failed)}
    told = [f"{count} times: {reason} (trial {first[reason]})" for reason, count in reasons.most_common(8)]
    return CheckError(
        f"no trial of {folder.path} was completed: {folder.facts['why']}", *told, f"their logs: {folder.path}/trials/*/trial.log"
    )
