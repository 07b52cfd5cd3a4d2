"""The evaluation room: a finished run is measured on val and test, and told in a report.

Importing it loads neither TensorFlow nor Keras.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoo.runs import Run


def evaluate(run: Run) -> Run:
    """Measures a finished run's best weights on val and test, beside a baseline that looks at no input.

    Writes into the run folder `reading.json` (fitted on val), `predictions.parquet`, `baseline.json` (what monitoring
    compares with), `figures/`, `report.html`, and last `metrics.json`: where that is, the run is evaluated. Doing it again
    writes the same.

    Args:
        run: a finished run, or one that diverged and kept weights.

    Returns:
        The run; `run.metrics` are the metrics.

    Raises:
        ZooError: the run is not finished, a file of it is missing or broken, its data is gone or changed, or the model's
            outputs are not finite.
    """
    from zoo.evaluation.judge import judge

    return judge(run)


def val_metrics(run: Run, *, runs: Path | None = None) -> dict[str, Any]:
    """Measures a trained run's kept weights on val alone, as `evaluate` does; test is not looked at, and nothing is written.

    What a search chooses by: `metrics.json`'s `val` without `fid_of_val`, which compares val with test.

    Args:
        run: a finished run, or one that diverged and kept weights.
        runs: the folder in which the run that `task.classifier` names is looked for; default: the one that this run is in.

    Raises:
        ZooError: the run is not finished, a file of it is missing or broken, its data is gone or changed, or the model's
            outputs are not finite.
    """
    from zoo.evaluation import validation

    return validation.val_metrics(run, runs)


__all__ = ["evaluate", "val_metrics"]
