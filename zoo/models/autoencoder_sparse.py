"""A sparse autoencoder: many units, few of which are active at a time."""

from __future__ import annotations

from typing import Annotated, Any

import keras
from keras import layers, ops
from pydantic import Field, NonNegativeFloat, PositiveInt

from zoo.layers import ExampleShape, autoencoder, dense_decode, dense_encode, example_input
from zoo.registry import register_model

Share = Annotated[float, Field(gt=0, lt=1)]


@register_model(
    "autoencoder_sparse",
    modality=("image", "vector", "sequence"),
    tasks=("reconstruction",),
    paper="https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf",
    example={"input_shape": (28, 28, 1)},
    space={"latent_dim": [64, 128, 256], "sparsity": [0.02, 0.05, 0.1], "weight": [0.01, 0.1, 1.0]},
)
def autoencoder_sparse(
    input_shape: ExampleShape,
    *,
    latent_dim: PositiveInt = 128,
    sparsity: Share = 0.05,
    weight: NonNegativeFloat = 0.1,
) -> keras.Model:
    """Sparse autoencoder (Ng 2011, https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf).

        example -> dense -> sigmoid: the code, mostly 0 -> dense -> reconstruction

    The penalty is the divergence of the units' mean activities over a batch from `sparsity`, as in the notes; unlike there it is a mean
    over the units, beside a mean squared error.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; (length,) of `vector` or
            (steps, channels) of `sequence`, which are standardised already; any size.
        latent_dim: units of the code, usually many.
        sparsity: the mean activity that is asked of each, between 0 and 1.
        weight: of the penalty beside the mean squared error; of images as if their pixels were 0..1.

    Returns:
        (batch, *input_shape) -> the same, float32, pixels 0..255 of an image. Its layers `encoder` (to the code, 0..1) and
        `decoder` are models too.
    """
    example = example_input(input_shape)
    unit = 255.0**2 if len(input_shape) == 3 else 1.0  # of a squared error
    few = FewActive(sparsity, weight * unit)
    code = layers.Dense(latent_dim, activation="sigmoid", activity_regularizer=few, dtype="float32", name="code")(dense_encode(example, ()))
    return autoencoder(example, code, lambda z: dense_decode(z, (), input_shape))


@keras.saving.register_keras_serializable("zoo")
class FewActive(keras.regularizers.Regularizer):
    """A penalty on activities between 0 and 1: how far each unit's mean over the batch diverges from `sparsity`, in nats.

    Args:
        sparsity: the mean that costs nothing.
        weight: of the mean over the units.
    """

    def __init__(self, sparsity: float, weight: float) -> None:
        self.sparsity, self.weight = sparsity, weight

    def __call__(self, x: Any) -> Any:
        batch = ops.cast(ops.shape(x)[0], x.dtype)  # by which Keras divides what a regularizer of activities says
        mean = ops.clip(ops.mean(x, axis=0), 1e-6, 1 - 1e-6)
        on = self.sparsity * ops.log(self.sparsity / mean)
        off = (1 - self.sparsity) * ops.log((1 - self.sparsity) / (1 - mean))
        return self.weight * batch * ops.mean(on + off)

    def get_config(self) -> dict[str, Any]:
        return {"sparsity": self.sparsity, "weight": self.weight}
