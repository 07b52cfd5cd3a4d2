"""Trials on a Ray cluster (the extra `keras-zoo[ray]`): the same coordinator and the same trials, on seats of other machines.

keras-zoo is installed on every node, in the same version, and the data is there at the same path (or can be fetched). The search's
folder need not be: what people look at comes back with the results. A trial that goes on with another (hyperband) finds nothing of it
on its node, trains from the first epoch, and comes to the same. The winner is trained again on this machine.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.tuning.trials import LOG
from zoo.tuning.workers import Event, LocalWorkers

log = logging.getLogger("zoo")

AUTO = "auto"
ADDRESS = re.compile(r"(?:ray://)?(?P<host>[^\s:/]+|\[[0-9A-Fa-f:]+\]):(?P<port>\d{1,5})")
REACHED = 3.0  # seconds, for a port
ANSWERS = 14.0  # for the cluster; through ray:// it takes some
HINTS = (
    "start one: ray start --head        then on other machines: ray start --address HOST:6379",
    "from a machine that is no node of it: --cluster ray://HOST:10001",
)


def connect(address: str, workers: int) -> Callable[[], ClusterWorkers]:
    """Looks whether a cluster answers, and gives who makes its workers.

    Args:
        address: `auto` (the cluster that this machine is a node of), `HOST:PORT` of its head, or `ray://HOST:PORT`.
        workers: so many trials at once.

    Raises:
        ZooError: Ray is not installed, the address is none, or nobody answers there.
    """
    if importlib.util.find_spec("ray") is None:
        raise ZooError("--cluster needs Ray, which is not installed", "pip install 'keras-zoo[ray]'")
    _reach(address)
    ClusterWorkers(address, workers).close()  # a search has no folder yet: better now than later
    return lambda: ClusterWorkers(address, workers)


class ClusterWorkers(LocalWorkers):
    """Workers of a cluster, behind a bridge."""

    module = "zoo.tuning.bridge"

    def __init__(self, address: str, seats: int) -> None:
        super().__init__(seats, address, str(seats))
        self.address = address
        self.folders: dict[int, Path] = {}
        try:
            self._greet()
        except ZooError:
            os.killpg(self.process.pid, signal.SIGKILL)  # Ray would try for minutes
            self.close()
            raise

    def start(self, seat: int, task: dict[str, Any]) -> None:
        self.folders[seat] = Path(task["folder"])
        super().start(seat, {**task, "path": _own(task["path"])})

    def wait(self, seconds: float) -> list[Event]:
        lines = self._lines(seconds)
        for line in lines:
            if "refused" in line:
                raise ZooError(
                    f"the Ray cluster at {self.address} cannot be used: {line['refused']}", "is keras-zoo installed on its nodes?"
                )
            if "note" in line:
                log.warning("note: %s", line["note"])
            if line.get("log"):
                self._keep(self.folders[line["seat"]], line["log"])
        return [Event(**{key: one for key, one in line.items() if key != "log"}) for line in lines if "seat" in line]

    def _lines(self, seconds: float) -> list[dict[str, Any]]:
        try:
            return super()._lines(seconds)
        except ZooError as error:
            raise ZooError(f"the connection with the Ray cluster at {self.address} ended", *error.details) from None

    def _keep(self, folder: Path, text: str) -> None:
        """Puts the log of a trial where that of a local one is."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / LOG).open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ZooError(f"cannot write {folder / LOG}: {error.strerror}") from error

    def _greet(self) -> None:
        """Waits until the bridge has reached the cluster."""
        until = time.monotonic() + ANSWERS
        while (left := until - time.monotonic()) > 0:
            for line in self._lines(left):
                if "refused" in line:
                    raise ZooError(f"no Ray cluster at {self.address}: {line['refused']}", *HINTS)
                return
        raise ZooError(f"the Ray cluster at {self.address} does not answer within {ANSWERS:.0f} s", "is it Ray's port?", *HINTS)


def _reach(address: str) -> None:
    """Raises ZooError unless somebody listens at the address."""
    if address == AUTO:
        return
    found = ADDRESS.fullmatch(address)
    if found is None or int(found["port"]) > 65535:
        raise ZooError(f"cluster: '{address}' is no address of a Ray cluster", "as in: auto, 10.0.0.1:6379, ray://10.0.0.1:10001")
    host = found["host"].strip("[]")
    try:
        socket.create_connection((host, int(found["port"])), timeout=REACHED).close()
    except OSError as error:
        why = f"nobody answers within {REACHED:.0f} s" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise ZooError(f"no Ray cluster at {address}: {why}", *HINTS) from None


def _own(path: Sequence[str]) -> list[str]:
    """The user's folders of modules; a node has its own Python and its own libraries."""
    libraries = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
    found = [Path(one).resolve() for one in path]
    return [str(one) for one in found if not libraries & {one, *one.parents}]
