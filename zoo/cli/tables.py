"""How facts are laid out: tables that fit a terminal, plain aligned lines elsewhere, JSON for scripts."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from zoo.errors import Exit

RIGHT = {"params", "FLOPs", "value", "age"}  # columns of numbers stand flush right
WIDEST = 28  # in a terminal; the last column may have the rest of the line
PATHS = {"run", "report", "cache", "runs", "bundles"}  # facts that are nothing else, and stay in one piece
LAST = 20  # a last column narrower than this tells nothing, so another column is left out

Rows = Sequence[Sequence[str]]


def show(columns: Sequence[str], rows: Rows, *, indent: int = 0, right: Sequence[str] = (), drop: Sequence[str] = ()) -> None:
    """A table. A terminal's width is kept: cells are cut, and where that is not enough the columns `drop` are left out in turn.

    What is left out is said below. Elsewhere nothing is cut, so that a pipe gets every fact.
    """
    lines = [list(columns), *(list(row) for row in rows)]
    terminal = sys.stdout.isatty()
    if terminal:
        lines = _fitting(lines, shutil.get_terminal_size().columns - indent, drop)
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    flush_right = [name in RIGHT or name in right for name in lines[0]]
    for number, line in enumerate(lines):
        cells = [cell.rjust(width) if flush else cell.ljust(width) for cell, width, flush in zip(line, widths, flush_right, strict=True)]
        text = (" " * indent + "  ".join(cells)).rstrip()
        print(f"\x1b[1m{text}\x1b[0m" if terminal and number == 0 and "NO_COLOR" not in os.environ else text)
    left_out = [name for name in columns if name not in lines[0]]
    if left_out:
        say(f"(no room for: {', '.join(left_out)}; --json has all)")


def _fitting(lines: list[list[str]], width: int, drop: Sequence[str]) -> list[list[str]]:
    lines = [[line[0], *(_cut(cell, WIDEST) for cell in line[1:-1]), line[-1]] for line in lines]
    for name in drop:
        last = max(len(line[-1]) for line in lines)
        if _room(lines, width) >= min(last, LAST):
            break
        index = lines[0].index(name)
        lines = [line[:index] + line[index + 1 :] for line in lines]
    room = max(_room(lines, width), 1)
    return [[*line[:-1], _cut(line[-1], room)] for line in lines]


def _room(lines: list[list[str]], width: int) -> int:
    """What the last column may take."""
    return width - sum(2 + max(len(line[index]) for line in lines) for index in range(len(lines[0]) - 1))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def facts(pairs: Sequence[tuple[str, str]], *, indent: int = 0, width: int = 9) -> None:
    """`name      what`, a line each; what is empty is left out."""
    for name, what in pairs:
        if what and name in PATHS:
            print(" " * indent + f"{name:<{width}} {what}")
        elif what:
            say(" " * indent + f"{name:<{width}} {what}".rstrip(), hang=indent + width + 1)


# To be copied: it stays in one piece, as each word and path does.
COMMAND = re.compile(r"(?<![\w./-])(?:zoo|docker|pip) \S.*?(?= {3}|;|$)", re.MULTILINE)


def wrapped(text: str, width: int, hang: int = 2) -> str:
    """The text in lines of at most `width`, broken at spaces; all but the first are indented by `hang`."""
    kept = COMMAND.sub(lambda found: found[0].replace(" ", "\0"), text)
    lines: list[str] = []
    for line in kept.split("\n"):
        first = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(
            line.strip(), width, initial_indent=first, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False
        ) or [""]
    return "\n".join(lines).replace("\0", " ")


def say(text: str, file: TextIO | None = None, *, hang: int = 2) -> None:
    """Prints a line (on stdout, if nothing else is given); in a terminal it is broken between words."""
    file = file or sys.stdout
    print(wrapped(text, shutil.get_terminal_size().columns, hang) if file.isatty() else text, file=file, flush=True)


def document(data: Any) -> None:
    """One JSON document on stdout."""
    from zoo.runs import finite

    print(json.dumps(finite(data), indent=2, ensure_ascii=False, default=str))


def hint(text: str) -> None:
    """What to type next; on stderr, so that a list can be piped."""
    say(text, sys.stderr)


@contextlib.contextmanager
def only_document(wanted: bool) -> Iterator[None]:
    """While a command works, everything that is printed goes to stderr, so that stdout holds the document alone."""
    with contextlib.redirect_stdout(sys.stderr) if wanted else contextlib.nullcontext():
        yield


def nothing(what: str, filters: Mapping[str, Any]) -> int:
    """Says that a list is empty, and why it may be."""
    given = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in filters.items() if value is not None and name != "pattern")
    pattern = filters.get("pattern") or "*"
    described = " ".join(filter(None, [f"named {pattern}" if pattern != "*" else "", f"with {given}" if given else ""]))
    hint(" ".join(filter(None, [f"no {what}", described])))
    return Exit.DONE


def several(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def count(number: float | None) -> str:
    """1234 -> `1,234`; None -> `-`."""
    return "-" if number is None else f"{number:,}"


def short(number: float | None) -> str:
    """29355520 -> `29.4 M`."""
    if number is None:
        return "-"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:g}"
