"""`zoo sample`: what a generative model draws."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli import quiet, summary, tables
from zoo.cli.options import Bundles, Runs


def sample(
    model: Annotated[str, typer.Argument(metavar="RUN|BUNDLE", help="A run's folder, ID or NAME@last; a bundle's folder or name.")],
    count: Annotated[int, typer.Option("-n", "--number", metavar="N", help="How many.")] = 64,
    of_class: Annotated[
        str | None, typer.Option("--class", metavar="NAME|NUMBER", help="Only of this class, where the model is told one (default: each).")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed draws the same samples.")] = 1,
    out: Annotated[
        str, typer.Option("-o", "--out", metavar="FILE|FOLDER", help="A grid (.png), an array (.npy), or a new folder of images.")
    ] = "samples.png",
    runs: Runs = None,
    bundles: Bundles = None,
) -> None:
    """Draw samples from a generative model."""
    from zoo.bundles import Bundle
    from zoo.jobs import sampling
    from zoo.jobs.opening import load_trained
    from zoo.runs import home

    target = Path(out)
    sampling.check_target(target, count)
    trained = load_trained(model, home("runs", runs), home("bundles", bundles))
    quiet.tensorflow()
    sampler = sampling.open_sampler(trained)
    label = sampler.class_number(of_class)
    samples, labels = sampler.samples(count, label=label, seed=seed)
    sampling.write(samples, labels, target)
    told = "" if label is None else f" of {(sampler.classes or ())[label]}"
    following = summary.serve(trained) if isinstance(trained, Bundle) else f"zoo export {trained.path}"
    tables.facts(
        [("wrote", f"{target}      {count:,} sample{'s' * (count > 1)}{told} of {trained.path}, seed {seed}"), ("next", following)]
    )
