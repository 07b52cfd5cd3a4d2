"""Bundle to answers, in this process: TensorFlow's own loader, no Keras models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.bundles import Bundle, answers_to_files, columns_of, files_of, in_batches, refusals
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
            said = next(iter(str(error).splitlines()), type(error).__name__)
            raise ZooError(f"{bundle.path} cannot be loaded: {said}", "export the run again: zoo export RUN") from error

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
        files = files_of(inputs)
        if files is not None and "serving_bytes" in self.bundle.manifest["signatures"]:
            answers = answers_to_files(self._call("serving_bytes"), files, batch, tf.errors.InvalidArgumentError)
        else:
            answers = self.ask("serving_default", columns_of(self.bundle.manifest["inputs"], inputs), batch)
        return {name: answers[name] for name in self.bundle.manifest["answers"]}  # a signature's own order is the alphabet's

    def ask(self, signature: str, columns: Mapping[str, np.ndarray], batch: int = BATCH) -> dict[str, np.ndarray]:
        """The answers of a signature to arrays by the names of its inputs. Raises ZooError where its graph refuses them."""
        with refusals(tf.errors.InvalidArgumentError):
            return in_batches(self._call(signature), columns, batch)

    def _call(self, signature: str) -> Any:
        function = self._loaded.signatures[signature]
        dtypes = {name: spec.dtype for name, spec in function.structured_input_signature[1].items()}
        return lambda part: function(**{name: tf.constant(values, dtypes[name]) for name, values in part.items()})
