"""Adversarial training: a Keras model of two networks with an optimizer each, whose `fit` is everybody's.

The one file of the models where a backend may show: its training step takes gradients by TensorFlow.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import Input, ops

from zoo.errors import ZooError

LOSSES: dict[str, tuple[Any, Any]] = {  # what the discriminator makes small, and the generator; of float32 logits (batch, 1)
    "cross_entropy": (lambda real, fake: ops.softplus(-real) + ops.softplus(fake), lambda fake: ops.softplus(-fake)),
    "least_squares": (lambda real, fake: (ops.square(real - 1) + ops.square(fake)) / 2, lambda fake: ops.square(fake - 1) / 2),
    "wasserstein": (lambda real, fake: fake - real, lambda fake: -fake),
}
HALF_RANGE = 127.5  # pixels 0..255 are -1..1 inside: a slope is measured on that scale, as in the papers
VALIDATION_NOISE = 0  # a seed: the same noise each time, so that losses of val compare, and looking changes nothing


@keras.saving.register_keras_serializable("zoo")
class Adversarial(keras.Model):
    """A generator, and the discriminator that it learns to deceive (Goodfellow et al. 2014).

        z [, label] -> generator -> sample

    Called, it generates; `fit(images)`, or `fit(images, labels)` of a conditional one, trains both. It brings its losses; sample
    weights mean nothing to it and are passed over. Batches of real and of generated images are judged apart, so that batch
    normalisation sees one kind at a time; each network's batches are normalised by themselves in both networks' steps. `loss` in the
    logs is the sum of `g_loss` and `d_loss`: finite or not, but no measure of how good the samples are.

    Args:
        generator: z (batch, latent), of a conditional one {"z", "label"} -> pixels 0..255.
        discriminator: pixels, of a conditional one {"image", "label"} -> float32 logit (batch, 1).
        losses: `cross_entropy` (the generator's is the non-saturating one), `least_squares` or `wasserstein`.
        gradient_penalty: weight of (slope - 1)^2 of the discriminator between real and generated images (Gulrajani et al. 2017).
        critic_steps: steps of the discriminator, each with new noise, before one of the generator.
        name: of the model.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        losses: str = "cross_entropy",
        *,
        gradient_penalty: float = 0.0,
        critic_steps: int = 1,
        name: str | None = None,
    ) -> None:
        inputs = keras.tree.map_structure(lambda one: Input(one.shape[1:], dtype=one.dtype, name=one.name), generator.input)
        super().__init__(inputs, generator(inputs), name=name)
        self.generator, self.discriminator = generator, discriminator
        self.kind, self.gradient_penalty, self.critic_steps = losses, gradient_penalty, critic_steps
        self.conditional = isinstance(inputs, dict)
        self.latent_dim = (inputs["z"] if self.conditional else inputs).shape[1]
        self.noise = keras.random.SeedGenerator()
        self.g_loss, self.d_loss = keras.metrics.Mean(name="g_loss"), keras.metrics.Mean(name="d_loss")

    def get_config(self) -> dict[str, Any]:
        own = {"losses": self.kind, "gradient_penalty": self.gradient_penalty, "critic_steps": self.critic_steps, "name": self.name}
        return {key: keras.saving.serialize_keras_object(getattr(self, key)) for key in ("generator", "discriminator")} | own

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Adversarial:
        parts = {key: keras.saving.deserialize_keras_object(config[key], custom_objects) for key in ("generator", "discriminator")}
        return cls(**{**config, **parts})

    def compile(self, optimizer: Any = None, *, g_optimizer: Any = None, d_optimizer: Any = None, **settings: Any) -> None:
        """Configures training.

        Args:
            optimizer: of the generator, and by a copy of the discriminator; Adam as DCGAN has it where none is given.
            g_optimizer: of the generator, instead.
            d_optimizer: of the discriminator, instead.
            **settings: of `keras.Model.compile`: steps_per_execution, jit_compile, run_eagerly.

        Raises:
            ZooError: a loss or metrics are given, which it has itself.
        """
        for key in ("loss", "metrics", "weighted_metrics"):
            if settings.pop(key, None):
                raise ZooError(f"compile({key}=…): an adversarial model brings its losses itself", f"leave {key} away")
        given = keras.optimizers.get(g_optimizer or optimizer or keras.optimizers.Adam(2e-4, beta_1=0.5))
        super().compile(optimizer=given, **settings)
        own = keras.optimizers.get(optimizer) if optimizer else given
        other = keras.optimizers.get(d_optimizer) if d_optimizer else _copy(own, self.critic_steps)
        scaled = isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer) and not hasattr(other, "inner_optimizer")
        self.d_optimizer = keras.optimizers.LossScaleOptimizer(other) if scaled else other
        self.optimizer.build(self.generator.trainable_variables)  # each on its own: `fit` would give both networks' to the first
        self.d_optimizer.build(self.discriminator.trainable_variables)

    def get_compile_config(self) -> dict[str, Any]:
        if not self.compiled:
            return {}
        optimizers = {"g_optimizer": self.optimizer, "d_optimizer": self.d_optimizer}
        settings = {key: getattr(self, key) for key in ("steps_per_execution", "jit_compile", "run_eagerly")}
        return {key: keras.saving.serialize_keras_object(one) for key, one in optimizers.items()} | settings

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))

    def train_step(self, data: Any) -> dict[str, Any]:
        images, labels = self._real(data)
        for _ in range(self.critic_steps):
            fakes = self._fakes(images, labels, self.noise, training=True)
            with tf.GradientTape() as tape:
                d_loss = self._d_loss(images, fakes, labels, self.noise, training=True)
                loss = self.d_optimizer.scale_loss(d_loss)
            _descend(self.d_optimizer, tape, loss, self.discriminator.trainable_variables)
        with tf.GradientTape() as tape:
            g_loss = self._g_loss(self._fakes(images, labels, self.noise, training=True), labels, training=True)
            loss = self.optimizer.scale_loss(g_loss)
        _descend(self.optimizer, tape, loss, self.generator.trainable_variables)
        return self._logged(images, g_loss, d_loss)

    def test_step(self, data: Any) -> dict[str, Any]:
        images, labels = self._real(data)
        g_losses, d_losses = self.measured(images, labels)[:2]
        return self._logged(images, ops.mean(g_losses), ops.mean(d_losses))

    def measured(self, images: Any, labels: Any = None) -> tuple[Any, Any, Any]:
        """The losses of generator and discriminator, and what the latter says of the real images: float32 (batch,) each.

        The noise is always the same; labels are int32 (batch,), of a conditional one.
        """
        fakes = self._fakes(images, labels, VALIDATION_NOISE, training=False)
        real, fake = self._judge(images, labels, False), self._judge(fakes, labels, False)
        of_discriminator, of_generator = LOSSES[self.kind]
        d_losses = of_discriminator(real, fake)[:, 0]
        if self.gradient_penalty:
            slopes = self.slopes(images, fakes, labels)
            d_losses = d_losses + self.gradient_penalty * ops.square(slopes - 1)
        return of_generator(fake)[:, 0], d_losses, real[:, 0]

    def slopes(self, images: Any, fakes: Any, labels: Any = None, seed: Any = VALIDATION_NOISE, training: bool = False) -> Any:
        """How steep the discriminator is, for pixels of -1..1, at a random point between each real and generated image; (batch,)."""
        share = keras.random.uniform((ops.shape(images)[0], 1, 1, 1), seed=seed)
        between = share * images + (1 - share) * fakes
        with tf.GradientTape() as tape:
            tape.watch(between)
            judged = self._judge(between, labels, training)
        gradient = tape.gradient(judged, between) * HALF_RANGE
        return ops.sqrt(ops.sum(ops.square(gradient), axis=(1, 2, 3)) + 1e-12)  # the root of 0 has no gradient

    def _d_loss(self, images: Any, fakes: Any, labels: Any, seed: Any, training: bool) -> Any:
        real, fake = self._judge(images, labels, training), self._judge(fakes, labels, training)
        loss = ops.mean(LOSSES[self.kind][0](real, fake))
        if not self.gradient_penalty:
            return loss
        return loss + self.gradient_penalty * ops.mean(ops.square(self.slopes(images, fakes, labels, seed, training) - 1))

    def _g_loss(self, fakes: Any, labels: Any, training: bool) -> Any:
        return ops.mean(LOSSES[self.kind][1](self._judge(fakes, labels, training)))

    def _judge(self, images: Any, labels: Any, training: bool) -> Any:
        return self.discriminator({"image": images, "label": labels} if self.conditional else images, training=training)

    def _fakes(self, images: Any, labels: Any, seed: Any, training: bool) -> Any:
        """As many as there are images; with labels, of the same classes."""
        z = keras.random.normal((ops.shape(images)[0], self.latent_dim), seed=seed)
        return self.generator({"z": z, "label": labels} if self.conditional else z, training=training)

    def _real(self, data: Any) -> tuple[Any, Any]:
        """The images of a batch, and the labels where they matter. Raises ZooError where these are missing."""
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        if self.conditional and (labels is None or tuple(labels.shape[1:]) not in ((), (1,))):
            found = "None" if labels is None else f"shape {tuple(labels.shape)}"
            raise ZooError(f"'{self.name}' learns with labels, a class number an image; y is {found}", "fit(images, labels)")
        return ops.cast(images, "float32"), ops.cast(ops.reshape(labels, (-1,)), "int32") if self.conditional else None

    def _logged(self, images: Any, g_loss: Any, d_loss: Any) -> dict[str, Any]:
        for metric, value in ((self._loss_tracker, g_loss + d_loss), (self.g_loss, g_loss), (self.d_loss, d_loss)):
            metric.update_state(value, sample_weight=ops.shape(images)[0])
        return self.get_metrics_result()


