"""What every part of a configuration is made of."""

from __future__ import annotations

import codecs
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue

Fraction = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what scikit-learn and NumPy take
NO_TEXT = ("idna", "punycode", "undefined")  # Python takes them for encodings of text


def _of_text(value: str) -> str:
    try:
        found = codecs.lookup(value)
    except (LookupError, ValueError):
        raise ValueError(f"'{value}' is an encoding that Python does not know; as utf-8, latin-1, cp1252 or utf-16") from None
    if not getattr(found, "_is_text_encoding", True) or found.name in NO_TEXT:
        raise ValueError(f"'{value}' is no encoding of text files; as utf-8, latin-1, cp1252 or utf-16")
    return value


Encoding = Annotated[str, AfterValidator(_of_text)]


class Part(BaseModel):
    """Plain, frozen data; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


class Named(Part):
    """A part that may stand as its name alone."""

    @model_validator(mode="before")
    @classmethod
    def _a_name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


class Choice(Named):
    """A name, and settings that depend on it: its own are filled in, those of others are refused and not written."""

    @model_validator(mode="before")
    @classmethod
    def _filled_in(cls, value: Any) -> Any:
        value = {"name": value} if isinstance(value, str) else value
        if not isinstance(value, dict):
            return value
        table = cls.table()
        own = table.get(str(value.get("name", cls.model_fields["name"].default)), {})
        given = {key: one for key, one in value.items() if one is not None}
        return {**own, **given}

    @model_validator(mode="after")
    def _takes_its_own(self) -> Self:
        table = self.table()
        for key in sorted({key for settings in table.values() for key in settings} - set(table[self.name])):
            if getattr(self, key) is not None:
                own = [*table[self.name], *(name for name in type(self).model_fields if not any(name in one for one in table.values()))]
                raise ValueError(f"{self.name} has no {key}; its settings are: {', '.join(one for one in own if one != 'name')}")
        return self

    @model_serializer(mode="wrap")
    def _own_only(self, handler: Any) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}

    name: str

    @classmethod
    def table(cls) -> dict[str, dict[str, Any]]:
        """Name -> its own settings with their defaults."""
        return {}
