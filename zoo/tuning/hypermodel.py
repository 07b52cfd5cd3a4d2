"""A registered model as a `keras_tuner.HyperModel`, for those who drive Keras Tuner themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import keras_tuner

from zoo import registry
from zoo.config.experiment import OPTIMIZERS, Optimizer, Schedule
from zoo.config.space import Axis, Space, read_axes
from zoo.errors import ZooError, did_you_mean
from zoo.optimizers import make
from zoo.tasks.reconstruction import ScaledError

RATE = "learning_rate"
RATES = {"log": [1e-4, 1e-2]}


def hypermodel(
    name: str,
    *,
    task: str | None = None,
    space: Mapping[str, Any] | None = None,
    loss: Any = None,
    metrics: Sequence[Any] | None = None,
    optimizer: str | Callable[[float], keras.Optimizer] = "adamw",
    **facts_and_hparams: Any,
) -> keras_tuner.HyperModel:
    """A registered model whose hparams Keras Tuner searches.

    Args:
        name: a registered name.
        task: what is learned, where that does not follow from the model and `num_classes`: `regression`, for one.
        space: hparam -> what it may be, as `search.space` of an experiment says it; default: the model's own space, without the
            hparams that are given. `learning_rate` is searched from 1e-4 to 1e-2 where it is not named.
        loss: for `compile`; default: the task's, from logits. A reconstruction learns its input: call `search(x, x)`.
        metrics: for `compile`; default: accuracy of classes, absolute error of numbers.
        optimizer: a name that `train.optimizer` knows, or a function from the learning rate to an optimizer.
        **facts_and_hparams: as `create_model` takes them; an hparam that is given here is not searched.

    Returns:
        A `keras_tuner.HyperModel`; its `build(hp)` gives the compiled model.

    Raises:
        ZooError: unknown name, task, hparam or optimizer, or a space that cannot be.
    """
    entry = registry.entry(name)
    named = {"num_classes"} if "num_outputs" in entry.facts else set()
    hparams = {key: value for key, value in facts_and_hparams.items() if key not in (*entry.facts, *named)}
    registry.check_hparams(name, hparams)
    if isinstance(optimizer, str) and optimizer not in OPTIMIZERS:
        raise ZooError(f"there is no optimizer '{optimizer}'", did_you_mean(optimizer, OPTIMIZERS))
    axes = _axes(entry, space, hparams)
    return ZooHyperModel(entry, _task(entry, task, facts_and_hparams), axes, facts_and_hparams, loss, metrics, optimizer)


def _axes(entry: registry.Entry, space: Mapping[str, Any] | None, fixed: Mapping[str, Any]) -> Space:
    if space is None:
        said = {key: choices for key, choices in entry.space.items() if key not in fixed}
    else:
        said = dict(space)
        registry.check_hparams(entry.name, {key: None for key in said if key != RATE})
        twice = next((key for key in said if key in fixed), None)
        if twice:
            raise ZooError(f"hypermodel('{entry.name}'): {twice} is given, and in the space, too", "leave one of them out")
    said.setdefault(RATE, RATES)
    return read_axes(said, {}, dict.fromkeys(said, f"hypermodel('{entry.name}'): space"))


def _task(entry: registry.Entry, task: str | None, given: Mapping[str, Any]) -> str:
    if task is not None:
        if task not in entry.tasks:
            raise ZooError(f"model '{entry.name}' does not learn the task '{task}'", f"it learns: {', '.join(entry.tasks)}")
        return task
    if "classification" in entry.tasks and "num_classes" in given:
        return "classification"
    if "forecasting" in entry.tasks and "horizon" in given:
        return "forecasting"
    if len(entry.tasks) == 1 or "generation" in entry.tasks:
        return entry.tasks[0]
    raise ZooError(
        f"hypermodel('{entry.name}') has to know what is learned: {', '.join(entry.tasks)}", "give num_classes=…, or task='regression'"
    )


class ZooHyperModel(keras_tuner.HyperModel):
    """What `hypermodel` gives."""

    def __init__(
        self,
        entry: registry.Entry,
        task: str,
        space: Space,
        given: Mapping[str, Any],
        loss: Any,
        metrics: Sequence[Any] | None,
        optimizer: str | Callable[[float], keras.Optimizer],
    ) -> None:
        super().__init__(name=entry.name)
        self.entry, self.task, self.space, self.given = entry, task, space, dict(given)
        self.loss, self.metrics, self.optimizer = loss, metrics, optimizer

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """The model at a point of the space, compiled."""
        defaults = {RATE: 1e-3, **self.entry.hparams}
        values = {axis.key: declare(hp, axis, defaults[axis.key]) for axis in self.space.axes}
        rate = values.pop(RATE)
        model = registry.create_model(self.entry.name, **{**self.given, **values})
        loss, metrics = _learned(self.task, model)
        model.compile(
            optimizer=_optimizer(self.optimizer, rate),
            loss=self.loss if self.loss is not None else loss,
            metrics=list(self.metrics) if self.metrics is not None else metrics,
            jit_compile=False,  # on a CPU it halves the speed of convolutions and recurrences
        )
        return model


def declare(hp: keras_tuner.HyperParameters, axis: Axis, default: Any = None) -> Any:
    """Declares an axis to Keras Tuner, and gives the value that it has now.

    What its choices cannot hold (lists, None, truth values, mixed types) stands there as JSON.
    """
    kept = {"default": default} if axis.holds(default) else {}
    if not axis.choices:
        numbers = hp.Int if axis.whole else hp.Float
        low, high = (int(axis.low), int(axis.high)) if axis.whole else (axis.low, axis.high)
        step = int(axis.step) if axis.whole and axis.step else axis.step
        return numbers(axis.name, low, high, step=step, sampling="log" if axis.log else "linear", **kept)
    kinds = {type(choice) for choice in axis.choices}
    if len(kinds) == 1 and kinds <= {int, float, str}:
        return hp.Choice(axis.name, list(axis.choices), ordered=axis.ordered, **kept)
    texts = [json.dumps(choice) for choice in axis.choices]
    return json.loads(hp.Choice(axis.name, texts, ordered=False, **({"default": json.dumps(default)} if kept else {})))


def _learned(task: str, model: keras.Model) -> tuple[Any, list[Any]]:
    """Loss and metrics, as the task has them; a model with a loss of its own needs none."""
    if type(model).compute_loss is not keras.Model.compute_loss or type(model).train_step is not keras.Model.train_step:
        return None, []
    if task == "classification" and model.output_shape[-1] == 1:
        accuracy = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)  # of logits
        return keras.losses.BinaryCrossentropy(from_logits=True), [accuracy]
    if task in ("classification", "language"):
        metrics = ["accuracy"] if task == "classification" else []
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics
    if task == "reconstruction":
        return ScaledError(), []
    return keras.losses.MeanSquaredError(), [keras.metrics.MeanAbsoluteError(name="mae")]


def _optimizer(optimizer: str | Callable[[float], keras.Optimizer], rate: float) -> keras.Optimizer:
    if isinstance(optimizer, str):
        return make(Optimizer(name=optimizer, learning_rate=rate), Schedule(), steps_per_epoch=1, epochs=1)  # type: ignore[arg-type]
    return optimizer(rate)
