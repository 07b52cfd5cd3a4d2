"""What a search's folder tells, as plain facts: for the terminal, for `--json` and for the page. Without TensorFlow, at any time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from zoo.runs import finite
from zoo.tuning.folder import BEST, SearchFolder, best_of
from zoo.tuning.scales import counts
from zoo.tuning.table import one_line
from zoo.tuning.trials import FAILED, LOG, Trial


def summary(folder: SearchFolder, trials: Sequence[Trial] | None = None) -> dict[str, Any]:
    """All that is known of a search, as plain data; what is not there yet is None.

    Args:
        folder: the search's, finished or not.
        trials: its trials, where they are at hand; else they are read.

    Raises:
        ZooError: a trial's file cannot be read.
    """
    trials = folder.trials() if trials is None else trials
    facts, best, report = folder.facts, best_of(trials, folder.sign), folder.path / "report.html"
    told = {
        "search": str(folder.path),
        "experiment": folder.name,
        "dataset": facts.get("dataset"),
        "task": facts.get("task"),
        "tuner": facts["search"].get("tuner"),
        "objective": folder.objective,
        "direction": facts["direction"],
        "state": folder.state,
        "why": facts.get("why"),
        "limit": limit(folder),
        "trials": counts(trials),
        "best": _best(best) if best else None,
        "failed": failed(folder, trials),
        "seconds": float(facts.get("seconds") or 0.0),
        "seconds_left": seconds_left(folder, trials),
        "winner": facts.get("winner"),
        "best_yaml": str(folder.path / BEST) if (folder.path / BEST).is_file() else None,
        "report": str(report) if report.is_file() else None,
    }
    return dict(finite(told))


def _best(trial: Trial) -> dict[str, Any]:
    return {key: getattr(trial, key) for key in ("number", "score", "values", "trained", "seconds", "params")}


def limit(folder: SearchFolder) -> int | None:
    """How many trials there will be at most; None where another budget ends the search."""
    search = folder.facts["search"]
    return search.get("trials") or (folder.space.size if search.get("tuner") == "grid" else None)


def failed(folder: SearchFolder, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The failed trials by their reason, those of most first. Reasons that differ by numbers alone are one."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.state == FAILED:
            groups.setdefault(re.sub(r"\d+", "0", one_line(trial.reason) or ""), []).append(trial)
    return [
        {
            "reason": one_line(several[0].reason) or "no reason was kept",
            "count": len(several),
            "trials": [trial.number for trial in several],
            "log": str(folder.of(several[0].number) / LOG),
        }
        for several in sorted(groups.values(), key=lambda group: (-len(group), group[0].number))
    ]


def seconds_left(folder: SearchFolder, trials: Sequence[Trial]) -> float | None:
    """How long the trials will go on, by the pace so far, whatever many workers made it; None where nothing tells, or nobody works."""
    search, spent = folder.facts["search"], float(folder.facts.get("seconds") or 0.0)
    ended = [trial for trial in trials if trial.ended]
    if not ended or not spent or folder.state != "running":
        return None
    most, trained, left = limit(folder), sum(trial.trained for trial in ended), []
    if most:
        left.append(spent / len(ended) * (most - len(ended)))
    if search.get("time"):
        left.append(search["time"] - spent)
    if search.get("epochs") and trained:
        left.append(spent / trained * (search["epochs"] - trained))
    return max(0.0, min(left)) if left else None


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min`, `1 h 20 min`."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def budget(folder: SearchFolder) -> str:
    """What ends the search, in words."""
    search, most = folder.facts["search"], limit(folder)
    parts = [
        f"at most {most} trials" if most else "",
        f"at most {duration(search['time'])}" if search.get("time") else "",
        f"at most {search['epochs']} epochs" if search.get("epochs") else "",
        f"{search['patience']} trials without a better one" if search.get("patience") else "",
    ]
    return ", ".join(filter(None, parts)) or "one sweep"


def made(trials: dict[str, int]) -> str:
    """`10 completed, 1 pruned, 2 failed, 1 running`."""
    return ", ".join(f"{count} {state}" for state, count in trials.items() if count) or "no trial yet"


def score(value: float | None) -> str:
    """Four digits, also of round numbers."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3e}" if 0 < size < 0.0005 else f"{value:#.4g}"


def spread(winner: dict[str, Any]) -> str:
    """`0.9720 ± 0.0040`; without fresh seeds nothing."""
    mean, std = winner.get("mean"), winner.get("std")
    if mean is None:
        return ""
    return score(mean) + (f" ± {std:#.2g}" if std is not None else "")
