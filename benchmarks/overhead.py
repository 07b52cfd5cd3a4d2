"""What keras-zoo costs beside a short hand-written Keras script, with the same model, data, optimizer, batch size and metrics.

    python benchmarks/overhead.py [digits_cnn] [fashion_mnist_cnn] [--rounds 5] [--epochs 4]

Plain is what people write: arrays in memory, `compile`, `fit`. Zoo is the training room as `zoo run` calls it, with its
checkpoints, event files and best weights. The two take turns in one process, so that a machine whose speed drifts
drifts for both; the first epoch of each turn, which traces the graph, is left out. Then, in processes of their own, the
seconds that `zoo run` takes around its training.
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

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from zoo import registry
from zoo.config import Experiment, load_experiment
from zoo.data import prepare
from zoo.training import learn as room


class Timer(keras.callbacks.Callback):
    """Seconds from the end of one epoch to the end of the next: everything that happens in between."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.before = 0.0

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        now = time.perf_counter()
        if self.before:
            self.seconds.append(now - self.before)
        self.before = now


def plain(experiment: Experiment, arrays: dict[str, tuple[np.ndarray, np.ndarray]], epochs: int) -> list[float]:
    """The hand-written script."""
    keras.utils.set_random_seed(1)
    images, labels = arrays["train"]
    classes = len(np.unique(labels))
    model = registry.create_model(experiment.model.name, input_shape=images.shape[1:], num_outputs=classes, **experiment.model.hparams)
    part = experiment.train.optimizer
    optimizer = keras.optimizers.AdamW(part.learning_rate, weight_decay=part.weight_decay, global_clipnorm=part.clip_norm)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    timer = Timer()
    size = experiment.train.batch_size
    model.fit(images, labels, batch_size=size, epochs=epochs, validation_data=arrays["val"], verbose=0, callbacks=[timer])
    return timer.seconds


def zoo(experiment: Experiment, folder: Path) -> list[float]:
    """The training room, with a clock after its last callback."""
    timer, given = Timer(), room._callbacks

    def with_timer(*args: object) -> tuple[dict, list]:
        named, callbacks = given(*args)
        return named, [*callbacks, timer]

    room._callbacks = with_timer
    try:
        room.train(experiment, runs=folder)
    finally:
        room._callbacks = given
    return timer.seconds


def epochs_side_by_side(name: str, rounds: int, epochs: int) -> dict[str, float]:
    overrides = {"train.epochs": epochs, "train.early_stopping": None}
    experiment = load_experiment(name, overrides)
    encoded = prepare(experiment.card, registry.entry(experiment.model.name).modality).encoded
    arrays = {split: (part.x.astype(np.float32), part.y) for split, part in encoded.items()}
    ratios, mine, theirs = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds):
            order = [
                lambda: mine.append(statistics.median(zoo(experiment, Path(folder)))),
                lambda: theirs.append(statistics.median(plain(experiment, arrays, epochs))),
            ]
            for one in order if turn % 2 else reversed(order):
                one()
            ratios.append(mine[-1] / theirs[-1])
            print(f"  round {turn + 1}: zoo {mine[-1]:.3f} s an epoch, plain {theirs[-1]:.3f} s, ratio {ratios[-1]:.2f}", flush=True)
    return {
        "zoo": statistics.median(mine),
        "plain": statistics.median(theirs),
        "ratio": statistics.median(ratios),
        "low": min(ratios),
        "high": max(ratios),
    }


AROUND = """
import time; begin = time.perf_counter()
import os; os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import zoo
from zoo.training import learn as room
spent, fit = [], room._fit
def timed(*args):
    start = time.perf_counter(); fit(*args); spent.append(time.perf_counter() - start)
room._fit = timed
zoo.run({name!r}, {{"train.epochs": 2}}, runs={folder!r} + "/runs", bundles={folder!r} + "/bundles")
print(time.perf_counter() - begin, spent[0])
"""


def around(name: str) -> tuple[float, float]:
    """Seconds of a whole `run`, and of the `fit` inside, of two epochs, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        code = AROUND.format(name=name, folder=folder)
        out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    whole, fit = out.split()[-2:]
    return float(whole), float(fit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["digits_cnn", "fashion_mnist_cnn"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    given = parser.parse_args()
    figures = {}
    for name in given.names:
        print(name, flush=True)
        figures[name] = epochs_side_by_side(name, given.rounds, given.epochs)
        whole, fit = around(name)
        figures[name] |= {"run": whole, "around": whole - fit}
        line = figures[name]
        print(f"  epoch time zoo/plain: median {line['ratio']:.2f} (lowest {line['low']:.2f}, highest {line['high']:.2f})")
        print(f"  zoo run: {line['run']:.1f} s, {line['around']:.1f} s of them around training: imports, data, evaluation, export, proof")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
