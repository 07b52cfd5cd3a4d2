"""What the experiments have reached, read from their run folders, never typed: a row an experiment, a table a task."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import datetime
from math import floor, log10
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from zoo import shelf
from zoo.config import Experiment, load_experiment
from zoo.config.metrics import TASK_FACTS, split_metric
from zoo.errors import ZooError
from zoo.jobs.experiments import differences
from zoo.runs import Run

log = logging.getLogger("zoo")

Row = dict[str, Any]
FREE = (
    "train.seed",
    "train.threads",
    "train.tensorboard",
    "train.steps_per_execution",
    "goal",
    "export",
)  # settings that leave a result be
PUBLISHED = re.compile(r"^# measured: .*; published([^:;\n]*): ([^;\n]+)", re.MULTILINE)
TITLES = (
    "experiment",
    "dataset",
    "model",
    "parameters",
    "metric",
    "test",
    "seeds",
    "beside",
    "published",
    "epochs",
    "seconds",
    "made with",
)
HEAD = """\
<!-- made by: zoo results      Not to be edited: run it again. -->
# Results

Read from run folders. `test` is the metric of the experiment's goal on the test split, by the weights that were kept: the mean
over the seeds ± their standard deviation. `seconds` are those of training, mean over the seeds. `published` is what others report, as the
experiment's file says it.
"""


def results(folders: Iterable[Path]) -> list[Row]:
    """A row an experiment, made of its newest finished and evaluated run of each seed, in the order of task, dataset and name.

    Of runs with several settings those of the shelf's experiment count, where there are any, else those of the newest; they are all on
    the same data.

    Args:
        folders: where runs are.

    Raises:
        ZooError: there is no such run.
    """
    folders = list(folders)
    found: dict[str, list[Run]] = {}
    for run in _judged(folders):
        found.setdefault(run.name, []).append(run)
    if not found:
        raise ZooError(
            f"no finished and evaluated run in {', '.join(map(str, folders))}",
            "make one: zoo run digits_cnn",
            "runs that are elsewhere: zoo results --runs DIR",
        )
    order = list(TASK_FACTS)
    return sorted((_row(runs) for runs in found.values()), key=lambda row: (order.index(row["task"]), row["dataset"], row["experiment"]))


def document(rows: list[Row]) -> str:
    """The rows as Markdown, a table a task."""
    parts = [HEAD]
    for task in dict.fromkeys(row["task"] for row in rows):
        lines = [_line(TITLES), _line(["---"] * len(TITLES)), *(_line(_cells(row)) for row in rows if row["task"] == task)]
        parts.append(f"## {task}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _judged(folders: list[Path]) -> list[Run]:
    """The finished and evaluated runs, newest first; what cannot be read is told and passed over."""
    found = []
    for path in (path.parent for folder in folders for path in sorted(folder.glob("*/*/run.json"))):
        if path.name.startswith("."):  # not moved to its name yet
            continue
        try:
            run = Run(path)
            if run.state == "finished" and run.evaluated:
                _ = run.experiment, run.metrics, run.data
                found.append(run)
        except ZooError as error:
            log.warning("note: %s is left out: %s", path, error.what)
    return sorted(found, key=lambda run: run.id, reverse=True)


def _row(runs: list[Run]) -> Row:
    """What the runs of one name, newest first, have reached."""
    shelved = _shelved(runs[0].name)
    same = [run for run in runs if shelved and not _changed(run, shelved)] or [run for run in runs if not _changed(run, runs[0].experiment)]
    same = [run for run in same if run.data["fingerprint"] == same[0].data["fingerprint"]]
    others = len(runs) - len(same)
    if others:
        log.warning("note: %d of %d runs of %s have other settings or other data, and are left out", others, len(runs), runs[0].name)
    by_seed = {run.experiment.train.seed: run for run in reversed(same)}  # the newest is the last, and stays
    return _told([by_seed[seed] for seed in sorted(by_seed)], shelved)


def _shelved(name: str) -> Experiment | None:
    try:
        return load_experiment(name) if name in shelf.names("experiments") else None
    except ZooError:  # it is told where experiments are listed
        return None


def _changed(run: Run, experiment: Experiment) -> list[str]:
    """The settings of a run that are others than the experiment's, and may change its result."""
    return [one for one in differences(run.experiment, experiment) if not re.match(rf"({'|'.join(map(re.escape, FREE))})[.=]", one)]


