"""`zoo check`: what is wrong with a card's data, and what to do."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli import quiet, tables
from zoo.cli.options import Json
from zoo.errors import Exit

if TYPE_CHECKING:
    from zoo.data.audit import Finding
    from zoo.jobs.checking import Audit

COLOURS = {"error": "31", "warning": "33", "note": "2"}
WIDTH = 8  # of the severity before a finding


def check(
    dataset: Annotated[str, typer.Argument(metavar="CARD", help="A card: a name, a YAML file, or tfds:NAME.")], as_json: Json = False
) -> int:
    """Audit a dataset: leaks, copies, drift; exit with 3 on an error."""
    quiet.tensorflow()
    from zoo.jobs.checking import check as audit

    with tables.only_document(as_json):
        done = audit(dataset)
    if as_json:
        tables.document(done.as_json())
    else:
        _show(dataset, done)
    return Exit.CHECK if done.count("error") else Exit.DONE


def _show(dataset: str, done: Audit) -> None:
    print(f"{done.card}    {done.described or 'cannot be read'}")
    for finding in done.findings:
        print()
        _tell(finding)
    print()
    counts = ", ".join(tables.several(done.count(severity), severity) for severity in COLOURS)
    tables.facts([("found", f"{counts}, in {done.seconds:.1f} s"), ("next", _next(dataset, done))])


def _tell(finding: Finding) -> None:
    word = f"{finding.severity:<{WIDTH}}"
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        word = f"\x1b[{COLOURS[finding.severity]}m{word}\x1b[0m"
    tables.say(f"  {word} {finding.what}", hang=WIDTH + 3)
    for line in (", ".join(finding.where), finding.advice):
        if line:
            tables.say(" " * (WIDTH + 3) + line, hang=WIDTH + 3)


def _next(dataset: str, done: Audit) -> str:
    if done.count("error"):
        return f"zoo check {dataset}   once it is mended"
    from zoo.config import load_card
    from zoo.jobs.experiments import command_for

    return command_for(load_card(dataset))
