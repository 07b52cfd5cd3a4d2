"""Forecasting by dense layers that explain what those before them left over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import keras
import numpy as np
from keras import Input, Model, layers, ops
from pydantic import Field, PositiveInt

from zoo.layers import Channels, SequenceShape, check_channels
from zoo.registry import register_model

Kind = Literal["generic", "trend", "seasonality"]


@register_model("nbeats_generic", hparams={"stacks": ("generic",) * 30, "width": 512})
@register_model("nbeats_interpretable", hparams={"stacks": ("trend", "seasonality"), "blocks": 3, "width": 256, "seasonality_width": 2048})
@register_model(
    "nbeats",
    modality="sequence",
    tasks=("forecasting",),
    paper="https://arxiv.org/abs/1905.10437",
    example={"input_shape": (72, 7), "horizon": 24, "target_channels": (6,)},
    space={
        "stacks": [("generic",) * 2, ("generic",) * 6, ("trend", "seasonality"), ("trend", "seasonality", "generic")],
        "blocks": [1, 3],
        "width": [64, 128, 256],
    },
    check=check_channels,
)
def nbeats(
    input_shape: SequenceShape,
    horizon: PositiveInt,
    target_channels: Channels,
    *,
    stacks: Annotated[tuple[Kind, ...], Field(min_length=1)] = ("generic",) * 6,
    blocks: PositiveInt = 1,
    depth: PositiveInt = 4,
    width: PositiveInt = 128,
    seasonality_width: PositiveInt | None = None,
    degree: PositiveInt = 2,
) -> keras.Model:
    """N-BEATS (Oreshkin et al. 2020, https://arxiv.org/abs/1905.10437).

        sequence -> each target alone -> per block: dense x depth -> less what it explains -> sum of what the blocks foresee -> forecast

    `nbeats_generic` and `nbeats_interpretable` are as large as published; `nbeats` is generic and small. Blocks of a stack share
    their weights. What a block explains and foresees is any line of dense outputs (generic), a polynomial (trend) or a Fourier
    series (seasonality). Unlike the paper: one network instead of an ensemble of 180, and several channels, which share all weights.

    Args:
        input_shape: (steps, channels) of the float32 input `sequence`, which is standardised already; any size.
        horizon: steps that are forecast.
        target_channels: where the targets stand among the channels.
        stacks: the kind of each stack.
        blocks: of each stack.
        depth: dense layers of a block.
        width: units of each.
        seasonality_width: units of those of seasonality; None for as many as the others.
        degree: of a trend's polynomial.

    Returns:
        (batch, steps, channels) -> (batch, horizon, targets), float32.

    Raises:
        ZooError: a target that is none of the channels.
    """
    sequence = Input(input_shape, name="sequence")
    x = layers.Permute((2, 1))(ops.take(sequence, list(target_channels), axis=-1))  # (batch, targets, steps)
    forecasts = []
    for stack, kind in enumerate(stacks, start=1):
        units = (kind == "seasonality" and seasonality_width) or width
        hidden = [layers.Dense(units, "relu") for _ in range(depth)]
        explained = expansion(kind, input_shape[0], horizon, degree)
        foreseen = expansion(kind, horizon, horizon, degree, dtype="float32")
        for block in range(1, blocks + 1):
            theta = chain(hidden, x)
            forecasts.append(chain(foreseen, theta))
            if (stack, block) != (len(stacks), blocks):  # nobody learns from what the last one leaves over
                x = layers.Subtract()([x, chain(explained, theta)])
    total = layers.Add(dtype="float32")(forecasts) if len(forecasts) > 1 else forecasts[0]
    return Model(sequence, layers.Permute((2, 1), dtype="float32", name="head")(total))


def chain(steps: list[Callable[[Any], Any]], x: keras.KerasTensor) -> keras.KerasTensor:
    for step in steps:
        x = step(x)
    return x


def expansion(kind: Kind, length: int, horizon: int, degree: int, dtype: str | None = None) -> list[Callable[[Any], Any]]:
    """Layers from a block's last units to `length` steps; each is built where it is called."""
    if kind == "generic":
        return [layers.Dense(length, dtype=dtype)]
    basis = Basis(kind, length, horizon, degree, dtype=dtype)
    return [layers.Dense(len(basis.curves), use_bias=False, dtype=dtype), basis]


@keras.saving.register_keras_serializable("zoo")
class Basis(layers.Layer):
    """Coefficients of fixed curves become their sum (equations 2 and 3 of the paper): (..., curves) -> (..., length).

    Args:
        kind: `trend`, powers of t / length up to the degree; `seasonality`, cosines and sines of whole numbers of waves a horizon.
        length: steps.
        horizon: steps that are forecast; as many waves as fit twice into it, but one, are the highest frequency.
        degree: of a trend.
    """

    def __init__(self, kind: str, length: int, horizon: int, degree: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind, self.length, self.horizon, self.degree = kind, length, horizon, degree

    @property
    def curves(self) -> np.ndarray:
        """(curves, length), float32."""
        steps = np.arange(self.length)
        if self.kind == "trend":
            return ((steps / self.length) ** np.arange(self.degree + 1)[:, None]).astype("float32")
        waves = np.arange(1, self.horizon // 2)[:, None]
        angle = 2 * np.pi * waves * steps / self.horizon
        return np.concatenate([np.ones((1, self.length)), np.cos(angle), np.sin(angle)]).astype("float32")

    def call(self, theta: Any) -> Any:
        return ops.matmul(theta, ops.convert_to_tensor(self.curves, self.compute_dtype))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.length)

    def get_config(self) -> dict[str, Any]:
        own = {"kind": self.kind, "length": self.length, "horizon": self.horizon, "degree": self.degree}
        return {**super().get_config(), **own}
