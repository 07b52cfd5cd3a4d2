"""Recurrent layers by name, and how they pass padding over."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import layers, ops

Cell = Literal["rnn", "lstm", "gru"]
CELLS = {"rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}


def recurrent(x: keras.KerasTensor, cell: Cell, units: int, bidirectional: bool, sequences: bool) -> keras.KerasTensor:
    """A recurrent layer; of both directions the outputs stand side by side.

    Args:
        x: (batch, steps, width); steps that its mask calls padding are passed over.
        cell: which layer.
        units: of each direction.
        bidirectional: whether a second layer reads from the end.
        sequences: whether every step's output is given, or only the last that a direction reads.

    Returns:
        (batch, steps, outputs) or (batch, outputs); outputs are units, or twice as many.
    """
    layer = CELLS[cell](units, return_sequences=sequences)
    return layers.Bidirectional(layer)(x) if bidirectional else layer(x)


@keras.saving.register_keras_serializable("zoo")
class FirstStepIsReal(layers.Layer):
    """Takes the first step out of the mask, for a text that is all padding: cuDNN's recurrences refuse one without any step."""

    supports_masking = True

    def call(self, x: Any) -> Any:
        return x

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return None if mask is None else ops.concatenate([ops.ones_like(mask[:, :1]), mask[:, 1:]], axis=1)
