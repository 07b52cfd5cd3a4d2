"""What typer says of a command line that it cannot read, in our own form: what is wrong, the nearest name, where to look."""

from __future__ import annotations

import re
from typing import Any

from zoo.errors import ZooError, did_you_mean, nearest


def translated(error: Exception) -> ZooError | None:
    """A ZooError for a mistake in the command line, a ZooError as it is, else None."""
    if isinstance(error, ZooError):
        return error
    if not hasattr(error, "format_message"):  # every error of the parser has it, whichever version of typer brought which click
        return None
    context: Any = getattr(error, "ctx", None)
    command = context.command_path if context else "zoo"
    parameter: Any = getattr(error, "param", None)
    if hasattr(error, "option_name") and hasattr(error, "possibilities"):
        return _unknown_option(command, str(error.option_name), context)
    if type(error).__name__ == "MissingParameter" and parameter is not None:
        return ZooError(f"{command} needs {parameter.metavar or parameter.name}", _usage(context))
    if parameter is not None:
        name = max(parameter.opts, key=len) if parameter.param_type_name == "option" else parameter.metavar or parameter.name
        said = _lower(str(error)).partition(",")[0].removeprefix("input ")
        return ZooError(f"{command}: {name} {said}", f"help: {command} --help")
    unknown = _unknown_command(str(error), context)
    return unknown or ZooError(f"{command}: {_lower(str(error))}", _usage(context))


def _unknown_option(command: str, name: str, context: Any) -> ZooError:
    known = {name for parameter in context.command.params for name in parameter.opts if name.startswith("--")} | {"--help"}
    return ZooError(
        f"{command} has no option {name}", did_you_mean(name, known) if nearest(name, known) else None, f"help: {command} --help"
    )


def _unknown_command(said: str, context: Any) -> ZooError | None:
    known = getattr(context.command, "commands", None) if context else None
    found = re.match(r"No such command (['\"])(.*?)\1", said)
    if not known or not found:
        return None
    name = found[2]
    return ZooError(f"zoo has no command '{name}'", did_you_mean(name, known) if nearest(name, known) else None, "all of them: zoo --help")


def _usage(context: Any) -> str:
    return " ".join(context.get_usage().split()).replace("Usage:", "usage:", 1) if context else "help: zoo --help"


def _lower(said: str) -> str:
    said = said.rstrip(".")
    return said[:1].lower() + said[1:]
