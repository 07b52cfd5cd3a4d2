"""What a generation must say before it is trained, so that nobody learns of it an hour later."""

from __future__ import annotations

from zoo.config.card import Card
from zoo.config.experiment import Goal, TaskChoice
from zoo.config.metrics import split_metric
from zoo.errors import ZooError
from zoo.registry import Entry

OF_FEATURES = ("fid", "kid", "fid_of_val")
MIXING = ("mixup", "cutmix")


def check_generation(task: TaskChoice, card: Card, entry: Entry, goal: Goal | None) -> None:
    """Raises ZooError for a goal that nothing measures, and for a model that is told classes where there are none."""
    metric = split_metric(goal.metric)[1] if goal else ""
    if metric in OF_FEATURES and not task.classifier:
        raise ZooError(
            f"{metric} is measured on the features of a classifier, and task.classifier names none",
            "name an experiment that learns this dataset's classes: task: {name: generation, classifier: EXPERIMENT}",
        )
    if metric == "nll" and not task.importance_samples:
        raise ZooError("nll is measured over several draws of each code", "say how many: task: {name: generation, importance_samples: 50}")
    if "num_classes" not in entry.facts:
        return
    if card.task != "classification" or card.multilabel:
        raise ZooError(
            f"model '{entry.name}' is told one class an example, and '{card.name}' has none",
            "models that need none: zoo models --task generation",
        )
    mixing = next((step.name for step in card.augment if step.name in MIXING), None)
    if mixing:
        raise ZooError(f"model '{entry.name}' is told one class an example, and augment: {mixing} mixes several", "leave it out")
