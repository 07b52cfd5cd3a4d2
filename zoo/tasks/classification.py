"""Classification, binary and multiclass: one logit for two classes, else one a class.

The reading, fitted on val: a temperature (Guo et al. 2017, https://arxiv.org/abs/1706.04599) that makes probabilities
honest, and for two classes the threshold that gives the best macro F1, or the best accuracy where the experiment says so.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo.config.experiment import TaskChoice
from zoo.tasks import labels
from zoo.tasks.base import Reading, Task

PRIOR = 0.5  # standard deviation of log temperature before anything is seen: a small, all-right val set moves it little


class Classification(Task):
    """Learns class numbers (int32, (batch,)) from logits (float32, (batch, num_outputs))."""

    name = "classification"

    def __init__(self, target: dict[str, Any], choice: TaskChoice | None = None, input_shape: Any = None) -> None:
        self.threshold = str((choice and choice.threshold) or "f1_macro")  # the metric that it is the best for, on val
        self.classes: list[str] = list(target["classes"])
        self.binary = len(self.classes) == 2

    def facts(self) -> dict[str, int]:
        return {"num_outputs": 1 if self.binary else len(self.classes)}

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (self.facts()["num_outputs"],)

    def loss(self, imbalance: str | None = None) -> keras.Loss:
        """Cross-entropy; of labels that augmentation has mixed too. `focal` weighs what is easy down."""
        if imbalance == "focal":
            return labels.FocalLoss()
        return keras.losses.BinaryCrossentropy(from_logits=True) if self.binary else labels.CrossEntropy(from_logits=True)

    def metrics(self, imbalance: str | None = None) -> list[keras.Metric]:
        """What Keras logs each epoch; beside a loss that is another, the task's own as `task_loss`."""
        accuracy = labels.BinaryAccuracy(name="accuracy", threshold=0.0) if self.binary else labels.Accuracy(name="accuracy")
        if imbalance != "focal":
            return [accuracy]
        loss = self.loss()
        loss.reduction = None  # of each example, so that a smaller last batch counts as what it is
        return [accuracy, keras.metrics.MeanMetricWrapper(loss, name="task_loss")]

    def losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Cross-entropy of each example, nats, float64 (n,)."""
        logits = _two_sided(outputs)
        shifted = logits - logits.max(-1, keepdims=True)
        return np.log(np.exp(shifted).sum(-1)) - shifted[np.arange(len(y)), y]

    def fit_reading(self, outputs: np.ndarray, y: np.ndarray) -> Reading:
        """Temperature and, for two classes, threshold; from val."""
        temperature = self._temperature(outputs, y)
        reading: Reading = {"task": self.name, "classes": self.classes, "temperature": temperature}
        if self.binary:
            reading["threshold"] = best_threshold(np.asarray(self.scores(outputs, reading))[:, 1], y, self.threshold)
        return reading

    def _temperature(self, outputs: np.ndarray, y: np.ndarray) -> float:
        from scipy.optimize import minimize_scalar

        def cost(log_temperature: float) -> float:
            return float(self.losses(outputs / np.exp(log_temperature), y).sum() + 0.5 * (log_temperature / PRIOR) ** 2)

        found = minimize_scalar(cost, bounds=(np.log(0.2), np.log(10.0)), method="bounded", options={"xatol": 1e-6})
        return round(float(np.exp(found.x)), 6)

    def served(self) -> dict[str, str]:
        return {"label": "string", "probability": "float32", "scores": "float32"}

    def read(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        """`label` string (batch,), `probability` of that label (batch,), `scores` (batch, classes)."""
        scores = self.scores(outputs, reading)
        index = ops.cast(scores[:, 1] >= reading["threshold"], "int32") if self.binary else ops.argmax(scores, -1)
        chosen = ops.take_along_axis(scores, ops.expand_dims(index, -1), axis=-1)[:, 0]
        return {"label": tf.gather(tf.constant(self.classes), index), "probability": chosen, "scores": scores}

    def numbers(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        """The part of reading that is free of text, for ONNX: `scores`."""
        return {"scores": self.scores(outputs, reading)}

    def scores(self, outputs: Any, reading: Reading) -> Any:
        """Probabilities, float32 (batch, classes)."""
        logits = outputs / reading["temperature"]
        if not self.binary:
            return ops.softmax(logits, axis=-1)
        positive = ops.sigmoid(logits)
        return ops.concatenate([1.0 - positive, positive], axis=-1)

    def measure(self, outputs: np.ndarray, y: np.ndarray, answers: dict[str, np.ndarray]) -> dict[str, Any]:
        """The metrics of classification, by scikit-learn."""
        from sklearn import metrics

        known = {name: index for index, name in enumerate(self.classes)}
        said = np.array([known[_text(label)] for label in answers["label"]])
        scores, labels = answers["scores"].astype(np.float64), np.arange(len(self.classes))
        precision, recall, f1, support = metrics.precision_recall_fscore_support(y, said, labels=labels, zero_division=0)
        present = support > 0
        counted = present | np.isin(labels, said)  # a class that is neither true nor said is no part of a macro mean
        return {
            "loss": float(self.losses(outputs, y).mean()),
            "accuracy": float((said == y).mean()),
            "balanced_accuracy": float(recall[present].mean()),
            "top_5_accuracy": _top(scores, y, 5),
            "precision_macro": float(precision[counted].mean()),
            "recall_macro": float(recall[counted].mean()),
            "f1_macro": float(f1[counted].mean()),
            "f1_weighted": float(np.average(f1, weights=support)),
            "roc_auc": self._roc_auc(y, scores),
            "log_loss": float(metrics.log_loss(y, scores / scores.sum(-1, keepdims=True), labels=labels)),
            "per_class": {
                name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
                for name, p, r, f, s in zip(self.classes, precision, recall, f1, support, strict=True)
            },
            "confusion": metrics.confusion_matrix(y, said, labels=labels).tolist(),
        }

    def _roc_auc(self, y: np.ndarray, scores: np.ndarray) -> float | None:
        """Area under the ROC curve; one against the rest, averaged over the classes that occur. None where only one does."""
        from sklearn.metrics import roc_auc_score

        present = [index for index in range(len(self.classes)) if 0 < (y == index).sum() < len(y)]
        if not present:
            return None
        if self.binary:
            return float(roc_auc_score(y, scores[:, 1]))
        return float(np.mean([roc_auc_score(y == index, scores[:, index]) for index in present]))

    def baseline(self, y_train: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Logits of the training split's class shares: the majority class, always, with honest probabilities."""
        counts = np.bincount(y_train, minlength=len(self.classes)) + 1e-9
        logs = np.log(counts / counts.sum()).astype(np.float32)
        row = logs[1:] - logs[:1] if self.binary else logs
        return np.tile(row, (len(y), 1))

    def baseline_reading(self) -> Reading:
        """The baseline is read as it is."""
        return {"temperature": 1.0, "threshold": 0.5}

    baseline_name = "majority class"


