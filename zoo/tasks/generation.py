"""Generation: a VAE, which codes examples and decodes codes, or a GAN, whose generator draws them."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo.config.experiment import TaskChoice
from zoo.errors import ZooError
from zoo.layers.adversarial import Adversarial
from zoo.layers.variational import VariationalAutoencoder, divergence
from zoo.tasks.base import Reading, Signature, Task

BOUND = ("loss", "elbo", "reconstruction", "kl")  # what can be watched of a VAE; of a GAN the loss alone
GOLDEN = 16  # samples that prove an export
NOISE = 7  # the seed of the draws of an importance-weighted likelihood


class Generation(Task):
    """Models that bring their losses themselves; a class, where there are any, is what conditional ones are told.

    Its outputs are of a VAE the negative bound, its two parts, and with `importance_samples` the negative log likelihood, nats,
    (batch, 3 or 4); of a GAN the loss, that of the generator, that of the discriminator, and how real the latter finds the example,
    (batch, 4).
    """

    name = "generation"
    baseline_name = "independent values"
    output_shape = None

    def __init__(self, target: dict[str, Any], choice: TaskChoice | None = None, input_shape: Any = None) -> None:
        self.classes: list[str] = list(target.get("classes") or ())
        self.columns: list[str] = list(target.get("columns", ()))  # of values that a card holds beside, as predictions are written
        self.importance_samples = choice.importance_samples if choice else None
        self.adversarial = self.conditional = False
        self.beta = 1.0

    def see(self, model: keras.Model) -> None:
        if not isinstance(model, (Adversarial, VariationalAutoencoder)):
            raise ZooError(f"the model '{model.name}' learns no generation: that is for a VariationalAutoencoder or an Adversarial")
        self.adversarial, self.conditional = isinstance(model, Adversarial), model.conditional
        self.beta = 1.0 if isinstance(model, Adversarial) else model.beta
        self.answers_examples = not (self.adversarial or self.conditional)

    def lacks(self, metric: str) -> str | None:
        if self.adversarial and metric in (*BOUND[1:], "nll"):
            return "it is of a VAE, and the model is a GAN"
        return "ask for it: task: {name: generation, importance_samples: 50}" if metric == "nll" and not self.importance_samples else None

    def facts(self) -> dict[str, int]:
        return {"num_classes": len(self.classes)} if self.classes else {}

    def pair(self, x: Any, y: Any) -> tuple[Any, Any]:
        """A conditional VAE takes its labels as an input, a conditional GAN as the target; others pass them over."""
        return ({"image": x, "label": y} if self.conditional and not self.adversarial else x), y

    def loss(self, imbalance: str | None = None) -> keras.Loss | None:
        return None

    def metrics(self, imbalance: str | None = None) -> list[keras.Metric]:
        return []

    def outputs(self, model: Any, features: Any, y: Any = None) -> Any:
        features = ops.cast(features, "float32")
        if isinstance(model, Adversarial):
            of_generator, of_discriminator, real = model.measured(features, ops.cast(y, "int32") if self.conditional else None)
            return ops.stack([of_generator + of_discriminator, of_generator, of_discriminator, real], axis=-1)
        x, _ = self.pair(features, y)
        reconstruction, kl = model.score(x) if y is None else model.bound(x)  # what is served must not depend on the batch
        found = [reconstruction + kl, reconstruction, kl]
        if y is not None and self.importance_samples:
            found.append(unlikelihood(model, x, self.importance_samples))
        return ops.cast(ops.stack(found, axis=-1), "float32")

    def losses(self, outputs: np.ndarray, y: Any) -> np.ndarray:
        """What training made small, of each example, float64 (n,)."""
        found = outputs.astype(np.float64)
        return found[:, 0] if self.adversarial else found[:, 1] + self.beta * found[:, 2]

    def fit_reading(self, outputs: np.ndarray, y: Any) -> Reading:
        """Which classes there are to draw; nothing of it is fitted."""
        return {"task": self.name, **({"classes": self.classes} if self.conditional else {})}

    def served(self) -> dict[str, str]:
        return {"score": "float32"}

    def read(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        """`score` float32 (batch,): of a VAE the negative bound, of a GAN the discriminator's logit."""
        return {"score": outputs[:, 3 if self.adversarial else 0]}

    def signatures(self, model: Any, reading: Reading) -> dict[str, Signature]:
        """`generator` of a GAN, `decoder` and `encoder` of a VAE.

        `z` float32 (batch, latent), with `label` int32 (batch,) of a conditional model, to `sample`, as the model gives it: pixels 0..255
        of an image. Nothing is drawn: whoever draws `z` has the same sample again. `encoder` gives `embedding`, the mean of the codes; that
        of a conditional VAE takes `image`, pixels 0..255, and `label`.
        """
        if isinstance(model, Adversarial):
            return {"generator": self._drawing(model.generator, model.latent_dim)}
        drawing = self._drawing(model.decoder, model.encoder.output["mean"].shape[-1])
        if not self.conditional:
            return {"encoder": Signature({}, {"embedding": "float32"}, _coding(model.encoder)), "decoder": drawing}
        shape = tuple(model.encoder.input["image"].shape[1:])
        inputs = {"image": (shape, "float32"), "label": ((), "int32")}
        return {
            "decoder": drawing,
            "encoder": Signature(inputs, {"embedding": "float32"}, self._checked(_coding(model.encoder)), self._golden(inputs)),
        }

    def _drawing(self, network: keras.Model, latent: int) -> Signature:
        inputs: dict[str, tuple[tuple[int, ...], str]] = {"z": ((latent,), "float32")}
        if self.conditional:
            inputs["label"] = ((), "int32")

        def draw(values: Any) -> dict[str, Any]:
            return {"sample": ops.cast(network(values if self.conditional else values["z"], training=False), "float32")}

        return Signature(inputs, {"sample": "float32"}, self._checked(draw), self._golden(inputs))

    def _checked(self, call: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
        """Whoever serves answers a class that does not exist with an error: a one-hot label would be none at all, without a word."""
        count = len(self.classes)

        def checked(values: Any) -> dict[str, Any]:
            if "label" not in values:
                return call(values)
            label = values["label"]
            known = tf.reduce_all((label >= 0) & (label < count))
            with tf.control_dependencies([tf.debugging.Assert(known, [f"label: the classes are numbered from 0 to {count - 1}"])]):
                return call({**values, "label": tf.identity(label)})

        return checked

    def _golden(self, inputs: dict[str, tuple[tuple[int, ...], str]]) -> Callable[[], dict[str, np.ndarray]]:
        """Drawn inputs: each class in turn, pixels, standard normal codes."""

        def drawn() -> dict[str, np.ndarray]:
            rng, found = np.random.default_rng(0), {}
            for name, (shape, _) in inputs.items():
                if name == "label":
                    found[name] = (np.arange(GOLDEN) % len(self.classes)).astype("int32")
                else:
                    values = rng.standard_normal((GOLDEN, *shape))
                    found[name] = (values if name == "z" else 255 * np.abs(np.sin(values))).astype("float32")
            return found

        return drawn

    def measure(self, outputs: np.ndarray, y: Any, answers: dict[str, np.ndarray]) -> dict[str, Any]:
        """The loss, and of a VAE the bound; what is measured of samples needs the model (`zoo.evaluation.generated`)."""
        told: dict[str, Any] = {"loss": float(self.losses(outputs, y).mean())}
        if self.adversarial:
            return told
        names = ("elbo", "reconstruction", "kl", "nll")[: outputs.shape[1]]
        return told | dict(zip(names, outputs.astype(np.float64).mean(0).tolist(), strict=True))

    def baseline(self, y_train: Any, y: Any) -> None:
        """Nobody knows from the targets alone: evaluation looks at the examples."""

    def baseline_reading(self) -> Reading:
        return {"task": self.name}


def _coding(encoder: keras.Model) -> Callable[[Any], dict[str, Any]]:
    return lambda features: {"embedding": ops.cast(encoder(features, training=False)["mean"], "float32")}


def unlikelihood(model: VariationalAutoencoder, x: Any, count: int) -> Any:
    """-log p(x) by the importance-weighted bound over so many draws (Burda et al. 2016, https://arxiv.org/abs/1509.00519).

    The more draws, the nearer it comes to the truth, from above; with one it is the negative bound itself, drawn once.

    Returns:
        Nats, float32 (batch,); the draws are the same each time.
    """
    codes = model.encoder(x)
    shape = ops.shape(codes["mean"])

    def add(done: Any, total: Any) -> tuple[Any, Any]:
        noise = tf.random.stateless_normal(shape, tf.stack([NOISE, done]))
        return done + 1, ops.logaddexp(total, model.log_weight(x, codes, noise))

    nothing = ops.zeros_like(divergence(**codes)) - 1e30  # the logarithm of 0, or as good as
    total = tf.while_loop(lambda done, _: done < count, add, (tf.constant(0), nothing))[1]
    return log(count) - total
