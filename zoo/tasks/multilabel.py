"""Classification where any number of labels may hold at once: one logit a label, each answered for itself.

The reading, fitted on val: one temperature, and for each label the threshold that gives its best F1, or its best accuracy where the
experiment says so.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo.config import label_sets
from zoo.config.experiment import TaskChoice
from zoo.tasks.base import Reading
from zoo.tasks.classification import Classification, best_threshold


class Multilabel(Classification):
    """Learns which labels hold (float32 of 1 and 0, (batch, labels)) from logits (float32, (batch, labels)).

    Labels are independent given the input: that is what binary cross-entropy learns. `accuracy` counts whole sets that are right;
    `balanced_accuracy` and `top_5_accuracy` mean nothing here and are None, and there is no confusion of classes.
    """

    def __init__(self, target: dict[str, Any], choice: TaskChoice | None = None, input_shape: Any = None) -> None:
        super().__init__(target, choice, input_shape)
        self.binary = False
        self.separator: str = target["separator"]

    def facts(self) -> dict[str, int]:
        return {"num_outputs": len(self.classes)}

    def loss(self, imbalance: str | None = None) -> keras.Loss:
        """Binary cross-entropy, the mean over the labels."""
        return keras.losses.BinaryCrossentropy(from_logits=True)

    def metrics(self, imbalance: str | None = None) -> list[keras.Metric]:
        """What Keras logs each epoch: the share of examples whose whole set is right."""

        def whole_set(y: Any, outputs: Any) -> Any:
            return ops.cast(ops.all(ops.equal(y > 0.5, outputs > 0), axis=-1), "float32")

        return [keras.metrics.MeanMetricWrapper(whole_set, name="accuracy")]

    def losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Binary cross-entropy of each example, nats, the mean over labels, float64 (n,)."""
        logits = outputs.astype(np.float64)
        return (np.logaddexp(0, logits) - y * logits).mean(-1)

    def fit_reading(self, outputs: np.ndarray, y: np.ndarray) -> Reading:
        """Temperature, and a threshold a label; from val."""
        reading: Reading = {"task": self.name, "classes": self.classes, "multilabel": True, "separator": self.separator}
        reading["temperature"] = self._temperature(outputs, y)
        scores, metric = np.asarray(self.scores(outputs, reading)), "accuracy" if self.threshold == "accuracy" else "f1"
        each = zip(scores.T, y.T.astype(int), strict=True)
        return {**reading, "thresholds": [best_threshold(positive, truth, metric) for positive, truth in each]}

    def read(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        """`label` string (batch,), the labels that hold, joined; `probability` that exactly they hold; `scores` (batch, labels)."""
        scores = self.scores(outputs, reading)
        holds = scores >= ops.convert_to_tensor(reading["thresholds"], "float32")
        return {"label": self._texts(holds), "probability": ops.prod(ops.where(holds, scores, 1.0 - scores), axis=-1), "scores": scores}

    def _texts(self, holds: Any) -> Any:
        """Those of the labels that hold as one text, bool (batch, labels) -> string (batch,)."""
        follows = tf.cumsum(tf.cast(holds, tf.int32), axis=-1, exclusive=True) > 0
        joints = tf.where(holds & follows, self.separator, "")
        return tf.strings.reduce_join(tf.strings.join([joints, tf.where(holds, tf.constant(self.classes), "")]), axis=-1)

    def scores(self, outputs: Any, reading: Reading) -> Any:
        """The probability of each label, float32 (batch, labels)."""
        return ops.sigmoid(outputs / reading["temperature"])

    def measure(self, outputs: np.ndarray, y: np.ndarray, answers: dict[str, np.ndarray]) -> dict[str, Any]:
        """The metrics of classification: of each label whether it holds, and their macro means."""
        from sklearn import metrics

        texts, which = np.unique(answers["label"].astype(str), return_inverse=True)
        said, truth = label_sets.marks(texts, self.classes, self.separator)[which], y > 0.5
        scores = np.clip(answers["scores"].astype(np.float64), 1e-15, 1 - 1e-15)
        precision, recall, f1, support = metrics.precision_recall_fscore_support(truth, said, average=None, zero_division=0)
        counted = (support > 0) | said.any(0)  # a label that is neither true nor said is no part of a macro mean
        return {
            "loss": float(self.losses(outputs, y).mean()),
            "accuracy": float((said == truth).all(-1).mean()),
            "balanced_accuracy": None,
            "top_5_accuracy": None,
            "precision_macro": _mean(precision[counted]),
            "recall_macro": _mean(recall[counted]),
            "f1_macro": _mean(f1[counted]),
            "f1_weighted": float(np.average(f1, weights=support)) if support.any() else None,
            "roc_auc": self._area(truth, scores),
            "log_loss": float(-np.where(truth, np.log(scores), np.log1p(-scores)).mean()),
            "per_class": {
                name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
                for name, p, r, f, s in zip(self.classes, precision, recall, f1, support, strict=True)
            },
        }

    def _area(self, truth: np.ndarray, scores: np.ndarray) -> float | None:
        """Area under the ROC curve, the mean over the labels that hold sometimes and sometimes not. None where none does."""
        from sklearn.metrics import roc_auc_score

        known = np.flatnonzero(truth.any(0) & ~truth.all(0))
        return _mean(np.array([roc_auc_score(truth[:, label], scores[:, label]) for label in known]))

    def baseline(self, y_train: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Logits of each label's share of the training split: its majority, always, with an honest probability."""
        shares = (y_train.sum(0, dtype=np.float64) + 1e-9) / (len(y_train) + 2e-9)
        return np.tile((np.log(shares) - np.log1p(-shares)).astype(np.float32), (len(y), 1))

    def baseline_reading(self) -> Reading:
        """The baseline is read as it is."""
        return {"temperature": 1.0, "thresholds": [0.5] * len(self.classes)}


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
