"""`zoo schema`, `catalogue`, `doctor`: the zoo about itself."""

from __future__ import annotations

from typing import Annotated

import typer

from zoo.cli import quiet, tables
from zoo.errors import Exit, ZooError, did_you_mean


def schema(kind: Annotated[str, typer.Argument(metavar="card|experiment", help="Which file.")]) -> None:
    """Print the JSON Schema of a card or an experiment, for an editor."""
    from zoo.jobs.schema import SCHEMAS, schema_of

    if kind not in SCHEMAS:
        raise ZooError(f"zoo schema: no schema of '{kind}'", did_you_mean(kind, SCHEMAS))
    tables.document(schema_of(kind))


def catalogue(check: Annotated[bool, typer.Option("--check", help="Only say whether it is up to date; exit with 3 where it is not.")] = False) -> int:
    """Measure the zoo's own models anew and write zoo/catalogue.json."""
    from zoo import registry
    from zoo.jobs.catalogue import stale, write_catalogue

    quiet.tensorflow()
    if check:
        names = stale()
        if names:
            print(f"the catalogue is out of date: {', '.join(names)}\n  renew it: zoo catalogue")
            return Exit.CHECK
        print("the catalogue is up to date")
        return Exit.DONE
    renewed = write_catalogue()
    tables.facts([("wrote", str(registry.CATALOGUE)), ("measured", ", ".join(renewed) or "nothing: it was up to date")])
    return Exit.DONE


def doctor() -> None:
    """Say what this machine and this installation have, and what is missing."""
    from zoo.jobs import health

    tables.facts(health.machine())
    tables.facts(health.folders())
    tables.facts(health.packages())
    tables.facts(health.extras())
    tables.facts(health.plugins())
