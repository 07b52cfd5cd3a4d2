"""How facts are laid out: tables that fit a terminal, plain aligned lines elsewhere, JSON for scripts."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zoo.errors import Exit

RIGHT = {"params", "FLOPs", "columns", "value", "age", "rows"}  # columns of numbers stand flush right


def show(columns: Sequence[str], rows: Sequence[Sequence[str]], *, indent: int = 0, right: Sequence[str] = ()) -> None:
    """A table: in a terminal its last column is cut to the width, elsewhere nothing is."""
    flush_right = {*RIGHT, *right}
    if sys.stdout.isatty():
        _rich(columns, rows, indent, flush_right)
        return
    lines = [list(columns), *(list(row) for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        cells = [
            cell.rjust(width) if name in flush_right else cell.ljust(width) for cell, width, name in zip(line, widths, columns, strict=True)
        ]
        print((" " * indent + "  ".join(cells)).rstrip())


def _rich(columns: Sequence[str], rows: Sequence[Sequence[str]], indent: int, right: set[str]) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for index, name in enumerate(columns):
        keep = index == 0 or name in right  # names are what is typed next, numbers mean nothing when cut
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True, overflow="ellipsis", min_width=None if not keep else _width(rows, index, name))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(Padding(table, (0, 0, 0, indent)) if indent else table)


def _width(rows: Sequence[Sequence[str]], index: int, name: str) -> int:
    return max(len(name), *(len(row[index]) for row in rows)) if rows else len(name)


def facts(pairs: Sequence[tuple[str, str]], *, indent: int = 0) -> None:
    """`name      what`, a line each; what is empty is left out."""
    width = max([9, *(len(name) + 1 for name, _ in pairs)])
    for name, what in pairs:
        if what:
            print(" " * indent + f"{name:<{width}} {what}".rstrip())


def document(data: Any) -> None:
    """One JSON document on stdout."""
    from zoo.runs import finite

    print(json.dumps(finite(data), indent=2, ensure_ascii=False, default=str))


def hint(text: str) -> None:
    """What to type next; on stderr, so that a list can be piped."""
    print(text, file=sys.stderr)


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
