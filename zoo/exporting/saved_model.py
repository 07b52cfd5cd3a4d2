"""The SavedModel: raw values in, answers out, in one graph that checks its own shapes.

    serving_default   columns or image, by served name -> preprocessing -> model -> reading
    serving_bytes     encoded image files -> decode -> resize -> pixels 0..255 -> model -> reading

Shapes are checked by `tf.ensure_shape`: TensorFlow Serving checks no request against a signature's shapes, and a convolution
that gets another rank aborts the whole process inside oneDNN.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from zoo.assembly import Opened, served_inputs

PNG = b"\x89PNG\r\n\x1a\n"


def write(opened: Opened, folder: Path) -> None:
    """Writes the SavedModel of a run, tag `serve`, with its signatures.

    Not by `keras.export.ExportArchive`: it writes the names of traced functions in lower case, and tracked weights twice.
    """
    traced = signatures(opened)
    module = tf.Module()
    module.weights = [variable for function in traced.values() for variable in function.variables]
    module.tables = [layer.lookup_table for layer in opened.graph.layers if hasattr(layer, "lookup_table")]
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
    if opened.spec["kind"] != "image":
        return traced

    @tf.function(autograph=False)
    def serving_bytes(**files: Any) -> dict[str, Any]:
        return opened.read(after_pixels(opened)(pixels_of(tf.ensure_shape(files["bytes"], (None,)), opened.spec["shape"])))

    return {**traced, "serving_bytes": serving_bytes.get_concrete_function(bytes=tf.TensorSpec((None,), tf.string, name="bytes"))}


def after_pixels(opened: Opened) -> Callable[[Any], Any]:
    """The part of the saved preprocessing behind the source's own scaling: from pixels 0..255 to what the model takes."""
    if opened.spec["modality"] == "image":
        return lambda pixels: pixels
    return opened.graph.get_layer("vector")


def pixels_of(files: Any, shape: list[int]) -> Any:
    """Encoded PNG, JPEG, BMP and GIF (its first frame) files, string (batch,), as float32 (batch, H, W, C), 0..255.

    A file of another size is resized (bilinear, antialiased); one that cannot be decoded is an InvalidArgument.
    """
    height, width, channels = shape

    def pixels(file: Any) -> Any:
        image = tf.cast(_decode(file, channels), tf.float32)
        fits = tf.reduce_all(tf.equal(tf.shape(image)[:2], (height, width)))
        image = tf.cond(fits, lambda: image, lambda: tf.image.resize(image, (height, width), antialias=True))
        return tf.ensure_shape(image, shape)

    return tf.map_fn(pixels, files, fn_output_signature=tf.TensorSpec(shape, tf.float32))


def _decode(file: Any, channels: int) -> Any:
    """uint8 (height, width, channels). TensorFlow turns only PNG and JPEG to grey itself."""

    def decode(wanted: int) -> Any:
        image = tf.io.decode_image(file, channels=wanted, expand_animations=False)
        image.set_shape((None, None, wanted))
        return image

    if channels != 1:
        return decode(channels)
    is_png = tf.equal(tf.strings.substr(file, 0, len(PNG)), PNG)
    turns_grey = tf.logical_or(is_png, tf.io.is_jpeg(file))
    return tf.cond(turns_grey, lambda: decode(1), lambda: tf.image.rgb_to_grayscale(decode(3)))
