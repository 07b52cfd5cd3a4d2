"""`report.html` of a search: what was tried, what won, and how much of that was luck. It can be made at any time."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from zoo.config.metrics import TASK_FACTS, split_metric
from zoo.config.space import Axis
from zoo.evaluation.page import environment
from zoo.runs import write_text
from zoo.tuning import told
from zoo.tuning.figures import SHOWN, Looked, draw
from zoo.tuning.folder import SearchFolder
from zoo.tuning.importance import Importance, importance
from zoo.tuning.scales import short_keys, written
from zoo.tuning.table import one_line
from zoo.tuning.trials import COMPLETED, LOG, Trial

FILE = "report.html"
BEST = 20  # trials in the table
NUMBERS = 12  # of failed trials that are named one by one
CAPTIONS = {
    "history": "The score of each trial in the order of the proposals, and the best so far. Where it still climbs at its end, more trials "
    "may find better ones.",
    "importance": "How much of the order of the scores hangs on each key: what a forest that learned it loses when the key's values are "
    "shuffled.",
    "parallel": "A line is a completed trial, from key to key and down to its score: the fuller its colour, the better; the best has the "
    "other colour. Where full lines meet, a value is good. A line passes by keys that do not count for it.",
    "slices": "The score over each key, a point a completed trial; the best has the other colour. Where the best points stand at an end "
    "of a range, better ones may lie beyond it.",
}
STATES = {
    "finished": ("met", "✓ finished"),
    "failed": ("missed", "✗ failed"),
    "running": ("open", "still running"),
    "interrupted": ("open", "interrupted"),
}
MISSING = object()


def render(folder: SearchFolder) -> str:
    """The page. Everything that comes from the user is escaped.

    Raises:
        ZooError: a trial's file cannot be read.
    """
    trials = folder.trials()
    known, weights = told.summary(folder, trials), importance(folder.space, trials)
    looked = Looked(folder, trials, weights)
    limited = len(looked.best) > SHOWN
    more = f" {SHOWN} of the {len(looked.best):,} completed trials are drawn, all of the best among them." if limited else ""
    captions = {name: text + (more if name in ("parallel", "slices") else "") for name, text in CAPTIONS.items()}
    return (
        environment(Path(__file__).parent)
        .get_template(FILE)
        .render(
            name=folder.name,
            id=folder.path.name,
            sentence=_sentence(folder, known),
            chip=_chip(known),
            cards=_cards(folder, known),
            honest=_honest(folder, known),
            tested=_tested(known),
            winner=_winner(folder, known, trials),
            drawings=[(name, Markup(drawing), _caption(name, captions[name], weights)) for name, drawing in draw(looked).items()],
            silent=weights.why if trials else None,
            table=_table(folder, looked.best),
            completed=len(looked.best),
            failures=[{**one, "named": _named(one["trials"]), "log": f"trials/{one['trials'][0]:04d}/{LOG}"} for one in known["failed"]],
            sections=_sections(folder, known),
            commands=_commands(folder, known),
        )
    )


def write_report(folder: SearchFolder) -> Path:
    """Writes `report.html` into the folder."""
    write_text(folder.path / FILE, render(folder))
    return folder.path / FILE


def _sentence(folder: SearchFolder, known: Mapping[str, Any]) -> str:
    made, way = sum(known["trials"].values()), "highest" if folder.sign > 0 else "lowest"
    what = f"{len(folder.keys)} {'setting' if len(folder.keys) == 1 else 'settings'} of {folder.name} on {known['dataset']}"
    looking = f"for the {way} {folder.objective}, proposed by {known['tuner']}"
    if not made:
        return f"A search over {what} {looking}. No trial was started yet."
    looked = f"{made:,} {'trial' if made == 1 else 'trials'}" + (
        f" of {known['limit']:,}" if known["limit"] and made < known["limit"] else ""
    )
    return f"{looked} over {what} {looking}: {told.made(known['trials'])}."


def _chip(known: Mapping[str, Any]) -> dict[str, str]:
    look, text = STATES.get(known["state"], ("open", known["state"]))
    left = f", about {told.duration(known['seconds_left'])} left" if known["seconds_left"] is not None else ""
    return {"look": look, "text": f"{text}: {known['why']}" if known["why"] else f"{text}{left}"}


def _cards(folder: SearchFolder, known: Mapping[str, Any]) -> list[dict[str, str]]:
    """The score in short: as the search saw it, as fresh seeds see it, and on the test split."""
    winner, best = known["winner"] or {}, known["best"]
    if best is None:
        return []
    seen, looked = winner.get("score", best["score"]), known["trials"][COMPLETED]
    cards = [
        {
            "name": folder.objective,
            "meaning": "as the search saw it" + ("" if winner else ", so far"),
            "value": told.score(seen),
            "below": f"trial {winner.get('number', best['number'])}, the best of {looked:,} completed",
        }
    ]
    seeds, std = winner.get("seeds") or {}, winner.get("std")
    if winner.get("mean") is not None:
        below = f"± {std:#.2g} over " if std is not None else "of "
        cards.append(
            {
                "name": f"{folder.objective}, again",
                "meaning": "trained again with seeds that the search never saw",
                "value": told.score(winner["mean"]),
                "below": f"{below}{len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'}",
            }
        )
    if winner.get("optimism") is not None:
        cards.append(
            {
                "name": "optimism",
                "meaning": "by how much the search's score is better than the mean of the fresh ones",
                "value": f"{winner['optimism']:+.2g}",
                "below": "luck of the best of many" if winner["optimism"] > 0 else "no luck was in it",
            }
        )
    for one in _tested(known)["rows"][:1]:
        base = f"{_tested(known)['baseline']} {told.score(one['baseline'])}" if one["baseline"] is not None else ""
        cards.append(
            {
                "name": f"test.{one['name']}",
                "meaning": "on the test split, looked at once",
                "value": told.score(one["value"]),
                "below": base,
            }
        )
    return cards


def _honest(folder: SearchFolder, known: Mapping[str, Any]) -> dict[str, Any] | None:
    """In words, what the winner's score is worth; None before there is a winner."""
    winner, looked = known["winner"], known["trials"][COMPLETED]
    if not winner:
        return None
    score = f"{folder.objective} of {told.score(winner.get('score'))}"
    seen = (
        f"The search chose trial {winner.get('number')} because its {score} was the best of {looked:,} completed trials. Such a score "
        "flatters: chance makes some trials look better than they are, and who takes the best of many takes the luckiest, too. The more "
        "trials, the more so."
    )
    seeds = {str(seed): score for seed, score in (winner.get("seeds") or {}).items()}
    if winner.get("mean") is None:
        why = f": {one_line(winner['reason'])}" if winner.get("reason") else ""
        return {"seen": seen, "again": f"No training with a fresh seed tells by how much{why}.", "seeds": {}}
    optimism = winner.get("optimism") or 0.0
    by = f"so the search's score was flattering by {optimism:.2g}." if optimism > 0 else "so here the search's score did not flatter."
    fresh = f"{len(seeds)} fresh seed{'s' * (len(seeds) > 1)}"
    return {"seen": seen, "again": f"Trained again with {fresh} it reaches {told.spread(winner)}, {by}", "seeds": seeds}


