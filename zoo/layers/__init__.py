"""What Keras lacks and two families share."""

from zoo.layers.coders import autoencoder, conv_decode, conv_encode, dense_decode, dense_encode, unfold
from zoo.layers.convolution1d import check_kernels, check_length, conv_norm_1d, over_time
from zoo.layers.examples import ExampleShape, PlacesShape, example_input, in_domain
from zoo.layers.generating import generate
from zoo.layers.heads import answer, check_answer, check_channels, forecast, logits
from zoo.layers.likelihood import nats
from zoo.layers.padding import real_tokens
from zoo.layers.penalties import l2_penalty
from zoo.layers.pooling import AttentionOverSteps, MaxOverSteps, MeanOverSteps, pooled
from zoo.layers.positions import PositionEmbedding
from zoo.layers.recurrence import Cell, FirstStepIsReal, recurrent
from zoo.layers.sampling import Sampling
from zoo.layers.seeded import Seeded
from zoo.layers.shapes import (
    Cardinalities,
    Channels,
    Classes,
    ImageShape,
    Outputs,
    SequenceShape,
    Sizes,
    StepsShape,
    TableShape,
    TokensShape,
    VectorShape,
)
from zoo.layers.steps import check_steps, steps_input
from zoo.layers.transformer import CausalBlock, check_heads, encoder_block, gelu
from zoo.layers.variational import VariationalAutoencoder, normal

__all__ = [
    "AttentionOverSteps",
    "Cardinalities",
    "CausalBlock",
    "Cell",
    "Channels",
    "Classes",
    "ExampleShape",
    "FirstStepIsReal",
    "ImageShape",
    "MaxOverSteps",
    "MeanOverSteps",
    "Outputs",
    "PlacesShape",
    "PositionEmbedding",
    "Sampling",
    "Seeded",
    "SequenceShape",
    "Sizes",
    "StepsShape",
    "TableShape",
    "TokensShape",
    "VariationalAutoencoder",
    "VectorShape",
    "answer",
    "autoencoder",
    "check_answer",
    "check_channels",
    "check_heads",
    "check_kernels",
    "check_length",
    "check_steps",
    "conv_decode",
    "conv_encode",
    "conv_norm_1d",
    "dense_decode",
    "dense_encode",
    "encoder_block",
    "example_input",
    "forecast",
    "gelu",
    "generate",
    "in_domain",
    "l2_penalty",
    "logits",
    "nats",
    "normal",
    "over_time",
    "pooled",
    "real_tokens",
    "recurrent",
    "steps_input",
    "unfold",
]
