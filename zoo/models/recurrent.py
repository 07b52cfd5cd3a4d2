"""Recurrent networks: a state that is carried from step to step, of series and of text."""

from __future__ import annotations

from typing import Literal

import keras
from keras import Model, layers
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.layers import (
    Cell,
    Channels,
    FirstStepIsReal,
    Outputs,
    StepsShape,
    answer,
    check_steps,
    pooled,
    recurrent,
    steps_input,
)
from zoo.registry import register_model


@register_model(
    "attention_bilstm", hparams={"cell": "lstm", "bidirectional": True, "pool": "attention"}, paper="https://aclanthology.org/P16-2034"
)
@register_model("stacked_lstm", hparams={"cell": "lstm", "depth": 2}, paper="https://arxiv.org/abs/1303.5778")
@register_model("bigru", hparams={"cell": "gru", "bidirectional": True}, paper="https://arxiv.org/abs/1409.0473")
@register_model("bilstm", hparams={"cell": "lstm", "bidirectional": True}, paper="https://doi.org/10.1016/j.neunet.2005.06.042")
@register_model("gru", hparams={"cell": "gru"}, paper="https://arxiv.org/abs/1406.1078")
@register_model("lstm", hparams={"cell": "lstm"}, paper="https://doi.org/10.1162/neco.1997.9.8.1735")
@register_model(
    "rnn",
    modality=("sequence", "tokens"),
    tasks=("classification", "regression", "forecasting"),
    paper="https://doi.org/10.1207/s15516709cog1402_1",
    example={"input_shape": (150, 1), "num_outputs": 2},
    hparams={"cell": "rnn"},
    space={"units": [32, 64, 128], "depth": [1, 2], "dropout": [0.0, 0.2, 0.5], "pool": ["last", "mean", "max", "attention"]},
    check=check_steps,
)
def recurrent_network(
    input_shape: StepsShape,
    vocabulary_size: PositiveInt | None = None,
    num_outputs: Outputs | None = None,
    horizon: PositiveInt | None = None,
    target_channels: Channels | None = None,
    *,
    cell: Cell = "lstm",
    bidirectional: bool = False,
    units: PositiveInt = 64,
    depth: PositiveInt = 1,
    pool: Literal["last", "mean", "max", "attention"] = "last",
    embedding: PositiveInt = 64,
    dropout: Fraction = 0.0,
) -> keras.Model:
    """Recurrent network: Elman's (1990, https://doi.org/10.1207/s15516709cog1402_1), LSTM or GRU, in one direction or both.

        sequence, or tokens -> embedding -> depth x recurrent layer -> last state, or pooled states -> dropout -> logits

    LSTM: Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735; GRU: Cho et al. 2014,
    https://arxiv.org/abs/1406.1078; in both directions: Graves and Schmidhuber 2005, https://doi.org/10.1016/j.neunet.2005.06.042, and
    Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473; stacked: Graves et al. 2013, https://arxiv.org/abs/1303.5778;
    `attention_bilstm`: Zhou et al. 2016, https://aclanthology.org/P16-2034. Unlike the papers: the LSTM has a forget gate (Gers et al.
    2000) that begins at 1 and no peepholes; the GRU resets after its product, as cuDNN's does; both directions stand side by side, which
    Zhou et al. add, and no tanh follows their attention. Padding of a text is passed over. A series that came padded is read to its
    end, padding and all.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already; or (length,) of the int32 input
            `tokens`, where 0 is padding at the end.
        vocabulary_size: token numbers are below it; None of a sequence.
        num_outputs: logits or values; 0 gives the features. None where there is a horizon.
        horizon: steps that are forecast, all at once.
        target_channels: where the targets of a forecast stand among the channels.
        cell: `rnn`, `lstm` or `gru`.
        bidirectional: whether each layer has a twin that reads from the end.
        units: of each layer and direction.
        depth: recurrent layers.
        pool: what stands for all steps: the `last` state (of each direction), or the `mean`, `max` or `attention` over the last layer's.
        embedding: width of a token's vector.
        dropout: fraction of each recurrent layer's outputs that is dropped in training.

    Returns:
        (batch, steps, channels) or (batch, length) -> (batch, num_outputs), or (batch, horizon, targets); float32.

    Raises:
        ZooError: tokens without a vocabulary, or a sequence with one; both num_outputs and a horizon, or neither.
    """
    steps, x = steps_input(input_shape, vocabulary_size, embedding)
    x = FirstStepIsReal()(x)
    for number in range(1, depth + 1):
        x = recurrent(x, cell, units, bidirectional, sequences=number < depth or pool != "last")
        x = layers.Dropout(dropout)(x) if dropout and number < depth else x
    x = pooled(x, pool) if pool != "last" else x  # (batch, units of all directions)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(steps, answer(x, num_outputs, horizon, target_channels))
