"""Between a search and a Ray cluster: a process that speaks with Ray, as the nursery speaks with local workers.

`python -m zoo.tuning.bridge ADDRESS SEATS` reads a line of JSON from stdin and writes one to stdout:

    -> {"ready": {...}}, or {"refused": "why the cluster cannot be used"}, then and later
    {"seat": 0, "task": {...}}   have this tried
    {"seat": 0, "kill": true}    end it
    -> {"seat": 0, "result": {...}, "log": "..."}, {"seat": 0, "died": "...", "log": "..."}, {"seat": 0, "lost": "..."} or {"note": "..."}

It is a process because Ray waits for minutes where nobody answers, writes pages into stderr, takes SIGTERM for itself, and ends the
process whose cluster goes away. When stdin ends, everything on the cluster is given back.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TextIO

from zoo.tuning.outpost import Outpost

LOOKS = 1.0
PATIENCE = 30.0  # seconds that an outpost may wait for room before we speak of it
FAILURES = 3  # outposts in a row that could not begin, for each seat
GOODBYE = 5.0
HANDED = ("ZOO_", "TF_", "KERAS_")  # the environment that trials need
FOLDERS = ("ZOO_DATA_DIR", "ZOO_CACHE", "ZOO_HOME", "KERAS_HOME")


@dataclass(eq=False)
class Hand:
    """An outpost that was asked for: its node as soon as there was room for it, and the seat whose task it tries."""

    actor: Any
    node: str | None = None
    seat: int | None = None
    asked: float = field(default_factory=time.monotonic)


class Bridge:
    """Outposts, and tasks that wait for one: where the cluster has room for fewer, these try them one after the other."""

    def __init__(self, ray: Any, said: TextIO, seats: int) -> None:
        self.ray, self.said, self.seats = ray, said, seats
        self.hands: list[Hand] = []
        self.waiting: deque[tuple[int, dict[str, Any]]] = deque()
        self.events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.failures = 0
        self.noted = self.over = False
        self.threads = 1

    def serve(self, orders: TextIO) -> None:
        """Works until the orders end."""
        threading.Thread(target=self.listen, args=(orders,), daemon=True).start()
        while not self.over:
            with contextlib.suppress(queue.Empty):
                self.events.get(timeout=LOOKS)()
            self.deal()
            self.look()
        self.leave()

    def listen(self, orders: TextIO) -> None:
        for line in orders:
            self.events.put(partial(self.obey, json.loads(line)))
        self.events.put(self.end)

    def end(self) -> None:
        self.over = True

    def obey(self, order: dict[str, Any]) -> None:
        seat = order["seat"]
        if not order.get("kill"):
            self.waiting.append((seat, order["task"]))
            self.threads = order["task"]["experiment"]["train"]["threads"] or 1
            for _ in range(self.seats if not self.hands else 0):
                self.hire()
        elif any(seat == other for other, _ in self.waiting):
            self.waiting = deque(one for one in self.waiting if one[0] != seat)
            self.say(seat=seat, died="it was stopped before it began")
        for hand in self.hands:
            if order.get("kill") and hand.seat == seat:
                hand.actor.stop.remote()

    def hire(self) -> None:
        """Asks for an outpost wherever there is room, of the nodes the emptiest."""
        cpus, gpus = needs([one["Resources"] for one in self.ray.nodes() if one["Alive"]], self.threads, self.seats)
        remote = self.ray.remote(Outpost)
        kind = remote.options(num_cpus=cpus, num_gpus=gpus, max_restarts=0, max_concurrency=2, scheduling_strategy="SPREAD")
        hand = Hand(kind.remote(handed(os.environ)))
        self.hands.append(hand)
        self.when(hand.actor.where.remote(), partial(self.placed, hand))

    def when(self, reference: Any, then: Callable[[Future[Any]], None]) -> None:
        reference.future().add_done_callback(lambda future: self.events.put(partial(then, future)))

    def placed(self, hand: Hand, future: Future[str]) -> None:
        try:
            hand.node = future.result()
        except Exception as error:  # of Ray, or of what an outpost imports
            self.hands.remove(hand)
            self.failures += 1
            if self.failures < FAILURES * self.seats:
                self.hire()
            elif not self.hands:
                self.say(refused=f"no worker could begin on it: {_last_line(error)}")
                self.end()
        else:
            self.failures = 0

    def deal(self) -> None:
        """Gives waiting tasks to outposts that have none."""
        for hand in self.hands:
            if self.waiting and hand.node is not None and hand.seat is None:
                hand.seat, task = self.waiting.popleft()
                self.when(hand.actor.attempt.remote(task), partial(self.heard, hand))

    def heard(self, hand: Hand, future: Future[dict[str, Any]]) -> None:
        """A task is over, or its outpost is gone: then whatever it may still do is not listened to, so nothing is done twice."""
        seat, hand.seat = hand.seat, None
        try:
            self.say(seat=seat, **future.result())
        except Exception:  # of Ray, for the node or its network; or the nursery there ended
            self.hands.remove(hand)
            with contextlib.suppress(Exception):
                self.ray.kill(hand.actor)
            self.say(seat=seat, lost=f"its worker on {hand.node} is gone")
            self.hire()

    def look(self) -> None:
        """Tells once that tasks wait because the cluster is full."""
        late = [hand for hand in self.hands if hand.node is None and time.monotonic() - hand.asked > PATIENCE]
        if late and self.waiting and not self.noted:
            there = len(self.hands) - len(late)
            self.say(
                note=f"the cluster has room for {there} of {self.seats} workers of {self.threads} CPU each; trials wait for their turn"
            )
        self.noted = bool(late)

    def leave(self) -> None:
        with contextlib.suppress(Exception):
            there = [hand.actor.leave.remote() for hand in self.hands if hand.node is not None]
            self.ray.wait(there, num_returns=len(there), timeout=GOODBYE) if there else None
        self.ray.shutdown()

    def say(self, **facts: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody listens any more; stdin will end, too
            print(json.dumps(facts), file=self.said, flush=True)


def needs(nodes: Sequence[Mapping[str, float]], threads: int, seats: int) -> tuple[float, int]:
    """CPUs and GPUs that an outpost asks for: a CPU a thread, at most what a node has; a GPU where there is one for each."""
    most = max((one.get("CPU", 0.0) for one in nodes), default=0.0)
    return min(threads, most) or threads, int(sum(one.get("GPU", 0.0) for one in nodes) >= seats)


def handed(environment: Mapping[str, str]) -> dict[str, str]:
    """What of our environment trials get: their folders stand for the same wherever they work."""
    found = {name: value for name, value in environment.items() if name.startswith(HANDED)}
    return found | {name: os.path.abspath(found[name]) for name in FOLDERS if found.get(name)}


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()


def main(address: str, seats: int) -> None:
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not stand between our lines
    ray = importlib.import_module("ray")
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # of many kinds, by the reason and the version of Ray
        why = next(iter(str(error).strip().splitlines()), type(error).__name__).partition(". ")[0]
        print(json.dumps({"refused": why}), file=said, flush=True)
        return
    bridge = Bridge(ray, said, seats)
    bridge.say(ready=ray.cluster_resources())
    bridge.serve(sys.stdin)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us decides when we end
    main(sys.argv[1], int(sys.argv[2]))
    os._exit(0)  # threads of Ray wait for those who are gone
