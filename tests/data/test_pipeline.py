"""Batches are a pure function of (seed, epoch): nothing is lost, nothing is doubled, a restart sees the same."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from made import card_of

from zoo.config import load_card
from zoo.data import Encoded, batches, prepare, preprocess

SIZE, BATCH = 53, 8


@pytest.fixture(scope="module")
def split():
    """Examples whose x tells their row."""
    rows = np.arange(SIZE)
    return Encoded(rows[:, None].astype(np.float32), (rows % 3).astype(np.int32))


def order(data):
    return [int(row) for batch in data for row in batch[0].numpy()[:, 0]]


def epochs(split, seed, numbers):
    """The orders of some epochs, as training asks for them."""
    epoch = tf.Variable(0, dtype=tf.int64)
    data = batches(split, BATCH, seed=seed, epoch=epoch)
    orders = []
    for number in numbers:
        epoch.assign(number)
        orders.append(order(data))
    return orders


def test_without_a_seed_the_order_is_the_sources(split):
    assert order(batches(split, BATCH)) == list(range(SIZE))


def test_every_example_comes_once_an_epoch(split):
    for one in epochs(split, 1, range(4)):
        assert sorted(one) == list(range(SIZE))


def test_the_order_is_of_seed_and_epoch(split):
    first, second = epochs(split, 1, range(3)), epochs(split, 1, range(3))
    assert first == second
    orders = [tuple(one) for one in [*first, *epochs(split, 2, range(3)), tuple(range(SIZE))]]
    assert len(set(orders)) == 7


def test_a_restart_at_an_epoch_sees_what_an_uninterrupted_run_saw(split):
    assert epochs(split, 7, [3, 4]) == epochs(split, 7, range(5))[3:]
    assert epochs(split, 7, [4, 1]) == [epochs(split, 7, [4])[0], epochs(split, 7, [1])[0]]


def test_the_target_and_its_example_stay_together(split):
    for x, y in batches(split, BATCH, seed=3):
        np.testing.assert_array_equal(x.numpy()[:, 0] % 3, y.numpy())


def test_the_last_batch_is_what_is_left(split):
    data = batches(split, BATCH, seed=1)
    sizes = [len(x) for x, _ in data]
    assert sizes == [8] * 6 + [5]
    assert int(data.cardinality()) == len(data) == 7
    assert [len(x) for x, _ in batches(split, SIZE)] == [SIZE]
    assert [len(x) for x, _ in batches(split, 1000)] == [SIZE]
    assert len(batches(split, 1)) == SIZE


def test_without_an_epoch_each_iteration_is_another(split):
    data = batches(split, BATCH, seed=1)
    orders = [order(data) for _ in range(3)]
    assert orders == epochs(split, 1, range(3))


def test_weights_are_of_the_class(split):
    weights = np.array([1.0, 0.5, 2.0], np.float32)
    for x, y, weight in batches(split, BATCH, seed=1, weights=weights):
        np.testing.assert_array_equal(weight.numpy(), weights[y.numpy()])
        np.testing.assert_array_equal(x.numpy()[:, 0] % 3, y.numpy())
        assert weight.dtype == tf.float32


def test_keras_sees_each_epoch_anew(split):
    """`fit` iterates the dataset once an epoch, with several steps an execution."""
    seen = []

    class Watch(keras.Model):
        def call(self, x):
            tf.py_function(lambda rows: seen.extend(rows.numpy()[:, 0].astype(int).tolist()), [x], [])
            return x

        def train_step(self, data):
            return {"sum": keras.ops.sum(self(data[0]))}

    model = Watch()
    model.compile(steps_per_execution=4)
    model.fit(batches(split, BATCH, seed=1), epochs=3, verbose=0, shuffle=False)
    assert len(seen) == 3 * SIZE
    assert [seen[start : start + SIZE] for start in range(0, 3 * SIZE, SIZE)] == epochs(split, 1, range(3))


def test_bytes_and_floats_give_the_same_bits(tmp_path):
    """Pixels 0..255 are kept as bytes; that must be no other number than the graph makes of them."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (40, 5, 4, 3), dtype=np.uint8), np.arange(40) % 2
    np.savez(tmp_path / "i.npz", x_train=images, y_train=labels)
    data = prepare(card_of({"kind": "npz", "file": str(tmp_path / "i.npz")}, image={"type": "image", "shape": [5, 4, 3]}), batch_size=7)
    assert data.encoded["train"].x.dtype == np.uint8
    rows = data.rows["train"]
    by_graph = preprocess.encode(data.graph, data.raw.take(rows), preprocess.served_names(data.spec))
    assert by_graph.dtype == np.float32
    floats = Encoded(by_graph, data.encoded["train"].y)
    for (x, y), (same_x, same_y) in zip(batches(data.encoded["train"], 7, seed=2), batches(floats, 7, seed=2), strict=True):
        assert x.dtype == tf.float32
        assert x.numpy().tobytes() == same_x.numpy().tobytes()
        assert y.numpy().tobytes() == same_y.numpy().tobytes()


def test_a_dataset_hands_out_plain_tf_data():
    data = prepare(load_card("iris"), batch_size=16, seed=4)
    x, y = next(iter(data.train))
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((16, 4), tf.float32, (16,), tf.int32)
    for name in ("val", "test"):
        rows = data.rows[name]
        seen = np.concatenate([y.numpy() for _, y in getattr(data, name)])
        np.testing.assert_array_equal(seen, data.raw.target[rows])
    assert data.classes == ("setosa", "versicolor", "virginica")
    assert (data.num_classes, data.input_shape) == (3, (4,))
    assert data.describe() == "150 rows of 4 columns in 3 classes (90 / 30 / 30)"


def test_prepare_names_what_a_card_can_become():
    from zoo.errors import ZooError

    with pytest.raises(ZooError, match="the dataset 'iris' gives vector or table, not image"):
        prepare(load_card("iris"), "image")


def test_the_record_says_which_data_it_was():
    first, second = prepare(load_card("iris")).record(), prepare(load_card("iris"), seed=9).record()
    assert first == second
    assert (first["dataset"], len(first["fingerprint"]), first["parts"]["train"]["rows"]) == ("iris", 64, 90)
