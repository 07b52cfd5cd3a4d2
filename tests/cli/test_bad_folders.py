"""Folders that cannot be written, or were spoilt: one clear message, and nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from zoo.runs import Run, locked

TINY = ("--set", "train.epochs=1", "--set", "train.tensorboard=false")


def mounted(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")


@pytest.fixture
def full_disk(tmp_path) -> Iterator[Path]:
    """A file system of 64 KiB, without a byte to spare."""
    folder = tmp_path / "full"
    folder.mkdir()
    mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder))
    with (folder / "filler").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"\0" * 4096)
            except OSError:
                break
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def read_only(tmp_path) -> Iterator[Path]:
    """A folder on a read-only file system, which root cannot write either."""
    folder = tmp_path / "fixed"
    folder.mkdir()
    mounted("-t", "tmpfs", "-o", "size=64k,ro", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_file_stands_where_a_folder_should_be(refused, trained):
    Path("runs").write_text("a file")
    assert "a file stands where a folder should be" in refused("run", "iris_mlp", *TINY)
    Path("bundles").write_text("a file")
    assert "a file stands where a folder should be" in refused("export", str(trained.run.path))


def test_no_space(refused, full_disk, trained):
    assert "No space left on device" in refused("train", "iris_mlp", *TINY, "--runs", str(full_disk))
    assert [path.name for path in full_disk.rglob("*") if path.is_file()] == ["filler"]
    assert "No space left on device" in refused("export", str(trained.run.path), "--bundles", str(full_disk / "bundles"))
    assert not [path for path in (full_disk / "bundles").glob("*/*") if path.name != ".lock"]


def test_no_space_for_the_answers(refused, full_disk, table, people):
    Path("new.csv").write_text(people(2000))
    assert "No space left on device" in refused("predict", str(table.bundle.path), "new.csv", "-o", str(full_disk / "out.csv"))
    assert [path.name for path in full_disk.iterdir()] == ["filler"]


def test_a_read_only_file_system(refused, read_only, trained):
    for words in (("train", "iris_mlp", *TINY, "--runs", str(read_only)), ("export", str(trained.run.path), "--bundles", str(read_only))):
        assert "Read-only file system" in refused(*words)


def test_two_that_write_one_folder(refused, own, trained):
    run = Run(own)
    run.mark("interrupted")
    with locked(own, "the run"):
        assert f"is being written by process {os.getpid()}" in refused("evaluate", _finished(own))
    Path("bundles/digits_mlp").mkdir(parents=True)
    with locked(Path("bundles/digits_mlp"), "the bundle"):
        assert f"is being written by process {os.getpid()}" in refused("export", str(own))


def _finished(path: Path) -> str:
    Run(path).mark("finished")
    return str(path)


@pytest.mark.parametrize("state", ["running", "interrupted", "diverged"])
def test_a_run_that_never_finished(refused, own, state):
    Run(own).mark(state)
    (own / "model.keras").unlink()
    for words in (("export", str(own)), ("evaluate", str(own)), ("predict", str(own), "pyproject.toml")):
        Path("pyproject.toml").write_text("x")
        said = refused(*words)
        assert f"{own} is not finished (it is {state})" in said
        assert ("experiment.yaml --resume" in said) == (state != "diverged")


def test_what_a_diverged_run_kept_is_looked_at_but_not_released(refused, zoo, own):
    Run(own).mark("diverged")
    assert zoo("evaluate", str(own)).code == 0
    assert f"{own} is not finished (it is diverged)" in refused("export", str(own))


def test_a_run_that_is_not_evaluated(refused, own, tmp_path):
    (own / "metrics.json").unlink()
    (own / "reading.json").unlink()
    Path("rows.csv").write_text("x")
    for words in (("export", str(own)), ("predict", str(own), "rows.csv")):
        assert f"evaluate it first: zoo evaluate {own}" in refused(*words)


READ_BY = {
    "run.json": ("evaluate", "show"),
    "experiment.yaml": ("evaluate", "show", "export"),
    "card.yaml": ("evaluate", "export"),
    "data.json": ("evaluate", "export", "show"),
    "model.keras": ("evaluate", "export"),
    "preprocess.keras": ("evaluate", "export"),
    "reading.json": ("export",),
    "metrics.json": ("show",),
}


@pytest.mark.parametrize("name", READ_BY)
def test_a_file_of_the_run_is_gone_or_cut_off(refused, own, name):
    whole = (own / name).read_bytes()
    for half in (whole[: len(whole) // 2], b"", None):
        if half is None:
            (own / name).unlink()
        else:
            (own / name).write_bytes(half)
        for command in READ_BY[name]:
            if half is None and (command, name) in {("show", "metrics.json")}:
                continue  # a run without metrics is one that is not evaluated yet
            said = refused(command, str(own))
            assert any(part in said for part in (name, "is no run folder", "neither a run nor a bundle", "not evaluated")), said


def test_a_model_file_that_holds_code_is_never_loaded(refused, own):
    import keras

    layers = [keras.layers.Input((64,)), keras.layers.Lambda(lambda x: x[:, :10])]
    keras.Sequential(layers).save(own / "model.keras")
    for words in (("evaluate", str(own)), ("export", str(own))):
        said = refused(*words)
        assert "model.keras cannot be loaded" in said
        assert "holds code" in said


def test_a_bundle_that_was_changed(refused, trained, tmp_path):
    path = tmp_path / "bundles" / "digits_mlp" / "1"
    shutil.copytree(trained.bundle.path, path)
    np.save("rows.npy", np.zeros((1, 8, 8, 1)))
    saved = path / "saved_model.pb"
    saved.write_bytes(saved.read_bytes()[:-10])
    assert "is broken: saved_model.pb is not the file that was exported" in refused("predict", str(path), "rows.npy")
    (path / "assets.extra/zoo/manifest.json").write_text("{")
    assert "manifest.json cannot be read" in refused("predict", str(path), "rows.npy")
