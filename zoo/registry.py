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
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from zoo.errors import ZooError, did_you_mean, nearest

if TYPE_CHECKING:
    import keras

log = logging.getLogger("zoo")

Builder = TypeVar("Builder", bound=Callable[..., Any])
Check = Callable[[Mapping[str, Any], Mapping[str, Any]], None]

CATALOGUE = Path(__file__).with_name("catalogue.json")
MODELS = Path(__file__).with_name("models")


@dataclass(frozen=True)
class Entry:
    """What is known of a model without loading it. Sizes are of the builder's `example`."""

    name: str
    module: str
    modality: str
    tasks: tuple[str, ...]
    paper: str | None
    summary: str
    facts: tuple[str, ...]
    hparams: dict[str, Any]
    space: dict[str, Any]
    example: dict[str, Any]
    params: int | None = None
    flops: int | None = None
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
    fixed: dict[str, Any] = field(default_factory=dict)


_registered: dict[str, Registered] = {}
_broken: dict[str, str] = {}


def register_model(
    name: str,
    *,
    modality: str | None = None,
    tasks: Sequence[str] | None = None,
    paper: str | None = None,
    example: Mapping[str, Any] | None = None,
    hparams: Mapping[str, Any] | None = None,
    space: Mapping[str, Any] | None = None,
    check: Check | None = None,
) -> Callable[[Builder], Builder]:
    """Registers a builder of a plain keras.Model under `name`; a decorator.

    The builder's positional parameters are facts of the data, by name (`input_shape`, `num_outputs`); its keyword-only
    parameters are hparams with defaults. Decorators may be stacked: those above inherit what the one nearest to the
    function says, and change `hparams` by name.

    Args:
        name: the name that people type.
        modality: what the model takes: `image`, `vector`.
        tasks: the tasks that it can learn.
        paper: a link to the paper, if there is one.
        example: facts with which the model can be built, for tests and for measuring.
        hparams: values that this name fixes as its defaults.
        space: a small search space: hparam -> a list of choices.
        check: called with (facts, hparams) before the builder; raises ZooError for what a user can mend.

    Raises:
        ZooError: the name is taken.
    """

    def decorate(builder: Builder) -> Builder:
        family: dict[str, Any] = dict(getattr(builder, "__zoo_family__", {}))
        given = {"modality": modality, "tasks": tasks, "paper": paper, "example": example, "check": check}
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
    facts, defaults = signature(builder)
    unknown = sorted(set(fixed) - set(defaults))
    if unknown:
        raise ZooError(f"register_model('{name}'): the builder has no hparam '{unknown[0]}'", did_you_mean(unknown[0], defaults))
    entry = Entry(
        name=name,
        module=builder.__module__,
        modality=family["modality"],
        tasks=tuple(family["tasks"]),
        paper=family.get("paper"),
        summary=next(iter((builder.__doc__ or "").strip().splitlines()), ""),
        facts=facts,
        hparams={**defaults, **fixed},
        space=family["space"],
        example=dict(family["example"]),
    )
    before = _registered.get(name)
    if before and (before.builder.__module__, before.builder.__qualname__) != (builder.__module__, builder.__qualname__):
        raise ZooError(f"a model named '{name}' is registered already, by {before.entry.module}", "give yours another name")
    ours = builder.__module__.startswith("zoo.models.")  # which may move a name to another file; the catalogue follows
    if not before and not ours and name in _catalogue():
        raise ZooError(f"a model named '{name}' comes with keras-zoo already", "give yours another name")
    _registered[name] = Registered(entry, builder, family.get("check"), fixed)


