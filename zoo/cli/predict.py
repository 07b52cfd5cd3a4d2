"""`zoo predict`: raw values in, the named answers out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from zoo.cli import quiet, summary, tables
from zoo.cli.options import Bundles, Runs
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.jobs.answers import Model


def predict(
    model: Annotated[str, typer.Argument(metavar="RUN|BUNDLE", help="A run's folder, ID or NAME@last; a bundle's folder or name.")],
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Tables (CSV, Parquet, JSON lines), .npy or .npz arrays, or image, WAV and .txt files."),
    ],
    out: Annotated[str | None, typer.Option("-o", "--out", metavar="FILE.csv", help="Write the answers here instead of to stdout.")] = None,
    runs: Runs = None,
    bundles: Bundles = None,
) -> None:
    """Answer raw values; the answers are CSV, a row an example."""
    from zoo.bundles import Bundle
    from zoo.runs import home

    paths, target = [Path(name) for name in files], Path(out) if out else None
    if target:
        _check_target(target, paths)
    from zoo.jobs import inputs
    from zoo.jobs.answers import open_model
    from zoo.jobs.opening import load_trained

    inputs.check(paths)
    stdout = sys.stdout
    with tables.only_document(target is None):
        trained = load_trained(model, home("runs", runs), home("bundles", bundles))
        quiet.tensorflow()
        opened = open_model(trained)
        if target is None:
            _write(opened, paths, stdout)
            return
    rows = _to_file(opened, paths, target)
    following = summary.serve(trained) if isinstance(trained, Bundle) else f"zoo export {trained.path}"
    tables.facts([("wrote", f"{target}      {rows:,} answers of {trained.path}"), ("next", following)])


def _check_target(target: Path, inputs: list[Path]) -> None:
    if target.is_dir() or not target.parent.is_dir():
        raise ZooError(f"-o {target}: " + ("is a folder" if target.is_dir() else f"there is no folder {target.parent}"))
    if target.exists() and any(one.exists() and target.samefile(one) for one in inputs):
        raise ZooError(f"-o {target} is one of the inputs", "give another name; an input is never overwritten")


def _to_file(model: Model, paths: list[Path], target: Path) -> int:
    """Writes the whole file or nothing, and gives the number of rows."""
    from zoo.runs import write_atomically

    rows = 0

    def write(temporary: Path) -> None:
        nonlocal rows
        with temporary.open("w", encoding="utf-8", newline="") as file:
            rows = _write(model, paths, file)

    write_atomically(target, write)
    return rows


def _write(model: Model, paths: list[Path], file: TextIO) -> int:
    from zoo.jobs.answers import stream

    rows = 0
    for frame in stream(model, paths):
        frame.to_csv(file, index=False, header=rows == 0, lineterminator="\n")
        rows += len(frame)
    return rows
