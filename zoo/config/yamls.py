"""YAML as plain data: numbers and booleans as YAML 1.2 reads them, and the line of every key.

PyYAML reads `1e-3` as a string, `on` and `no` as booleans and keeps the last of two equal keys without a word; here
a document is composed once, and the same walk gives the values, the lines and the refusals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from zoo.errors import ZooError

MAX_BYTES = 1_000_000
MAX_VALUES = 20_000  # what aliases unfold to is counted too, so that a small file cannot fill the memory

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}

KeyPath = tuple[str | int, ...]


@dataclass
class Document:
    """A parsed file: its `value`, and the line (from 1) of every key and item by its path; `outside` says who overrides keys."""

    value: Any
    where: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    overridden: set[KeyPath] = field(default_factory=set)
    outside: str = "--set"

    def line(self, path: KeyPath) -> int | None:
        """The line of `path`, or of the nearest parent that stands in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def at(self, path: KeyPath) -> str:
        """`file, line N`, or the file alone where the path has no line; `--set KEY` for what was set from outside."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.overridden:
                return f"{self.outside} {'.'.join(map(str, path[:length]))}"
        line = self.line(path) if path else None
        return f"{self.where}, line {line}" if line else self.where


def read(path: Path) -> Document:
    """Reads a YAML file. Raises ZooError for what is no readable YAML mapping."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ZooError(f"{path}: larger than {MAX_BYTES:,} bytes; a configuration is a small file")
        text = path.read_bytes().decode("utf-8")
    except IsADirectoryError:
        raise ZooError(f"{path} is a folder, where a YAML file is expected") from None
    except UnicodeDecodeError as error:
        raise ZooError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise ZooError(f"{path}: {error.strerror or error}") from None
    document = parse(text, str(path))
    if document.value is None:
        raise ZooError(f"{path}: the file is empty, where a mapping of keys is expected")
    if not isinstance(document.value, dict):
        raise ZooError(f"{path}: holds a {_kind(document.value)}, where a mapping of keys is expected")
    return document


def parse(text: str, where: str) -> Document:
    """Parses one YAML document; `where` names it in messages."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        raise ZooError(f"{where}: holds a character that YAML does not allow (position {error.position})") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ZooError(f"{where}{line}: does not parse as YAML: {error.problem or error.context}") from None
    except RecursionError:
        raise ZooError(f"{where}: nested too deeply") from None
    document = Document(None, where)
    if node is not None:
        try:
            document.value = _Walk(document).value(node, ())
        except RecursionError:
            raise ZooError(f"{where}: nested too deeply, or an alias holds itself") from None
    return document


def scalar(text: str) -> Any:
    """A plain scalar as YAML 1.2's core schema reads it."""
    if text.lower() in _WORDS and (text.islower() or text.istitle() or text.isupper() or text in _WORDS):
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(text[2:], 8) if text.startswith("0o") else int(text, 16) if text.startswith("0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf").replace(".n", "n").replace(".N", "N"))
    return text


class _Walk:
    """Turns nodes into values, once, noting lines and refusing what is not plain data."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.count = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.count += 1
        line = node.start_mark.line + 1
        if self.count > MAX_VALUES:
            raise ZooError(f"{self.document.where}: more than {MAX_VALUES:,} values once its aliases are unfolded")
        self.document.lines.setdefault(path, line)
        self._refuse_tags(node, line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode) or node.style is not None:
            return node.value
        try:
            return scalar(node.value)
        except ValueError:  # Python's own limit, which keeps a small file from costing minutes
            raise ZooError(f"{self.document.where}, line {line}: a number of {len(node.value):,} digits is not read") from None

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ZooError(f"{self.document.where}, line {line}: a key must be a plain word")
            key = key_node.value
            if key in result:
                first = self.document.lines[(*path, key)]
                raise ZooError(f"{self.document.where}, line {line}: the key '{key}' stands twice (first in line {first})")
            self.document.lines[(*path, key)] = line
            result[key] = self.value(value_node, (*path, key))
        return result

    def _refuse_tags(self, node: yaml.Node, line: int) -> None:
        plain = {"null", "bool", "int", "float", "str", "seq", "map", "timestamp", "merge", "value"}
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if kind not in plain:
            raise ZooError(f"{self.document.where}, line {line}: the tag '!!{kind}' is not allowed; YAML is plain data here")


def _kind(value: Any) -> str:
    return "list" if isinstance(value, list) else type(value).__name__


def dump(data: dict[str, Any]) -> str:
    """Plain data as YAML that `parse` reads back equal, keys in their order."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)


class _Dumper(yaml.SafeDumper):
    """Quotes a string that this module would read as something else, and writes floats that it reads as floats."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    quote = '"' if not text.isprintable() else "'" if _is_no_text(text) else None  # other styles lose some line breaks
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=quote)


def _is_no_text(text: str) -> bool:
    try:
        return not isinstance(scalar(text), str)
    except ValueError:  # thousands of digits
        return True


def _float(dumper: yaml.SafeDumper, number: float) -> yaml.Node:
    text = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(number), repr(number))
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")  # PyYAML takes 1e-05 for text, and would quote it
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _string)
_Dumper.add_representer(float, _float)
