"""Statistics of numbers that more than one kind of features is fitted by."""

from __future__ import annotations

import numpy as np


def spread(values: np.ndarray) -> float:
    """The standard deviation; 1 for what never changes, so that it stays at 0 instead of being blown up."""
    std = float(values.std(dtype=np.float64))
    return std if values.min() < values.max() and std > np.finfo(np.float32).tiny else 1.0
