"""A recurrent autoencoder: one LSTM reads a sequence, another tells it from what the first remembers."""

from __future__ import annotations

import keras
from keras import layers, ops
from pydantic import PositiveInt

from zoo.layers import SequenceShape, autoencoder, example_input, in_domain
from zoo.registry import register_model


@register_model(
    "autoencoder_lstm",
    modality="sequence",
    tasks=("reconstruction",),
    paper="https://arxiv.org/abs/1502.04681",
    example={"input_shape": (50, 3)},
    space={"latent_dim": [16, 32, 64, 128]},
)
def autoencoder_lstm(input_shape: SequenceShape, *, latent_dim: PositiveInt = 64) -> keras.Model:
    """LSTM autoencoder (Srivastava et al. 2015, https://arxiv.org/abs/1502.04681).

        sequence -> LSTM -> its last state: the code -> LSTM, a step each -> dense -> backwards in time -> reconstruction

    The decoder tells the last step first, as in the paper and in EncDec-AD (Malhotra et al. 2016, https://arxiv.org/abs/1607.00148),
    which finds anomalies by what is told badly. Unlike there, it is given the code at each step and never its last answer
    (the paper's unconditioned decoder).

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already; any size.
        latent_dim: units of both LSTMs: numbers of the code.

    Returns:
        (batch, steps, channels) -> the same, float32. Its layers `encoder` (to the code) and `decoder` are models too.
    """
    sequence = example_input(input_shape)
    steps, channels = input_shape
    code = layers.LSTM(latent_dim, dtype="float32", name="code")(sequence)

    def decode(z: keras.KerasTensor) -> keras.KerasTensor:
        x = layers.LSTM(latent_dim, return_sequences=True)(layers.RepeatVector(steps)(z))  # (batch, steps, latent_dim)
        return in_domain(ops.flip(layers.Dense(channels, dtype="float32")(x), axis=1))

    return autoencoder(sequence, code, decode)
