"""The bench: an experiment or a run becomes preprocessing + model + task, built and compiled in this one place."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import optimizers, registry, tasks
from zoo.config import Experiment
from zoo.config.experiment import Train
from zoo.data import Dataset, prepare, preprocess
from zoo.errors import ZooError
from zoo.runs import Run

STEPS_PER_EXECUTION = 16  # the fastest that was measured on a CPU; more changes nothing


@dataclass
class Assembled:
    """An experiment, opened: everything that training and evaluation need."""

    experiment: Experiment
    data: Dataset
    task: tasks.Task
    model: keras.Model


def set_up(train: Train) -> dict[str, Any]:
    """Sets seed, threads, precision and determinism of this process, and says what holds now.

    Threads cannot change once TensorFlow runs: the count that is found is what a run records.
    """
    if train.threads is not None:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(train.threads)
        except RuntimeError:
            if tf.config.threading.get_intra_op_parallelism_threads() != train.threads:
                raise ZooError(f"train.threads: {train.threads} cannot be set: TensorFlow runs already in this process", "start a new one") from None
    keras.mixed_precision.set_global_policy(train.precision)
    keras.utils.set_random_seed(train.seed)
    if train.deterministic:
        tf.config.experimental.enable_op_determinism()
    threads = tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))
    return {"threads": threads}


def assemble(experiment: Experiment) -> Assembled:
    """Prepares the data, builds the model by its name and compiles it.

    Raises:
        ZooError: the data or the model cannot be had as the experiment says.
    """
    train = experiment.train
    entry = registry.entry(experiment.model.name)
    data = prepare(experiment.card, entry.modality, batch_size=train.batch_size, seed=train.seed)
    assert experiment.task is not None
    task = tasks.make(experiment.task.name, data.spec["target"])
    keras.utils.set_random_seed(train.seed)  # the weights do not depend on what was drawn before
    facts = {key: value for key, value in {"input_shape": data.input_shape, **task.facts()}.items() if key in entry.facts}
    model = registry.create_model(entry.name, weights=experiment.model.weights, **facts, **experiment.model.hparams)
    steps = -(-len(data.rows["train"]) // train.batch_size)
    model.compile(
        optimizer=optimizers.make(train.optimizer, train.schedule, steps_per_epoch=steps, epochs=train.epochs),
        loss=task.loss(),
        metrics=task.metrics(),
        steps_per_execution=train.steps_per_execution or min(STEPS_PER_EXECUTION, steps),
        jit_compile=False,  # on a CPU it halves the speed of convolutions and recurrences
    )
    return Assembled(experiment, data, task, model)


def load_keras(path: Path) -> keras.Model:
    """A `.keras` file that holds no code. Raises ZooError where it is missing, broken or would run code."""
    if not path.is_file():
        raise ZooError(f"{path} is missing", "was the run stopped before it was written?")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds for a broken or a dangerous file
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ZooError(f"{path} cannot be loaded: {said}", "a model file that holds code, as a Lambda layer, is never loaded") from error


@dataclass
class Opened:
    """A trained run, opened without its data: raw values in, the named answers out."""

    run: Run
    task: tasks.Task
    spec: preprocess.Spec
    graph: keras.Model
    model: keras.Model

    @cached_property
    def reading(self) -> dict[str, Any]:
        return self.run.reading

    def read(self, features: Any) -> dict[str, Any]:
        """From what the model takes to the answers."""
        return self.task.read(tf.cast(self.model(features, training=False), tf.float32), self.reading)

    def answer(self, inputs: Any, batch: int = 1024) -> dict[str, np.ndarray]:
        """The answers for raw values, in batches. Text comes as str."""
        columns = raw_columns(self.spec, inputs)
        call = tf.function(lambda values: self.read(self.graph(values)), reduce_retracing=True)
        return in_batches(call, columns, batch)


def open_run(run: Run) -> Opened:
    """Opens a run's preprocessing, best weights and task. Raises ZooError for a file that is missing or broken."""
    spec = run.data["preprocess"]
    assert run.experiment.task is not None
    task = tasks.make(run.experiment.task.name, spec["target"])
    return Opened(run, task, spec, load_keras(run.path / "preprocess.keras"), load_keras(run.path / "model.keras"))


def raw_columns(spec: preprocess.Spec, inputs: Any) -> dict[str, np.ndarray]:
    """A mapping, a table or an array of images as arrays by served name, checked."""
    wanted = preprocess.inputs_of(spec)
    if spec["kind"] == "image" and not isinstance(inputs, Mapping):
        inputs = {"image": inputs}
    names = preprocess.served_names(spec)
    columns = {}
    for name, served in names.items():
        shape, dtype = wanted[served]
        if name not in inputs and served not in inputs:
            raise ZooError(f"the input lacks '{name}'", f"expected: {', '.join(names)}")
        values = np.asarray(inputs[name] if name in inputs else inputs[served])
        columns[served] = _typed(values, shape, dtype, name)
    sizes = {len(values) for values in columns.values()}
    if len(sizes) != 1:
        raise ZooError(f"the inputs have different lengths: {sorted(sizes)}")
    return columns


def _typed(values: np.ndarray, shape: tuple[int, ...], dtype: str, name: str) -> np.ndarray:
    if values.shape[1:] != shape and values.shape[1:] + (1,) == shape:
        values = values[..., None]
    if values.ndim == 0 or values.shape[1:] != shape:
        raise ZooError(f"input '{name}' has shape {values.shape}, where (batch, {', '.join(map(str, shape))}) is expected")
    if dtype == "string":
        return np.array(["" if one is None or one != one else str(one) for one in values.tolist()], object)
    try:
        return values.astype(np.float32)
    except (ValueError, TypeError):
        raise ZooError(f"input '{name}' holds {values.dtype} values, where numbers are expected") from None


def in_batches(call: Any, columns: Mapping[str, np.ndarray], batch: int) -> dict[str, np.ndarray]:
    """Calls a function of named tensors on slices, and joins the answers; bytes come back as str."""
    size = len(next(iter(columns.values())))
    if size == 0:
        raise ZooError("the input has no rows")
    pieces = []
    for start in range(0, size, batch):
        part = {name: preprocess.as_tensor(values[start : start + batch]) for name, values in columns.items()}
        pieces.append({name: value.numpy() for name, value in call(part).items()})
    return {name: as_text(np.concatenate([piece[name] for piece in pieces])) for name in pieces[0]}


def as_text(values: np.ndarray) -> np.ndarray:
    """Arrays of bytes as arrays of str; others as they are."""
    if values.dtype.kind not in "OS":
        return values
    return np.array([one.decode() if isinstance(one, bytes) else str(one) for one in values.reshape(-1)]).reshape(values.shape)


def outputs_of(model: keras.Model, batches: Sequence[Any] | tf.data.Dataset) -> np.ndarray:
    """The model's outputs for the batches of a split, float32 (n, outputs)."""
    call = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
    return np.concatenate([call(batch[0]).numpy().astype(np.float32) for batch in batches])
