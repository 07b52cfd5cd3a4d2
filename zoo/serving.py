"""Bundle to answers, in this process: TensorFlow's own loader, no Keras models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.bundles import Bundle, columns_of, in_batches
from zoo.errors import ZooError

BATCH = 256


class Served:
    """A bundle's SavedModel, loaded. Raises ZooError where a file is missing or is not the one that was exported."""

    def __init__(self, bundle: Bundle) -> None:
        bundle.verify()
        self.bundle = bundle
        try:
            self._loaded = tf.saved_model.load(str(bundle.path), tags=["serve"])  # kept: it owns the signatures' variables
        except Exception as error:  # the loader raises many kinds
            raise ZooError(
                f"{bundle.path} cannot be loaded: {str(error).splitlines()[0]}", "export the run again: zoo export RUN"
            ) from error

    def answer(self, inputs: Any, batch: int = BATCH) -> dict[str, np.ndarray]:
        """The answers for raw values, in batches.

        Args:
            inputs: a mapping of columns or a table, under the source's names or served ones; an array of images in the
                source's units, (n, H, W, C); or a list of encoded image files (bytes).
            batch: rows a call.

        Returns:
            By name, a row an example; text as str.

        Raises:
            ZooError: what is missing, or has another type or shape, or which image cannot be decoded.
        """
        files = _files(inputs)
        if files is not None:
            return self._answer_files(files, batch)
        return in_batches(self._call("serving_default"), columns_of(self.bundle.manifest["inputs"], inputs), batch)

    def _answer_files(self, files: list[bytes], batch: int) -> dict[str, np.ndarray]:
        if "serving_bytes" not in self.bundle.manifest["signatures"]:
            names = ", ".join(one["name"] for one in self.bundle.manifest["inputs"].values())
            raise ZooError(f"{self.bundle.name} takes no image files", f"expected: {names}")
        call = self._call("serving_bytes")
        try:
            return in_batches(call, {"bytes": np.array(files, object)}, batch)
        except tf.errors.InvalidArgumentError:
            for number, file in enumerate(files):
                _try_one(call, number, file)
            raise

    def _call(self, signature: str) -> Any:
        function = self._loaded.signatures[signature]
        dtypes = {name: spec.dtype for name, spec in function.structured_input_signature[1].items()}
        return lambda part: function(**{name: tf.constant(values, dtypes[name]) for name, values in part.items()})


def _try_one(call: Any, number: int, file: bytes) -> None:
    try:
        call({"bytes": np.array([file], object)})
    except tf.errors.InvalidArgumentError:
        raise ZooError(
            f"image {number} of the input cannot be decoded ({len(file)} bytes)", "PNG, JPEG, BMP and GIF files are taken"
        ) from None


def _files(inputs: Any) -> list[bytes] | None:
    """The encoded files, where the input is made of such."""
    if isinstance(inputs, Mapping):
        inputs = inputs["bytes"] if set(inputs) == {"bytes"} else None
    if isinstance(inputs, bytes):
        return [inputs]
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind not in "OS":
        return None
    if isinstance(inputs, (list, tuple, np.ndarray)) and len(inputs) and all(isinstance(one, bytes) for one in inputs):
        return list(inputs)
    return None
