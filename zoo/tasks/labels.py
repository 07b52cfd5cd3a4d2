"""Labels that are class numbers, or that augmentation has mixed: float32 probabilities, of two classes (batch,), else (batch, classes)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

register = keras.saving.register_keras_serializable("zoo")


def mixed(y: Any, outputs: Any) -> bool:
    """Whether labels are a row of probabilities each."""
    return len(y.shape) == 2 and y.shape[-1] == outputs.shape[-1] > 1


@register
class CrossEntropy(keras.losses.SparseCategoricalCrossentropy):
    """Keras's own, that takes mixed labels too."""

    def call(self, y: Any, outputs: Any) -> Any:
        if mixed(y, outputs):
            return ops.categorical_crossentropy(y, outputs, from_logits=True)
        return super().call(y, outputs)


@register
class FocalLoss(keras.losses.Loss):
    """Cross-entropy times (1 - probability of the truth) ** gamma (Lin et al. 2017, https://arxiv.org/abs/1708.02002), from logits.

    What is learned already weighs little, so that the many easy examples of a large class do not drown the rest. Of mixed labels
    each class's part is weighed by itself.
    """

    def __init__(self, gamma: float = 2.0, name: str = "focal_loss", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.gamma = gamma

    def call(self, y: Any, outputs: Any) -> Any:
        if outputs.shape[-1] == 1:
            y, outputs = ops.reshape(y, (-1, 1)), ops.concatenate([ops.zeros_like(outputs), outputs], -1)
            y = ops.concatenate([1.0 - y, y], -1)
        elif not mixed(y, outputs):
            y = ops.one_hot(ops.cast(ops.reshape(y, (-1,)), "int32"), outputs.shape[-1])
        logs = ops.log_softmax(outputs, axis=-1)
        return -ops.sum(y * ops.power(1.0 - ops.exp(logs), self.gamma) * logs, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gamma": self.gamma}


@register
class Accuracy(keras.metrics.SparseCategoricalAccuracy):
    """Keras's own; of mixed labels the likeliest class is the truth."""

    def update_state(self, y: Any, outputs: Any, sample_weight: Any = None) -> Any:
        return super().update_state(ops.argmax(y, -1) if mixed(y, outputs) else y, outputs, sample_weight)


@register
class BinaryAccuracy(keras.metrics.BinaryAccuracy):
    """Keras's own; of mixed labels the likelier class is the truth."""

    def update_state(self, y: Any, outputs: Any, sample_weight: Any = None) -> Any:
        return super().update_state(ops.cast(ops.cast(y, "float32") > 0.5, "float32"), outputs, sample_weight)