def _two_sided(outputs: np.ndarray) -> np.ndarray:
    """Logits of every class, float64: one logit stands against 0."""
    outputs = outputs.astype(np.float64)
    return np.concatenate([np.zeros_like(outputs), outputs], -1) if outputs.shape[-1] == 1 else outputs


def best_threshold(positive: np.ndarray, y: np.ndarray, metric: str) -> float:
    """The probability (a float32) from which the second class is said: best by the metric, and of equals the one nearest to a half."""
    order = np.argsort(positive, kind="stable")
    values, truth = positive[order], y[order]
    cuts = np.flatnonzero(np.diff(values) > 0) + 1  # below a cut the first class is said
    if len(cuts) == 0 or truth.all() or not truth.any():
        return 0.5
    ones_below = np.concatenate([[0], np.cumsum(truth)])[cuts]
    ones, size = truth.sum(), len(truth)
    quality = _quality(metric, cuts, ones_below, ones, size)
    middles = (values[cuts - 1] + values[cuts]) / 2
    middles = np.where(middles > values[cuts - 1], middles, values[cuts])  # nothing lies between two neighbouring floats
    half = np.searchsorted(values, 0.5)
    best = quality.max()
    if _quality(metric, half, truth[:half].sum(), ones, size) >= best - 1e-12:
        return 0.5
    equals = middles[quality >= best - 1e-12]
    return float(equals[np.abs(equals - 0.5).argmin()])


def _quality(metric: str, below: Any, ones_below: Any, ones: Any, size: int) -> Any:
    """Accuracy, half the F1 of the second class, or twice the macro F1, where the first class is said of the `below` lowest of `size`
    examples."""
    hit0, hit1 = below - ones_below, ones - ones_below
    if metric == "accuracy":
        return (hit0 + hit1) / size
    if metric == "f1":
        return hit1 / (size - below + ones)
    return hit1 / (size - below + ones) + hit0 / (below + size - ones)


def _top(scores: np.ndarray, y: np.ndarray, k: int) -> float:
    """The share of examples whose class is among the k highest scores; of equal scores the last is the highest, as scikit-learn has it."""
    best = np.argsort(scores, axis=-1, kind="stable")[:, ::-1][:, :k]
    return float((best == y[:, None]).any(-1).mean())


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
