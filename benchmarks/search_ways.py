"""The same trials in three ways that take turns, trial by trial, so that a machine whose speed drifts drifts for all.

`zoo` is a search as the command makes it: coordinator, nursery, worker, folder. When a trial of it has ended, each of the others makes one:

    python benchmarks/search_ways.py bare|keras_tuner [--epochs 25] [--trials 11]

`bare` is a loop that keeps nothing: one process, the data made once, for each point a model built, compiled and fitted, val after each
epoch, as a search by the best epoch has it. `keras_tuner` is its GridSearch with the same `build`. A line of stdin starts a trial, a line
of stdout says that it ended.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

NAME = "digits_cnn"
VAL_BATCH = 256
ENDED = "a trial ended\n"


def rates(trials: int) -> list[float]:
    """The points: learning rates around the experiment's, so that all trials cost the same."""
    return [round(3e-3 * 1.05 ** (place - trials // 2), 8) for place in range(trials)]


def experiment(trials: int, epochs: int) -> str:
    """The YAML of a search over the points."""
    return f"""dataset: digits
model: {{name: cnn_small, width: 32, dropout: 0.3}}
train:
  epochs: {epochs}
  threads: 1
  optimizer: {{name: adamw, learning_rate: 3.0e-3, weight_decay: 4.0e-3, clip_norm: 1.0}}
  schedule: {{name: cosine, warmup: 0.05}}
  early_stopping: null
search:
  tuner: grid
  objective: val.loss
  seeds: 1
  space: {{train.optimizer.learning_rate: {rates(trials)}}}
"""


class Meter:
    """Counts what a way spends between its turns: seconds of the clock, and of all processors."""

    def __init__(self, pid: int) -> None:
        self.pid, self.spent = pid, list[tuple[float, float]]()
        self.begin()

    def begin(self) -> None:
        self.clock, self.processors = time.monotonic(), _processors(self.pid)

    def end(self) -> None:
        self.spent.append((time.monotonic() - self.clock, _processors(self.pid) - self.processors))


def _processors(pid: int) -> float:
    """Seconds that a process and its children have computed, those too that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(_processors, children(pid)))


def children(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    return [int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()]


class Other:
    """One of the other ways, in a process of its own. Its first trial has the start of the process."""

    def __init__(self, way: str, trials: int, epochs: int) -> None:
        words = [sys.executable, __file__, way, "--trials", str(trials), "--epochs", str(epochs)]
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # as zoo has its workers: Linux shares its processors among sessions first
        )
        self.meter = Meter(self.process.pid)

    def turn(self) -> None:
        """Makes one trial."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if self.meter.spent:
            self.meter.begin()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        while (line := self.process.stdout.readline()) != ENDED:
            if not line:
                raise RuntimeError("it ended before its last trial")
        self.meter.end()


class Zoo:
    """The search, which lets the others take their turns when a trial has ended. It is the `View` of that search, and shows nothing."""

    def __init__(self, *ways: str, trials: int, epochs: int) -> None:
        self.ways, self.trials, self.epochs = ways, trials, epochs
        self.others: dict[str, Other] = {}

    def run(self) -> dict[str, list[tuple[float, float]]]:
        """Seconds of each trial by way, of the clock and of the processors; the first of each has its start."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{NAME}.yaml"
            path.write_text(experiment(self.trials, self.epochs))
            self.meter = Meter(os.getpid())
            from zoo.jobs.searching import search

            search(path, searches=f"{folder}/s", runs=f"{folder}/r", view=lambda found: self)
        return {"zoo": self.meter.spent, **{way: other.meter.spent for way, other in self.others.items()}}

    def __enter__(self) -> Zoo:
        return self

    def __exit__(self, *error: object) -> None:
        for other in self.others.values():
            other.process.communicate()

    def started(self, trial: Any) -> None: ...

    def best(self, trial: Any) -> None: ...

    def ended(self, trial: Any) -> None:
        self.meter.end()
        for way in self.ways:
            if way not in self.others:
                self.others[way] = Other(way, self.trials, self.epochs)
            self.others[way].turn()
        self.meter.begin()


class Work:
    """What the two ways below share: data made once, and the model that zoo would build."""

    def __init__(self, epochs: int) -> None:
        import tensorflow as tf

        from zoo import tasks
        from zoo.config import load_experiment
        from zoo.data import batches, prepare

        tf.config.threading.set_intra_op_parallelism_threads(1)
        self.experiment, self.epochs = load_experiment(NAME), epochs
        assert self.experiment.task is not None
        self.data = prepare(self.experiment.card, "image")
        self.task = tasks.make(self.experiment.task, self.data.spec["target"], self.data.input_shape)
        self.size = self.experiment.train.batch_size
        self.steps = -(-len(self.data.encoded["train"]) // self.size)
        self.train = batches(self.data.encoded["train"], self.size, seed=1)
        self.val = batches(self.data.encoded["val"], VAL_BATCH)

    def build(self, rate: float) -> Any:
        import keras

        from zoo import optimizers, registry

        keras.utils.set_random_seed(1)
        part = self.experiment.train
        optimizer = part.optimizer.model_copy(update={"learning_rate": rate})
        model = registry.create_model("cnn_small", input_shape=self.data.input_shape, num_outputs=10, width=32, dropout=0.3)
        model.compile(
            optimizers.make(optimizer, part.schedule, steps_per_epoch=self.steps, epochs=self.epochs),
            self.task.loss(None),
            metrics=self.task.metrics(None),
            steps_per_execution=min(16, self.steps),
            jit_compile=False,
        )
        return model

    def fit(self, model: Any) -> float:
        losses: list[float] = model.fit(self.train, validation_data=self.val, epochs=self.epochs, verbose=0).history["val_loss"]
        return min(losses)


def bare(work: Work, trials: int) -> None:
    import keras

    for rate in rates(trials):
        sys.stdin.readline()
        work.fit(work.build(rate))
        keras.utils.clear_session()
        print(ENDED, end="", flush=True)


def keras_tuner(work: Work, trials: int) -> None:
    import keras_tuner

    class Grid(keras_tuner.GridSearch):
        def pre_create_trial(self) -> None:
            sys.stdin.readline()

        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            print(ENDED, end="", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        tuner = Grid(lambda hp: work.build(hp.Choice("learning_rate", rates(trials))), objective="val_loss", directory=folder)
        tuner.search(work.train, validation_data=work.val, epochs=work.epochs, verbose=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=["bare", "keras_tuner"])
    parser.add_argument("--trials", type=int, default=11)
    parser.add_argument("--epochs", type=int, default=25)
    given = parser.parse_args()
    {"bare": bare, "keras_tuner": keras_tuner}[given.way](Work(given.epochs), given.trials)


if __name__ == "__main__":
    main()
