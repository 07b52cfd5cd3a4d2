"""What Keras lacks and two families share."""

from zoo.layers.heads import logits
from zoo.layers.penalties import l2_penalty
from zoo.layers.shapes import ImageShape, SequenceShape, TokensShape, VectorShape

__all__ = ["ImageShape", "SequenceShape", "TokensShape", "VectorShape", "l2_penalty", "logits"]
