"""An export that is killed, at any moment: whoever polls the folder sees whole versions or none."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from zoo import bundles as ground
from zoo.bundles import Bundle
from zoo.errors import ZooError
from zoo.exporting import export, release
from zoo.runs import Run, locked

EXPORT = """
import sys
from pathlib import Path
from zoo.exporting import export
from zoo.runs import Run
run, bundles = Run(Path(sys.argv[1])), Path(sys.argv[2])
print("ready", flush=True)
while True:
    export(run, bundles)
"""

# places copies of a version as an export does, without TensorFlow: a hundred a second, so kills hit every step of it
PLACE = """
import os, random, shutil, signal, sys, time
from pathlib import Path
from zoo.bundles import versions
from zoo.exporting.placing import next_version, place
source, folder = Path(sys.argv[1]), Path(sys.argv[2])

def export():
    with next_version(folder) as (building, number):
        shutil.copytree(source, building / str(number))
        shutil.copytree(source.with_name(source.name + ".formats"), building / f"{number}.formats")
        place(building, folder, number)

random.seed(5)
left = {".new": 0, ".formats": 0}
end = time.monotonic() + 60
while (left[".new"] < 30 or len(versions(folder)) < 20) and time.monotonic() < end:
    child = os.fork()
    if child == 0:
        while True:
            export()
    time.sleep(random.uniform(0.002, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    left[".new"] += any(folder.glob(".new-*"))
    left[".formats"] += any(not (folder / one.stem).exists() for one in folder.glob("*.formats"))
export()
print(left[".new"], left[".formats"])
"""


HOLD = """
import sys, time
from pathlib import Path
from zoo.runs import locked, sweep
with locked(Path(sys.argv[1]), "the bundle"):
    print("ready", flush=True)
    time.sleep(60)
"""


class Poller(threading.Thread):
    """Looks for integer folders as a server does, and loads each as soon as it is seen."""

    def __init__(self, folder: Path, load) -> None:
        super().__init__(daemon=True)
        self.folder, self.load = folder, load
        self.seen: set[int] = set()
        self.broken: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            for number in set(ground.versions(self.folder)) - self.seen:
                self.seen.add(number)
                try:
                    self.load(self.folder / str(number))
                except Exception as error:
                    self.broken.append(f"{number}: {error!r}")
            time.sleep(0.001)

    def stop(self) -> None:
        self.enough.set()
        self.join()


def start(code: str, *arguments: Path) -> subprocess.Popen:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    child = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout.readline() == b"ready\n", child.stderr.read().decode()
    return child


def kill(child: subprocess.Popen) -> None:
    assert child.poll() is None, child.stderr.read().decode()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    child.stderr.close()


def verified(folder: Path) -> None:
    bundle = Bundle(folder)
    bundle.verify()
    for name, facts in bundle.manifest["formats"].items():
        assert ground.file_sha256(folder.with_name(f"{folder.name}.formats") / name) == facts["sha256"]


def test_a_kill_while_placing_never_shows_half_a_version(diabetes: Bundle, tmp_path: Path) -> None:
    poller = Poller(tmp_path, verified)
    poller.start()
    done = subprocess.run([sys.executable, "-c", PLACE, str(diabetes.path), str(tmp_path)], capture_output=True, text=True, check=False)
    poller.stop()
    assert done.returncode == 0, done.stderr
    assert poller.broken == []
    assert len(poller.seen) > 20
    half_built, without_number = map(int, done.stdout.split())
    assert half_built >= 30  # the kills did hit
    assert half_built >= without_number
    assert not list(tmp_path.glob(".new-*"))
    assert {int(path.stem) for path in tmp_path.glob("*.formats")} == set(ground.versions(tmp_path))


@pytest.mark.slow
def test_a_killed_export_never_shows_half_a_version(diabetes_run: Run, tmp_path: Path) -> None:
    folder = tmp_path / diabetes_run.name
    folder.mkdir()
    right = diabetes_run.predict(columns := {name: np.ones(3) for name in diabetes_run.card.columns})["value"]

    def load(version: Path) -> None:
        np.testing.assert_allclose(Bundle(version).predict(columns)["value"], right, rtol=1e-5)
        tf.saved_model.load(str(version))

    poller, draw = Poller(folder, load), random.Random(3)
    poller.start()
    for _ in range(3):
        child = start(EXPORT, diabetes_run.path, tmp_path)
        time.sleep(draw.uniform(0.5, 8))
        kill(child)
    before = ground.versions(folder)
    last = export(diabetes_run, tmp_path)
    time.sleep(0.5)
    poller.stop()
    assert poller.broken == []
    assert last.version == max(before, default=0) + 1
    assert poller.seen == {*before, last.version}
    assert not list(folder.glob(".new-*"))


def test_the_lock_of_a_killed_export_is_free(tmp_path: Path) -> None:
    kill(start(HOLD, tmp_path))
    with locked(tmp_path, "the bundle"):
        pass


def test_a_failure_while_placing_removes_what_was_built(without_onnx: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a full disk, or a Ctrl-C."""
    for error, seen in ((OSError(28, "No space left on device"), ZooError), (KeyboardInterrupt(), KeyboardInterrupt)):

        def fails(*args: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(release, "proven", fails)
        with pytest.raises(seen):
            export(without_onnx, tmp_path)
        assert [path.name for path in (tmp_path / without_onnx.name).iterdir()] == [".lock"]
