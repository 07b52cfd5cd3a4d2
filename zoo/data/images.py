"""Encoded image files to pixels, in TensorFlow: the same in a run's answers and in its bundle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from zoo.data.preprocess import Spec

PNG = b"\x89PNG\r\n\x1a\n"


def after_pixels(graph: Any, spec: Spec) -> Callable[[Any], Any]:
    """The part of a saved preprocessing behind the source's own scaling: from pixels 0..255 to what the model takes."""
    if spec["modality"] == "image":
        return lambda pixels: pixels
    part: Callable[[Any], Any] = graph.get_layer("vector")
    return part


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
