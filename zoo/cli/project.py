"""`zoo schema`, `catalogue`, `doctor`: the zoo about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli import quiet, tables
from zoo.errors import Exit, ZooError, did_you_mean

if TYPE_CHECKING:
    from pydantic import BaseModel


def schema(kind: Annotated[str, typer.Argument(metavar="card|experiment", help="Which file.")]) -> None:
    """Print the JSON Schema of a card or experiment."""
    from zoo.config import Card, Experiment

    kinds: dict[str, type[BaseModel]] = {"card": Card, "experiment": Experiment}
    if kind not in kinds:
        raise ZooError(f"zoo schema: no schema of '{kind}'", did_you_mean(kind, kinds))
    tables.document({"$schema": "https://json-schema.org/draft/2020-12/schema", **kinds[kind].model_json_schema()})


def catalogue(
    check: Annotated[bool, typer.Option("--check", help="Only say whether it is up to date; exit with 3 where it is not.")] = False,
) -> int:
    """Measure our own models, write the catalogue."""
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
    """Say what this machine has, and what is missing."""
    from zoo.jobs import health

    for part in (health.machine, health.folders, health.packages, health.extras, health.plugins):
        tables.facts(part(), width=10)
