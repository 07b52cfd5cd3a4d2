"""`zoo models`, `datasets`, `experiments`, `runs`: what there is, without TensorFlow."""

from __future__ import annotations

import re
import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli import tables
from zoo.cli.options import Json, ModalityFilter, Pattern, Runs, TaskFilter
from zoo.errors import Exit, ZooError, did_you_mean

if TYPE_CHECKING:
    from zoo.config import Card, Experiment
    from zoo.runs import Run

PLURAL = {"number": "numbers", "category": "categories", "boolean": "booleans", "datetime": "dates", "text": "texts"}
STATES = ("running", "interrupted", "diverged", "finished")


def models(
    pattern: Pattern = "*",
    task: TaskFilter = None,
    modality: ModalityFilter = None,
    max_params: Annotated[float | None, typer.Option("--max-params", metavar="N", help="At most so many parameters, as 1e6.")] = None,
    exports: Annotated[
        str | None, typer.Option("--exports", metavar="FORMAT", help="Only those that pass in this format: saved_model, onnx.")
    ] = None,
    as_json: Json = False,
) -> int:
    """List models: size, work, tasks, exports."""
    from zoo import registry
    from zoo.bundles import FORMAT_NAMES

    known = registry.entries()
    _check_filter("task", task, {one for entry in known.values() for one in entry.tasks})
    _check_filter("modality", modality, {one for entry in known.values() for one in entry.modalities})
    _check_filter("exports", exports, set(FORMAT_NAMES), "format")
    wanted: dict[str, Any] = {"task": task, "modality": modality, "max_params": max_params, "exports": exports}
    found = [known[name] for name in registry.list_models(pattern, **wanted)]
    if as_json:
        tables.document([one.as_json() for one in found])
        return Exit.DONE
    if not found:
        return tables.nothing("models", {"pattern": pattern, **wanted})
    columns = ("name", "takes", "params", "FLOPs", "tasks", "exports", "")
    rows = [
        (
            one.name,
            ", ".join(one.modalities),
            tables.count(one.params),
            tables.short(one.flops),
            ", ".join(one.tasks),
            ", ".join(one.exports),
            _plain_summary(one.summary),
        )
        for one in found
    ]
    tables.show(columns, rows, drop=("exports", "tasks", "FLOPs", "takes"))
    tables.hint(f"\n{tables.several(len(found), 'model')}, measured at their example's size      more: zoo show {found[0].name}")
    return Exit.DONE


def datasets(pattern: Pattern = "*", task: TaskFilter = None, modality: ModalityFilter = None, as_json: Json = False) -> int:
    """List datasets: what they hold, task, licence."""
    from zoo.config import load_card
    from zoo.config.card import GIVES
    from zoo.config.metrics import TASK_FACTS

    cards, broken = _readable("datasets", load_card, pattern)
    _check_filter("task", task, set(TASK_FACTS))
    _check_filter("modality", modality, {one for gives in GIVES.values() for one in gives})
    found = {name: card for name, card in cards.items() if task in (None, card.task) and (modality is None or modality in card.gives)}
    if as_json:
        tables.document([{"name": name, "gives": card.gives, **card.model_dump(mode="json")} for name, card in found.items()])
        return Exit.DONE
    _tell_broken(broken)
    if not found:
        return tables.nothing("datasets", {"pattern": pattern, "task": task, "modality": modality})
    rows = [(name, card.task, holds(card), origin(card), card.licence, card.title) for name, card in found.items()]
    tables.show(("name", "task", "holds", "from", "licence", "title"), rows, drop=("licence", "from", "task"))
    tables.hint(f"\n{tables.several(len(found), 'dataset')}      more: zoo show {next(iter(found))}")
    return Exit.DONE


def experiments(
    pattern: Pattern = "*",
    dataset: Annotated[str | None, typer.Option("--dataset", metavar="NAME", help="Only those on this dataset.")] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="NAME", help="Only those of this model.")] = None,
    task: TaskFilter = None,
    as_json: Json = False,
) -> int:
    """List experiments: dataset, model, goal."""
    from zoo.config import load_experiment

    known, broken = _readable("experiments", load_experiment, pattern)
    found = {
        name: one
        for name, one in known.items()
        if dataset in (None, one.card.name) and model in (None, one.model.name) and task in (None, one.card.task)
    }
    if as_json:
        tables.document([{"name": name, **one.model_dump(mode="json")} for name, one in found.items()])
        return Exit.DONE
    _tell_broken(broken)
    if not found:
        return tables.nothing("experiments", {"pattern": pattern, "dataset": dataset, "model": model, "task": task})
    rows = [(name, one.card.name, one.model.name, one.card.task, _epochs(one), str(one.goal or "-")) for name, one in found.items()]
    tables.show(("name", "dataset", "model", "task", "epochs", "goal"), rows, drop=("epochs", "task", "dataset"))
    tables.hint(
        f"\n{tables.several(len(found), 'experiment')}      more: zoo show {next(iter(found))}      run one: zoo run {next(iter(found))}"
    )
    return Exit.DONE


