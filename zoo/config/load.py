"""A name or a file, and overrides, to a checked Card or Experiment with every default filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from zoo import registry, shelf
from zoo.config import yamls
from zoo.config.card import Card, File
from zoo.config.experiment import Experiment, ModelChoice, TaskChoice
from zoo.config.metrics import METRICS, split_metric
from zoo.errors import ZooError, did_you_mean

Model = TypeVar("Model", Card, Experiment)


def load_card(name: str | Path) -> Card:
    """A card by name or file. Raises ZooError with file, line and the nearest right name."""
    path = shelf.find("datasets", str(name))
    document = yamls.read(path)
    card = _validate(Card, document, "a card")
    card._name, card._folder = path.stem, path.resolve().parent
    return card


def load_experiment(
    what: str | Path | Mapping[str, Any] | Experiment, overrides: Mapping[str, Any] | Iterable[str] = ()
) -> Experiment:
    """An experiment by name, file or mapping, resolved: names checked, every default filled in, its card beside it.

    Args:
        what: a name of the shelf, a YAML file, or the same as a mapping.
        overrides: dotted keys with values, or `KEY=VALUE` words whose values are YAML.

    Raises:
        ZooError: what is wrong, in which file and line, and the nearest right name.
    """
    if isinstance(what, Experiment):
        what = {**what.model_dump(mode="json"), "dataset": what.card.model_dump(mode="json")} if what.name == "inline" else what.name
    if isinstance(what, Mapping):
        document = yamls.Document(_plain(what), "the experiment")
        name = f"{what.get('dataset')}_{_model_name(what)}" if isinstance(what.get("dataset"), str) else "inline"
    else:
        path = shelf.find("experiments", str(what))
        document, name = yamls.read(path), path.stem
    override(document, overrides)
    experiment = _validate(Experiment, document, "an experiment")
    return resolve(experiment, name, document)


def _model_name(what: Mapping[str, Any]) -> str:
    model = what.get("model")
    return str(model.get("name", "model") if isinstance(model, Mapping) else model)


def resolve(experiment: Experiment, name: str, document: yamls.Document, card: Card | None = None) -> Experiment:
    """Checks an experiment's names against its card and model, and fills in what follows from them."""
    if card is None:
        card = experiment.dataset if isinstance(experiment.dataset, Card) else _located(document, ("dataset",), load_card, experiment.dataset)
    task = experiment.task or TaskChoice(name=card.task)
    entry = _located(document, ("model", "name"), registry.entry, experiment.model.name)
    for key in experiment.model.hparams:
        _located(document, ("model", key), registry.check_hparams, entry.name, {key: None})
    _located(document, ("model",), _check_fit, entry, card, task)
    if experiment.imbalance and task.name != "classification":
        raise ZooError(f"{document.at(('imbalance',))}: imbalance: {experiment.imbalance} is for classification, and the task is {task.name}")
    _check_metrics(experiment, task.name, document)
    model = ModelChoice(name=entry.name, weights=experiment.model.weights, **{**_plain(entry.hparams), **experiment.model.hparams})
    resolved = experiment.model_copy(update={"model": model, "task": task})
    resolved._name, resolved._card = name, card
    return resolved


def _check_fit(entry: registry.Entry, card: Card, task: TaskChoice) -> None:
    if entry.modality not in card.gives:
        fitting = [one for gives in card.gives for one in registry.list_models(modality=gives, task=task.name)]
        raise ZooError(
            f"model '{entry.name}' takes {PLURAL[entry.modality]}, but the dataset '{card.name}' gives {PLURAL[card.gives[0]]}",
            f"models that fit: {', '.join(fitting)}      zoo models --modality {card.gives[0]}",
        )
    if task.name not in entry.tasks:
        fitting = [one for gives in card.gives for one in registry.list_models(modality=gives, task=task.name)]
        raise ZooError(f"model '{entry.name}' does not learn {task.name}", f"models that fit: {', '.join(fitting)}")
    if task.name != card.task:
        raise ZooError(f"the dataset '{card.name}' is for {card.task}, not for {task.name}")


PLURAL = {"image": "images", "vector": "vectors", "table": "tables", "sequence": "sequences", "tokens": "tokens"}


def _check_metrics(experiment: Experiment, task: str, document: yamls.Document) -> None:
    train = experiment.train
    if train.early_stopping:
        _check_metric(train.early_stopping.monitor, ("val",), task, document, ("train", "early_stopping", "monitor"))
    if train.keep_best:
        _check_metric(train.keep_best, ("val",), task, document, ("train", "keep_best"))
    if experiment.goal:
        _check_metric(experiment.goal.metric, ("val", "test"), task, document, ("goal", "metric"))


def _check_metric(name: str, splits: tuple[str, ...], task: str, document: yamls.Document, path: yamls.KeyPath) -> None:
    split, metric = split_metric(name)
    known = [f"{one}.{key}" for one in splits for key in METRICS[task]]
    if name in known:
        return
    why = "what is watched in training must not see the test split" if split == "test" and "test" not in splits else None
    hint = f"did you mean: {splits[0]}.{metric}" if metric in METRICS[task] else did_you_mean(name, known)
    raise ZooError(f"{document.at(path)}: '{name}' is no metric of {task} to choose here", why, hint or f"known: {', '.join(known)}")


def _located(document: yamls.Document, path: yamls.KeyPath, call: Any, *args: Any) -> Any:
    """Calls, and puts file and line before the message of a ZooError about a value of this document."""
    try:
        return call(*args)
    except ZooError as error:
        if document.where in error.what:
            raise
        raise type(error)(f"{document.at(path)}: {error.what}", *error.details) from None


