"""Who tries: seats at which trials run, on this machine or on others. A seat takes a task and gives one event when it is over."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from zoo.errors import ZooError


@dataclass(frozen=True)
class Event:
    """What came of a task: its `result`; or it `died` by what it did; or it was `lost` with its machine, through no fault of its own."""

    seat: int
    result: dict[str, Any] | None = None
    died: str | None = None
    lost: str | None = None


class Workers(Protocol):
    """Seats, numbered from 0."""

    seats: int

    def start(self, seat: int, task: dict[str, Any]) -> None:
        """Gives a task to a seat that has none."""
        ...

    def wait(self, seconds: float) -> list[Event]:
        """The events that came, after at most so long."""
        ...

    def kill(self, seat: int) -> None:
        """Ends a seat's task at once; it gives an event that it died."""
        ...

    def close(self) -> None:
        """Ends everything."""
        ...


class LocalWorkers:
    """Workers of this machine: copies of one nursery."""

    module = "zoo.tuning.nursery"

    def __init__(self, seats: int, *words: str) -> None:
        self.seats = seats
        self.pending = b""
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed in `close`)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", self.module, *words],  # -P: what lies in the user's folder shadows no library
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={"TF_FORCE_GPU_ALLOW_GROWTH": "true", **os.environ, "PYTHONPATH": _path()},  # several share a GPU
            start_new_session=True,  # Ctrl-C is for us; what becomes of them we decide
            bufsize=0,
        )
        self.selector = selectors.DefaultSelector()
        assert self.process.stdout is not None
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def start(self, seat: int, task: dict[str, Any]) -> None:
        self._order({"seat": seat, "task": task})

    def kill(self, seat: int) -> None:
        self._order({"seat": seat, "kill": True})

    def wait(self, seconds: float) -> list[Event]:
        return [Event(**line) for line in self._lines(seconds)]

    def _lines(self, seconds: float) -> list[dict[str, Any]]:
        assert self.process.stdout is not None
        if not self.selector.select(seconds):
            return []
        said = os.read(self.process.stdout.fileno(), 1 << 20)
        if not said:
            raise ZooError("the process that starts workers ended", self._last_words())
        *lines, self.pending = (self.pending + said).split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        self.selector.close()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.errors.close()

    def _order(self, order: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
        except BrokenPipeError:
            raise ZooError("the process that starts workers ended", self._last_words()) from None

    def _last_words(self) -> str:
        self.errors.seek(0)
        lines = self.errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing; is there enough memory?"


class Staff:
    """Workers that are there from the first time that somebody needs them until the end of the `with`."""

    def __init__(self, make: Callable[[], Workers]) -> None:
        self.make, self.workers = make, list[Workers]()

    def __call__(self) -> Workers:
        if not self.workers:
            self.workers.append(self.make())
        return self.workers[0]

    def __enter__(self) -> Staff:
        return self

    def __exit__(self, *error: object) -> None:
        for workers in self.workers:
            workers.close()


def _path() -> str:
    """PYTHONPATH of workers: they import this package from where we do."""
    given = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(Path(__file__).parents[2]), *([given] if given else [])])
