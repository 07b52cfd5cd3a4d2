"""The SavedModel: raw values in, answers out, in one graph that checks its own shapes.

    serving_default   columns or image, by served name -> preprocessing -> model -> reading
    serving_bytes     encoded image files -> decode -> resize -> pixels 0..255 -> model -> reading
                      WAV files -> decode -> resample -> preprocessing -> model -> reading

Shapes are checked by `tf.ensure_shape`: TensorFlow Serving checks no request against a signature's shapes, and a convolution
that gets another rank aborts the whole process inside oneDNN.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf

from zoo.assembly import ENCODED, Opened, served_inputs
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


def signatures(opened: Opened) -> dict[str, Any]:
    """The served functions by name, each traced once, for any batch."""
    wanted = served_inputs(opened.spec)
    specs = {name: tf.TensorSpec((None, *one["shape"]), one["dtype"], name=name) for name, one in wanted.items()}

    @tf.function(autograph=False)
    def serving_default(**columns: Any) -> dict[str, Any]:
        checked = {name: tf.ensure_shape(value, specs[name].shape) for name, value in columns.items()}
        return opened.read(opened.graph(checked))

    traced = {"serving_default": serving_default.get_concrete_function(**specs)}
    if opened.spec["kind"] not in ENCODED:
        return traced

    @tf.function(autograph=False)
    def serving_bytes(**files: Any) -> dict[str, Any]:
        return opened.read_files(tf.ensure_shape(files["bytes"], (None,)))

    return {**traced, "serving_bytes": serving_bytes.get_concrete_function(bytes=tf.TensorSpec((None,), tf.string, name="bytes"))}
