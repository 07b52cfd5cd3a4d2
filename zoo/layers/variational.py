"""Variational autoencoders: what they are trained by, whatever their encoder and decoder are."""

from __future__ import annotations

from typing import Any

import keras
from keras import Model, layers, ops

from zoo.layers.likelihood import nats
from zoo.layers.sampling import Sampling


@keras.saving.register_keras_serializable("zoo")
class VariationalAutoencoder(keras.Model):
    """An encoder to a normal distribution over codes and a decoder, trained by the evidence lower bound (ELBO).

    `fit(x)` is all it takes; a `y` and a loss given to `compile` are ignored. Its history says, in nats an example:
    `reconstruction` (see `zoo.layers.likelihood`), `kl`, `elbo` (their sum: the negative bound, lower is better), and `loss`
    (`reconstruction + beta * kl`). Called, it decodes the mean of the codes: nothing is drawn.

    Args:
        encoder: from what the model takes to {"mean", "log_variance"}, each (batch, latent_dim).
        decoder: from `z`, or {"z", "label"} of a conditional model, to an example; pixels 0..255 of an image.
        beta: how much the divergence counts in the loss (beta-VAE); 1 is the bound itself.
        warmup: steps over which beta grows from 0 in training; in validation it is whole from the start.
    """

    def __init__(self, encoder: keras.Model, decoder: keras.Model, beta: float = 1.0, warmup: int = 0, **options: Any) -> None:
        inputs = encoder.input
        super().__init__(inputs, decoded(decoder, encoder(inputs)["mean"], inputs), **options)
        self.encoder, self.decoder = encoder, decoder
        self.beta, self.warmup = beta, warmup
        self.sampling = Sampling(name="sampling")
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("reconstruction", "kl", "elbo")}

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True) -> Any:
        """The mean loss of a batch. `y_pred`, which decodes the mean, is not needed: a compiled step leaves it out."""
        codes = self.encoder(x)
        mean, log_variance = codes["mean"], codes["log_variance"]
        z = self.sampling(mean, log_variance, training=training)
        reconstruction = nats(x["image"] if isinstance(x, dict) else x, decoded(self.decoder, z, x))
        kl = 0.5 * ops.sum(ops.square(mean) + ops.exp(log_variance) - 1 - log_variance, axis=-1)
        for name, values in {"reconstruction": reconstruction, "kl": kl, "elbo": reconstruction + kl}.items():
            self.trackers[name].update_state(values, sample_weight)
        losses = reconstruction + self._beta(training) * kl
        return ops.mean(losses if sample_weight is None else losses * sample_weight)

    def _beta(self, training: bool) -> Any:
        if not (self.warmup and training):
            return self.beta
        return self.beta * ops.minimum(1.0, ops.cast(self.optimizer.iterations, "float32") / self.warmup)

    def get_config(self) -> dict[str, Any]:
        parts = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in ("encoder", "decoder")}
        return {"name": self.name, **parts, "beta": self.beta, "warmup": self.warmup}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> VariationalAutoencoder:
        parts = {name: keras.saving.deserialize_keras_object(config[name], custom_objects) for name in ("encoder", "decoder")}
        return cls(**{**config, **parts})


def decoded(decoder: keras.Model, z: Any, inputs: Any) -> Any:
    """Examples from codes; a conditional model's `inputs` give the labels."""
    return decoder({"z": z, "label": inputs["label"]} if isinstance(inputs, dict) else z)


def normal(inputs: Any, features: keras.KerasTensor, latent_dim: int) -> keras.Model:
    """An encoder from features: the model that gives `mean` and `log_variance` of a normal distribution over codes."""
    codes = {name: layers.Dense(latent_dim, dtype="float32", name=name)(features) for name in ("mean", "log_variance")}
    return Model(inputs, codes, name="encoder")
