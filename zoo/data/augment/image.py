"""Images, float32 (batch, height, width, channels), 0..255: one operation for the whole batch, whatever each example draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from zoo.data.augment.chance import among, salted, signed, uniform
from zoo.data.augment.mixing import box

GREY = (0.299, 0.587, 0.114)
YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
MIDDLE = 127.5  # what hides: models take it for 0


def flip(axis: str) -> Callable[..., Any]:
    """Mirrored, left to right or upside down."""
    return lambda x, keys: tf.reverse(x, [2 if axis == "horizontal" else 1])


def crop(padding: int, border: str) -> Callable[..., Any]:
    """Moved by up to `padding` pixels each way: a crop of the padded image. What comes in is 0 or the image's own reflection."""

    def change(x: Any, keys: Any) -> Any:
        moves = tf.cast(among_each(keys, 2 * padding + 1), tf.float32) - padding
        one, zero = tf.ones_like(moves[:, 0]), tf.zeros_like(moves[:, 0])
        return transformed(x, [one, zero, moves[:, 0], zero, one, moves[:, 1]], border, "NEAREST")

    return change


def among_each(keys: Any, count: int) -> Any:
    """Two whole numbers below `count` an example, int32 (batch, 2)."""
    return tf.cast(uniform(keys, 2) * count, tf.int32)


def rotate(degrees: float, border: str) -> Callable[..., Any]:
    """Turned about its middle by up to so many degrees, either way."""

    def change(x: Any, keys: Any) -> Any:
        angle = signed(keys) * (degrees * math.pi / 180)
        return transformed(x, about_the_middle(x, tf.cos(angle), -tf.sin(angle), tf.sin(angle), tf.cos(angle)), border)

    return change


def about_the_middle(x: Any, a: Any, b: Any, c: Any, d: Any) -> list[Any]:
    """The matrix (a b; c d) (each (batch,)) with the image's middle where it was, as `transformed` takes it."""
    middle_y, middle_x = (x.shape[1] - 1) / 2, (x.shape[2] - 1) / 2
    return [a, b, middle_x - a * middle_x - b * middle_y, c, d, middle_y - c * middle_x - d * middle_y]


def transformed(x: Any, matrix: list[Any], border: str = "zeros", interpolation: str = "BILINEAR") -> Any:
    """The pixel of (column, row) is taken from (a column + b row + c, d column + e row + f); six numbers (batch,)."""
    nothing = tf.zeros_like(matrix[0])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=tf.stack([*matrix, nothing, nothing], -1),
        output_shape=tf.constant(list(x.shape[1:3]), tf.int32),
        fill_value=0.0,
        interpolation=interpolation,
        fill_mode="REFLECT" if border == "reflect" else "CONSTANT",
    )


def colour(brightness: float, contrast: float, saturation: float, hue: float) -> Callable[..., Any]:
    """Times a number near 1; stretched about its mean; more or less grey; hues turned by up to `hue` of the circle, in YIQ."""

    def change(x: Any, keys: Any) -> Any:
        numbers = 1.0 + signed(keys, 3) * tf.constant([brightness, contrast, saturation])
        bright, stretch, full = (tf.reshape(number, (-1, 1, 1, 1)) for number in tf.unstack(numbers, axis=-1))
        if x.shape[-1] == 3 and (saturation or hue):
            turn = signed(salted(keys, 3)) * (2 * math.pi * hue)
            x = tf.einsum("bhwc,bdc->bhwd", x, _tinted(full[:, 0, 0, 0], turn))
        mean = tf.reduce_mean(x, (1, 2, 3), keepdims=True)
        return tf.clip_by_value((mean + stretch * (x - mean)) * bright, 0.0, 255.0)

    return change


def _tinted(full: Any, turn: Any) -> Any:
    """(batch, 3, 3): RGB to YIQ, the two colours scaled and turned, and back."""
    to, back = tf.constant(YIQ), tf.linalg.inv(tf.constant(YIQ))
    cosine, sine, nothing, one = full * tf.cos(turn), full * tf.sin(turn), tf.zeros_like(full), tf.ones_like(full)
    turned = tf.reshape(tf.stack([one, nothing, nothing, nothing, cosine, -sine, nothing, sine, cosine], -1), (-1, 3, 3))
    return back @ turned @ to