def runs(
    pattern: Pattern = "*",
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help=f"Only those in this state: {', '.join(STATES)}.")] = None,
    runs: Runs = None,
    as_json: Json = False,
) -> int:
    """List runs, newest first: state, test metric, goal."""
    from zoo.jobs.experiments import resume_command, state_of
    from zoo.runs import all_runs, home

    _check_filter("state", state, set(STATES))
    root = home("runs", runs)
    found = [run for run in all_runs(root) if fnmatchcase(run.name, pattern) and state in (None, state_of(run))]
    described = [_described(run) for run in found]
    if as_json:
        tables.document(described)
        return Exit.DONE
    if not found:
        return tables.nothing(f"runs in {root}", {"pattern": pattern, "state": state})
    pairs = zip(described, found, strict=True)
    rows = [(one["experiment"], one["id"], one["state"], _told(one["test"]), _age(run), _reached(one)) for one, run in pairs]
    tables.show(("experiment", "ID", "state", "test", "age", "goal"), rows, drop=("age", "test", "state"))
    unfinished = [run for one, run in zip(described, found, strict=True) if one["state"] == "interrupted"]
    go_on = f"      go on: {resume_command(unfinished[0], root)}" if unfinished else ""
    tables.hint(f"\n{tables.several(len(found), 'run')} in {root}      more: zoo show {found[0].id}{go_on}")
    return Exit.DONE


def _plain_summary(text: str) -> str:
    """Without the paper in brackets, for which a line has no room; `zoo show` has it."""
    return re.sub(r" \([^()]*https?://[^()]*\)", "", text)


def _readable(shelf: Any, load: Any, pattern: str) -> tuple[dict[str, Any], list[ZooError]]:
    """What of a shelf can be read, by name, and what is wrong with the rest: a broken file hides no other."""
    from zoo.shelf import names

    found, broken = {}, []
    for name, path in names(shelf).items():
        if fnmatchcase(name, pattern):
            try:
                found[name] = load(path)
            except ZooError as error:
                broken.append(error)
    return found, broken


def _tell_broken(broken: list[ZooError]) -> None:
    for error in broken:
        tables.hint(f"note: {error}")


def _check_filter(name: str, value: str | None, known: set[str], noun: str | None = None) -> None:
    if value is not None and value not in known:
        raise ZooError(f"--{name}: nothing is of the {noun or name} '{value}'", did_you_mean(value, known))


def holds(card: Card) -> str:
    """What its examples are, in a few words."""
    if card.image:
        return f"images {'x'.join(map(str, card.image.shape))}"
    if card.audio:
        return f"sounds of {card.audio.seconds:g} s at {card.audio.sampling_rate:,} Hz"
    if card.series:
        return f"{'windows' if card.series.columns else 'series'} {'x'.join(map(str, card.series.shape))}"
    if card.text:
        return "one long text" if card.task == "language" else "texts"
    types = [column.type for column in (card.columns or {}).values()]
    return ", ".join(f"{types.count(kind)} {name}" for kind, name in PLURAL.items() if kind in types)


def origin(card: Card) -> str:
    """Where the bytes come from, in a word."""
    libraries = {"sklearn": "scikit-learn", "tfds": "TensorFlow Datasets"}
    if card.source.kind in libraries:
        return libraries[card.source.kind]
    files: list[Any] = [*card.source.files(), *card.source.folders()]
    if any(one.url for one in files):
        return "download"
    return "ZOO_DATA_DIR" if any(one.sha256 for one in files) else "your files"


def _epochs(experiment: Experiment) -> str:
    stop = experiment.train.early_stopping
    return f"{experiment.train.epochs}{f', patience {stop.patience}' if stop else ''}"


def _described(run: Run) -> dict[str, Any]:
    """A run in a line; `broken` says what of its folder cannot be read."""
    from zoo.config.metrics import TASK_FACTS
    from zoo.jobs.experiments import state_of

    facts: dict[str, Any] = {
        "experiment": run.name,
        "id": run.id,
        "path": str(run.path),
        "state": state_of(run),
        "started": run.facts.get("started"),
    }
    facts |= {"test": None, "goal": None, "goal_met": None, "broken": None}
    try:
        goal = run.experiment.goal
        facts["goal"] = str(goal) if goal else None
        if run.evaluated:
            test, headline = run.metrics["test"], TASK_FACTS[str(run.facts["task"])].headline
            key = goal.metric.split(".")[1] if goal else next((name for name in headline if test.get(name) is not None), headline[0])
            facts |= {"test": {key: test.get(key)}, "goal_met": run.goal_met}
    except ZooError as error:
        facts["broken"] = error.what
    return facts


def _told(test: dict[str, float | None] | None) -> str:
    return "-" if not test else ", ".join(f"{name} {value:.4g}" if value is not None else f"{name} -" for name, value in test.items())


def _reached(described: dict[str, Any]) -> str:
    """Whether the goal is met, and the goal: in this order, because a narrow terminal cuts the end."""
    if described["broken"]:
        return f"broken: {described['broken']}"
    met = {None: "", True: "met: ", False: "missed: "}[described["goal_met"]]
    return f"{met}{described['goal']}" if described["goal"] else "-"


def _age(run: Run) -> str:
    seconds = max(0.0, time.time() - (run.path / "run.json").stat().st_mtime)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
