"""`trials.csv`: a row a trial. It is written after each, so it is made without pandas."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zoo.runs import write_text
from zoo.tuning.folder import SearchFolder
from zoo.tuning.trials import Trial

if TYPE_CHECKING:
    from pandas import DataFrame

FILE = "trials.csv"


def write_table(folder: SearchFolder, trials: Sequence[Trial] | None = None) -> None:
    """Writes `trials.csv`: number, a column a dotted key (empty where the key does not count), state, score, epochs, seconds, params,
    continues (where any trial does), reason.

    Args:
        folder: the search's.
        trials: its trials, where they are at hand; else they are read.
    """
    trials = folder.trials() if trials is None else trials
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    go_on, keys = _go_on(trials), folder.keys
    table.writerow(_columns(folder, go_on))
    table.writerows(_row(trial, [flow(trial.values[key]) if key in trial.values else "" for key in keys], go_on) for trial in trials)
    write_text(folder.path / FILE, text.getvalue())


def frame(folder: SearchFolder) -> DataFrame:
    """The same as a pandas.DataFrame, with values as they are: numbers, lists, None."""
    from pandas import DataFrame

    trials = folder.trials()
    go_on = _go_on(trials)
    rows = [_row(trial, [trial.values.get(key) for key in folder.keys], go_on) for trial in trials]
    return DataFrame(rows, columns=_columns(folder, go_on))


def _go_on(trials: Sequence[Trial]) -> bool:
    """Whether any trial goes on with another's weights."""
    return any(trial.continues is not None for trial in trials)


def _columns(folder: SearchFolder, go_on: bool) -> list[str]:
    return ["number", *folder.keys, "state", "score", "epochs", "seconds", "params", *(["continues"] * go_on), "reason"]


def _row(trial: Trial, values: list[Any], go_on: bool) -> list[Any]:
    told = [trial.state, trial.score, trial.trained, round(trial.seconds, 3), trial.params, *([trial.continues] * go_on)]
    return [trial.number, *values, *told, one_line(trial.reason)]


def one_line(reason: str | None) -> str | None:
    return " ".join(reason.split()) if reason else None


def flow(value: Any) -> str:
    """A value as YAML writes it in a line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