def cutout(size: int) -> Callable[..., Any]:
    """A square of so many pixels hidden, anywhere, half outside too (DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552)."""

    def change(x: Any, keys: Any) -> Any:
        height, width = x.shape[1:3]
        sides = tf.constant([[size / height, size / width]], tf.float32)
        return tf.where(box(uniform(keys, 2), sides, height, width)[..., None], MIDDLE, x)

    return change


# RandAugment (Cubuk et al. 2019, https://arxiv.org/abs/1909.13719), without equalize: what it does at magnitude 1.
GEOMETRY = {"rotate": 30.0, "shear_x": 0.3, "shear_y": 0.3, "translate_x": 0.3, "translate_y": 0.3}
POINTS = ("identity", "brightness", "contrast", "saturation", "sharpness", "autocontrast", "solarize", "posterize")
OPERATIONS = (*GEOMETRY, *POINTS)


def rand_augment(count: int, magnitude: float) -> Callable[..., Any]:
    """`count` operations an example, each of OPERATIONS as likely, at one magnitude, to either side.

    The batch is dealt out to the operations and put together again, so that each works on the examples that drew it alone.
    """

    def change(x: Any, keys: Any) -> Any:
        for turn in range(count):
            own = salted(keys, 10 + turn)
            chosen = among(own, len(OPERATIONS))
            strength = tf.where(uniform(salted(own, 1)) < 0.5, -magnitude, magnitude)
            group = tf.maximum(chosen - len(GEOMETRY) + 1, 0)  # the geometric ones are one transform
            places, images, drawn, strengths = (
                tf.dynamic_partition(one, group, 1 + len(POINTS)) for one in (tf.range(tf.shape(x)[0]), x, chosen, strength)
            )
            done = [_moved(images[0], drawn[0], strengths[0])]
            rest = zip(POINTS, images[1:], strengths[1:], strict=True)
            done += [_changed(name, part, strength_, magnitude) for name, part, strength_ in rest]
            x = tf.ensure_shape(tf.dynamic_stitch(places, done), x.shape)
        return x

    return change


def _moved(x: Any, chosen: Any, strength: Any) -> Any:
    """Each by the geometric operation that it drew."""
    value = {name: tf.where(chosen == place, strength * most, 0.0) for place, (name, most) in enumerate(GEOMETRY.items())}
    angle = value["rotate"] * (math.pi / 180)
    matrix = about_the_middle(x, tf.cos(angle), value["shear_x"] - tf.sin(angle), value["shear_y"] + tf.sin(angle), tf.cos(angle))
    matrix[2] += value["translate_x"] * x.shape[2]
    matrix[5] += value["translate_y"] * x.shape[1]
    return transformed(x, matrix)


def _changed(name: str, x: Any, strength: Any, magnitude: float) -> Any:
    """All by one operation; those that blend go from 0.1 to 1.9 of what is there."""
    factor = tf.reshape(1.0 + 0.9 * strength, (-1, 1, 1, 1))
    if name == "identity":
        return x
    if name == "solarize":
        return tf.where(x >= 256.0 * (1.0 - magnitude), 255.0 - x, x)
    if name == "posterize":
        step = 2.0 ** round(4 * magnitude)  # at magnitude 1 four of eight bits are left
        return tf.floor(x * (1.0 / step)) * step
    if name == "autocontrast":
        low, high = tf.reduce_min(x, (1, 2), keepdims=True), tf.reduce_max(x, (1, 2), keepdims=True)
        return (x - low) * (255.0 / tf.maximum(high - low, 1.0))
    base = {"brightness": tf.zeros_like, "contrast": _mean, "saturation": _grey, "sharpness": _blurred}[name](x)
    return tf.clip_by_value(base + factor * (x - base), 0.0, 255.0)


def _mean(x: Any) -> Any:
    return tf.reduce_mean(_grey(x), (1, 2, 3), keepdims=True)


def _grey(x: Any) -> Any:
    return tf.linalg.matmul(x, tf.constant(GREY)[:, None]) if x.shape[-1] == 3 else x


def _blurred(x: Any) -> Any:
    """The 3x3 smoothing of the paper's code: the middle counts five times."""
    return (4.0 * x + 9.0 * tf.nn.avg_pool2d(x, 3, 1, "SAME")) / 13.0
