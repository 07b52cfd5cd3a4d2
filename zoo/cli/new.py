"""`zoo new PATH`: one's own data to a card and a first experiment."""

from __future__ import annotations

from typing import Annotated

import typer

from zoo.cli import tables
from zoo.cli.options import Json

MOST = 24  # lines of what was guessed


def new(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A table (CSV, Parquet, JSON lines), or a folder of images, sounds or texts.")
    ],
    target: Annotated[
        str | None, typer.Option("--target", metavar="COLUMN", help="The column to learn: its name, or its number from 0 without a header.")
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="TASK", help="classification, regression or forecasting (default: as it looks).")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="N", help="Of both files (default: made of the path).")] = None,
    as_json: Json = False,
) -> None:
    """Write a card and a first experiment for your own data."""
    from zoo.jobs.new import as_json as document
    from zoo.jobs.new import new as write

    draft, files = write(path, target, task, name)
    if as_json:
        tables.document(document(draft, files))
        return
    print(f"read      {draft.read}")
    lines = [*draft.guessed, *(f"unsure: {about}: {question}" for about, question in draft.unsure.items())]
    shown = lines if len(lines) <= MOST else [*lines[: MOST - 1], f"and {len(lines) - MOST + 1} more: see the comments in {files[0]}"]
    for number, line in enumerate(shown):
        print(f"{'guessed' if number == 0 else '':10}{line}")
    print(f"wrote     {files[0]}   {files[1]}   edit them freely")
    print(f"next      zoo check {files[0].stem}       zoo run {files[0].stem}")
