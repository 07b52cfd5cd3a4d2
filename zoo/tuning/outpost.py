"""An outpost of a search on a node of a Ray cluster: a nursery there, and a folder of the node's for each trial."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.runs import sweep
from zoo.tuning.trials import LOG
from zoo.tuning.workers import LocalWorkers

LONGEST_LOG = 200_000  # bytes that come back
LOOKS = 60.0


class Outpost:
    """Becomes an actor of Ray. Its trials run in processes of their own, so a crash of one is told, and costs that trial only.

    A node need not see the folder of the search: a trial works in a temporary folder, and its log comes back with its result.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        os.environ.update(environment)
        self.folders = Path(tempfile.gettempdir()) / f"zoo-trials-{os.getuid()}"
        self.folders.mkdir(exist_ok=True)
        sweep(self.folders)  # what outposts left that were killed
        self.workers = LocalWorkers(1)

    def where(self) -> str:
        """The node's name; that it is told means that there was room for this outpost."""
        return platform.node()

    def attempt(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Tries a task: `result`, or why it `died`, and `log`."""
        with tempfile.TemporaryDirectory(prefix=f".{os.getpid()}-", dir=self.folders, ignore_cleanup_errors=True) as folder:
            self.workers.start(0, {**task, "folder": folder})
            while not (events := self.workers.wait(LOOKS)):
                pass
            return {"result": events[0].result, "died": events[0].died, "log": _end_of(Path(folder) / LOG)}

    def stop(self) -> None:
        """Ends the task that runs; called from another thread than `attempt`."""
        self.workers.kill(0)

    def leave(self) -> None:
        """Ends everything; nothing is left on the node."""
        self.workers.close()
        for folder in self.folders.glob(f".{os.getpid()}-*"):
            shutil.rmtree(folder, ignore_errors=True)


def _end_of(log: Path) -> str:
    """The text of a log, of a long one its end."""
    if not log.exists():
        return ""
    size = log.stat().st_size
    with log.open("rb") as file:
        file.seek(max(0, size - LONGEST_LOG))
        text = file.read().decode("utf-8", "replace")
    return text if size <= LONGEST_LOG else f"(the first {size - LONGEST_LOG} bytes were left on the node)\n{text}"