def _told(runs: list[Run], shelved: Experiment | None) -> Row:
    """A row of runs that differ by their seeds."""
    newest, facts = max(runs, key=lambda run: run.id), TASK_FACTS[str(runs[0].facts["task"])]
    changed = _changed(newest, shelved) if shelved else []
    metric, goal = _metric(newest), newest.experiment.goal
    values = {str(run.experiment.train.seed): run.metrics["test"].get(metric) if metric else None for run in runs}
    known = [value for value in values.values() if value is not None]
    beside = {name: one.get(metric) for name, one in newest.baselines.items()} if metric else {}
    return {
        "experiment": newest.name,
        "task": str(newest.facts["task"]),
        "dataset": str(newest.facts["dataset"]),
        "model": newest.experiment.model.name,
        "parameters": newest.facts.get("params"),
        "metric": metric,
        "better": facts.metrics.get(metric) if metric else None,
        "seeds": values,
        "mean": fmean(known) if known else None,
        "spread": stdev(known) if len(known) > 1 else None,
        "goal": str(goal) if goal else None,
        "baselines": {name: value for name, value in beside.items() if value is not None},
        "published": _published(newest.name) if shelved and not changed else None,
        "changed": changed,
        "epochs": [run.facts.get("epochs") for run in runs],
        "seconds": fmean(map(_seconds, runs)),
        "threads": sorted({int(run.facts["threads"]) for run in runs if "threads" in run.facts}),
        "versions": {name: newest.facts.get("versions", {}).get(name) for name in ("tensorflow", "keras")},
        "date": str(newest.facts.get("finished", ""))[:10],
        "runs": [run.id for run in runs],
    }


def _metric(run: Run) -> str | None:
    """The goal's, where it is one of test, else the first that the task shows and this run has; None of a GAN without a classifier."""
    goal, test = run.experiment.goal, run.metrics["test"]
    if goal and split_metric(goal.metric)[0] == "test":
        return split_metric(goal.metric)[1]
    return next((name for name in TASK_FACTS[str(run.facts["task"])].headline if test.get(name) is not None), None)


def _published(name: str) -> str | None:
    """What the header of the experiment's file says of others: `# measured: …; published: ResNet-20 0.913 (He et al. 2016)`."""
    found = PUBLISHED.search(shelf.names("experiments")[name].read_text("utf-8"))
    if not found:
        return None
    of, told = (" ".join(part.split()) for part in found.groups())
    return f"{of.strip('()')}: {told}" if of else told


def _seconds(run: Run) -> float:
    begin, end = (datetime.fromisoformat(str(run.facts[key])) for key in ("started", "finished"))
    return (end - begin).total_seconds()


def _cells(row: Row) -> list[str]:
    versions = [
        f"{title} {row['versions'][key]}" for key, title in (("tensorflow", "TensorFlow"), ("keras", "Keras")) if row["versions"][key]
    ]
    threads = "/".join(map(str, row["threads"]))
    made = [*versions, f"{threads} thread{'' if threads == '1' else 's'}" if threads else "", row["date"]]
    changed = f" with {', '.join(row['changed'])}" if row["changed"] else ""
    sign = {"max": " ↑", "min": " ↓"}.get(row["better"] or "", "")
    return [
        row["experiment"] + changed,
        row["dataset"],
        row["model"],
        "" if row["parameters"] is None else f"{row['parameters']:,}",
        (row["metric"] or "–") + sign,
        _value(row["mean"], row["spread"]),
        str(len(row["seeds"])),
        ", ".join(f"{name} {_value(value)}" for name, value in row["baselines"].items()),
        row["published"] or "",
        "–".join(dict.fromkeys(str(one) for one in (min(row["epochs"]), max(row["epochs"])))) if None not in row["epochs"] else "",
        f"{row['seconds']:,.0f}",
        ", ".join(filter(None, made)),
    ]


def _value(mean: float | None, spread: float | None = None) -> str:
    """Four digits, and as many decimals of the spread."""
    if mean is None:
        return "–"
    decimals = max(0, 3 - floor(log10(abs(mean)))) if mean else 3
    return f"{mean:,.{decimals}f}" + (f" ± {spread:,.{decimals}f}" if spread is not None else "")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
