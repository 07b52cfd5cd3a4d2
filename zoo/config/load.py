"""A name or a file, and overrides, to a checked Card or Experiment with every default filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from zoo import registry, shelf
from zoo.config import yamls
from zoo.config.card import Card
from zoo.config.experiment import LAST, Experiment, ModelChoice, TaskChoice
from zoo.config.explain import explain
from zoo.config.generating import check_generation
from zoo.config.metrics import TASK_FACTS, split_metric
from zoo.config.preparing import merged
from zoo.errors import ZooError, did_you_mean

Model = TypeVar("Model", Card, Experiment)

TFDS = "tfds:"
SHOWN, WINDOWS = 12, ("history", "horizon", "season")  # names of models in a message; settings of a series
SETTINGS = {
    "threshold": ("classification", "reconstruction"),
    "normal": ("reconstruction",),
    **dict.fromkeys(("classifier", "importance_samples"), ("generation",)),
}
UNLABELLED, LABELLED = ("reconstruction", "generation"), ("classification", "regression", "reconstruction")  # the first need no label
ONE_CLASS = ("balanced_accuracy", "top_5_accuracy")  # metrics that mean nothing where several labels may hold
SHORT = {"model", "task", "optimizer", "schedule"}  # keys whose value may be a name alone


def load_card(name: str | Path) -> Card:
    """A card by name or file, or made for `tfds:NAME[/config]`. Raises ZooError with file, line and the nearest right name."""
    if str(name).startswith(TFDS):
        made: Card = import_module("zoo.data.sources.tfds").card_of(str(name).removeprefix(TFDS))
        return made
    path = shelf.find("datasets", str(name))
    document = yamls.read(path)
    card = _validate(Card, document, "a card")
    card._name, card._folder = shelf.check_name(path.stem, str(path)), path.resolve().parent
    return card


def load_experiment(what: str | Path | Mapping[str, Any] | Experiment, overrides: Mapping[str, Any] | Iterable[str] = ()) -> Experiment:
    """An experiment by name, file or mapping, resolved: names checked, every default filled in, its card beside it.

    Args:
        what: a name of the shelf, a YAML file, or the same as a mapping.
        overrides: dotted keys with values, or `KEY=VALUE` words whose values are YAML.

    Raises:
        ZooError: what is wrong, in which file and line, and the nearest right name.
    """
    overrides = overrides if isinstance(overrides, Mapping) else list(overrides)
    if isinstance(what, Experiment) and what._card and not overrides:
        return what  # frozen, and checked when it was made
    document, name = opened(what)
    return from_document(override(document, overrides), name, what)


def from_document(document: yamls.Document, name: str, what: Any) -> Experiment:
    """The experiment of a document that was opened of `what`, whose card stays where it is the same."""
    given = what.get("dataset") if isinstance(what, Mapping) else getattr(what, "dataset", None)
    card = given if isinstance(given, Card) else getattr(what, "_card", None)
    read = _validate(Experiment, document, "an experiment")
    return resolve(read, name, document, card if _plain(read.dataset) == _plain(given) else None)


def opened(what: str | Path | Mapping[str, Any] | Experiment) -> tuple[yamls.Document, str]:
    """The document of an experiment, and its name."""
    if isinstance(what, (Mapping, Experiment)):
        plain = _plain(what)
        named = what.name if isinstance(what, Experiment) and what._card else _name_of(plain if isinstance(what, Experiment) else what)
        return yamls.Document(plain, "the experiment"), named
    path = shelf.find("experiments", str(what))
    return yamls.read(path), path.stem


def _name_of(what: Mapping[str, Any]) -> str:
    """CARD_MODEL, as our own files are named; `what` is plain but for its card."""
    card, model = what.get("dataset"), what.get("model")
    if isinstance(card, Card) or str(card).startswith(TFDS):
        card = card.name if isinstance(card, Card) else str(card).replace(":", "_").replace("/", "_")
    model = model.get("name") if isinstance(model, Mapping) else model
    return f"{Path(card).stem}_{Path(str(model)).stem}" if isinstance(card, str) and card != "inline" else "inline"


def resolve(experiment: Experiment, name: str, document: yamls.Document, card: Card | None = None) -> Experiment:
    """Checks an experiment's names against its card and model, and fills in what follows from them."""
    shelf.check_name(name, document.where)
    if card is None:
        card = experiment.dataset if isinstance(experiment.dataset, Card) else _card(experiment.dataset, document)
    task = _task(experiment.task or TaskChoice(name=card.task), card, document)
    card = _as_asked(card, experiment, task, document)
    entry = _located(document, ("model", "name"), registry.entry, experiment.model.name)
    for key in experiment.model.hparams:
        _located(document, ("model", key), registry.check_hparams, entry.name, {key: None})
    _located(document, (), _check_fit, entry, card, task)
    if task.name == "generation":
        _located(document, (), check_generation, task, card, entry, experiment.goal)
    if experiment.imbalance and task.name != "classification":
        raise ZooError(
            f"{document.at(('imbalance',))}: imbalance: {experiment.imbalance} is for classification, and the task is {task.name}"
        )
    if card.multilabel and task.name == "classification":
        _check_multilabel(experiment, document)
    _check_metrics(experiment, task.name, document)
    model = ModelChoice(name=entry.name, weights=experiment.model.weights, **{**_plain(entry.hparams), **experiment.model.hparams})
    changes: dict[str, Any] = {"model": model, "task": task}
    if task.name == "generation" and "early_stopping" not in (document.value.get("train") or {}):
        changes["train"] = experiment.train.model_copy(update={"early_stopping": None})  # a GAN's losses say nothing of when to stop
    resolved = experiment.model_copy(update=changes)
    resolved._name, resolved._card = name, card
    return resolved


