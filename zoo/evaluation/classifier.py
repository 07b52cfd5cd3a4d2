"""The classifier whose features tell generated examples from real ones: a run of the zoo, on the same data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import shelf
from zoo.assembly import trained_model
from zoo.data import Dataset
from zoo.errors import ZooError, did_you_mean
from zoo.runs import Run, all_runs

BATCH = 256


@dataclass(frozen=True)
class Classifier:
    """A trained classifier, cut before its last layer.

    Attributes:
        run: which trained it.
        network: from examples to features (batch, width) and logits (batch, classes).
    """

    run: Run
    network: keras.Model

    @property
    def facts(self) -> dict[str, Any]:
        """Who measured, for `metrics.json`: a score means nothing without it."""
        accuracy = self.run.metrics["test"]["accuracy"]
        return {"experiment": self.run.name, "run": self.run.id, "model": self.run.experiment.model.name, "accuracy": accuracy}

    @cached_property
    def _traced(self) -> Any:
        taken = tf.TensorSpec(self.network.input.shape, "float32")
        return tf.function(lambda x: self.network(x, training=False), input_signature=[taken], autograph=False)

    def look(self, examples: Any) -> tuple[np.ndarray, np.ndarray]:
        """Features, float64 (n, width), and class numbers, (n,), of batches of examples as models take them."""
        features, classes = [], []
        for batch in examples:
            found, logits = self._traced(tf.convert_to_tensor(batch))
            features.append(np.asarray(found, np.float64).reshape(len(found), -1))
            said = np.asarray(logits)
            classes.append((said[:, 0] > 0).astype(int) if said.shape[1] == 1 else said.argmax(-1))
        return np.concatenate(features), np.concatenate(classes)


def find_classifier(experiment: str, data: Dataset, runs: Path) -> Run:
    """The newest finished run of an experiment, where it tells the classes of the same examples apart.

    Raises:
        ZooError: there is none; it learned other data, or something else than classes, or takes examples in another form.
    """
    experiment = experiment.removesuffix("@last")  # as runs are named elsewhere
    without = "or go without FID and KID: --set task.classifier=null --set goal=null"
    found = next((run for run in all_runs(runs, experiment) if run.state == "finished" and run.evaluated), None)
    known = shelf.names("experiments")
    how = f"train it first: zoo run {experiment}" if found or experiment in known else did_you_mean(experiment, known), without
    if found is None:
        raise ZooError(f"task.classifier: there is no finished run of '{experiment}' in {runs}, whose features FID and KID need", *how)
    cannot = f"task.classifier: {found.path} cannot tell what is drawn of '{data.card.name}'"
    if found.facts.get("task") != "classification" or found.card.multilabel:
        raise ZooError(f"{cannot}: it learned no classes, one an example", "name an experiment that does: zoo experiments")
    if found.data["fingerprint"] != data.raw.fingerprint:
        raise ZooError(f"{cannot}: it learned from other examples, '{found.facts['dataset']}'", how[0])
    if _form(found.data["preprocess"]) != _form(data.spec):
        forms = " and ".join(f"'{one['modality']}'" for one in (found.data["preprocess"], data.spec))
        raise ZooError(f"{cannot}: both take examples, as {forms}, that are prepared otherwise", how[0])
    return found


def _form(spec: dict[str, Any]) -> dict[str, Any]:
    """What examples become; what is learned of them may differ."""
    return {key: value for key, value in spec.items() if key != "target"}


def open_classifier(run: Run) -> Classifier:
    """Loads it. Raises ZooError where a file of it is missing or broken."""
    model = trained_model(run)
    head = model.get_layer("head") if any(layer.name == "head" for layer in model.layers) else model.layers[-1]
    return Classifier(run, keras.Model(model.input, [head.input, model.output]))
