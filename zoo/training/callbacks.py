"""The callbacks that tell and keep: the epoch, metrics, history, events, the checkpoint. Those that watch are in `monitors`."""

from __future__ import annotations

import csv
import io
import logging
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.data import Encoded
from zoo.data.pipeline import batches
from zoo.evaluation.metrics import metrics_of
from zoo.runs import write_text
from zoo.runs.stopping import check_stop
from zoo.tasks import Task
from zoo.training.monitors import Best
from zoo.training.snapshot import Snapshot, state_of

SECONDS_BETWEEN_CHECKPOINTS = 2.0


class Epoch(keras.callbacks.Callback):
    """Tells the pipeline which epoch it is: the order of the examples follows from it. Hears whoever asks to stop."""

    def __init__(self, variable: tf.Variable) -> None:
        super().__init__()
        self.variable = variable

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.variable.assign(epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        check_stop()


class MoreMetrics(keras.callbacks.Callback):
    """Computes metrics of val that Keras does not log, before those who monitor them; logs the learning rate."""

    def __init__(self, task: Task, val: Encoded, names: set[str], batch_size: int) -> None:
        super().__init__()
        self.task, self.names, self.y = task, sorted(names), val.y
        self.batches = batches(replace(val, pair=None), batch_size) if names else None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        penalised = [one for one in self.model.trainable_weights if one.regularizer is not None]
        # Keras adds the penalties of weights; val.loss is the task's, as in metrics.json
        logs["val_loss"] -= sum(float(one.regularizer(one)) for one in penalised)
        if "task_loss" in logs:  # training made another one small; val.loss is the task's
            logs["val_loss"] = logs.pop("val_task_loss")
            del logs["task_loss"]
        if self.batches is not None:
            outputs = np.concatenate([self.call(x, y).numpy() for x, y in self.batches])
            whole = bool(np.isfinite(outputs).all())  # else training has diverged, and the callback after this one says so
            found = metrics_of(self.task, outputs, self.y, self.task.baseline_reading()) if whole else {}
            logs.update({f"val_{name}": math.nan if found.get(name) is None else found[name] for name in self.names})

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        self.call = tf.function(lambda x, y: self.task.outputs(model, x, y), reduce_retracing=True, autograph=False)


class History(keras.callbacks.History):
    """Keras's History, whose rows are part of the checkpoint and of `history.csv`."""

    def state(self) -> dict[str, Any]:
        return {"epoch": list(self.epoch), "history": {key: list(values) for key, values in self.history.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        self.epoch = list(state["epoch"])
        self.history = {key: list(values) for key, values in state["history"].items()}

    def write(self, path: Path) -> None:
        """A row an epoch; metrics by their dotted names, no clock times."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["epoch", *(dotted(key) for key in self.history)])
        writer.writerows(
            [epoch + 1, *(repr(float(values[row])) for values in self.history.values())] for row, epoch in enumerate(self.epoch)
        )
        write_text(path, text.getvalue())


def dotted(key: str) -> str:
    """Keras's `val_loss` as `val.loss`."""
    return f"val.{key.removeprefix('val_')}" if key.startswith("val_") else key


class EpochLines(keras.callbacks.Callback):
    """A line an epoch for `train.log`, which `tail -f` shows where there is no terminal for the progress line."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        facts = "  ".join(f"{dotted(key)} {value:.4g}" for key, value in (logs or {}).items())
        logging.getLogger("zoo.epochs").info("epoch %d  %s", epoch + 1, facts)


class Events(keras.callbacks.Callback):
    """Event files for TensorBoard: `train` and `validation` curves over one another, and the learning rate."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.writers = {name: tf.summary.create_file_writer(str(folder / name)) for name in ("train", "validation")}

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        for key, value in (logs or {}).items():
            name = "validation" if key.startswith("val_") else "train"
            with self.writers[name].as_default():
                tf.summary.scalar(f"epoch_{key.removeprefix('val_')}", value, step=epoch + 1)

    def on_train_end(self, logs: Any = None) -> None:
        for writer in self.writers.values():
            writer.close()


class Checkpoint(keras.callbacks.Callback):
    """Writes the snapshot and history.csv: after the first epoch, then at most one every two seconds. Stands last."""

    def __init__(
        self,
        folder: Path,
        best: Best,
        history: History,
        stateful: dict[str, Any],
        start: Snapshot | None,
        whole: keras.Model,
        phase: int,
        until: int | None = None,
    ) -> None:
        super().__init__()
        self.whole, self.phase, self.until = whole, phase, until
        self.folder, self.best, self.history, self.stateful, self.start = folder, best, history, stateful, start
        self.written_at = -math.inf

    def on_train_begin(self, logs: Any = None) -> None:
        if self.start is None:
            return
        for name, callback in self.stateful.items():  # now, after each has reset itself
            if name in self.start.callbacks:  # the one before a phase has not those that begin with it
                callback.restore(self.start.callbacks[name])
        self.best.weights = self.start.best

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch + 1 == self.until or time.monotonic() - self.written_at >= SECONDS_BETWEEN_CHECKPOINTS:
            self.write(epoch + 1)

    def write(self, epoch: int) -> None:
        states = {name: callback.state() for name, callback in self.stateful.items()}
        values = [keras.ops.convert_to_numpy(variable) for variable in state_of(self.whole)]
        stopped = bool(self.model.stop_training) and states.get("paced", {}).get("over") != "paused"
        self.history.write(self.folder / "history.csv")  # first: whoever finds the snapshot of an epoch finds its row, too
        Snapshot(epoch, stopped, values, self.best.weights, states, self.phase).write(self.folder)
        self.written_at = time.monotonic()
