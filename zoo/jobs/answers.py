"""Raw values in, the named answers out, by a run or by a bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.bundles import Bundle, Input, identifiers, score_columns
from zoo.config.card import USUAL_MISSING
from zoo.errors import ZooError
from zoo.jobs import inputs
from zoo.jobs.opening import load_trained
from zoo.runs import Run, home

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Answers = dict[str, "np.ndarray"]


@dataclass(frozen=True)
class Model:
    """Something trained that answers.

    Attributes:
        inputs: what it takes, by served name.
        answer: raw values, or a list of encoded image files (bytes), to the named answers.
        classes: the names behind the columns of `scores`, if there are any.
        missing: words of a table that say that a value is missing.
        targets: the names behind the last axis of `forecast`, or of a `value` of several, if there are any.
        table: how the model's own tables are read, as `Card.table` says it.
    """

    inputs: Mapping[str, Input]
    answer: Callable[[Any], Answers]
    classes: list[str] | None
    missing: tuple[str, ...]
    targets: Sequence[str] = ()
    table: Mapping[str, Any] = field(default_factory=dict)


def predict(
    model: str | Path | Run | Bundle, values: Any, *, runs: str | Path | None = None, bundles: str | Path | None = None
) -> pd.DataFrame:
    """The answers of a run or a bundle, one row an example, as `zoo predict` writes them.

    Args:
        model: a Run or a Bundle, or what names one: a folder, a run's ID, `NAME@last`, a bundle's name.
        values: files (a path or a list of paths: CSV tables, `.npy`, `.npz`, images); or the values themselves: a mapping
            of columns, a DataFrame, an array of images (n, H, W, C) in the source's units, a list of encoded images (bytes).
        runs: where runs are; default `ZOO_HOME`'s, else `./runs`.
        bundles: where bundles are; default `ZOO_HOME`'s, else `./bundles`.

    Returns:
        A DataFrame. Of classification: `label`, `probability`, and `score_CLASS` for each class; where several labels may hold at
        once `label` is those that do, joined (`red;round`). Of regression: `value`, in the target's units, or `value_TARGET` for
        each of several; of forecasting: `forecast_TARGET_STEP`, steps from 1. Before them `file`, where images or several files
        were given, and `row`, the number of the data row in
        its file from 0, where tables or arrays were.

    Raises:
        ZooError: no such run or bundle; a file or a column is missing or of another type, with its row.
    """
    import pandas

    opened = open_model(load_trained(model, home("runs", runs), home("bundles", bundles)))
    files = _files(values)
    if files is None:
        return _frame(opened, opened.answer(values))
    return pandas.concat(list(stream(opened, files)), ignore_index=True)


def stream(model: Model, files: list[Path]) -> Iterator[pd.DataFrame]:
    """The answers to files, in parts of bounded size, so that a table of any length passes through."""
    inputs.check(files)
    numbered = not all(inputs.is_example(path, model.inputs) for path in files)
    for together in _together(model, files):
        start, alone = 0, inputs.is_example(together[0], model.inputs)
        for part in inputs.parts(together, model.inputs, model.missing, model.table):
            frame = _frame(model, model.answer(part.values))
            if numbered:
                frame.insert(0, "row", [0] * len(frame) if alone else range(start, start + len(frame)))
            if len(files) > 1 or alone:
                frame.insert(0, "file", part.files)
            start += len(frame)
            yield frame


def _together(model: Model, files: list[Path]) -> Iterator[list[Path]]:
    """Examples that follow one another, to be answered at once; every table and array alone, so that its rows are counted."""
    for examples, group in groupby(files, lambda path: inputs.is_example(path, model.inputs)):
        paths = list(group)
        yield from [paths] if examples else [[path] for path in paths]


def _frame(model: Model, answers: Mapping[str, np.ndarray]) -> pd.DataFrame:
    import pandas

    columns: dict[str, Any] = {name: values for name, values in answers.items() if values.ndim == 1}
    if "value" in answers and model.targets:
        columns |= {f"value_{name}": said for name, said in zip(identifiers(list(model.targets)).values(), answers["value"].T, strict=True)}
    if "forecast" in answers:
        columns |= _steps(model.targets, answers["forecast"])
    if "scores" in answers:
        columns |= dict(zip(score_columns(list(model.classes or [])), answers["scores"].T, strict=True))
    return pandas.DataFrame(columns)


def _steps(targets: Sequence[str], forecast: np.ndarray) -> dict[str, np.ndarray]:
    """`forecast` (n, horizon, targets) as a column a target and step: `forecast_NAME_1`, …"""
    names = identifiers(list(targets)).values()
    return {
        f"forecast_{name}_{step + 1}": forecast[:, step, place] for place, name in enumerate(names) for step in range(forecast.shape[1])
    }


def _targets(reading: Mapping[str, Any]) -> Sequence[str]:
    return reading.get("columns", ())


def _files(values: Any) -> list[Path] | None:
    """The paths, where what is given is such."""
    if isinstance(values, (str, Path)):
        return [Path(values)]
    if (
        isinstance(values, Iterable)
        and isinstance(values, (list, tuple))
        and values
        and all(isinstance(one, (str, Path)) for one in values)
    ):
        return [Path(one) for one in values]
    return None


def open_model(trained: Run | Bundle) -> Model:
    """Loads a run's model, or a bundle's SavedModel.

    Raises:
        ZooError: a file is missing or broken, or the model answers no examples.
    """
    if isinstance(trained, Bundle):
        manifest = trained.manifest
        _check_answers(str(manifest["task"]), "z" not in manifest["inputs"], trained.path)
        return Model(
            manifest["inputs"],
            trained.predict,
            manifest.get("classes"),
            tuple(manifest.get("missing", USUAL_MISSING)),
            _targets(manifest["reading"]),
            manifest.get("table", {}),
        )
    trained.needs_evaluated()
    from zoo.assembly import open_run, served_inputs

    opened = open_run(trained)
    card, reading = trained.card, trained.reading
    _check_answers(opened.task.name, opened.task.answers_examples, trained.path)
    return Model(served_inputs(opened.spec), opened.answer, reading.get("classes"), card.missing, _targets(reading), card.table)


def _check_answers(task: str, answers: bool, path: Path) -> None:
    """Raises ZooError for a model that answers no examples, but draws or writes."""
    if task == "language":
        raise ZooError(f"{path} answers no examples: it writes", f"zoo generate {path} PROMPT")
    if not answers:
        raise ZooError(f"{path} answers no examples: it draws samples", f"zoo sample {path}")
