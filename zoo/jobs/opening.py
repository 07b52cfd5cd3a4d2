"""Names and folders to what they mean: a run, a bundle, a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zoo import bundles as bundle_folders
from zoo import runs as run_folders
from zoo.bundles import MANIFEST, Bundle
from zoo.config import Card, load_card
from zoo.errors import ZooError, did_you_mean
from zoo.runs import Run, home

if TYPE_CHECKING:
    from zoo.data import Dataset


def load_run(run: str | Path | Run, *, runs: str | Path | None = None) -> Run:
    """A run by its folder, its ID, or `NAME@last` (the newest finished one).

    Args:
        run: which.
        runs: where runs are; default `ZOO_HOME`'s, else `./runs`.

    Raises:
        ZooError: there is none, with the nearest names; or its folder is broken.
    """
    return run_folders.find(run, home("runs", runs))


def load_bundle(bundle: str | Path | Bundle, *, bundles: str | Path | None = None) -> Bundle:
    """A bundle by the folder of a version, or by its name (the newest version).

    Args:
        bundle: which.
        bundles: where bundles are; default `ZOO_HOME`'s, else `./bundles`.

    Raises:
        ZooError: there is none, with the nearest names; or its folder is broken.
    """
    return bundle_folders.find(bundle, home("bundles", bundles))


def load_dataset(dataset: str | Path | Card, batch_size: int = 64, modality: str | None = None, seed: int = 1) -> Dataset:
    """A dataset, read, split, and with its preprocessing fitted on the training split.

    Args:
        dataset: a card by name, file, or as `zoo.config.load_card` gives it.
        batch_size: examples a batch.
        modality: what the model takes, as `vector` or `table` (categories as numbers, for models that embed them); default: the
            first that the card gives.
        seed: of the order of `.train`. The split's seed is the card's.

    Returns:
        `.train`, `.val`, `.test`: tf.data.Datasets of (x, y), x float32 (batch, H, W, C) with pixels 0..255, or (batch, N)
        standardised; y int32 class numbers or float32 standardised values, (batch,); of several labels or values at once float32
        (batch, targets), a label 1 or 0. Further `.card`, `.classes`,
        `.num_classes`, `.input_shape`.

    Raises:
        ZooError: no such card, or its data cannot be found, read, split, or become that modality.
    """
    from zoo.data import prepare

    if batch_size < 1:
        raise ZooError(f"batch_size must be at least 1, not {batch_size}")
    card = dataset if isinstance(dataset, Card) else load_card(dataset)
    return prepare(card, modality, batch_size=batch_size, seed=seed)


def load_trained(what: str | Path | Run | Bundle, runs: Path, bundles: Path) -> Run | Bundle:
    """A run or a bundle, by whatever names one. Raises ZooError with the nearest names of both kinds."""
    if isinstance(what, (Run, Bundle)):
        return what
    path, name = Path(what), str(what)
    if (path / MANIFEST).is_file() or bundle_folders.versions(path):
        return load_bundle(path, bundles=bundles)
    known = run_folders.all_runs(runs)
    named = sorted(one.name for one in bundles.glob("*") if bundle_folders.versions(one))
    if (path / "run.json").is_file() or "@" in name or name in {run.id for run in known}:
        return load_run(what, runs=runs)
    if name in named:
        return load_bundle(name, bundles=bundles)
    if path.is_dir():
        inside = run_folders.all_runs(path.parent, path.name)
        if inside:
            return inside[0]
        raise ZooError(f"{path} is neither a run nor a bundle", "a run's folder holds run.json, a bundle's numbered versions")
    names = {*named, *(run.id for run in known), *(f"{run.name}@last" for run in known)}
    raise ZooError(f"no run and no bundle '{what}'", f"looked in {runs} and {bundles}", did_you_mean(what, names), "all runs: zoo runs")
