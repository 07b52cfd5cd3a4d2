"""What a person sees while a model learns: one line that moves, in a terminal only."""

from __future__ import annotations

import sys
import time
from statistics import median
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from zoo.training.callbacks import dotted

WIDE = 104  # columns of a terminal that has room for the bar, too
SHOWN = ("loss", "val_loss", "val_accuracy", "val_mae")
RECENT = 5  # epochs by whose median the pace is told


class ProgressLine(keras.callbacks.Callback):
    """`epoch 14/20 ━━━━━━  loss 0.041  val.loss 0.062   0.4 s an epoch, 3 s left`; nothing where stderr is no terminal."""

    async_safe = True

    def __init__(self, first_epoch: int, epochs: int) -> None:
        super().__init__()
        self.first, self.epochs = first_epoch, epochs
        self.line: Progress | None = None
        self.seconds: list[float] = []  # of each epoch but the first of this process, which traces the graph
        self.ended: float | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        if sys.stderr.isatty():
            console = Console(stderr=True)
            self.wide = console.width >= WIDE
            bar = [BarColumn(24)] if self.wide else []
            columns = (TextColumn("  epoch {task.fields[epoch]}"), *bar, TextColumn("{task.fields[facts]}"))
            self.line = Progress(*columns, console=console, transient=True)
            self.task = self.line.add_task("", total=self.epochs, completed=self.first, epoch=f"{self.first + 1}/{self.epochs}", facts="")
            self.line.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.line:
            done = self.epoch + min(1.0, (batch + 1) / (self.params.get("steps") or batch + 1))
            self.line.update(self.task, completed=done, epoch=f"{self.epoch + 1}/{self.epochs}")
            if self.ended is None and logs:  # else the last epoch's end stands there
                self.line.update(self.task, facts=f"loss {logs['loss']:.3f}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        now = time.monotonic()
        if self.ended is not None:
            self.seconds.append(now - self.ended)
        self.ended = now
        if self.line:
            facts = "  ".join(f"{dotted(key)} {value:.3f}" for key, value in (logs or {}).items() if key in SHOWN)
            self.line.update(self.task, completed=epoch + 1, facts=f"{facts}  {self._pace(self.epochs - epoch - 1)}".rstrip())

    def _pace(self, epochs: int) -> str:
        """Seconds an epoch and how long so many more take; nothing before there is an epoch to judge by."""
        if not self.seconds:
            return ""
        each = median(self.seconds[-RECENT:])
        return (f" {each:.1f} s an epoch," if self.wide else "") + f" {each * epochs:.0f} s left"

    def close(self) -> None:
        """Takes the line away, however training ended."""
        if self.line:
            self.line.stop()
            self.line = None
