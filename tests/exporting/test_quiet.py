"""A pipeline leaves logging as it found it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import logging
import zoo
state = lambda: (logging.root.level, logging.root.handlers[:])
before = state()
what = {"train.epochs": 1, "train.tensorboard": False}
run = zoo.run("iris_mlp", what)
zoo.train("iris_mlp", what)  # it would talk where the first left a handler
assert zoo.load_bundle("iris_mlp").predict({name: [1.0] for name in run.card.columns})
assert state() == before, state()
assert logging.getLogger("tf2onnx").level == logging.NOTSET
"""


def test_a_run_leaves_logging_as_it_was_and_says_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "INFO:zoo" not in done.stderr
