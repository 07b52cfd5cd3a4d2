"""Variational autoencoders: what they are trained by, whatever their encoder and decoder are."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import Model, layers, ops

from zoo.errors import ZooError
from zoo.layers.likelihood import nats
from zoo.layers.sampling import Sampling

PAIRS = 4  # of opposite draws, over which one example is scored


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
        reconstruction, kl = self.bound(x, training)
        for name, values in {"reconstruction": reconstruction, "kl": kl, "elbo": reconstruction + kl}.items():
            self.trackers[name].update_state(values, sample_weight)
        losses = reconstruction + self._beta(training) * kl
        return ops.mean(losses if sample_weight is None else losses * sample_weight)

    def bound(self, x: Any, training: bool = False) -> tuple[Any, Any]:
        """The two parts of the negative bound by one draw of each code: nats, (batch,) each.

        Outside of training an example's draw follows from its place in the batch, so the mean over many errs little; of one
        example see `score`.
        """
        codes = self.encoder(x)
        z = self.sampling(codes["mean"], codes["log_variance"], training=training)
        return nats(image_of(x), decoded(self.decoder, z, x)), divergence(**codes)

    def score(self, x: Any) -> tuple[Any, Any]:
        """The same, over a few draws that are the same for every example: wherever it stands in whatever batch, its score is one.

        The draws come in opposite pairs and have a variance of 1 in each number of the code, so that they err less than free ones.
        """
        codes = self.encoder(x)
        mean, std = codes["mean"], ops.exp(0.5 * codes["log_variance"])
        draws = opposite_draws(PAIRS, mean.shape[-1])
        found = [nats(image_of(x), decoded(self.decoder, mean + std * draw, x)) for draw in draws]
        return sum(found[1:], found[0]) / len(found), divergence(**codes)

    def log_weight(self, x: Any, codes: dict[str, Any], noise: Any) -> Any:
        """log of p(x | z) p(z) / q(z | x) for a code of each example, by what the encoder says and some noise: nats, (batch,).

        The mean of the weights of many draws is p(x): its logarithm is the importance-weighted bound (Burda et al. 2016,
        https://arxiv.org/abs/1509.00519).
        """
        z = codes["mean"] + ops.exp(0.5 * codes["log_variance"]) * noise
        prior_less_code = 0.5 * ops.sum(ops.square(noise) + codes["log_variance"] - ops.square(z), axis=-1)
        return prior_less_code - nats(image_of(x), decoded(self.decoder, z, x))

    @property
    def conditional(self) -> bool:
        """Whether it is told a class beside the image."""
        return isinstance(self.encoder.input, dict)

    def train_step(self, *given: Any) -> Any:
        self._check(given[-1])
        return super().train_step(*given)

    def test_step(self, *given: Any) -> Any:
        self._check(given[-1])
        return super().test_step(*given)

    def _check(self, data: Any) -> None:
        """Raises ZooError for a batch that does not say what a conditional model must know; Keras would say less."""
        x = keras.utils.unpack_x_y_sample_weight(data)[0]
        if self.conditional and not (isinstance(x, dict) and {"image", "label"} <= set(x)):
            self.train_function = self.test_function = None  # traced half: the next `fit` would fail for another reason
            found = f"a dict of {', '.join(map(str, x))}" if isinstance(x, dict) else f"an array of shape {tuple(x.shape)}"
            raise ZooError(
                f"'{self.name}' learns images with labels, a class number an image; x is {found}", 'fit({"image": images, "label": labels})'
            )

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


def image_of(x: Any) -> Any:
    """The examples, which of a conditional model stand beside their labels."""
    return x["image"] if isinstance(x, dict) else x


def divergence(mean: Any, log_variance: Any) -> Any:
    """Of codes from the standard normal distribution: nats, (batch,)."""
    return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_variance) - 1 - log_variance, axis=-1)


def opposite_draws(pairs: int, size: int) -> np.ndarray:
    """Standard normal numbers, float32 (2 * pairs, size), always the same: opposite pairs with a variance of 1 in each column."""
    half = np.random.default_rng(0).standard_normal((pairs, size))
    half /= np.sqrt(np.mean(half**2, axis=0))
    return np.concatenate([half, -half]).astype("float32")


def decoded(decoder: keras.Model, z: Any, inputs: Any) -> Any:
    """Examples from codes; a conditional model's `inputs` give the labels."""
    return decoder({"z": z, "label": inputs["label"]} if isinstance(inputs, dict) else z)


def normal(inputs: Any, features: keras.KerasTensor, latent_dim: int) -> keras.Model:
    """An encoder from features: the model that gives `mean` and `log_variance` of a normal distribution over codes."""
    codes = {name: layers.Dense(latent_dim, dtype="float32", name=name)(features) for name in ("mean", "log_variance")}
    return Model(inputs, codes, name="encoder")