def override(document: yamls.Document, overrides: Mapping[str, Any] | Iterable[str]) -> None:
    """Sets dotted keys of a document in place; a word `KEY=VALUE` has its value read as YAML."""
    pairs = overrides.items() if isinstance(overrides, Mapping) else [_pair(word) for word in overrides]
    for key, value in pairs:
        *parents, last = str(key).split(".")
        if not all([*parents, last]):
            raise ZooError(f"--set {key}: a key is words with dots between them, as train.epochs=3")
        place = document.value
        for parent in parents:
            inner = place.get(parent)
            if isinstance(inner, str) and parent in {"model", "task", "optimizer", "schedule"}:
                inner = {"name": inner}  # the short form of a choice, opened to take a setting
            elif inner is None:
                inner = {}
            elif not isinstance(inner, dict):
                raise ZooError(f"--set {key}: {parent} is {inner!r}, which has no settings")
            place[parent] = inner
            place = inner
        place[last] = _plain(value)
        document.overridden.add((*parents, last))


def _pair(word: str) -> tuple[str, Any]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise ZooError(f"--set {word}: expected KEY=VALUE, as in --set train.epochs=3")
    return key, yamls.parse(value, f"--set {key}").value


def _plain(value: Any) -> Any:
    """Tuples, paths and NumPy scalars from Python as YAML would hold them."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def _validate(kind: type[Model], document: yamls.Document, noun: str) -> Model:
    try:
        return kind.model_validate(document.value)
    except ValidationError as error:
        raise _explain(kind, document, noun, error) from None


def _explain(kind: type[BaseModel], document: yamls.Document, noun: str, error: ValidationError) -> ZooError:
    """The first error of pydantic, as file, line, key and the nearest right key."""
    problems = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    problem = problems[0]
    path = _in_document(document.value, problem["loc"])
    dotted = ".".join(str(part) for part in path)
    where = f"--set {dotted}" if path in document.overridden else document.at(path)
    if problem["type"] == "extra_forbidden":
        parent = ".".join(str(part) for part in path[:-1])
        known = list(dotted_keys(kind))
        near = [f"{parent}.{key}" if parent else key for key in _keys_beside(kind, path)]
        last = str(path[-1])
        hint = did_you_mean(dotted, [*near]) if _alike(dotted, near) else did_you_mean(last, [])
        if not hint:
            hint = _hint_by_last_word(last, known) or f"known here: {', '.join(sorted(_keys_beside(kind, path)))}"
        return ZooError(f"{where}: {dotted} is not a setting of {parent or noun}", hint)
    if problem["type"] == "missing":
        return ZooError(f"{where}: {dotted} is missing", None)
    said = problem["msg"].removeprefix("Value error, ")
    got = problem.get("input")
    shown = f" (not {got!r})" if isinstance(got, (str, int, float, bool, list)) and problem["type"] != "value_error" else ""
    return ZooError(f"{where}: {dotted + ': ' if dotted else ''}{said[0].lower() + said[1:]}{shown}", *_literal_hint(problem))


def _literal_hint(problem: Any) -> list[str]:
    if problem["type"] != "literal_error":
        return []
    expected = [word.strip("'") for word in problem["ctx"]["expected"].replace(" or ", ", ").split(", ")]
    hint = did_you_mean(problem["input"], expected)
    return [hint] if hint else []


def _alike(dotted: str, near: list[str]) -> bool:
    from zoo.errors import nearest

    return bool(nearest(dotted.rpartition(".")[2], [one.rpartition(".")[2] for one in near]))


def _hint_by_last_word(last: str, known: list[str]) -> str | None:
    """`learning_rte` under train leads to train.optimizer.learning_rate: the last words are compared."""
    from zoo.errors import nearest

    words = nearest(last, [key.rpartition(".")[2] for key in known])
    found = [key for word in words for key in known if key.rpartition(".")[2] == word]
    return f"did you mean: {', '.join(found[:3])}" if found else None


def _in_document(value: Any, loc: tuple[int | str, ...]) -> yamls.KeyPath:
    """pydantic's location without the parts that are not in the file (a union puts its tag there)."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        holds = (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int) and part < len(value))
        if holds:
            path.append(part)
            value = value[part]
        elif index == len(loc) - 1 and isinstance(value, dict):
            path.append(part)
    return tuple(path)


def _parts(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [part for inner in getattr(annotation, "__args__", ()) for part in _parts(inner)]


def dotted_keys(kind: type[BaseModel], prefix: str = "") -> list[str]:
    """Every key of a configuration, dotted, as `--set` takes it."""
    keys: list[str] = []
    for name, info in kind.model_fields.items():
        keys.append(prefix + name)
        for part in _parts(info.annotation):
            keys.extend(dotted_keys(part, f"{prefix}{name}."))
    return list(dict.fromkeys(keys))


def _keys_beside(kind: type[BaseModel], path: yamls.KeyPath) -> list[str]:
    """The keys that could stand where `path` ends."""
    prefix = "".join(f"{part}." for part in path[:-1])
    inner = [key.removeprefix(prefix) for key in dotted_keys(kind) if key.startswith(prefix)]
    return [key for key in inner if "." not in key]


def absolute(card: Card) -> Card:
    """The card with the user's own paths made absolute, so that a run finds its data again from anywhere."""
    data = card.model_dump(mode="json")
    for key, value in data["source"].items():
        if isinstance(value, dict) and value.get("name") and not value.get("sha256"):
            data["source"][key] = {**value, "name": str((card.folder / File(**value).name).resolve())}
    moved = Card.model_validate(data)
    moved._name, moved._folder = card.name, card.folder
    return moved
