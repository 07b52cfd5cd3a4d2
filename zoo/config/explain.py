"""What pydantic refuses, told as file, line, key and the nearest right key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from zoo.config.yamls import Document, KeyPath
from zoo.errors import ZooError, did_you_mean, nearest

# By the first word of pydantic's error type: what its own message says too long.
EXPECTED = {
    "int": "should be a whole number",
    "float": "should be a number",
    "bool": "should be true or false",
    "string_type": "should be text",
    "tuple": "should be a list",
    "dict": "should be a mapping of settings",
    "model": "should be a mapping of settings",
}


def explain(kind: type[BaseModel], document: Document, noun: str, error: ValidationError) -> ZooError:
    """The first mistake of a document as a ZooError; `noun` says what it should be, as `an experiment`."""
    problems = [(problem, _in_document(document.value, problem)) for problem in error.errors()]
    # An unknown key explains most other mistakes; and of a union, whoever came furthest into the document was meant.
    problem, path = min(problems, key=lambda one: (one[0]["type"] != "extra_forbidden", -len(one[1])))
    dotted = ".".join(map(str, path))
    key = _named(dotted, document.at(path))
    match problem["type"]:
        case "extra_forbidden":
            parent = ".".join(map(str, path[:-1]))
            return ZooError(f"{key} is not a setting of {parent or noun}", _right_key(kind, path, document.value))
        case "missing":
            return ZooError(f"{key} is missing", "one that fits: zoo models" if path == ("model",) else None)
        case "union_tag_not_found":
            return ZooError(f"{key}.{_tag(problem)} is missing")
        case "union_tag_invalid":
            tag, known = problem["ctx"]["tag"], _words(problem["ctx"]["expected_tags"])
            return ZooError(f"{key}.{_tag(problem)} should be one of {', '.join(known)}, not {tag}", _nearest_word(tag, known))
        case "value_error":
            return ZooError(f"{key}: {problem['ctx']['error']}")
        case "literal_error":
            known = _words(problem["ctx"]["expected"])
            hint = _nearest_word(problem["input"], known)
            return ZooError(f"{key} should be {problem['ctx']['expected']}, not {_shown(problem['input'])}", hint)
    return ZooError(f"{key} {_expected(problem)}, not {_shown(problem['input'])}".removesuffix(", not "))


def _named(dotted: str, where: str) -> str:
    """`mine.yaml, line 7: train.epochs`; `--set train.epochs` says it already."""
    return where if not dotted or where == f"--set {dotted}" else f"{where}: {dotted}"


def _in_document(document: Any, problem: ErrorDetails) -> KeyPath:
    """pydantic's location without the parts that are not in the file: a union puts the name of its choice there."""
    path: list[str | int] = []
    inside: Any = document
    for part in problem["loc"]:
        inner: Any = dict(enumerate(inside)) if isinstance(inside, list) else inside
        if isinstance(inner, dict) and part in inner:
            path.append(part)
            inside = inner[part]
    return (*path, problem["loc"][-1]) if problem["type"] == "missing" else tuple(path)


def _right_key(kind: type[BaseModel], path: KeyPath, value: Any) -> str | None:
    """The keys most like the last word of `path`: those that may stand there, else those of the whole document."""
    here = ".".join(map(str, path[:-1]))
    beside = [name for part in _parts_at(kind, path[:-1], value) for name in part.model_fields]
    everywhere = dotted_keys(kind)
    exact = [key for key in everywhere if key.rpartition(".")[2] == path[-1]]
    close = [] if exact else nearest(path[-1], beside)
    if close:
        return f"did you mean: {', '.join(f'{here}.{name}' if here else name for name in close)}"
    words = nearest(path[-1], [key.rpartition(".")[2] for key in everywhere])
    found = [key for key in everywhere if key.rpartition(".")[2] in words[:1]]
    return f"did you mean: {', '.join(found[:3])}" if found else f"known here: {', '.join(dict.fromkeys(beside))}"


def _parts_at(kind: type[BaseModel], path: KeyPath, value: Any) -> list[type[BaseModel]]:
    """The models that may stand at `path`; of a union those whose `kind` or `type` is what the document says."""
    parts = [kind]
    for word in path:
        value = value[word]
        fields = [part.model_fields[word].annotation for part in parts if isinstance(word, str) and word in part.model_fields]
        parts = [one for annotation in fields for one in _parts(annotation)] or parts  # a column's own name is no field
        parts = [part for part in parts if _is_chosen(part, value)] or parts
    return parts


def _is_chosen(part: type[BaseModel], value: Any) -> bool:
    keys = [key for key in ("kind", "type") if key in part.model_fields]
    return all(isinstance(value, dict) and value.get(key) in get_args(part.model_fields[key].annotation) for key in keys)


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for inner in get_args(annotation):
        yield from _parts(inner)


def dotted_keys(kind: type[BaseModel], prefix: str = "") -> list[str]:
    """Every key of a configuration, dotted, as `--set` takes it."""
    keys: list[str] = []
    for name, info in kind.model_fields.items():
        keys.append(prefix + name)
        for part in _parts(info.annotation):
            keys.extend(dotted_keys(part, f"{prefix}{name}."))
    return list(dict.fromkeys(keys))


def _expected(problem: ErrorDetails) -> str:
    kind = problem["type"]
    own = EXPECTED.get(kind) or EXPECTED.get(kind.partition("_")[0])
    return own or "should " + problem["msg"].partition(" should ")[2].partition(" after validation")[0]


def _shown(value: Any) -> str:
    """A value as YAML would show it; nothing for what would fill the screen."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else ""


def _tag(problem: ErrorDetails) -> str:
    return str(problem["ctx"]["discriminator"]).strip("'")


def _words(expected: str) -> list[str]:
    return [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]


def _nearest_word(given: Any, known: list[str]) -> str | None:
    return did_you_mean(given, known) if nearest(given, known) else None