def _task(task: TaskChoice, card: Card, document: yamls.Document) -> TaskChoice:
    """The task with what follows from the card: of reconstruction, which class is normal. Raises ZooError for settings of other tasks."""
    for key, names in SETTINGS.items():
        if getattr(task, key) is not None and task.name not in names:
            raise ZooError(f"{document.at(('task', key))}: task.{key} is for {' and '.join(names)}, and the task is {task.name}")
    if task.threshold is not None and (task.threshold in ("f1_macro", "accuracy")) != (task.name == "classification"):
        known = "f1_macro or accuracy" if task.name == "classification" else "a quantile of val's scores, as 0.99, or f1"
        raise ZooError(f"{document.at(('task', 'threshold'))}: task.threshold of {task.name} is {known}, not {task.threshold}")
    if task.name != "reconstruction":
        return task
    classes = card.target.classes or (("normal", "anomalous") if card.task == "reconstruction" else ())
    if task.normal is not None and classes and task.normal not in classes:
        raise ZooError(
            f"{document.at(('task', 'normal'))}: '{task.normal}' is no class of '{card.name}'", did_you_mean(task.normal, classes)
        )
    if task.normal is not None and (card.task not in ("classification", "reconstruction") or card.multilabel):
        raise ZooError(f"{document.at(('task', 'normal'))}: task.normal is the class of an example, and those of '{card.name}' have none")
    if task.threshold == "f1" and task.normal is None and card.task != "reconstruction":
        raise ZooError(
            f"{document.at(('task', 'threshold'))}: task.threshold: f1 needs to know what an anomaly is",
            "name the class that is none (task.normal), or a quantile of val's scores, as 0.99",
        )
    return task.model_copy(update={"normal": classes[0]}) if card.task == "reconstruction" and task.normal is None else task


def _as_asked(card: Card, experiment: Experiment, task: TaskChoice, document: yamls.Document) -> Card:
    """The card with what the experiment says of its preprocessing, augmentation and windows."""
    changes: dict[str, Any] = {}
    if experiment.preprocess is not None:
        changes["preprocess"] = merged(card.preprocess, experiment.preprocess)
    if experiment.augment is not None:
        changes["augment"] = experiment.augment
    windows = {key: value for key in WINDOWS if (value := getattr(task, key)) is not None}
    if windows:
        if card.series is None:
            key = next(iter(windows))
            raise ZooError(f"{document.at(('task', key))}: task.{key} is for a series, and '{card.name}' gives {PLURAL[card.gives[0]]}")
        changes["series"] = card.series.model_copy(update=windows)
    return _changed(card, changes, document) if changes else card


