"""Trials that cost a fraction of a second, for comparisons of who proposes: zoo's own models on real data, trained in this process.

What makes a trial slow to begin is tracing its graph. Here a model of each shape is traced once and serves all points of that shape:
weights and optimizer are put back to their first values, the learning rate is a variable, the batch size a tensor. All epochs of a
training are one call. The score of a point is then a pure function of the point, the same whoever proposes it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import registry
from zoo.config import load_experiment
from zoo.config.space import LEARNING_RATE, Point, Space, read_axes
from zoo.data import prepare

EPOCHS = 27  # of a whole training: three times three times three, which Hyperband divides without a rest
tf.get_logger().setLevel("ERROR")  # each shape of model is traced once, and TensorFlow counts them

WORST = 100.0  # a loss that is no number, or larger, is this one
DATASETS = {"digits": "digits_mlp", "breast_cancer": "breast_cancer_mlp", "diabetes": "diabetes_mlp"}


def space() -> Space:
    """Five keys of an MLP: what most people would look at first."""
    said = {
        "model.hidden": [[16], [32], [64], [128], [64, 64]],
        "model.activation": ["relu", "tanh"],
        "model.dropout": [0.0, 0.1, 0.3],
        LEARNING_RATE: {"log": [1e-4, 1e-1]},
        "train.batch_size": {"int": [16, 128], "step": 16},
    }
    return read_axes(said, {}, dict.fromkeys(said, "space"))


def curve(task: str, point: Point, epochs: int = EPOCHS) -> tuple[float, ...]:
    """val.loss after each epoch of a training at a point."""
    shape = (tuple(point["model.hidden"]), point["model.activation"], point["model.dropout"])
    return _curve(task, shape, point[LEARNING_RATE], point["train.batch_size"], epochs)


@cache
def _curve(task: str, shape: tuple[Any, ...], rate: float, size: int, epochs: int) -> tuple[float, ...]:
    losses = _trainer(task, shape)(rate, size, epochs)
    return tuple(float(one) for one in np.minimum(np.nan_to_num(losses, nan=WORST), WORST))


@cache
def _data(task: str) -> tuple[Any, dict[str, tuple[tf.Tensor, tf.Tensor]]]:
    prepared = prepare(load_experiment(DATASETS[task]).card, "vector")
    return prepared, {name: (tf.constant(prepared.encoded[name].x), tf.constant(prepared.encoded[name].y)) for name in ("train", "val")}


@cache
def _trainer(task: str, shape: tuple[Any, ...]) -> Callable[[float, int, int], np.ndarray]:
    """(learning rate, batch size, epochs) -> val.loss (epochs,), of one shape of model."""
    data, arrays = _data(task)
    (x, y), (val_x, val_y) = arrays["train"], arrays["val"]
    keras.utils.set_random_seed(1)
    classes = data.num_classes
    outputs = classes if classes and classes > 2 else 1
    hparams = dict(zip(("hidden", "activation", "dropout"), shape, strict=True))
    model = registry.create_model("mlp", input_shape=tuple(x.shape[1:]), num_outputs=outputs, **hparams)
    loss = _loss(classes)
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=4e-3, global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    changing = [*model.variables, *optimizer.variables]
    first = [keras.ops.convert_to_numpy(one) for one in changing]
    rows = len(x)

    @tf.function(input_signature=[tf.TensorSpec((None, rows), tf.int32), tf.TensorSpec((), tf.int32)])
    def train(orders: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        losses = tf.TensorArray(tf.float32, tf.shape(orders)[0])
        for epoch in tf.range(tf.shape(orders)[0]):
            for begin in tf.range(0, rows, size):
                batch = orders[epoch, begin : begin + size]
                with tf.GradientTape() as tape:
                    value = loss(tf.gather(y, batch), model(tf.gather(x, batch), training=True))
                optimizer.apply(tape.gradient(value, model.trainable_variables))
            losses = losses.write(epoch, loss(val_y, model(val_x, training=False)))
        return losses.stack()

    def trained(rate: float, size: int, epochs: int) -> np.ndarray:
        for variable, value in zip(changing, first, strict=True):
            variable.assign(value)
        optimizer.learning_rate = rate
        draw = np.random.default_rng(1)
        orders = np.stack([draw.permutation(rows) for _ in range(epochs)])
        losses: np.ndarray = train(tf.constant(orders, tf.int32), tf.constant(size)).numpy()
        return losses

    return trained


def _loss(classes: int | None) -> keras.Loss:
    if classes is None:
        return keras.losses.MeanSquaredError()
    kind = keras.losses.BinaryCrossentropy if classes == 2 else keras.losses.SparseCategoricalCrossentropy
    return kind(from_logits=True)
