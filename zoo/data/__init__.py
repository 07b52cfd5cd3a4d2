"""The data room: sources, splits, preprocessing, and one tf.data pipeline."""

from zoo.data.dataset import Dataset, prepare
from zoo.data.pipeline import Encoded, batches

__all__ = ["Dataset", "Encoded", "batches", "prepare"]
