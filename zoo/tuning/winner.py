"""The winner of a search, trained again with fresh seeds: how much of its score was luck; and one of these runs is tested, once.

The best of many scores is flattering: among equal settings it is the luckiest. Scores of fresh seeds were not chosen by anybody.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zoo.config import yamls
from zoo.config.metrics import TASK_FACTS, split_metric
from zoo.config.tunable import Tunable
from zoo.runs import Run, write_text
from zoo.runs.stopping import check_stop
from zoo.tuning.coordinator import LOOKS, task_of
from zoo.tuning.folder import BEST, SearchFolder
from zoo.tuning.scales import counts
from zoo.tuning.told import made
from zoo.tuning.trials import COMPLETED, FAILED, RUNNING, Trial
from zoo.tuning.workers import Workers

TESTED = "tested"


def train_again(folder: SearchFolder, tunable: Tunable, trial: Trial, staff: Callable[[], Workers], runs: Path) -> dict[str, Any]:
    """Trains the winner with fresh seeds, tests the run of the first; returns `winner` of search.json."""
    seed = tunable.experiment.train.seed
    seeds = [seed + place for place in range(1, tunable.search.seeds + 1)]
    tasks = {
        seeds[0] if tunable.search.folds is None else TESTED: {
            **_task(folder, tunable, trial, seeds[0], runs, TESTED),
            "runs": str(runs.resolve()),
            "folds": None,
        }
    }
    for one in seeds if tunable.search.folds else seeds[1:]:
        tasks[one] = _task(folder, tunable, trial, one, runs, f"{trial.number:04d}-{one}")
    results = _all(tasks, staff)
    for result in results.values():
        folder.check_data(result.get("data"))
    scores = {str(one): results[one]["score"] for one in seeds if results[one]["state"] == COMPLETED}
    tested = results[TESTED] if TESTED in results else results[seeds[0]]
    winner: dict[str, Any] = {"number": trial.number, "score": trial.score, "seeds": scores, "seed": seeds[0], "of": len(seeds)}
    before = folder.facts.get("winner") or {}
    tested_before = (*before.get("earlier", ()), *([before["number"]] if "run" in before else []))
    winner["earlier"] = [one for one in tested_before if one != trial.number]
    failed = [result["reason"] for result in results.values() if result["state"] == FAILED]
    if failed:
        winner["reason"] = failed[0]
    if scores and trial.score is not None:
        mean = statistics.fmean(scores.values())
        spread = statistics.stdev(scores.values()) if len(scores) > 1 else None
        winner |= {"mean": mean, "std": spread, "optimism": folder.sign * (trial.score - mean)}
    if "run" in tested:
        run = Run(Path(tested["run"]))
        plain = {name: value for name, value in run.metrics["test"].items() if isinstance(value, (int, float))}
        baseline = run.metrics["baseline"]["test"]
        winner |= {"run": tested["run"], "test": plain, "baseline": {name: baseline.get(name) for name in plain}}
    return winner


def _task(folder: SearchFolder, tunable: Tunable, trial: Trial, seed: int, runs: Path, name: str) -> dict[str, Any]:
    experiment = tunable.at({**trial.values, "train.seed": seed})
    return task_of(tunable, experiment, folder.path / "winner" / name, folder.facts["threads"], runs)


def _all(tasks: Mapping[Any, dict[str, Any]], staff: Callable[[], Workers]) -> dict[Any, dict[str, Any]]:
    """The results of tasks, tried by as many workers as there are."""
    left, running, results = list(tasks), dict[int, Any](), dict[Any, dict[str, Any]]()
    workers = staff()
    while left or running:
        check_stop()
        for seat in range(workers.seats):
            if left and seat not in running:
                running[seat] = left.pop(0)
                workers.start(seat, tasks[running[seat]])
        for event in workers.wait(LOOKS):
            name = running.pop(event.seat)
            results[name] = event.result or {"state": FAILED, "score": None, "reason": event.died or event.lost}
    return results


def write_best(folder: SearchFolder, tunable: Tunable, trial: Trial) -> None:
    """`best.yaml`: the experiment at the best point so far, as anyone may run it; what is known of it stands in its header."""
    winner = folder.facts.get("winner") or {}
    measured = winner.get("number") == trial.number
    point = {**trial.values, "train.seed": winner["seed"]} if measured else trial.values
    lines = [f"zoo run {folder.path / BEST}", *_measured(folder, tunable, trial, winner if measured else {})]
    text = "".join(f"# {' '.join(line.split())}\n" for line in lines)
    write_text(folder.path / BEST, text + yamls.dump(tunable.plain(point)))


def _measured(folder: SearchFolder, tunable: Tunable, trial: Trial, winner: Mapping[str, Any]) -> list[str]:
    trials = folder.trials()
    told = made({**counts(trials), RUNNING: 0})
    lines = [f"trial {trial.number}, the best of {len(trials)} ({told}) by {folder.objective}, tuner {tunable.search.tuner}"]
    if not winner:
        return [*lines, f"{folder.objective} {trial.score:.4f} in the search; not trained again yet: a score that was chosen is flattering"]
    name = _shown(tunable, winner.get("test", {}))
    if name:
        base = winner["baseline"].get(name)
        beside = f"; {TASK_FACTS[tunable.task].baseline} {base:.4f}" if base is not None else ""
        lines.append(f"measured: test.{name} {winner['test'][name]:.4f} (seed {winner['seed']}{beside})")
    if winner.get("earlier"):
        lines.append(f"tested before the search was gone on with: trial {', '.join(map(str, winner['earlier']))}")
    if "mean" in winner:
        seeds = ", ".join(winner["seeds"])
        spread = f" ± {winner['std']:.4f}" if winner["std"] is not None else ""
        lines.append(f"{folder.objective} {trial.score:.4f} in the search, {winner['mean']:.4f}{spread} with fresh seeds ({seeds})")
    if "reason" in winner:
        lines.append(f"trained again with a fresh seed it failed: {winner['reason']}")
    packages = f"TensorFlow {version('tensorflow')}, Keras {version('keras')}"
    threads = tunable.experiment.train.threads or folder.facts["threads"]
    return [*lines, f"{threads} thread{'s' * (threads > 1)} a trial, {date.today().isoformat()}; {packages}"]


def _shown(tunable: Tunable, test: Mapping[str, Any]) -> str | None:
    """The metric of test that is told first: the goal's, the objective's, else the task's first."""
    goal = tunable.experiment.goal
    asked = [split_metric(goal.metric)[1]] if goal else []
    sought = split_metric(tunable.objective)[1]
    names = [*asked, *([sought] if sought != "loss" else []), *TASK_FACTS[tunable.task].headline, "loss"]
    return next((name for name in names if test.get(name) is not None), None)
