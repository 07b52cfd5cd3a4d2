"""The registry: a name leads to a builder, and to what was measured of it without loading Keras.

`zoo/catalogue.json` holds a line a model; it is generated (`zoo catalogue`) from what the model files register.
Own models come by `register_model`, or from packages with an entry point in the group `zoo.models`.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from zoo.errors import ZooError, did_you_mean

log = logging.getLogger("zoo")

Builder = TypeVar("Builder", bound=Callable[..., Any])
Check = Callable[[Mapping[str, Any], Mapping[str, Any]], None]
Pretrained = Callable[[Any, str, Mapping[str, Any], Mapping[str, Any]], bool]

PACKAGE = Path(__file__).parents[1]
CATALOGUE = PACKAGE / "catalogue.json"
MODELS = PACKAGE / "models"


@dataclass(frozen=True)
class Entry:
    """What is known of a model without loading it.

    Sizes are of the builder's `example`, which is of the first of its `modalities`: `params`, `flops` of one answer,
    `file_size` of its `.keras` in bytes. `optional` are those of its `facts` that it can be built without.
    """

    name: str
    module: str
    modalities: tuple[str, ...]
    tasks: tuple[str, ...]
    paper: str | None
    summary: str
    facts: tuple[str, ...]
    optional: tuple[str, ...]
    hparams: dict[str, Any]
    space: dict[str, Any]
    example: dict[str, Any]
    params: int | None = None
    flops: int | None = None
    file_size: int | None = None
    exports: tuple[str, ...] = ()
    source_sha256: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Registered:
    """A loaded registration: the entry, its builder, and what the builder's file says may go wrong."""

    entry: Entry
    builder: Callable[..., Any]
    check: Check | None
    pretrained: Pretrained | None = None
    fixed: dict[str, Any] = field(default_factory=dict)


_registered: dict[str, Registered] = {}
_broken: dict[str, str] = {}


def register_model(
    name: str,
    *,
    modality: str | Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    paper: str | None = None,
    example: Mapping[str, Any] | None = None,
    hparams: Mapping[str, Any] | None = None,
    space: Mapping[str, Any] | None = None,
    check: Check | None = None,
    pretrained: Pretrained | None = None,
) -> Callable[[Builder], Builder]:
    """Registers a builder of a plain keras.Model under `name`; a decorator.

    The builder's positional parameters are facts of the data, by name (`input_shape`, `num_outputs`); one with a default can
    be done without. Its keyword-only parameters are hparams with defaults. Decorators may be stacked: those above inherit what
    the one nearest to the function says, and change `hparams` by name.

    Args:
        name: the name that people type.
        modality: what the model takes: `image`, `vector`, `table`, `sequence`, `tokens`; of several the first is the example's.
        tasks: the tasks that it can learn.
        paper: a link to the paper, if there is one.
        example: facts with which the model can be built, for tests and for measuring.
        hparams: values that this name fixes as its defaults.
        space: a small search space: hparam -> a list of choices.
        check: called with (facts, hparams) before the builder; raises ZooError for what a user can mend.
        pretrained: called with (model, weights, facts, hparams) where weights are asked for: loads those that it knows into the
            model and returns True; False leaves them to the registry, which takes them for a file of the whole model.

    Raises:
        ZooError: the name is taken.
    """

    def decorate(builder: Builder) -> Builder:
        family: dict[str, Any] = dict(getattr(builder, "__zoo_family__", {}))
        given = {"modality": modality, "tasks": tasks, "paper": paper, "example": example, "check": check, "pretrained": pretrained}
        family.update({key: value for key, value in given.items() if value is not None})
        family["space"] = {**family.get("space", {}), **(space or {})}
        fixed = {**family.get("hparams", {}), **(hparams or {})}
        if not hasattr(builder, "__zoo_family__"):
            builder.__zoo_family__ = {**family, "hparams": fixed}  # type: ignore[attr-defined]
        _add(name, builder, family, fixed)
        return builder

    return decorate


def _add(name: str, builder: Callable[..., Any], family: dict[str, Any], fixed: dict[str, Any]) -> None:
    missing = [key for key in ("modality", "tasks", "example") if not family.get(key)]
    if missing:
        raise ZooError(f"register_model('{name}') needs {', '.join(missing)}")
    facts, optional, defaults = signature(builder)
    unknown = sorted(set(fixed) - set(defaults))
    if unknown:
        raise ZooError(f"register_model('{name}'): the builder has no hparam '{unknown[0]}'", did_you_mean(unknown[0], defaults))
    entry = Entry(
        name=name,
        module=builder.__module__,
        modalities=(family["modality"],) if isinstance(family["modality"], str) else tuple(family["modality"]),
        tasks=tuple(family["tasks"]),
        paper=family.get("paper"),
        summary=" ".join((builder.__doc__ or "").strip().partition("\n\n")[0].split()),
        facts=facts,
        optional=optional,
        hparams={**defaults, **fixed},
        space=family["space"],
        example=dict(family["example"]),
    )
    before = _registered.get(name)
    if before and (before.builder.__module__, before.builder.__qualname__) != (builder.__module__, builder.__qualname__):
        raise ZooError(f"a model named '{name}' is registered already, by {before.entry.module}", "give yours another name")
    ours = builder.__module__.startswith("zoo.models.")  # which may move a name to another file; the catalogue follows
    if not before and not ours and name in catalogue():
        raise ZooError(f"a model named '{name}' comes with keras-zoo already", "give yours another name")
    _registered[name] = Registered(entry, builder, family.get("check"), family.get("pretrained"), fixed)