def _tested(known: Mapping[str, Any]) -> dict[str, Any]:
    """The winner's metrics on the test split beside the baseline's, that of the objective first."""
    winner, task = known["winner"] or {}, TASK_FACTS.get(str(known["task"]))
    test, base = winner.get("test") or {}, winner.get("baseline") or {}
    if task is None:
        return {"baseline": "baseline", "rows": [], "earlier": []}
    names = dict.fromkeys([split_metric(known["objective"])[1], *task.headline, *task.metrics])
    rows = [
        {"name": name, "way": "↑" if task.metrics[name] == "max" else "↓", "value": test[name], "baseline": _number(base.get(name))}
        for name in names
        if name in task.metrics and _number(test.get(name)) is not None
    ]
    return {"baseline": task.baseline, "rows": rows, "earlier": winner.get("earlier") or []}


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _winner(folder: SearchFolder, known: Mapping[str, Any], trials: list[Trial]) -> dict[str, Any] | None:
    """The best trial's values beside the experiment's own."""
    number = (known["winner"] or known["best"] or {}).get("number")
    trial = next((one for one in trials if one.number == number), None)
    if trial is None:
        return None
    rows = []
    for key in folder.keys:
        own, found = _own(folder, key), trial.values.get(key, MISSING)
        texts = ["–" if value is MISSING else written(value) for value in (own, found)]
        rows.append({"key": key, "own": texts[0], "found": texts[1], "changed": texts[0] != texts[1]})
    return {
        "number": number,
        "rows": rows,
        "params": trial.params,
        "seconds": told.duration(trial.seconds),
        "chosen": bool(known["winner"]),
    }


