"""The SavedModel: raw values in, answers out, in one graph that checks its own shapes.

    serving_default   columns or image, by served name -> preprocessing -> model -> reading
    serving_bytes     encoded image files -> decode -> resize -> pixels 0..255 -> model -> reading
                      WAV files -> decode -> resample -> preprocessing -> model -> reading
    encoder, decoder, generator, generate      what a task serves besides (`zoo.tasks.base.Signature`)

Shapes are checked by `tf.ensure_shape`: TensorFlow Serving checks no request against a signature's shapes, and a convolution
that gets another rank aborts the whole process inside oneDNN.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf

from zoo.assembly import Opened
from zoo.exporting.quiet import quietly


def write(opened: Opened, folder: Path) -> None:
    """Writes the SavedModel of a run with its signatures."""
    save(signatures(opened), folder, [layer.lookup_table for layer in opened.graph._flatten_layers() if hasattr(layer, "lookup_table")])


@quietly()
def save(traced: dict[str, Any], folder: Path, tables: Iterable[Any] = ()) -> None:
    """Writes concrete functions as the signatures of a SavedModel, tag `serve`, with the lookup tables that they use.

    Not by `keras.export.ExportArchive`: it writes the names of traced functions in lower case, and tracked weights twice.
    """
    module = tf.Module()
    module.weights = [variable for function in traced.values() for variable in function.variables]
    module.tables = list(tables)
    tf.saved_model.save(module, str(folder), signatures=traced)


def _traced(opened: Opened, signature: str) -> Any:
    """One of them, which checks the shapes of what it is sent."""
    specs = {name: tf.TensorSpec((None, *one["shape"]), one["dtype"], name=name) for name, one in opened.takes(signature).items()}

    @tf.function(autograph=False)
    def call(**columns: Any) -> dict[str, Any]:
        return opened.call(signature, {name: tf.ensure_shape(value, specs[name].shape) for name, value in columns.items()})

    return call.get_concrete_function(**specs)


def signatures(opened: Opened) -> dict[str, Any]:
    """The served functions by name, each traced once, for any batch."""
    traced = {name: _traced(opened, name) for name in opened.signatures}
    if not opened.takes_files:
        return traced

    @tf.function(autograph=False)
    def serving_bytes(**files: Any) -> dict[str, Any]:
        return opened.read_files(tf.ensure_shape(files["bytes"], (None,)))

    return {**traced, "serving_bytes": serving_bytes.get_concrete_function(bytes=tf.TensorSpec((None,), tf.string, name="bytes"))}
