"""`zoo results`: what the experiments have reached, read from their runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli import tables
from zoo.cli.options import Json


def results(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="PATH", help="Where it is written.")] = Path("RESULTS.md"),
    runs: Annotated[
        list[str] | None,
        typer.Option("--runs", metavar="DIR", help="Where runs are (default: ./runs, or below ZOO_HOME); several may be given."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write RESULTS.md from what is in the runs folder."""
    from zoo.jobs import results as job
    from zoo.runs import home, make_folder, write_text

    rows = job.results([home("runs", one) for one in runs or (None,)])
    if as_json:
        tables.document(rows)
        return
    make_folder(output.parent)
    write_text(output, job.document(rows))
    held = f"{tables.several(len(rows), 'experiment')}, {tables.several(sum(len(row['runs']) for row in rows), 'run')}"
    tables.facts([("wrote", str(output)), ("holds", held)])