def _descend(optimizer: keras.Optimizer, tape: Any, loss: Any, variables: list[Any]) -> None:
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))


@keras.saving.register_keras_serializable("zoo")
class Slower(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule for an optimizer that takes several steps for each of those that the schedule counts.

    Args:
        schedule: of the learning rate.
        times: steps for one of the schedule's.
    """

    def __init__(self, schedule: Any, times: int) -> None:
        super().__init__()
        self.schedule, self.times = schedule, times

    def __call__(self, step: Any) -> Any:
        return self.schedule(ops.floor(ops.cast(step, "float32") / self.times))

    def get_config(self) -> dict[str, Any]:
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "times": self.times}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Slower:
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["times"])


def _copy(optimizer: keras.Optimizer, steps: int) -> keras.Optimizer:
    """An optimizer of the same settings, which takes so many steps for each of the other's; a schedule is shared, so that a callback
    that moves it moves both."""
    rate = getattr(optimizer, "_learning_rate", None)
    schedule = {}
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        schedule = {"learning_rate": Slower(rate, steps) if steps > 1 else rate}
    copy = type(optimizer).from_config(optimizer.get_config() | schedule)
    unfading = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)  # stands in no config of Keras
    if unfading:
        copy.exclude_from_weight_decay(var_names=[unfading.pattern])
    return copy
