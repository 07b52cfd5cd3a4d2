"""A denoising autoencoder: what comes in is spoilt in training, what comes out is wanted clean."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import layers, ops
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.layers import ExampleShape, Seeded, autoencoder, dense_decode, dense_encode, example_input
from zoo.registry import register_model


@register_model(
    "autoencoder_denoising",
    modality=("image", "vector", "sequence"),
    tasks=("reconstruction",),
    paper="https://doi.org/10.1145/1390156.1390294",
    example={"input_shape": (28, 28, 1)},
    space={"latent_dim": [64, 128, 256], "noise": ["masking", "gaussian"], "amount": [0.1, 0.25, 0.4]},
)
def autoencoder_denoising(
    input_shape: ExampleShape,
    *,
    hidden: tuple[PositiveInt, ...] = (),
    latent_dim: PositiveInt = 128,
    noise: Literal["masking", "gaussian"] = "masking",
    amount: Fraction = 0.25,
) -> keras.Model:
    """Denoising autoencoder (Vincent et al. 2008, https://doi.org/10.1145/1390156.1390294).

        example -> noise, in training only -> [dense -> ReLU] per hidden layer -> code -> [dense -> ReLU] backwards -> reconstruction

    Unlike the paper: the code is rectified too, layers are trained together, and noise may be Gaussian. As in the paper, masking
    sets values to 0: black, or the mean of what is standardised. Train it on clean examples, `fit(x, x)`.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; (length,) of `vector` or
            (steps, channels) of `sequence`, which are standardised already; any size.
        hidden: units of the encoder's layers before the code; the decoder's are the same backwards.
        latent_dim: numbers of the code.
        noise: `masking` sets values to 0, `gaussian` adds to them.
        amount: share of the values that is masked, or standard deviation of what is added (of images as if pixels were 0..1).

    Returns:
        (batch, *input_shape) -> the same, float32, pixels 0..255 of an image. Its layers `encoder` (to the code, which spoils nothing
        unless it is called with training=True) and `decoder` are models too.
    """
    example = example_input(input_shape)
    spoilt = Noise(noise, amount * 255 if noise == "gaussian" and len(input_shape) == 3 else amount, name="noise")(example)
    code = layers.Dense(latent_dim, activation="relu", dtype="float32", name="code")(dense_encode(spoilt, hidden))
    return autoencoder(example, code, lambda z: dense_decode(z, hidden, input_shape))


@keras.saving.register_keras_serializable("zoo")
class Noise(Seeded):
    """Spoils values in training.

    Args:
        kind: `masking` sets a share of the values to 0, `gaussian` adds normal noise.
        amount: the share, or the standard deviation.
    """

    def __init__(self, kind: str, amount: float, **options: Any) -> None:
        super().__init__(**options)
        self.kind, self.amount = kind, amount

    def call(self, x: Any, training: bool = False) -> Any:
        if not training or not self.amount:
            return x
        if self.kind == "gaussian":
            return x + self.amount * keras.random.normal(ops.shape(x), dtype=x.dtype, seed=self.seed_generator)
        kept = keras.random.uniform(ops.shape(x), seed=self.seed_generator) >= self.amount
        return x * ops.cast(kept, x.dtype)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind, "amount": self.amount}