def _changed(card: Card, changes: dict[str, Any], document: yamls.Document) -> Card:
    """A card with other parts, checked again. Raises ZooError where they do not go together."""
    try:
        made = Card.model_validate({**{key: getattr(card, key) for key in Card.model_fields}, **changes})
    except ValidationError as error:
        raise ZooError(f"{document.where}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    made._name, made._folder = card._name, card._folder
    return made


def _card(name: str, document: yamls.Document) -> Card:
    """The card that an experiment names; what is wrong inside it is told of its own file."""
    return load_card(name if name.startswith(TFDS) else _located(document, ("dataset",), shelf.find, "datasets", name))


def _check_fit(entry: registry.Entry, card: Card, task: TaskChoice) -> None:
    if not set(entry.modalities) & set(card.gives):
        takes = " or ".join(PLURAL[one] for one in entry.modalities)
        raise ZooError(
            f"model '{entry.name}' takes {takes}, but the dataset '{card.name}' gives {PLURAL[card.gives[0]]}",
            f"models that fit: {_fitting(card, task)}      zoo models --modality {card.gives[0]}",
        )
    if task.name != card.task and not (task.name in UNLABELLED and card.task in LABELLED and not card.multilabel):
        raise ZooError(f"the dataset '{card.name}' is for {card.task}, not for {task.name}")
    if task.name not in entry.tasks:
        said = f"model '{entry.name}' does not learn {task.name}, but {', '.join(entry.tasks)}"
        raise ZooError(said, f"models that fit: {_fitting(card, task)}")


def _fitting(card: Card, task: TaskChoice) -> str:
    """Models that learn the task from such data, the smallest first, as many as a line holds."""
    known = {one: registry.entry(one) for gives in card.gives for one in registry.list_models(modality=gives, task=task.name)}
    names = sorted(known, key=lambda name: known[name].params or 0)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none yet") + more


PLURAL = {"image": "images", "vector": "vectors", "table": "tables", "sequence": "sequences", "tokens": "tokens"}


def _check_metrics(experiment: Experiment, task: str, document: yamls.Document) -> None:
    train = experiment.train
    if train.early_stopping:
        _check_metric(train.early_stopping.monitor, ("val",), task, document, ("train", "early_stopping", "monitor"))
    if train.keep_best and train.keep_best != LAST:
        _check_metric(train.keep_best, ("val",), task, document, ("train", "keep_best"))
    if experiment.goal:
        _check_metric(experiment.goal.metric, ("val", "test"), task, document, ("goal", "metric"))


def _check_multilabel(experiment: Experiment, document: yamls.Document) -> None:
    """Raises ZooError for what needs one class an example."""
    if experiment.imbalance:
        raise ZooError(
            f"{document.at(('imbalance',))}: imbalance: {experiment.imbalance} needs one class an example; here several labels may hold",
            "leave it out: each label's threshold is fitted on val for its own F1",
        )
    train, goal = experiment.train, experiment.goal
    asked = [train.keep_best, train.early_stopping and train.early_stopping.monitor, goal and goal.metric]
    wrong = next((name for name in asked if name and split_metric(name)[1] in ONE_CLASS), None)
    if wrong:
        raise ZooError(f"{document.where}: '{wrong}' is of one class an example, and here several labels may hold", "f1_macro, accuracy?")


def _check_metric(name: str, splits: tuple[str, ...], task: str, document: yamls.Document, path: yamls.KeyPath) -> None:
    split, metric = split_metric(name)
    facts = TASK_FACTS[task]
    watched = facts.watched if splits == ("val",) and facts.watched else facts.metrics
    known = [f"{one}.{key}" for one in splits for key in watched]
    if name in known:
        return
    why = "what is watched in training must not see the test split" if split == "test" and "test" not in splits else None
    hint = f"did you mean: {splits[0]}.{metric}" if metric in watched else did_you_mean(name, known)
    raise ZooError(f"{document.at(path)}: '{name}' is no metric of {task} to choose here", why, hint or f"known: {', '.join(known)}")


def _located(document: yamls.Document, path: yamls.KeyPath, call: Any, *args: Any) -> Any:
    """Calls, and puts file and line before the message of a ZooError about a value of this document."""
    try:
        return call(*args)
    except ZooError as error:
        if document.where in error.what:
            raise
        raise type(error)(f"{document.at(path)}: {error.what}", *error.details) from None


def override(document: yamls.Document, overrides: Mapping[str, Any] | Iterable[str]) -> yamls.Document:
    """Sets dotted keys of a document in place, and gives it back; a word `KEY=VALUE` has its value read as YAML."""
    pairs = overrides.items() if isinstance(overrides, Mapping) else [_pair(word) for word in overrides]
    for key, value in pairs:
        *parents, last = str(key).split(".")
        if not all([*parents, last]):
            raise ZooError(f"--set {key}: a key is words with dots between them, as train.epochs=3")
        place = document.value
        for parent in parents:
            inner = place.get(parent)
            if isinstance(inner, str) and parent in SHORT:
                inner = {"name": inner}  # the short form of a choice, opened to take a setting
            elif inner is None:
                inner = {}
            elif not isinstance(inner, dict):
                raise ZooError(f"--set {key}: {parent} is {inner!r}, which has no settings")
            place[parent] = inner
            place = inner
        place[last] = _plain(value)
        document.overridden.add((*parents, last))
    return document


def _pair(word: str) -> tuple[str, Any]:
    key, equals, value = word.partition("=")
    if not (equals and key):
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
        raise explain(kind, document, noun, error) from None


def absolute(card: Card) -> Card:
    """The card with the user's own paths made absolute, so that a run finds its data again from anywhere."""
    return card.model_copy(update={"source": card.source.absolute(card.folder)})
