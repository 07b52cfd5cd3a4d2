"""`zoo run`, `train`, `evaluate`, `export`."""

from __future__ import annotations

from typing import Annotated

import typer

from zoo.cli import quiet, summary, tables
from zoo.cli.options import Bundles, Experiment, Json, Resume, Run, Runs, Set
from zoo.errors import Exit, ZooError


def run(
    experiment: Experiment,
    settings: Set = None,
    resume: Resume = False,
    enforce_goal: Annotated[bool, typer.Option("--enforce-goal", help="Exit with 4 where the goal is missed.")] = False,
    as_json: Json = False,
    runs: Runs = None,
    bundles: Bundles = None,
) -> int:
    """Train, evaluate and export an experiment."""
    from zoo.jobs.experiments import open_experiment

    loaded = open_experiment(experiment, settings or ())
    if enforce_goal and loaded.goal is None:
        raise ZooError(f"--enforce-goal: {loaded.name} has no goal", "give it one: goal: {metric: test.accuracy, at_least: 0.9}")
    from zoo.jobs.pipeline import run_all

    quiet.tensorflow()
    with tables.only_document(as_json):
        done = run_all(loaded, resume=resume, runs=runs, bundles=bundles)
    if as_json:
        tables.document(summary.as_json(done.run, done.bundle))
    else:
        summary.show(done.run)
        tables.facts(summary.bundle_facts(done.bundle))
    return Exit.GOAL if enforce_goal and not done.run.goal_met else Exit.DONE


def train(experiment: Experiment, settings: Set = None, resume: Resume = False, as_json: Json = False, runs: Runs = None) -> None:
    """Train an experiment; the first part of `zoo run`."""
    from zoo.jobs.experiments import open_experiment

    loaded = open_experiment(experiment, settings or ())
    from zoo.jobs.pipeline import train as learn

    quiet.tensorflow()
    with tables.only_document(as_json):
        done = learn(loaded, resume=resume, runs=runs)
    if as_json:
        tables.document(summary.as_json(done))
    else:
        tables.facts([("run", str(done.path)), *summary.best(done), ("next", f"zoo evaluate {done.path}")])


def evaluate(run: Run, as_json: Json = False, runs: Runs = None) -> None:
    """Measure a finished run; the second part."""
    from zoo.jobs.opening import load_run
    from zoo.jobs.pipeline import evaluate as measure

    found = load_run(run, runs=runs)
    quiet.tensorflow()
    with tables.only_document(as_json):
        done = measure(found)
    if as_json:
        tables.document(summary.as_json(done))
    else:
        summary.show(done)
        tables.facts([("next", f"zoo export {done.path}")])


def export(run: Run, as_json: Json = False, runs: Runs = None, bundles: Bundles = None) -> None:
    """Release a run as a proven bundle; the third part."""
    from zoo.jobs.opening import load_run
    from zoo.jobs.pipeline import export as release

    found = load_run(run, runs=runs)
    quiet.tensorflow()
    with tables.only_document(as_json):
        bundle = release(found, bundles=bundles)
    if as_json:
        tables.document(summary.as_json(found, bundle))
    else:
        tables.facts(summary.bundle_facts(bundle))
