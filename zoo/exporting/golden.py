"""Golden examples: raw values and the trained model's answers, which every format must give again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass
class Golden:
    """By signature and name; text as str, encoded files as bytes, one row an example."""

    inputs: dict[str, Arrays]
    answers: dict[str, Arrays]

    def save(self, path: Path) -> None:
        """One `.npz` of `SIGNATURE/inputs/NAME` and `SIGNATURE/answers/NAME`, free of pickles."""
        arrays = {}
        for kind, signatures in (("inputs", self.inputs), ("answers", self.answers)):
            for signature, named in signatures.items():
                arrays.update({f"{signature}/{kind}/{name}": _fixed(values) for name, values in named.items()})
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> Golden:
        golden = cls({}, {})
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                signature, kind, name = key.split("/")
                part = golden.inputs if kind == "inputs" else golden.answers
                part.setdefault(signature, {})[name] = arrays[key]
        return golden

    @property
    def size(self) -> int:
        return len(next(iter(self.inputs["serving_default"].values())))


def _fixed(values: np.ndarray) -> np.ndarray:
    """Objects as text or bytes of a fixed width, which needs no pickle."""
    return np.array(values.tolist()) if values.dtype.kind == "O" else values
