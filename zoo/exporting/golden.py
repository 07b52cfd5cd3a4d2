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
        """One `.npz` of `SIGNATURE/inputs/NAME` and `SIGNATURE/answers/NAME`, free of pickles.

        Encoded files are their bytes one after the other, with `…/NAME/ends` beside: NumPy drops zeros at the end of bytes.
        """
        arrays = {}
        for kind, signatures in (("inputs", self.inputs), ("answers", self.answers)):
            for signature, named in signatures.items():
                for name, values in named.items():
                    arrays.update({f"{signature}/{kind}/{name}{end}": one for end, one in _plain(values).items()})
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> Golden:
        golden = cls({}, {})
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                signature, kind, name, *end = key.split("/")
                part = golden.inputs if kind == "inputs" else golden.answers
                if not end:
                    ends = arrays.get(f"{key}/ends")
                    part.setdefault(signature, {})[name] = arrays[key] if ends is None else _files(arrays[key], ends)
        return golden

    @property
    def size(self) -> int:
        return len(next(iter(self.inputs["serving_default"].values())))


def _plain(values: np.ndarray) -> Arrays:
    """Objects as arrays that need no pickle: text of a fixed width, or bytes and where each file ends."""
    if values.dtype.kind != "O":
        return {"": values}
    if not all(isinstance(one, bytes) for one in values):
        return {"": np.array(values.tolist())}
    return {"": np.frombuffer(b"".join(values), np.uint8), "/ends": np.cumsum([len(one) for one in values])}


def _files(content: np.ndarray, ends: np.ndarray) -> np.ndarray:
    pieces = np.split(content, ends[:-1])
    return np.array([piece.tobytes() for piece in pieces], object)
