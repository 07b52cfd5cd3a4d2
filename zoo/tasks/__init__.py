"""Tasks: how an output is learned and read. A task is a class of the same methods (`zoo.tasks.base.Task`), a file each."""

from __future__ import annotations

from typing import Any

from zoo.config.experiment import TaskChoice
from zoo.errors import ZooError, did_you_mean
from zoo.tasks.base import Reading, Signature, Task
from zoo.tasks.classification import Classification
from zoo.tasks.forecasting import Forecasting
from zoo.tasks.generation import Generation
from zoo.tasks.language import Language
from zoo.tasks.multilabel import Multilabel
from zoo.tasks.reconstruction import Reconstruction
from zoo.tasks.regression import Regression

TASKS: dict[str, type[Task]] = {one.name: one for one in (Classification, Regression, Forecasting, Reconstruction, Generation, Language)}

__all__ = [
    "TASKS",
    "Classification",
    "Forecasting",
    "Generation",
    "Language",
    "Multilabel",
    "Reading",
    "Reconstruction",
    "Regression",
    "Signature",
    "Task",
    "make",
]


def make(choice: TaskChoice | str, target: dict[str, Any], input_shape: Any = None) -> Task:
    """A task for a fitted target: `{classes, …}`, `{classes, multilabel, …}`, `{mean, std, unit, …}` or `{columns, horizon, …}`.

    Args:
        choice: its name, or what an experiment says of it.
        target: as the preprocessing was fitted.
        input_shape: of one example as the model takes it.
    """
    if isinstance(choice, str):
        if choice not in TASKS:
            raise ZooError(f"no task named '{choice}'", did_you_mean(choice, TASKS))
        choice = TaskChoice.model_validate(choice)
    task = Multilabel if choice.name == Multilabel.name and target.get("multilabel") else TASKS[choice.name]
    return task(target, choice, input_shape)
