"""Trials on a real Ray cluster of two nodes on loopback, one of them killed in the middle of its trial; and what may go wrong with Ray."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from zoo.config.tunable import load_tunable
from zoo.errors import ZooError
from zoo.jobs.searching import search
from zoo.tuning import bridge as bridges
from zoo.tuning import cluster as clusters
from zoo.tuning import oracles
from zoo.tuning import outpost as outposts
from zoo.tuning.cluster import ClusterWorkers, connect
from zoo.tuning.coordinator import Coordinator
from zoo.tuning.folder import SearchFolder, create
from zoo.tuning.workers import Event, LocalWorkers, Staff

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: the extra keras-zoo[ray]")
EPOCHS = 8  # of a trial: enough that two overlap


class Nodes:
    """A head with one CPU, and another node with one."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        small = {"num_cpus": 1, "object_store_memory": 80 << 20}
        self.cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
        self.other = self.cluster.add_node(**small)
        self.address = str(self.cluster.address)

    def kill(self) -> None:
        self.cluster.remove_node(self.other, allow_graceful=False)


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    """A folder for Ray's files and for those of trials; its name is short because Ray makes sockets in it."""
    folder = Path(tempfile.mkdtemp(prefix="zoo-ray-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", str(folder))
        patch.setenv("TMPDIR", str(folder))
        patch.setenv("RAY_ENABLE_RECORD_ACTOR_TASK_LOGGING", "0")
        patch.delenv("RAY_ADDRESS", raising=False)
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def nodes(room: Path) -> Iterator[Nodes]:
    made = Nodes()
    yield made
    made.cluster.shutdown()


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of somebody who listens and says nothing."""
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        there.listen()
        yield f"127.0.0.1:{there.getsockname()[1]}"


def refused(address: str) -> str:
    began = time.monotonic()
    with pytest.raises(ZooError) as caught:
        connect(address, 2)
    assert time.monotonic() - began < 15
    return caught.value.what


# Bad input


def test_ray_is_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ZooError, match="not installed") as caught:
        connect("auto", 1)
    assert caught.value.details == ("pip install 'keras-zoo[ray]'",)


@needs_ray
@pytest.mark.parametrize("address", ["", "local", "10.0.0.1", "http://10.0.0.1:6379", "10.0.0.1:66000", "ray://10.0.0.1"])
def test_an_address_that_is_none(address):
    assert "is no address of a Ray cluster" in refused(address)


@needs_ray
def test_nobody_listens(silent):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert refused(f"127.0.0.1:{port}").endswith("Connection refused")
    assert refused(f"ray://127.0.0.1:{port}").endswith("Connection refused")


@needs_ray
def test_somebody_else_listens(silent, monkeypatch):
    assert clusters.ANSWERS + clusters.REACHED < 18
    monkeypatch.setattr(clusters, "ANSWERS", 3.0)
    assert refused(silent) == f"the Ray cluster at {silent} does not answer within 3 s"


@needs_ray
@pytest.mark.slow
def test_no_cluster_of_this_machine(room):
    assert refused("auto") == "no Ray cluster at auto: Could not find any running Ray instance"


# What is asked for, and what comes back


def test_an_outpost_asks_for_what_a_node_has():
    assert bridges.needs([{"CPU": 4.0}, {"CPU": 2.0}], threads=2, seats=2) == (2, 0)
    assert bridges.needs([{"CPU": 4.0}, {"CPU": 2.0}], threads=8, seats=2) == (4, 0)
    assert bridges.needs([{"memory": 1.0}], threads=3, seats=2) == (3, 0)  # nodes may come yet
    assert bridges.needs([{"CPU": 4.0, "GPU": 1.0}], threads=1, seats=2) == (1, 0)
    assert bridges.needs([{"CPU": 4.0, "GPU": 1.0}] * 2, threads=1, seats=2) == (1, 1)


def test_the_environment_of_trials_is_handed_over():
    found = bridges.handed({"ZOO_DATA_DIR": "data", "TF_DETERMINISTIC_OPS": "1", "HOME": "/home/me", "ZOO_CACHE": ""})
    assert found == {"ZOO_DATA_DIR": os.path.abspath("data"), "TF_DETERMINISTIC_OPS": "1", "ZOO_CACHE": ""}


def test_libraries_are_the_nodes_own(tmp_path):
    assert clusters._own([sys.prefix, f"{sys.prefix}/lib", sys.base_prefix, str(tmp_path), ""]) == [str(tmp_path), os.getcwd()]


def test_a_long_log_comes_back_as_its_end(tmp_path):
    log = tmp_path / "trial.log"
    assert outposts._end_of(log) == ""
    log.write_text("short")
    assert outposts._end_of(log) == "short"
    log.write_text("x" * outposts.LONGEST_LOG + "the end")
    assert outposts._end_of(log).endswith("xthe end")
    assert outposts._end_of(log).startswith("(the first 7 bytes were left on the node)\nx")


# The bridge, with a Ray of our own


class Reference:
    def __init__(self) -> None:
        self.promise: Future[Any] = Future()

    def future(self) -> Future[Any]:
        return self.promise


class Call:
    def __init__(self, calls: list[Any], name: str) -> None:
        self.calls, self.name = calls, name

    def remote(self, *given: Any) -> Reference:
        reference = Reference()
        self.calls.append((self.name, given, reference.promise))
        return reference


class Actor:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __getattr__(self, name: str) -> Call:
        return Call(self.calls, name)

    def promise(self, name: str) -> Future[Any]:
        return next(promise for one, _, promise in self.calls if one == name)


class Ray:
    """As much of Ray as the bridge uses; its actors do what a test says."""

    def __init__(self) -> None:
        self.actors: list[Actor] = []
        self.killed: list[Actor] = []

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 1.0}}, {"Alive": False, "Resources": {"CPU": 64.0}}]

    def remote(self, kind: type) -> Ray:
        return self.__class__.Kind(self)  # type: ignore[return-value]

    def kill(self, actor: Actor) -> None:
        self.killed.append(actor)

    class Kind:
        def __init__(self, ray: Ray) -> None:
            self.ray = ray

        def options(self, **given: Any) -> Ray.Kind:
            assert given["num_cpus"] == 1
            return self

        def remote(self, environment: Any) -> Actor:
            self.ray.actors.append(Actor())
            return self.ray.actors[-1]


class Bridge(bridges.Bridge):
    """A bridge whose turns a test takes."""

    def __init__(self, seats: int) -> None:
        super().__init__(Ray(), sys.stdout, seats)
        self.told: list[dict[str, Any]] = []

    def say(self, **facts: Any) -> None:
        self.told.append(facts)

    def order(self, seat: int, **order: Any) -> None:
        self.obey({"seat": seat, **(order or {"task": {"experiment": {"train": {"threads": 1}}, "of": seat}})})
        self.turn()

    def turn(self) -> None:
        while not self.events.empty():
            self.events.get()()
        self.deal()
        self.look()


@pytest.fixture
def staffed() -> tuple[Bridge, list[Actor]]:
    """A bridge with two outposts that were placed, each at its task."""
    bridge = Bridge(2)
    for seat in range(2):
        bridge.order(seat)
    actors = bridge.ray.actors
    for place, actor in enumerate(actors):
        actor.promise("where").set_result(f"node{place}")
    bridge.turn()
    assert [[name for name, *_ in actor.calls] for actor in actors] == [["where", "attempt"]] * 2
    return bridge, actors


def test_a_lost_task_is_told_once_and_its_outpost_made_again(staffed):
    bridge, actors = staffed
    actors[1].promise("attempt").set_exception(ConnectionError("the node died"))
    bridge.turn()
    assert bridge.told == [{"seat": 1, "lost": "its worker on node1 is gone"}]
    assert bridge.ray.killed == [actors[1]]  # should it still live: its result is nobody's
    assert len(bridge.ray.actors) == 3
    bridge.order(1)
    actors[0].promise("attempt").set_result({"result": {"score": 1}, "died": None, "log": ""})
    bridge.turn()  # the one that is left takes over, before a new one has room
    assert [name for name, *_ in actors[0].calls] == ["where", "attempt", "attempt"]
    assert bridge.told[1:] == [{"seat": 0, "result": {"score": 1}, "died": None, "log": ""}]
    actors[0].calls[2][2].set_result({"result": {"score": 2}, "died": None, "log": ""})
    bridge.turn()
    assert [(one["seat"], one["result"]["score"]) for one in bridge.told[1:]] == [(0, 1), (1, 2)]


def test_killing_a_task_that_runs_and_one_that_waits(staffed):
    bridge, actors = staffed
    bridge.order(1, kill=True)
    assert actors[1].calls[-1][0] == "stop"
    assert actors[0].calls[-1][0] == "attempt"
    bridge = Bridge(1)
    bridge.order(0)
    bridge.order(0, kill=True)
    assert bridge.told == [{"seat": 0, "died": "it was stopped before it began"}]
    bridge.ray.actors[0].promise("where").set_result("node0")
    bridge.turn()
    assert [name for name, *_ in bridge.ray.actors[0].calls] == ["where"]


def test_a_full_cluster_is_spoken_of_once_and_the_rest_goes_on(monkeypatch):
    monkeypatch.setattr(bridges, "PATIENCE", -1.0)
    bridge = Bridge(2)
    bridge.order(0)
    bridge.ray.actors[0].promise("where").set_result("node0")
    bridge.order(1)
    bridge.turn()
    notes = [one["note"] for one in bridge.told]
    assert notes == ["the cluster has room for 0 of 2 workers of 1 CPU each; trials wait for their turn"]
    bridge.ray.actors[0].promise("attempt").set_result({"result": {}, "died": None, "log": ""})
    bridge.turn()
    assert [call[1][0]["of"] for call in bridge.ray.actors[0].calls[1:]] == [0, 1]


def test_outposts_that_cannot_begin_end_the_search():
    bridge = Bridge(1)
    bridge.order(0)
    for _ in range(bridges.FAILURES):
        assert not bridge.over
        bridge.ray.actors[-1].promise("where").set_exception(RuntimeError("it died\nNo module named 'zoo'"))
        bridge.turn()
    assert bridge.over
    assert bridge.told == [{"refused": "no worker could begin on it: No module named 'zoo'"}]


# The real cluster

CRASH = "import os\nprint('about to crash', flush=True)\nos.abort()\n"
SLEEP = "import time\ntime.sleep(600)\n"


@needs_ray
@pytest.mark.slow
def test_a_crash_on_a_node_is_told_with_its_log_and_a_task_can_be_killed(nodes, tmp_path):
    (tmp_path / "crashing_import.py").write_text(CRASH)
    (tmp_path / "sleeping_import.py").write_text(SLEEP)
    task = {"path": [str(tmp_path)], "experiment": {"train": {"threads": 1}}}
    workers = connect(nodes.address, 1)()
    assert isinstance(workers, ClusterWorkers)
    try:
        workers.start(0, {**task, "folder": str(tmp_path / "0001"), "imports": ["crashing_import"]})
        crashed = next_of(workers)
        workers.start(0, {**task, "folder": str(tmp_path / "0002"), "imports": ["sleeping_import"]})
        assert workers.wait(1.0) == []
        workers.kill(0)
        killed = next_of(workers)
    finally:
        workers.close()
    assert crashed == [Event(0, died="its process was killed by SIGABRT: a crash inside a library")]
    assert "about to crash" in (tmp_path / "0001" / "trial.log").read_text()
    assert killed == [Event(0, died="its process was killed by SIGKILL: out of memory?")]


def next_of(workers: ClusterWorkers) -> list[Event]:
    until = time.monotonic() + 60
    while not (events := workers.wait(1.0)):
        assert time.monotonic() < until
    return events


def experiment() -> dict[str, Any]:
    space = {"model.hidden": [[8], [16], [32]], "train.optimizer.learning_rate": {"log": [1e-3, 1e-1]}}
    return {
        "dataset": "iris",
        "model": {"name": "mlp", "hidden": [8]},
        "train": {"epochs": EPOCHS, "batch_size": 32, "early_stopping": None, "tensorboard": False, "threads": 1},
        "search": {"tuner": "random", "trials": 6, "seeds": 1, "space": space},
    }


def searched_here(root: Path) -> SearchFolder:
    """The same trials on this machine, without what comes after them."""
    tunable = load_tunable(experiment(), ())
    folder = create(root, tunable, 1)
    oracle = oracles.make(tunable.search, tunable.space, tunable.sign, EPOCHS)
    with Staff(lambda: LocalWorkers(2)) as staff:
        Coordinator(folder, tunable, oracle, staff, root).run()
    return folder


def trained(folder: SearchFolder) -> list[tuple[Any, ...]]:
    return [(one.number, one.values, one.state, one.score, one.curve, one.trained) for one in folder.trials()]


@needs_ray
@pytest.mark.slow
def test_a_node_is_killed_in_the_middle_of_its_trial(nodes, room, tmp_path):
    killed = threading.Event()

    def kill() -> None:
        """Both nodes are in the middle of a trial: one of them ends."""
        while len(list(room.glob("zoo-trials-*/.*/run/**/history.csv"))) < 2:
            time.sleep(0.02)
        nodes.kill()
        killed.set()

    threading.Thread(target=kill, daemon=True).start()
    homes = {"searches": tmp_path / "searches", "runs": tmp_path / "runs"}
    there = search(experiment(), cluster=nodes.address, workers=2, **homes)
    assert killed.is_set()
    assert sorted(one.attempts for one in there.trials()) == [1, 1, 1, 1, 1, 2]
    assert [one.state for one in there.trials()] == ["completed"] * 6
    assert sorted(one.place for one in there.trials()) == [1, 2, 3, 4, 5, 6]
    assert "run" in there.facts["winner"]
    assert all((there.of(one.number) / "trial.log").read_text().count(f"trained {EPOCHS} epochs") == 1 for one in there.trials())
    assert not list(there.path.glob("trials/*/run"))
    assert trained(there) == trained(searched_here(tmp_path / "here"))