def signature(builder: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, Any]]:
    """A builder's facts (positional parameters), those with a default, and hparams (keyword-only, with defaults or fixed by the name)."""
    parameters = inspect.signature(builder).parameters.values()
    facts = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    hparams = {p.name: None if p.default is p.empty else p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    return tuple(p.name for p in facts), tuple(p.name for p in facts if p.default is not p.empty), hparams


@cache
def catalogue() -> dict[str, Entry]:
    """The measured entries, by name; read once (`catalogue.cache_clear()` after it was renewed)."""
    if not CATALOGUE.exists():
        return {}
    return {one["name"]: entry_from_json(one) for one in json.loads(CATALOGUE.read_text("utf-8"))["models"]}


def entry_from_json(data: Mapping[str, Any]) -> Entry:
    """An Entry from a line of the catalogue."""
    lists = {key: tuple(data[key]) for key in ("modalities", "tasks", "facts", "optional", "exports")}
    return Entry(**{**data, **lists})


def source_sha256(module: str) -> str:
    """The hash of a model file, which says whether the catalogue was measured on it."""
    return hashlib.sha256((MODELS / f"{module.rpartition('.')[2]}.py").read_bytes()).hexdigest()


def modules() -> list[str]:
    """The modules of `zoo.models`, one a family."""
    return sorted(f"zoo.models.{path.stem}" for path in MODELS.glob("*.py") if path.stem != "__init__")


def load_all() -> dict[str, Registered]:
    """Imports every model file and every plug-in (this loads Keras)."""
    for module in modules():
        importlib.import_module(module)
    _load_plugins()
    return dict(_registered)


def _load_plugins() -> None:
    for point in entry_points(group="zoo.models"):
        if point.name in _broken or point.name in _registered:
            continue
        try:
            point.load()
        except Exception as error:  # somebody else's module may raise anything; it must not take the zoo down
            _broken[point.name] = f"{type(error).__name__}: {error}"
            log.warning("note: the plug-in '%s' (%s) does not load: %s", point.name, point.value, _broken[point.name])


def broken() -> dict[str, str]:
    """The plug-ins that were met and do not load, with their reasons."""
    return dict(_broken)


def entries() -> dict[str, Entry]:
    """Every model that can be named, by name, without loading Keras where nobody plugged anything in."""
    if entry_points(group="zoo.models"):
        _load_plugins()
    own = {name: one.entry for name, one in _registered.items() if name not in catalogue()}
    return dict(sorted({**catalogue(), **own}.items()))


def entry(name: str) -> Entry:
    """What is known of the model `name`. Raises ZooError with the nearest names where there is none."""
    found = catalogue().get(name)
    if found is None and name not in _registered:
        _load_plugins()
        _load_changed()
    if found is None and name in _registered:
        found = _registered[name].entry
    if found is None:
        why = f"the plug-in '{name}' does not load: {_broken[name]}" if name in _broken else None
        raise ZooError(f"no model named '{name}'", why, did_you_mean(name, entries()), "all of them: zoo models")
    return found


def _load_changed() -> None:
    """Imports model files that the catalogue has not seen as they are now: a new file works before it is measured."""
    seen = {one.source_sha256 for one in catalogue().values()}
    for module in modules():
        if source_sha256(module) not in seen:
            importlib.import_module(module)


def registered(name: str) -> Registered:
    """The loaded registration of `name` (this imports its model file)."""
    module = entry(name).module
    if name not in _registered:
        importlib.import_module(module)
    if name not in _registered:
        raise ZooError(f"the catalogue says that {module} registers '{name}', but it does not", "renew it: zoo catalogue")
    return _registered[name]


def list_models(
    pattern: str = "*",
    *,
    task: str | None = None,
    modality: str | None = None,
    max_params: float | None = None,
    exports: str | None = None,
) -> list[str]:
    """Names of registered models, sorted.

    Args:
        pattern: a wildcard, as in `resnet*`.
        task: only those that can learn this task.
        modality: only those that take this.
        max_params: only those with at most so many parameters, at their example's size.
        exports: only those whose export in this format was measured to answer as in Keras: `saved_model`, `onnx`.
    """
    return [
        one.name
        for one in entries().values()
        if fnmatchcase(one.name, pattern)
        and (task is None or task in one.tasks)
        and (modality is None or modality in one.modalities)
        and (max_params is None or (one.params is not None and one.params <= max_params))
        and (exports is None or exports in one.exports)
    ]


def check_hparams(name: str, hparams: Mapping[str, Any]) -> None:
    """Raises ZooError for an hparam that the model `name` does not have."""
    known = entry(name).hparams
    for key in hparams:
        if key not in known:
            raise ZooError(f"model '{name}' has no hparam '{key}'", did_you_mean(key, known))
