"""`zoo search`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli import quiet, search_view, tables
from zoo.cli.options import Json, Runs, Set
from zoo.config.search import KERAS_TUNERS
from zoo.errors import Exit, ZooError

if TYPE_CHECKING:
    from zoo.jobs.searching import View
    from zoo.tuning import SearchFolder

Experiment = Annotated[str | None, typer.Argument(metavar="NAME|FILE", help="An experiment: a name, or a YAML file.", show_default=False)]
Trials = Annotated[int | None, typer.Option("--trials", metavar="N", help="At most so many trials (search.trials).")]
WorkerCount = Annotated[int, typer.Option("--workers", metavar="N", help="So many trials at once, each in a process of its own.")]
GoOn = Annotated[bool, typer.Option("--resume", help="Go on with the newest search of the same experiment and space.")]
Cluster = Annotated[str | None, typer.Option("--cluster", metavar="ADDRESS", help="Run the trials on a Ray cluster: auto, or its address.")]
Searches = Annotated[str | None, typer.Option("--searches", metavar="DIR", help="Where searches go (default: ./searches, or in ZOO_HOME).")]
Show = Annotated[str | None, typer.Option("--show", metavar="DIR", help="Show a search's folder, also while it runs.")]


def search(
    experiment: Experiment = None,
    settings: Set = None,
    trials: Trials = None,
    workers: WorkerCount = 1,
    resume: GoOn = False,
    cluster: Cluster = None,
    show: Show = None,
    as_json: Json = False,
    searches: Searches = None,
    runs: Runs = None,
) -> int:
    """Search for the best settings of an experiment."""
    if show is not None:
        return _show(show, as_json, asked=experiment is not None)
    if experiment is None:
        raise ZooError("zoo search needs an experiment, or --show and a search's folder", "as in: zoo search digits_cnn --trials 20")
    from zoo.jobs.searching import search as look

    words = [*(settings or ()), *([f"search.trials={trials}"] if trials is not None else [])]
    with tables.only_document(as_json):
        done = look(
            experiment,
            words,
            workers=workers,
            resume=resume,
            cluster=cluster,
            searches=searches,
            runs=runs,
            view=partial(_view, as_json=as_json),
        )
    return _told(done, as_json)


def _view(folder: SearchFolder, as_json: bool) -> AbstractContextManager[View | None]:
    from zoo.tuning.told import limit

    if folder.facts["search"]["tuner"] in KERAS_TUNERS:
        quiet.tensorflow()
    return nullcontext() if as_json else search_view.Live(limit(folder), folder.objective, folder.sign)


def _show(folder: str, as_json: bool, asked: bool) -> int:
    from zoo.jobs.searching import open_search

    if asked:
        raise ZooError("zoo search --show looks at a folder; leave the experiment out")
    return _told(open_search(folder), as_json)


def _told(folder: SearchFolder, as_json: bool) -> int:
    if as_json:
        from zoo.tuning.told import summary

        tables.document(summary(folder))
    else:
        search_view.show(folder)
    return Exit.CHECK if folder.state == "failed" else Exit.DONE
