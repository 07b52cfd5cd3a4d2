"""What is built is what is here: the wheel, installed in a clean venv, lists the same names, and needs no TensorFlow for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from zoo import list_models, shelf

LIGHT = ["typer", "rich", "pydantic", "PyYAML", "platformdirs"]
pytestmark = pytest.mark.slow


def run(*words: object, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, timeout=600)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def needs_a_registry(done: subprocess.CompletedProcess[str]) -> None:
    said = done.stdout + done.stderr
    unreachable = (
        "NewConnectionError",
        "ConnectTimeout",
        "No matching distribution",
        "Could not fetch URL",
        "Temporary failure in name resolution",
    )
    if done.returncode and any(words in said for words in unreachable):
        pytest.skip(f"no package registry can be reached: {said.strip().splitlines()[-1]}")
    assert done.returncode == 0, said


@pytest.fixture(scope="module")
def built(checkout, tmp_path_factory) -> Path:
    """A folder with the wheel and the sdist of a copy of the checkout: what git tracks or would track."""
    if not (checkout / ".git").exists():
        pytest.skip("the checkout is no git repository")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=checkout).stdout
    for name in filter(None, listed.split("\0")):
        if (checkout / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, source / name)
    needs_a_registry(run(sys.executable, "-m", "build", "--outdir", out, source, cwd=out, check=False))
    return out


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """The `zoo` command of a venv with the wheel and the light dependencies, run from an empty folder."""
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", folder / "v", cwd=folder)
    python = folder / "v/bin/python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", next(built.glob("*.whl")), cwd=folder)
    needs_a_registry(run(python, "-m", "pip", "install", "--quiet", *LIGHT, cwd=folder, check=False))
    return folder / "v/bin/zoo"


def listed(zoo: Path, what: str, folder: Path) -> list[str]:
    return sorted(one["name"] for one in json.loads(run(zoo, what, "--json", cwd=folder).stdout))


def test_the_wheel_lists_the_same_names(installed, tmp_path, checkout, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no shelf of the user's own
    assert listed(installed, "models", tmp_path) == list_models()
    for what in ("datasets", "experiments"):
        assert (
            listed(installed, what, tmp_path) == list(shelf.names(what)) == sorted(path.stem for path in (checkout / what).glob("*.yaml"))
        )
    assert list(tmp_path.iterdir()) == []


def test_no_tensorflow_was_there(installed, tmp_path):
    done = run(installed.with_name("python"), "-c", "import tensorflow", cwd=tmp_path, check=False)
    assert "ModuleNotFoundError" in done.stderr


def test_a_users_shelf_comes_first_in_the_wheel_too(installed, tmp_path, checkout):
    (tmp_path / "datasets").mkdir()
    own = (checkout / "datasets/iris.yaml").read_text()
    (tmp_path / "datasets/mine.yaml").write_text(own)
    (tmp_path / "datasets/iris.yaml").write_text(own.replace("title: ", "title: my own "))
    assert "mine" in listed(installed, "datasets", tmp_path)
    assert "my own" in run(installed, "show", "iris", cwd=tmp_path).stdout


def test_a_mistake_is_told_without_a_traceback(installed, tmp_path):
    done = run(installed, "show", "digits_cn", cwd=tmp_path, check=False)
    assert (done.returncode, "Traceback" in done.stderr, "digits_cnn" in done.stderr + done.stdout) == (2, False, True)


def test_what_is_in_the_archives(built, checkout):
    names = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    assert {"zoo/py.typed", "zoo/catalogue.json", "zoo/_shelf/datasets/digits.yaml", "zoo/_shelf/experiments/digits_cnn.yaml"} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "datasets/", "experiments/", "benchmarks/", "docs/"))]
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.cfg", "pyproject.toml", "README.md", "LICENSE", "datasets/digits.yaml", "zoo/catalogue.json"} <= inside
