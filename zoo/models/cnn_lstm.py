"""Convolutions that find what is near, and an LSTM that carries it on: of long series, and of text."""

from __future__ import annotations

from typing import Any

import keras
from keras import Model, layers, ops
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.layers import Channels, FirstStepIsReal, Outputs, StepsShape, answer, check_steps, steps_input
from zoo.registry import register_model


@register_model(
    "cnn_lstm",
    modality=("sequence", "tokens"),
    tasks=("classification", "regression", "forecasting"),
    paper="https://arxiv.org/abs/1511.08630",
    example={"input_shape": (150, 1), "num_outputs": 2},
    space={"filters": [32, 64, 128], "kernel": [3, 5], "stride": [1, 2, 4], "units": [32, 64, 128], "dropout": [0.0, 0.2, 0.5]},
    check=check_steps,
)
def cnn_lstm(
    input_shape: StepsShape,
    vocabulary_size: PositiveInt | None = None,
    num_outputs: Outputs | None = None,
    horizon: PositiveInt | None = None,
    target_channels: Channels | None = None,
    *,
    filters: PositiveInt = 64,
    kernel: PositiveInt = 5,
    stride: PositiveInt = 4,
    units: PositiveInt = 64,
    embedding: PositiveInt = 64,
    dropout: Fraction = 0.0,
) -> keras.Model:
    """C-LSTM (Zhou et al. 2015, https://arxiv.org/abs/1511.08630), with pooling.

        sequence, or tokens -> embedding -> conv -> ReLU -> maximum of 4 steps -> LSTM -> last state -> dropout -> logits

    Unlike the paper, and as in Keras's example imdb_cnn_lstm
    (https://github.com/keras-team/keras/blob/2.0.0/examples/imdb_cnn_lstm.py): the maximum of each `stride` steps makes the LSTM's way
    shorter; `stride=1` is the paper's. Convolutions are padded, of one size, and embeddings are learned from scratch.
    Padding of a text is passed over. A series that came padded is read to its end, padding and all.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already; or (length,) of the int32 input
            `tokens`, where 0 is padding at the end.
        vocabulary_size: token numbers are below it; None of a sequence.
        num_outputs: logits or values; 0 gives the features. None where there is a horizon.
        horizon: steps that are forecast, all at once.
        target_channels: where the targets of a forecast stand among the channels.
        filters: maps of the convolution.
        kernel: steps that it sees at once.
        stride: steps of which the LSTM is given the maximum.
        units: of the LSTM.
        embedding: width of a token's vector.
        dropout: fraction of the last state that is dropped in training.

    Returns:
        (batch, steps, channels) or (batch, length) -> (batch, num_outputs), or (batch, horizon, targets); float32.

    Raises:
        ZooError: tokens without a vocabulary, or a sequence with one; both num_outputs and a horizon, or neither.
    """
    steps, x = steps_input(input_shape, vocabulary_size, embedding)
    x = FirstStepIsReal()(x)
    x = MaskedConv1D(filters, kernel, padding="same", activation="relu")(x)
    x = MaskedMaxPooling1D(stride)(x) if stride > 1 else x  # (batch, steps / stride, filters)
    x = layers.LSTM(units)(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(steps, answer(x, num_outputs, horizon, target_channels))


@keras.saving.register_keras_serializable("zoo")
class MaskedConv1D(layers.Conv1D):
    """A convolution over time to which padding is 0, as if the text ended before it; the mask goes on with its steps."""

    supports_masking = True

    def call(self, x: Any, mask: Any = None) -> Any:
        return super().call(x if mask is None else x * ops.cast(mask, x.dtype)[..., None])


@keras.saving.register_keras_serializable("zoo")
class MaskedMaxPooling1D(layers.Layer):
    """The maximum of each `stride` steps of a rectified sequence, of the last steps too where fewer are left; padding counts as 0."""

    supports_masking = True

    def __init__(self, stride: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stride = stride

    def call(self, x: Any, mask: Any = None) -> Any:
        x = x if mask is None else x * ops.cast(mask, x.dtype)[..., None]
        x = ops.pad(x, ((0, 0), (0, -x.shape[1] % self.stride), (0, 0)))
        return ops.max(ops.reshape(x, (-1, x.shape[1] // self.stride, self.stride, x.shape[2])), axis=2)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return None if mask is None else mask[:, :: self.stride]  # where the first is padding, all are

    def compute_output_shape(self, shape: tuple[int | None, int, int]) -> tuple[int | None, int, int]:
        return (shape[0], -(-shape[1] // self.stride), shape[2])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stride": self.stride}