def signature(builder: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """A builder's facts (positional parameters) and hparams (keyword-only, all with defaults or fixed by the name)."""
    parameters = inspect.signature(builder).parameters.values()
    facts = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    hparams = {p.name: None if p.default is p.empty else p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    return facts, hparams


@cache
def _catalogue() -> dict[str, Entry]:
    if not CATALOGUE.exists():
        return {}
    entries = json.loads(CATALOGUE.read_text("utf-8"))["models"]
    return {one["name"]: entry_from_json(one) for one in entries}


def entry_from_json(data: Mapping[str, Any]) -> Entry:
    """An Entry from a line of the catalogue."""
    lists = {key: tuple(data[key]) for key in ("tasks", "facts", "exports")}
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


def entries() -> dict[str, Entry]:
    """Every model that can be named, by name, without loading Keras where nobody plugged anything in."""
    if entry_points(group="zoo.models"):
        _load_plugins()
    own = {name: one.entry for name, one in _registered.items() if name not in _catalogue()}
    return dict(sorted({**_catalogue(), **own}.items()))


def entry(name: str) -> Entry:
    """What is known of the model `name`. Raises ZooError with the nearest names where there is none."""
    found = _catalogue().get(name)
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
    seen = {one.source_sha256 for one in _catalogue().values()}
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


def list_models(pattern: str = "*", *, task: str | None = None, modality: str | None = None, max_params: float | None = None) -> list[str]:
    """Names of registered models, sorted.

    Args:
        pattern: a wildcard, as in `resnet*`.
        task: only those that can learn this task.
        modality: only those that take this.
        max_params: only those with at most so many parameters, at their example's size.
    """
    return [
        one.name
        for one in entries().values()
        if fnmatchcase(one.name, pattern)
        and (task is None or task in one.tasks)
        and (modality is None or one.modality == modality)
        and (max_params is None or (one.params is not None and one.params <= max_params))
    ]


def check_hparams(name: str, hparams: Mapping[str, Any]) -> None:
    """Raises ZooError for an hparam that the model `name` does not have."""
    known = entry(name).hparams
    for key in hparams:
        if key not in known:
            raise ZooError(f"model '{name}' has no hparam '{key}'", did_you_mean(key, known))


def create_model(name: str, *, weights: str | Path | None = None, **facts_and_hparams: Any) -> keras.Model:
    """Builds a registered model.

    Args:
        name: a registered name; `list_models()` gives them.
        weights: a file of weights (`.weights.h5` or `.keras`) to load into it.
        **facts_and_hparams: the facts that the builder's signature names (`input_shape`, `num_outputs`, or
            `num_classes`, which asks for one output where it is 2), and any of its hparams.

    Returns:
        A plain, uncompiled keras.Model: float32 logits or values out.

    Raises:
        ZooError: unknown name, missing fact, unknown or unfit hparam.
    """
    one = registered(name)
    given = dict(facts_and_hparams)
    if "num_classes" in given and "num_outputs" in one.entry.facts:
        given.setdefault("num_outputs", outputs_for(given.pop("num_classes")))
    facts = {key: given.pop(key) for key in one.entry.facts if key in given}
    missing = [key for key in one.entry.facts if key not in facts]
    if missing:
        raise ZooError(f"model '{name}' needs {', '.join(missing)}", f"example: {_call(name, one.entry.example)}")
    for key in given:
        if key not in one.entry.hparams:
            hint = nearest(key, [*one.entry.hparams, *one.entry.facts])
            raise ZooError(f"model '{name}' has no hparam '{key}'", did_you_mean(key, hint or one.entry.hparams))
    facts, hparams = _typed(name, one.builder, facts), _typed(name, one.builder, {**one.entry.hparams, **given})
    if one.check:
        one.check(facts, hparams)
    try:
        model = one.builder(**facts, **hparams)
    except (ValueError, TypeError) as error:
        raise ZooError(f"model '{name}' cannot be built with {facts}", str(error).splitlines()[0]) from error
    if weights is not None:
        _load_weights(model, Path(weights))
    return model


def outputs_for(num_classes: int) -> int:
    """Two classes are one logit; more classes one logit each."""
    if not isinstance(num_classes, int) or num_classes < 2:
        raise ZooError(f"num_classes must be a whole number of at least 2, not {num_classes!r}")
    return 1 if num_classes == 2 else num_classes


def _call(name: str, example: Mapping[str, Any]) -> str:
    return f"create_model('{name}', " + ", ".join(f"{key}={value!r}" for key, value in example.items()) + ")"


def _typed(name: str, builder: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the builder's annotations want them; what is not annotated passes as it is."""
    from pydantic import TypeAdapter, ValidationError

    hints = get_type_hints(builder, include_extras=True)
    result = {}
    for key, value in values.items():
        try:
            result[key] = TypeAdapter(hints[key]).validate_python(value) if key in hints else value
        except ValidationError as error:
            said = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ZooError(f"model '{name}': {key} = {value!r}: {said[0].lower() + said[1:]}") from None
    return result


def _load_weights(model: keras.Model, path: Path) -> None:
    if not path.is_file():
        raise ZooError(f"no weights file {path}")
    try:
        model.load_weights(path)
    except Exception as error:  # h5py and Keras raise many kinds for a file that does not fit
        lines = [line for line in str(error).splitlines() if line.strip()]  # the first names the layer, the second says why
        raise ZooError(f"{path} does not fit the model '{model.name}'", *lines[:2]) from error
