"""What Keras lacks and two families share."""

from zoo.layers.heads import logits
from zoo.layers.penalties import l2_penalty
from zoo.layers.shapes import ImageShape, VectorShape

__all__ = ["ImageShape", "VectorShape", "l2_penalty", "logits"]