def _own(folder: SearchFolder, key: str) -> Any:
    """What the experiment itself says of a key; what it leaves to its card stands there."""
    for part in ("asked", "card"):
        value: Any = folder.facts.get(part, {})
        for word in key.split("."):
            value = value[word] if isinstance(value, dict) and word in value else MISSING
        if value is not MISSING:
            return value
    return MISSING


def _caption(name: str, text: str, weights: Importance) -> str:
    if name != "importance":
        return text
    sure = f"Of trials that it had not seen it tells {max(0.0, weights.explained):.0%} of the order"
    return f"{text} {sure}{': take it as a hint.' if weights.explained < 0.5 else '.'}"


def _table(folder: SearchFolder, best: list[Trial]) -> dict[str, Any]:
    keys, shown = folder.keys, best[:BEST]
    return {
        "keys": list(short_keys(keys).values()),
        "rows": [
            {
                "trial": trial,
                "score": told.score(trial.score),
                "cells": [_cell(trial, key) for key in keys],
                "time": told.duration(trial.seconds),
            }
            for trial in shown
        ],
    }


def _cell(trial: Trial, key: str) -> str:
    return written(trial.values[key]) if key in trial.values else ""


def _named(numbers: list[int]) -> str:
    more = len(numbers) - NUMBERS
    return ", ".join(map(str, numbers[:NUMBERS])) + (f" and {more} more" if more > 0 else "")


def _sections(folder: SearchFolder, known: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Terms and what they are, by the section's title."""
    search = folder.facts["search"]
    asked: list[tuple[str, Any]] = [
        ("experiment", folder.name),
        ("dataset", known["dataset"]),
        ("task", known["task"]),
        ("objective", f"{folder.objective}, the {'higher' if folder.sign > 0 else 'lower'} the better"),
        ("tuner", known["tuner"]),
        ("budget", told.budget(folder)),
        ("pruner", search.get("pruner")),
        ("folds", search.get("folds")),
        ("seed", search.get("seed")),
        ("threads", folder.facts.get("threads")),
        ("time", told.duration(known["seconds"])),
    ]
    return {
        "Search": [(term, str(text)) for term, text in asked if text is not None],
        "Space": [(axis.name, _range(axis)) for axis in folder.space.axes],
    }


def _range(axis: Axis) -> str:
    said = ", ".join(map(written, axis.choices))
    if not axis.choices:
        said = f"{axis.low:g} to {axis.high:g}"
        said += f", step {axis.step:g}" if axis.step else ", by its logarithm" if axis.log else ""
    return said


def _commands(folder: SearchFolder, known: Mapping[str, Any]) -> list[tuple[str, str]]:
    path, name = shlex.quote(str(folder.path)), shlex.quote(folder.name)
    told_next = []
    if known["best_yaml"]:
        told_next.append(("train, test and export the best", f"zoo run {shlex.quote(known['best_yaml'])}"))
    if known["state"] == "interrupted":
        told_next.append(("go on with the search", f"zoo search {name} --resume"))
    if known["state"] == "finished" and known["limit"]:
        told_next.append(("look at more trials", f"zoo search {name} --trials {2 * known['limit']} --resume"))
    return [*told_next, ("see how it stands", f"zoo search --show {path}"), ("in TensorBoard", f"tensorboard --logdir {path}/events")]
