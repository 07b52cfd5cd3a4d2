"""The bench: an experiment or a run becomes preprocessing + model + task, built and compiled in this one place."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import optimizers, registry, tasks
from zoo.bundles import Input, answers_to_files, columns_of, files_of, in_batches, refusals
from zoo.config import Experiment
from zoo.config.experiment import Train
from zoo.data import Dataset, Encoded, draw, prepare, preprocess
from zoo.data.fetch_folder import changed
from zoo.data.images import after_pixels, pixels_of
from zoo.data.windows import pick
from zoo.errors import ZooError
from zoo.layers.pretrained import run_named, started_from_weights
from zoo.runs import Run, cores, home
from zoo.tasks.base import Signature

ENCODED = ("image", "audio")  # kinds of examples that come as encoded files too
STEPS_PER_EXECUTION = 16  # the fastest that was measured on a CPU; more changes nothing
_deterministic = False


@dataclass
class Assembled:
    """An experiment, opened: everything that training needs.

    `learning` are the rows of train and val that are learned from and watched, each batch as `fit` takes it.
    `started_from` says which weights were loaded into the model, and the hash of all it starts with.
    """

    experiment: Experiment
    data: Dataset
    task: tasks.Task
    model: keras.Model
    learning: dict[str, Encoded]
    started_from: dict[str, Any] | None = None


def set_up(train: Train) -> dict[str, Any]:
    """Sets seed, threads, precision and determinism of this process, and says what holds now.

    Threads cannot change once TensorFlow runs: the count that is found is what a run records.
    """
    if train.threads is not None:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(train.threads)
        except RuntimeError:
            if tf.config.threading.get_intra_op_parallelism_threads() != train.threads:
                raise ZooError(
                    f"train.threads: {train.threads} cannot be set: TensorFlow runs already in this process", "start a new one"
                ) from None
    keras.mixed_precision.set_global_policy(train.precision)
    keras.utils.set_random_seed(train.seed)
    _set_determinism(train.deterministic)
    return {"threads": tf.config.threading.get_intra_op_parallelism_threads() or cores()}


def _set_determinism(wanted: bool) -> None:
    """TensorFlow can switch its determinism on, never off; it changes the numbers, so a run must not have it by accident."""
    global _deterministic
    if _deterministic and not wanted:
        raise ZooError("train.deterministic: false cannot be had: an earlier run of this process switched it on", "start a new process")
    if wanted:
        tf.config.experimental.enable_op_determinism()
        _deterministic = True


def assemble(experiment: Experiment, *, runs: Path | None = None, starts: bool = True) -> Assembled:
    """Prepares the data, builds the model by its name and compiles it.

    Args:
        experiment: resolved.
        runs: where a run that `model.weights` names is looked for; default: where runs go.
        starts: whether `model.weights` are loaded; a run that goes on has them.

    Raises:
        ZooError: the data or the model cannot be had as the experiment says.
    """
    train, weights = experiment.train, experiment.model.weights if starts else None
    entry = registry.entry(experiment.model.name)
    modality = next(one for one in experiment.card.gives if one in entry.modalities)  # checked when the experiment was resolved
    source = run_named(weights, home("runs", runs), modality)
    data = prepare(experiment.card, modality, batch_size=train.batch_size, seed=train.seed)
    assert experiment.task is not None
    task = tasks.make(experiment.task, data.spec["target"], data.input_shape)
    learning = {name: _learned(data, task, name) for name in ("train", "val")}
    keras.utils.set_random_seed(train.seed)  # the weights do not depend on what was drawn before
    facts = {key: value for key, value in {**data.facts, **task.facts()}.items() if key in entry.facts}
    model = registry.create_model(entry.name, weights=None if source else weights, **facts, **experiment.model.hparams)
    task.see(model)
    started_from = started_from_weights(model, weights, source) if weights else None
    wanted = None if task.output_shape is None else (None, *task.output_shape)
    if wanted and model.output_shape != wanted:
        raise ZooError(f"model '{entry.name}' gives {model.output_shape}, where {task.name} learns from {wanted}, a batch of outputs")
    assembled = Assembled(experiment, data, task, model, learning, started_from)
    compile_model(assembled, model, epochs=train.epochs)
    return assembled


def compile_model(assembled: Assembled, model: keras.Model, *, epochs: int, factor: float = 1.0) -> None:
    """Compiles the assembled model, or a part of it, with a new optimizer for so many epochs at `factor` times the asked rate."""
    experiment, task = assembled.experiment, assembled.task
    train, imbalance = experiment.train, experiment.imbalance
    optimizer = train.optimizer.model_copy(update={"learning_rate": train.optimizer.learning_rate * factor})
    size = draw.length(assembled.learning["train"].y, imbalance if imbalance in draw.BALANCES else None)
    steps = -(-size // train.batch_size)
    model.compile(
        optimizer=optimizers.make(optimizer, train.schedule, steps_per_epoch=steps, epochs=epochs),
        loss=task.loss(imbalance),
        metrics=task.metrics(imbalance),
        steps_per_execution=train.steps_per_execution or min(STEPS_PER_EXECUTION, steps),
        jit_compile=False,  # on a CPU it halves the speed of convolutions and recurrences
    )


def _learned(data: Dataset, task: tasks.Task, split: str) -> Encoded:
    """The rows of a split that the task learns from. Raises ZooError where these are none."""
    if task.normal is not None and split == "val":
        task.check(preprocess.encode_target(data.spec, pick(data.raw.target, data.rows[split])))
    rows = data.rows_of(split, task.normal)
    if task.normal is not None and not len(rows):
        what = f"'{(data.classes or ())[task.normal]}': {task.name} learns from it, and fits its threshold on val's"
        raise ZooError(f"the {split} split of '{data.card.name}' holds no example of {what}", "give it more rows")
    return replace(data.encode(rows, learns=split == "train"), pair=task.pair)


def data_of(run: Run) -> Dataset:
    """A run's data, read and split again. Raises ZooError where it is not what the run was trained on."""
    data = prepare(run.card, run.data["preprocess"]["modality"], batch_size=run.experiment.train.batch_size, seed=run.experiment.train.seed)
    check_data(run, data)
    return data


