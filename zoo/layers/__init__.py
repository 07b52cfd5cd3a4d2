"""What Keras lacks and two families share."""

from zoo.layers.heads import answer, check_answer, check_channels, forecast, logits
from zoo.layers.penalties import l2_penalty
from zoo.layers.shapes import (
    Cardinalities,
    Channels,
    Classes,
    ImageShape,
    Outputs,
    SequenceShape,
    StepsShape,
    TableShape,
    TokensShape,
    VectorShape,
)
from zoo.layers.steps import check_steps, steps_input

__all__ = [
    "Cardinalities",
    "Channels",
    "Classes",
    "ImageShape",
    "Outputs",
    "SequenceShape",
    "StepsShape",
    "TableShape",
    "TokensShape",
    "VectorShape",
    "answer",
    "check_answer",
    "check_channels",
    "check_steps",
    "forecast",
    "l2_penalty",
    "logits",
    "steps_input",
]
