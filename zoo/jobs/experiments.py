"""Experiments as they are asked for, and the command that finishes a run of one."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zoo import registry, shelf
from zoo.config import Card, Experiment, load_card, load_experiment
from zoo.config.load import absolute
from zoo.errors import ZooError
from zoo.runs import UNFINISHED, Run, all_runs, held, home, read_json
from zoo.tuning.folder import BEST, FILE

log = logging.getLogger("zoo")

What = str | Path | Mapping[str, Any] | Experiment
Overrides = Mapping[str, Any] | Iterable[str]


def open_experiment(what: What, overrides: Overrides = ()) -> Experiment:
    """An experiment, resolved: as `zoo.config.load_experiment`, and that of a run by the `experiment.yaml` in its folder.

    Raises:
        ZooError: as there; where the name is a dataset's or a model's, with the experiments that are on it.
    """
    if isinstance(what, (str, Path)):
        path = Path(what)
        if path.name == "experiment.yaml" and path.with_name("run.json").is_file():
            return load_experiment(Run(path.parent).experiment, overrides)
        if path.name == BEST and path.with_name(FILE).is_file():
            return load_experiment(_best(path), overrides)
        if path.suffix not in {".yaml", ".yml"} and str(what) not in shelf.names("experiments"):
            _explain(str(what))
    return load_experiment(what, overrides)


def _best(path: Path) -> Experiment:
    """What a search has found, under the name of the experiment that was searched."""
    found = load_experiment(path)
    found._name = str(read_json(path.with_name(FILE))["experiment"])
    return found


def _explain(name: str) -> None:
    """Raises ZooError where a name that is no experiment's is a dataset's or a model's."""
    for noun, option, known in (("dataset", "--dataset", shelf.names("datasets")), ("model", "--model", registry.entries())):
        if name in known:
            using = [one.name for one in _readable() if name == (one.card.name if noun == "dataset" else one.model.name)]
            borrowed = f"run one of another's with it: {command_for(load_card(name))}" if noun == "dataset" and not using else None
            raise ZooError(
                f"no experiment named '{name}': that is a {noun}",
                f"experiments of it: {', '.join(using) or 'none yet'}      zoo experiments {option} {name}",
                f"run one: zoo run {using[0]}" if using else borrowed,
            )


def command_for(card: Card) -> str:
    """What to type to learn from a card: its own experiment, one on it, one whose model takes such data, or where to look for a model."""
    known = list(_readable())
    own = [one.name for one in known if one.card.name == card.name]
    if own:
        return f"zoo run {card.name if card.name in own else own[0]}"
    for one in known:
        entry = registry.entry(one.model.name)
        if set(entry.modalities) & set(card.gives) and card.task in entry.tasks and one.card.kind == card.kind:
            return f"zoo run {one.name} --set dataset={card.name}"
    return f"zoo models --modality {card.gives[0]} --task {card.task}"


def training_of(entry: registry.Entry) -> str | None:
    """What to type to train a model: an experiment of its own, or another's with it; None where no experiment is alike."""
    known = list(_readable())
    own = next((one for one in known if one.model.name == entry.name), None)
    if own:
        return f"zoo run {own.name}"
    alike = (one for one in known if one.task and one.task.name in entry.tasks and set(entry.modalities) & set(one.card.gives))
    other = next(alike, None)
    return f"zoo run {other.name} --set model={entry.name}" if other else None


def _readable() -> Iterator[Experiment]:
    for name in shelf.names("experiments"):
        try:
            yield load_experiment(name)
        except ZooError:  # it is told where experiments are listed
            continue


def state_of(run: Run) -> str:
    """running, interrupted, diverged or finished; a run that says that it runs, while nobody holds it, was interrupted."""
    return "interrupted" if run.state == "running" and not held(run.path) else run.state


def resume_command(run: Run, runs: Path) -> str:
    """The command that finishes a run, by its name where that still means the same, else by the experiment in its folder."""
    words = ["zoo", "run", run.name if _is_as_on_the_shelf(run) else str(run.path / "experiment.yaml"), "--resume"]
    return shlex.join(words if runs == home("runs") else [*words, "--runs", str(runs)])


def _is_as_on_the_shelf(run: Run) -> bool:
    try:
        now = load_experiment(run.name)
        return not differences(run.experiment, now) and absolute(now.card).model_dump() == run.card.model_dump()
    except ZooError:
        return False


def tell_of_others(experiment: Experiment, runs: Path) -> None:
    """Notes the newest unfinished run of the experiment's name, which has other settings."""
    for run in all_runs(runs, experiment.name):
        try:
            told = ", ".join(differences(run.experiment, experiment))
        except ZooError:  # it could not be gone on with either
            continue
        if run.state in UNFINISHED:
            log.warning("note: no unfinished run of these settings; %s is unfinished with %s", run.path, told or "another card")
            return


def differences(one: Experiment, other: Experiment) -> list[str]:
    """The settings of one experiment that are others in the other, as `--set` takes them: `train.epochs=300`."""
    return differences_of(one.model_dump(mode="json"), other.model_dump(mode="json"))


def differences_of(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The same of plain data."""
    return list(_differing(dict(one), dict(other), ""))


def _differing(one: Any, other: Any, key: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict) and set(one) == set(other):
        for name in one:
            yield from _differing(one[name], other[name], f"{key}.{name}" if key else name)
    elif one != other:
        yield f"{key}={_flow(one)}"


def _flow(value: Any) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return {None: "null", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)
