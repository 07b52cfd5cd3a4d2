"""Cards and files that tests make."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np

from zoo.config import Card


def card_of(source: dict[str, Any], **card: Any) -> Card:
    """A card with a few words filled in; regression has no classes to stratify by."""
    plain = {"title": "t", "licence": "none", "task": "classification", "target": {"name": "y"}, "split": {}}
    return Card.model_validate({**plain, "source": source, **card})


def idx_bytes(values: np.ndarray) -> bytes:
    """An array as the MNIST family writes it."""
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.astype(np.uint8).tobytes()


def idx_gz(path: Path, values: np.ndarray) -> Path:
    path.write_bytes(gzip.compress(idx_bytes(values)))
    return path
