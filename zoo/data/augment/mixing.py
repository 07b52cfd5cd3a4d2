"""Pairs of examples mixed into one, and their labels with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from zoo.data.augment.chance import beta, salted, uniform


def mixup(alpha: float, classes: int | None) -> Callable[..., Any]:
    """A weighted mean of two examples (Zhang et al. 2017, https://arxiv.org/abs/1710.09412), the weight from Beta(alpha, alpha)."""

    def change(x: Any, y: Any, keys: Any) -> tuple[Any, Any]:
        share, other = beta(keys, alpha), partners(salted(keys, 7))
        return mixed(x, share, other), mixed(soft(y, classes), share, other)

    return change


def cutmix(alpha: float, classes: int | None) -> Callable[..., Any]:
    """A box of another image in its place (Yun et al. 2019, https://arxiv.org/abs/1905.04899); labels mix by the areas."""

    def change(x: Any, y: Any, keys: Any) -> tuple[Any, Any]:
        height, width = x.shape[1:3]
        side = tf.sqrt(1.0 - beta(keys, alpha))
        centres = uniform(salted(keys, 6), 2)
        inside = box(centres, tf.stack([side, side], -1), height, width)
        other = partners(salted(keys, 7))
        share = 1.0 - tf.reduce_mean(tf.cast(inside, tf.float32), (1, 2))
        return tf.where(inside[..., None], tf.gather(x, other), x), mixed(soft(y, classes), share, other)

    return change


def box(centres: Any, sides: Any, height: int, width: int) -> Any:
    """bool (batch, height, width): inside the box of a centre and sides (batch, 2), all as shares of height and width."""
    sizes = tf.constant([height, width], tf.float32)
    low, high = tf.round((centres - sides / 2) * sizes), tf.round((centres + sides / 2) * sizes)
    rows, columns = tf.range(height, dtype=tf.float32)[None], tf.range(width, dtype=tf.float32)[None]
    down = (rows >= low[:, :1]) & (rows < high[:, :1])
    across = (columns >= low[:, 1:]) & (columns < high[:, 1:])
    return down[:, :, None] & across[:, None, :]


def partners(keys: Any) -> Any:
    """int32 (batch,): with whom each example is paired, never itself where there is another: one circle in the order of the keys."""
    order = tf.argsort(uniform(keys), stable=True)
    return tf.scatter_nd(order[:, None], tf.roll(order, -1, 0), tf.shape(order))


def mixed(values: Any, share: Any, other: Any) -> Any:
    """`share` (batch,) of each, the rest of its partner."""
    share = tf.reshape(share, (-1, *[1] * (len(values.shape) - 1)))
    return share * values + (1.0 - share) * tf.gather(values, other)


def soft(y: Any, classes: int | None) -> Any:
    """Class numbers as float32 probabilities: of two classes (batch,), else (batch, classes). What is float is left as it is."""
    if classes is None or y.dtype.is_floating:
        return y
    return tf.cast(y, tf.float32) if classes == 2 else tf.one_hot(y, classes)
