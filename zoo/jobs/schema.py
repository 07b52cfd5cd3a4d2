"""JSON Schema of the two files that people write, so that an editor completes keys and marks mistakes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from zoo.config import Card, Experiment

SCHEMAS: dict[str, type[BaseModel]] = {"card": Card, "experiment": Experiment}

NAMES_ALONE = ("ModelChoice", "TaskChoice", "Optimizer", "Schedule", "File")  # parts that may be written as their name alone


def schema_of(kind: str) -> dict[str, Any]:
    """The schema of a `card` or an `experiment` (draft 2020-12), with the short forms that YAML may hold."""
    schema = SCHEMAS[kind].model_json_schema()
    parts = schema["$defs"]
    for name in NAMES_ALONE:
        if name in parts:
            parts[name] = {"anyOf": [_name_alone(parts[name]), parts[name]]}
    _open_card(schema if kind == "card" else parts["Card"], parts)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _name_alone(part: dict[str, Any]) -> dict[str, Any]:
    name = part["properties"]["name"]
    return {key: name[key] for key in ("enum", "type", "minLength") if key in name}


def _open_card(card: dict[str, Any], parts: dict[str, Any]) -> None:
    """A column may be its type alone; `split` may be left out, or have no kind."""
    columns = next(one for one in card["properties"]["columns"]["anyOf"] if "additionalProperties" in one)
    columns["additionalProperties"] = {"anyOf": [{"enum": ["number", "category"]}, columns["additionalProperties"]]}
    card["required"].remove("split")
    parts["ShuffledSplit"]["properties"]["kind"]["default"] = "stratified"
    card["properties"]["split"] = {"anyOf": [card["properties"]["split"], {"$ref": "#/$defs/ShuffledSplit"}]}
