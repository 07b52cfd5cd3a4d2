"""The pipeline: an experiment becomes a run, the run is evaluated, and released as a bundle."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from zoo.bundles import Bundle, versions
from zoo.errors import Interrupted, ZooError
from zoo.jobs.experiments import Overrides, What, open_experiment, tell_of_others
from zoo.jobs.opening import load_run
from zoo.runs import Run, home
from zoo.runs.stopping import stoppable

log = logging.getLogger("zoo")


@dataclass(frozen=True)
class Outcome:
    """What the whole pipeline left behind."""

    run: Run
    bundle: Bundle


def run(
    experiment: What,
    overrides: Overrides = (),
    *,
    resume: bool = False,
    runs: str | Path | None = None,
    bundles: str | Path | None = None,
) -> Run:
    """Trains, evaluates and exports an experiment.

    Args:
        experiment: a name, a YAML file, or the same as a mapping.
        overrides: dotted keys with values, as `{"train.epochs": 3}`, or words as `train.epochs=3`.
        resume: go on with the newest unfinished run of the same experiment, wherever it stopped: in training, before its
            evaluation, or before its export. Where all is there, nothing is done.
        runs: where runs go, to `NAME/ID`; default `ZOO_HOME`'s, else `./runs`.
        bundles: where bundles go, to `NAME/VERSION`; default `ZOO_HOME`'s, else `./bundles`.

    Returns:
        The finished run: `.metrics`, `.model` (a keras.Model), `.history` (a DataFrame).

    Raises:
        ZooError: the experiment, its data or a folder cannot be used.
        DivergedError: the loss became NaN or infinite.
        ProofError: an export does not answer as the trained model does; the run is there, the bundle is not.
        Interrupted: Ctrl-C or SIGTERM; `resume` goes on.
    """
    return run_all(experiment, overrides, resume=resume, runs=runs, bundles=bundles).run


@stoppable()
def run_all(
    experiment: What,
    overrides: Overrides = (),
    *,
    resume: bool = False,
    runs: str | Path | None = None,
    bundles: str | Path | None = None,
) -> Outcome:
    """The same as `run`, with the bundle beside the run."""
    trained = train(experiment, overrides, resume=resume, runs=runs)
    try:
        if not trained.evaluated:
            trained = evaluate(trained)
        bundle = bundle_of(trained, home("bundles", bundles))
        if bundle:
            log.info("%s is evaluated and exported already", trained.path)
        return Outcome(trained, bundle or export(trained, bundles=bundles))
    except KeyboardInterrupt:
        raise Interrupted(f"stopped after training: {trained.path}", f"go on: {trained.resuming}") from None


@stoppable()
def train(experiment: What, overrides: Overrides = (), *, resume: bool = False, runs: str | Path | None = None) -> Run:
    """Trains an experiment; the first part of `run`, with the same arguments, result and errors."""
    resolved, root = open_experiment(experiment, overrides), home("runs", runs)
    from zoo.training import same_run
    from zoo.training import train as learn

    if resume and same_run(resolved, root) is None:
        tell_of_others(resolved, root)
    return learn(resolved, runs=root, resume=resume)


@stoppable()
def evaluate(run: str | Path | Run, *, runs: str | Path | None = None) -> Run:
    """Measures a finished run on val and test, beside a baseline; the second part of `run`.

    Args:
        run: a Run, its folder, its ID, or `NAME@last`.
        runs: where runs are; default `ZOO_HOME`'s, else `./runs`.

    Returns:
        The same run, with `.metrics`, `.reading` and a `report.html` in its folder.

    Raises:
        ZooError: there is no such run, it is not finished, or a file of it is missing or broken.
    """
    found = load_run(run, runs=runs)
    found.needs_weights()
    from zoo.evaluation import evaluate as measure

    return measure(found)


@stoppable()
def export(run: str | Path | Run, *, runs: str | Path | None = None, bundles: str | Path | None = None) -> Bundle:
    """Releases a finished, evaluated run as the next version of its bundle; the third part of `run`.

    Args:
        run: a Run, its folder, its ID, or `NAME@last`.
        runs: where runs are; default `ZOO_HOME`'s, else `./runs`.
        bundles: where bundles go; default `ZOO_HOME`'s, else `./bundles`.

    Returns:
        The bundle, each format of it proven in a process without Keras. It appears whole or not at all.

    Raises:
        ZooError: there is no such run, or it is not finished or not evaluated.
        ProofError: a format does not answer as the trained model does; no version is left behind.
    """
    found = load_run(run, runs=runs)
    found.needs_finished()
    found.needs_evaluated()
    from zoo.exporting import export as release

    return release(found, home("bundles", bundles))


def bundle_of(run: Run, bundles: Path) -> Bundle | None:
    """The newest bundle that was made of a run, or None."""
    folder = bundles / run.name
    for version in reversed(versions(folder)):
        try:
            bundle = Bundle(folder / str(version))
        except ZooError:  # a version that cannot be read is none that could be pointed to
            continue
        if bundle.manifest["run"]["id"] == run.id:
            return bundle
    return None
