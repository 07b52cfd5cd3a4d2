"""Where workers come from: a process that has imported TensorFlow, touched nothing of it, and is copied for each worker.

`python -m zoo.tuning.nursery` reads a line of JSON from stdin and writes one to stdout:

    {"seat": 0, "task": {...}}   give this to the worker of seat 0, which is forked where there is none
    {"seat": 0, "kill": true}    kill it
    -> {"seat": 0, "result": {...}}, or {"seat": 0, "died": "it was killed by SIGKILL: out of memory?"}

A copy is ready in milliseconds, where an import takes seconds; what a trial does to its process ends with it. A worker serves several
trials, because the first of a process is slower; whoever fails is not used again. When stdin ends all of them die.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import threading
import warnings
from dataclasses import dataclass
from typing import Any

LOOKS = 1.0  # seconds of silence before the dead are counted
TRIALS_A_WORKER = 10  # then it is copied anew: what libraries keep for good stays bounded
MOST_EXPENDABLE = "1000"  # for Linux, where memory runs out: the trial, not the search


@dataclass
class Worker:
    """A living copy: where its tasks go, where its results come from."""

    pid: int
    tasks: int
    results: int
    pending: bytes = b""
    busy: bool = False
    served: int = 0


class Nursery:
    """The workers by their seats."""

    def __init__(self) -> None:
        self.said = os.fdopen(os.dup(1), "w")  # what libraries print must not stand between our lines
        os.dup2(2, 1)
        self.workers: dict[int, Worker] = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(0, selectors.EVENT_READ, None)

    def serve(self) -> None:
        """Works until stdin ends."""
        pending = b""
        while True:
            ready = self.selector.select(LOOKS)
            for key, _ in ready:
                if key.data is not None:
                    self.hear(key.data)
                    continue
                said = os.read(0, 1 << 20)
                if not said:
                    self.end()
                    return
                *lines, pending = (pending + said).split(b"\n")
                for line in lines:
                    self.obey(json.loads(line))
            if not ready:
                self.look()

    def look(self) -> None:
        """Finds the workers that died while a process that they had started holds their pipe."""
        for seat, worker in list(self.workers.items()):
            found, status = os.waitpid(worker.pid, os.WNOHANG)
            if found:
                self.bury(seat, os.waitstatus_to_exitcode(status))

    def obey(self, order: dict[str, Any]) -> None:
        seat = order["seat"]
        if order.get("kill"):
            if seat in self.workers and self.workers[seat].busy:  # else its result is on its way
                _kill(self.workers[seat].pid)
            return
        if seat not in self.workers:
            self.workers[seat] = self.fork()
            self.selector.register(self.workers[seat].results, selectors.EVENT_READ, seat)
        self.workers[seat].busy = True
        with contextlib.suppress(BrokenPipeError):  # it has just died, and `hear` will say so
            _write(self.workers[seat].tasks, order["task"])

    def fork(self) -> Worker:
        task_end, tasks = os.pipe()
        results, result_end = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of threads, which only NumPy's linear algebra has, and ends itself on a fork
            pid = os.fork()
        with contextlib.suppress(OSError):  # a group of its own: what it starts ends with it; in both, whoever comes first
            os.setpgid(pid, pid)
        if pid == 0:
            for other in [*(fd for worker in self.workers.values() for fd in (worker.tasks, worker.results)), tasks, results, 0]:
                os.close(other)
            _live(task_end, result_end)
        os.close(task_end)
        os.close(result_end)
        return Worker(pid, tasks, results)

    def hear(self, seat: int) -> None:
        """A worker gave a result, or ended."""
        worker = self.workers[seat]
        said = os.read(worker.results, 1 << 20)
        *lines, worker.pending = (worker.pending + said).split(b"\n")
        for line in lines:
            result = json.loads(line)
            worker.busy, worker.served = False, worker.served + 1
            if result["state"] == "failed" or worker.served == TRIALS_A_WORKER:
                self.part_from(seat)  # before its seat gets another task
            self.say(seat, result=result)
        if not said:
            self.bury(seat)

    def bury(self, seat: int, status: int | None = None) -> None:
        """A worker is dead; whoever waits for its result hears of it."""
        busy = self.workers[seat].busy
        status = self.part_from(seat, status)
        if busy:
            self.say(seat, died=_why(status))

    def part_from(self, seat: int, status: int | None = None) -> int:
        """Ends a worker, which hears that its tasks end, and what it has started; gives its exit code, if that is not known yet."""
        worker = self.workers.pop(seat)
        self.selector.unregister(worker.results)
        os.close(worker.tasks)
        os.close(worker.results)
        if status is None:
            status = os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
        _kill(worker.pid)
        return status

    def say(self, seat: int, **facts: Any) -> None:
        print(json.dumps({"seat": seat, **facts}), file=self.said, flush=True)

    def end(self) -> None:
        for worker in self.workers.values():
            _kill(worker.pid)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _why(status: int) -> str:
    if status >= 0:
        return f"its process ended with exit code {status}"
    name = signal.Signals(-status).name
    hints = {"SIGKILL": ": out of memory?", "SIGSEGV": ": a crash inside a library", "SIGABRT": ": a crash inside a library"}
    return f"its process was killed by {name}{hints.get(name, '')}"


def _write(handle: int, value: dict[str, Any]) -> None:
    data = json.dumps(value).encode() + b"\n"
    while data:
        data = data[os.write(handle, data) :]


def _live(tasks: int, results: int) -> None:
    """The life of a worker; it ends with os._exit, so that nothing of the nursery runs on in it."""
    try:
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write(MOST_EXPENDABLE)
        waiting: list[bytes] = []
        there = threading.Semaphore(0)
        threading.Thread(target=_listen, args=(tasks, waiting, there), daemon=True).start()
        _serve(results, waiting, there)
    finally:
        os._exit(1)


def _listen(tasks: int, waiting: list[bytes], there: threading.Semaphore) -> None:
    """Takes tasks in; dies with the nursery, also in the middle of a trial."""
    pending = b""
    while said := os.read(tasks, 1 << 20):
        *lines, pending = (pending + said).split(b"\n")
        for line in lines:
            waiting.append(line)
            there.release()
    _kill(os.getpid())
    os._exit(0)


def _serve(results: int, waiting: list[bytes], there: threading.Semaphore) -> None:
    from zoo.tuning.trying import try_point

    while there.acquire():
        _write(results, try_point(json.loads(waiting.pop(0))))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us decides when we end
    import zoo.tuning.trying  # noqa: F401  (TensorFlow, Keras and the training room come with it)

    Nursery().serve()