def check_data(run: Run, data: Dataset) -> None:
    """Raises ZooError, with the file that changed, unless values, splits and fitted statistics are the run's."""
    now, then = data.record(), run.data
    cannot, again = f"{run.path} cannot be used with this data", f"put the old data back, or train anew: zoo run {run.name}"
    if now["fingerprint"] != then["fingerprint"]:
        for name, digest in now["files"].items():
            if then["files"].get(name) != digest:
                inside = changed(then["files"].get(name), digest)
                what = f"the file {inside} in the folder {name}" if inside else f"the file {name}"
                before, after = then["files"].get(name), digest
                break
        else:
            what, before, after = f"the dataset '{data.card.name}'", then["fingerprint"], now["fingerprint"]
        raise ZooError(f"{cannot}: {what} changed since it was trained", f"sha256 now {after}", f"was {before}", again)
    if now["parts"] != then["parts"] or now["preprocess_sha256"] != then["preprocess_sha256"]:
        raise ZooError(f"{cannot}: it is split or fitted otherwise now", again)


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

    @property
    def takes_files(self) -> bool:
        """Whether it answers to encoded files, images or sounds, too."""
        return self.spec["kind"] in ENCODED and self.task.answers_examples

    @cached_property
    def _traced(self) -> dict[str, Any]:
        """The signatures, each traced once."""

        def traced(name: str) -> Any:
            return tf.function(lambda values: self.call(name, values), reduce_retracing=True, autograph=False)

        return {name: traced(name) for name in self.signatures}

    @cached_property
    def _traced_files(self) -> Any:
        return tf.function(self.read_files, reduce_retracing=True, autograph=False)

    @cached_property
    def signatures(self) -> dict[str, Signature]:
        """What is served, by name: the answers to examples, or the first of the task's own functions, is `serving_default`."""
        own = self.task.signatures(self.model, self.reading)
        default = Signature({}, self.task.served(), self.read) if self.task.answers_examples else next(iter(own.values()))
        return {"serving_default": default, **own}

    def takes(self, signature: str) -> dict[str, Input]:
        """What is sent to a signature, by served name."""
        own = self.signatures[signature].inputs
        if not own:
            return served_inputs(self.spec)
        return {name: Input(name=name, dtype=dtype, shape=list(shape)) for name, (shape, dtype) in own.items()}

    def tensors(self, signature: str, columns: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Arrays by served name as a signature takes them."""
        own = self.signatures[signature].inputs
        return {
            name: tf.constant(values, own[name][1]) if name in own and values.dtype.kind not in "OSU" else preprocess.as_tensor(values)
            for name, values in columns.items()
        }

    def call(self, signature: str, values: Any) -> dict[str, Any]:
        """The answers of a signature to tensors, by served name."""
        one = self.signatures[signature]
        return one.call(values if one.inputs else self.graph(values))

    def read(self, features: Any) -> dict[str, Any]:
        """From what the model takes to the answers."""
        return self.task.read(self.task.outputs(self.model, features), self.reading)

    def read_files(self, files: Any) -> dict[str, Any]:
        """From encoded image or sound files, string (batch,), to the answers."""
        if self.spec["kind"] == "audio":
            from zoo.data.sounds import waveforms_of

            return self.read(self.graph({"audio": waveforms_of(files, self.spec["sampling_rate"], self.spec["samples"])}))
        return self.read(after_pixels(self.graph, self.spec)(pixels_of(files, self.spec["shape"], self.spec["fit"])))

    def answer(self, inputs: Any, batch: int = 1024) -> dict[str, np.ndarray]:
        """The answers for raw values or encoded files (bytes), in batches. Text comes as str."""
        _ = self.reading  # now: the tracer would wrap its error
        files = files_of(inputs)
        if files is not None and self.takes_files:
            call, refusal = self._traced_files, tf.errors.InvalidArgumentError
            return answers_to_files(lambda part: call(tf.constant(part["bytes"], tf.string)), files, batch, refusal)

        return self.ask("serving_default", columns_of(self.takes("serving_default"), inputs), batch)

    def ask(self, signature: str, columns: Mapping[str, np.ndarray], batch: int = 1024) -> dict[str, np.ndarray]:
        """The answers of a signature to arrays by the names of its inputs. Raises ZooError where its graph refuses them."""
        with refusals(tf.errors.InvalidArgumentError):
            return in_batches(lambda part: self._traced[signature](self.tensors(signature, part)), columns, batch)


def open_run(run: Run) -> Opened:
    """Opens a run's preprocessing, best weights and task. Raises ZooError for a file that is missing or broken."""
    spec = run.data["preprocess"]
    assert run.experiment.task is not None
    preprocess.served_names(spec)  # imports what its kind is made of: Keras knows layers of ours only then
    graph = load_keras(run.path / "preprocess.keras")
    task, model = tasks.make(run.experiment.task, spec["target"], preprocess.shape_of(graph)), trained_model(run)
    task.see(model)
    return Opened(run, task, spec, graph, model)


def trained_model(run: Run) -> keras.Model:
    """A run's model with its best weights. Raises ZooError as `load_keras` does."""
    with suppress(ZooError):  # its name may be of a script that is not here; only layers of its own need the file that registers it
        registry.registered(run.experiment.model.name)
    return load_keras(run.path / "model.keras")


def served_inputs(spec: preprocess.Spec) -> dict[str, Input]:
    """What is sent, by served name: the source's name, dtype and shape without the batch."""
    source = {served: name for name, served in preprocess.served_names(spec).items()}
    made = {
        served: Input(name=source[served], dtype=dtype, shape=list(shape)) for served, (shape, dtype) in preprocess.inputs_of(spec).items()
    }
    if "columns" in spec:
        next(iter(made.values()))["columns"] = spec["columns"]
    return made
