"""Reconstruction: an example is learned from itself; what is reconstructed badly is an anomaly."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.config.experiment import TaskChoice
from zoo.errors import ZooError, did_you_mean
from zoo.tasks.base import Reading, Signature, Task

QUANTILE = 0.99  # of the scores of val, above which an example is an anomaly, where nobody says another
BEST_F1 = "f1"
PIXELS = 255.0


@keras.saving.register_keras_serializable("zoo")
class ScaledError(keras.losses.MeanSquaredError):
    """The mean squared error; of images (batch, height, width, channels) of their pixels as fractions of 255."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return super().call(y_true, y_pred) / unit(y_pred) ** 2


def unit(values: Any) -> float:
    """What errors are measured in: pixels are 0..255, other values are scaled already."""
    return PIXELS if len(values.shape) == 4 else 1.0


class Reconstruction(Task):
    """Learns examples (float32, (batch, …)) from themselves by squared error; where a normal class is known, from it alone.

    Its outputs are the mean squared error of each example, (batch, 1). All other classes are anomalies; without a normal class nobody
    knows of any, and what is measured by them is None.
    """

    name = "reconstruction"
    baseline_name = "training mean"

    def __init__(self, target: dict[str, Any], choice: TaskChoice | None = None, input_shape: Any = None) -> None:
        self.classes: list[str] = list(target.get("classes") or ())
        self.columns: list[str] = list(target.get("columns") or ())  # of a card whose targets are several values: they stand beside
        said = choice.normal if choice else None
        if said is not None and said not in self.classes:
            raise ZooError(f"task.normal: '{said}' is no class of the target '{target.get('name', '')}'", did_you_mean(said, self.classes))
        self.normal = None if said is None else self.classes.index(said)
        self.threshold = QUANTILE if choice is None or choice.threshold is None else choice.threshold
        self.shape: tuple[int, ...] = tuple(input_shape)
        self.penalised = False  # whether the model adds a penalty on activities to its loss

    def see(self, model: keras.Model) -> None:
        layers = model._flatten_layers(include_self=False)
        self.penalised = any(getattr(layer, "activity_regularizer", None) is not None for layer in layers)

    def check(self, val: Any) -> None:
        """Raises ZooError where the best F1 is asked for and nothing in val is an anomaly."""
        if self.threshold == BEST_F1 and not self.anomalous(val).any():
            raise ZooError(
                "task.threshold: f1 needs anomalies in val, and no example there is one",
                "a quantile of val's scores needs none: task.threshold: 0.99",
            )

    def lacks(self, metric: str) -> str | None:
        """Without a normal class all but the loss."""
        return None if metric == "loss" or self.normal is not None else "name the class that is no anomaly: task.normal"

    def anomalous(self, y: Any) -> np.ndarray:
        """Which examples are of another class than the normal one, bool (n,)."""
        return np.zeros(len(y), bool) if self.normal is None else np.asarray(y) != self.normal

    def facts(self) -> dict[str, int]:
        return {}

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self.shape

    def pair(self, x: Any, y: Any) -> tuple[Any, Any]:
        return x, x

    def loss(self, imbalance: str | None = None) -> keras.Loss:
        return ScaledError()

    def metrics(self, imbalance: str | None = None) -> list[keras.Metric]:
        """Beside a loss with a penalty on what layers give, which no one can take off it afterwards, the task's own as `task_loss`."""
        return [keras.metrics.MeanMetricWrapper(ScaledError(reduction=None), name="task_loss")] if self.penalised else []

    def outputs(self, model: Any, features: Any, y: Any = None) -> Any:
        squares = ops.square((ops.cast(model(features, training=False), "float32") - features) / unit(features))
        return ops.mean(ops.reshape(squares, (ops.shape(squares)[0], -1)), axis=-1, keepdims=True)

    def losses(self, outputs: np.ndarray, y: Any) -> np.ndarray:
        """Mean squared error of each example, float64 (n,)."""
        return outputs[:, 0].astype(np.float64)

    def fit_reading(self, outputs: np.ndarray, y: Any) -> Reading:
        """The score above which an example is an anomaly: a quantile of val's normal examples, or what gives the best F1 on val."""
        scores, anomalous = self.losses(outputs, y), self.anomalous(y)
        names = {"classes": self.classes, "normal": self.classes[self.normal]} if self.normal is not None else {}
        threshold = best_f1(scores, anomalous) if self.threshold == BEST_F1 else np.quantile(scores[~anomalous], float(self.threshold))
        return {"task": self.name, **names, "threshold": float(threshold), "by": self.threshold}

    def served(self) -> dict[str, str]:
        return {"score": "float32", "anomaly": "bool"}

    def read(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        """`score` float32 (batch,), and `anomaly` bool (batch,): whether it is above the threshold."""
        return {"score": outputs[:, 0], "anomaly": outputs[:, 0] > reading["threshold"]}

    def signatures(self, model: keras.Model, reading: Reading) -> dict[str, Signature]:
        """`encoder`, where the model has an inner one: `embedding` float32 (batch, k), flattened; of a VAE the mean."""
        encoder = next((layer for layer in model.layers if layer.name == "encoder"), None)
        if encoder is None:
            return {}

        def embed(features: Any) -> dict[str, Any]:
            found = encoder(features, training=False)
            code = ops.cast(found["mean"] if isinstance(found, dict) else found, "float32")
            return {"embedding": ops.reshape(code, (ops.shape(code)[0], -1))}

        return {"encoder": Signature({}, {"embedding": "float32"}, embed)}

    def measure(self, outputs: np.ndarray, y: Any, answers: dict[str, np.ndarray]) -> dict[str, Any]:
        """The loss of the normal examples and, where some are anomalies, how well the verdicts and the scores find these, a point an
        example. What is measured of events needs to know which windows follow one another (`zoo.evaluation.anomalies`)."""
        from sklearn import metrics

        anomalous, losses, said = self.anomalous(y), self.losses(outputs, y), answers["anomaly"]
        told: dict[str, Any] = {"loss": float(losses[~anomalous].mean()) if not anomalous.all() else None}
        if not anomalous.any():
            return told | dict.fromkeys(("f1", "precision", "recall", "roc_auc"))
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(anomalous, said, average="binary", zero_division=0)
        rank = None if anomalous.all() else float(metrics.roc_auc_score(anomalous, losses))
        return told | {"f1": float(f1), "precision": float(precision), "recall": float(recall), "roc_auc": rank}

    def baseline(self, y_train: Any, y: Any) -> None:
        """Nobody knows from the targets alone: evaluation reconstructs every example as the mean of those that were learned."""

    def baseline_reading(self) -> Reading:
        return {"threshold": 1.0}  # unused: the baseline's own threshold is fitted as the model's is


def best_f1(scores: np.ndarray, anomalous: np.ndarray) -> float:
    """The threshold for which alarms above it have the best F1: midway between two scores, of equally good ones the highest.

    Args:
        scores: (n,), none below 0.
        anomalous: bool (n,), one at least.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], anomalous[order].cumsum()
    last = np.append(ranked[1:] < ranked[:-1], True)  # equal scores are alarms together
    f1 = np.where(last, 2 * hits / (np.arange(1, len(scores) + 1) + hits[-1]), -1.0)
    place = int(f1.argmax())
    return float((ranked[place] + (ranked[place + 1] if place + 1 < len(ranked) else 0.0)) / 2)
