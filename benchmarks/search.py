"""What `zoo search` costs and finds, beside plain Keras Tuner and beside a bare loop. Ratios of things measured in one run.

    python benchmarks/search.py overhead     # seconds a trial, beside a bare loop and beside Keras Tuner
    python benchmarks/search.py tuners       # what each tuner finds in 25 trials, three tasks, five seeds
    python benchmarks/search.py pruning      # epochs until random search's best is found
    python benchmarks/search.py workers      # two workers beside one; only on an idle machine
    python benchmarks/search.py memory       # of the search's process and of its workers over 50 trials

`--quick` shows that a part works, in about a minute; its figures say nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import search_ways as ways

Spent = dict[str, list[tuple[float, float]]]


def overhead(quick: bool, rounds: int) -> dict[str, Any]:
    """Seconds a trial, of the first apart: it has the start of the process, and whatever a process does once.

    A worker of zoo makes ten trials, then a fresh one takes its seat: behind the first of eleven come ten, with one change of worker.
    The clock tells of what else the machine does, too; the seconds of all processors (`cpu`) hardly do.
    """
    trials, epochs = (3, 2) if quick else (11, 25)
    found, firsts = Spent(), Spent()
    for turn in range(rounds):
        others = ("bare", "keras_tuner") if turn % 2 else ("keras_tuner", "bare")
        for way, ones in ways.Zoo(*others, trials=trials, epochs=epochs).run().items():
            firsts.setdefault(way, []).append(ones[0])
            found.setdefault(way, []).extend(ones[1:])
            clock, cpu = (statistics.fmean(one[place] for one in ones[1:]) for place in (0, 1))
            print(
                f"  round {turn + 1}, {way}: {clock:.2f} s a trial, cpu {cpu:.2f}; the first {ones[0][0]:.1f}, cpu {ones[0][1]:.1f}",
                flush=True,
            )
    print(f"  load {os.getloadavg()[0]:.1f}")
    return {f"{beside}, {unit}": _ratios(found, firsts, beside, unit) for beside in ("bare", "keras_tuner") for unit in ("clock", "cpu")}


def _ratios(found: Spent, firsts: Spent, beside: str, unit: str) -> dict[str, float]:
    place = ("clock", "cpu").index(unit)
    mine, theirs = ([one[place] for one in found[way]] for way in ("zoo", beside))
    first = [sum(one[place] for one in firsts[way]) for way in ("zoo", beside)]
    figures = {
        "median": statistics.median(one / other for one, other in zip(mine, theirs, strict=True)),
        "sums": sum(mine) / sum(theirs),
        "with_first": (sum(mine) + first[0]) / (sum(theirs) + first[1]),
    }
    told = "median of {pairs} pairs {median:.3f}, of sums {sums:.3f}, with the first trials {with_first:.3f}"
    print(f"  zoo/{beside}, {unit}: {told.format(pairs=len(mine), **figures)}", flush=True)
    return figures


def workers(quick: bool, rounds: int) -> dict[str, Any]:
    """Seconds from the command's start to the last trial's end, one thread a trial."""
    trials, epochs = (4, 2) if quick else (12, 25)
    ratios = []
    for turn in range(rounds):
        seconds = {}
        for count in (1, 2) if turn % 2 == 0 else (2, 1):
            with tempfile.TemporaryDirectory() as folder:
                seconds[count] = _command(Path(folder), trials, epochs, count)
        ratios.append(seconds[1] / seconds[2])
        told = f"one worker {seconds[1]:.1f} s, two {seconds[2]:.1f} s, {ratios[-1]:.2f} times as fast"
        print(f"  round {turn + 1}: {trials} trials: {told}; load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"  two workers: median {statistics.median(ratios):.2f} times one (lowest {min(ratios):.2f}, highest {max(ratios):.2f})")
    return {"median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}


def _command(folder: Path, trials: int, epochs: int, count: int) -> float:
    """Seconds from the start of `zoo search` to the end of its last trial."""
    path, began = folder / f"{ways.NAME}.yaml", time.time()
    path.write_text(ways.experiment(trials, epochs))
    words = [sys.executable, "-m", "zoo", "search", str(path), "--workers", str(count)]
    subprocess.run([*words, "--searches", str(folder / "s"), "--runs", str(folder / "r")], check=True, capture_output=True)
    ended = [one.stat().st_mtime for one in (folder / "s").glob("*/*/trials/*/trial.json")]
    assert len(ended) == trials
    return max(ended) - began


def memory(quick: bool, rounds: int) -> dict[str, Any]:
    """Resident memory after each of 50 trials: of this process, which is the coordinator, of the nursery, of the worker."""
    from zoo.jobs.searching import search

    trials = 12 if quick else 50
    seen = Seen()
    with tempfile.TemporaryDirectory() as folder:
        search(
            {
                "dataset": "iris",
                "model": {"name": "mlp", "hidden": [8]},
                "train": {"epochs": 2, "threads": 1, "early_stopping": None},
                "search": {
                    "tuner": "random",
                    "trials": trials,
                    "seeds": 1,
                    "space": {"train.optimizer.learning_rate": {"log": [1e-4, 1e-1]}},
                },
            },
            searches=f"{folder}/s",
            runs=f"{folder}/r",
            view=lambda found: seen,
        )
    half = {who: sizes[trials // 5 :] for who, sizes in seen.sizes.items()}
    figures = {}
    for who, sizes in half.items():
        slope = statistics.linear_regression(range(len(sizes)), sizes).slope
        figures[who] = {"first": sizes[0], "last": sizes[-1], "least": min(sizes), "most": max(sizes), "slope": slope}
        told = (
            f"{sizes[0]:.1f} MB after trial {trials // 5 + 1}, {sizes[-1]:.1f} after trial {trials}, {min(sizes):.1f} to {max(sizes):.1f}"
        )
        print(f"  {who}: {told}; {slope * 1000:+.0f} kB a trial")
    return figures


class Seen:
    """Looks at the memory when a trial has ended. It is the `View` of a search, and shows nothing."""

    def __init__(self) -> None:
        self.sizes: dict[str, list[float]] = {"coordinator": [], "nursery": [], "worker": []}

    def __enter__(self) -> Seen:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def started(self, trial: Any) -> None:
        return None

    def best(self, trial: Any) -> None:
        return None

    def ended(self, trial: Any) -> None:
        nursery = ways.children(os.getpid())[0]
        for who, pid in (("coordinator", os.getpid()), ("nursery", nursery)):
            self.sizes[who].append(_resident(pid))
        self.sizes["worker"] += [_resident(pid) for pid in ways.children(nursery)[:1]]  # none at the moment when it is replaced


def _resident(pid: int) -> float:
    """Megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def tuners(quick: bool, rounds: int) -> dict[str, Any]:
    """One thread, so that the scores are the same wherever and however often it runs."""
    return _with_one_thread().tuners(quick)


def pruning(quick: bool, rounds: int) -> dict[str, Any]:
    return _with_one_thread().pruning(quick)


def _with_one_thread() -> Any:
    import search_tuners
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return search_tuners


PARTS = {one.__name__: one for one in (overhead, tuners, pruning, workers, memory)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=list(PARTS), metavar="|".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small and short: the figures say nothing")
    parser.add_argument("--rounds", type=int, default=3, help="turns of overhead and workers (default: 3)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    given = parser.parse_args()
    figures = {}
    for name in given.parts:
        print(name, flush=True)
        figures[name] = PARTS[name](given.quick, 1 if given.quick else given.rounds)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
