"""A draw from a normal distribution through which gradients flow."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.layers.seeded import Seeded


@keras.saving.register_keras_serializable("zoo")
class Sampling(Seeded):
    """mean + standard deviation * noise (Kingma and Welling 2014, https://arxiv.org/abs/1312.6114, section 2.4).

    Outside of training the noise is the same at each call, so that two evaluations agree; it is noise all the same, because
    a bound that is computed at the mean is none.
    """

    def call(self, mean: Any, log_variance: Any, training: bool = False) -> Any:
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator if training else 1)
        return mean + ops.exp(0.5 * log_variance) * noise

    def compute_output_shape(self, mean_shape: tuple[Any, ...], log_variance_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return mean_shape
