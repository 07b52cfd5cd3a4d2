"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, as train.epochs=3; null switches a part off.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the newest unfinished run of the same experiment.")]
Runs = Annotated[str | None, typer.Option("--runs", metavar="DIR", help="Where runs are (default: ./runs, or below ZOO_HOME).")]
Bundles = Annotated[str | None, typer.Option("--bundles", metavar="DIR", help="Where bundles are (default: ./bundles, or below ZOO_HOME).")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else.")]
Pattern = Annotated[str, typer.Argument(metavar="[PATTERN]", help="A wildcard, as 'resnet*'.", show_default=False)]
TaskFilter = Annotated[str | None, typer.Option("--task", metavar="TASK", help="Only those for this task.")]
ModalityFilter = Annotated[str | None, typer.Option("--modality", metavar="MODALITY", help="Only those of this modality.")]
Experiment = Annotated[str, typer.Argument(metavar="NAME|FILE", help="An experiment: a name, or a YAML file.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run: its folder, its ID, or NAME@last.")]
