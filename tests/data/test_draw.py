"""The order of an epoch: every row once, or each class alike often; a function of (seed, epoch), however many rows there are."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from zoo.data import Encoded, batches, draw
from zoo.data.clock import Clock
from zoo.data.mapped import Mapped
from zoo.data.windows import Rows

CLASSES = np.repeat([0, 1, 2, 4], [50, 9, 20, 3]).astype(np.int32)  # class 3 has no row
SPLIT = Encoded(np.arange(len(CLASSES), dtype=np.float32), CLASSES)


def epochs(numbers, split=SPLIT, seed=1, **settings):
    """(rows, classes) of some epochs."""
    epoch = tf.Variable(0, dtype=tf.int64)
    data = batches(split, 8, seed=seed, epoch=epoch, **settings)
    found = []
    for number in numbers:
        epoch.assign(number)
        whole = list(data)
        assert len(whole) == len(data) == int(data.cardinality())
        found.append(tuple(np.concatenate([batch[part] for batch in whole]).astype(int) for part in (0, 1)))
    return found


@pytest.mark.parametrize(("balance", "each"), [("oversample", 50), ("undersample", 3)])
def test_each_class_comes_alike_often(balance, each):
    for rows, classes in epochs(range(3), balance=balance):
        assert np.bincount(classes).tolist() == [each, each, each, 0, each]
        np.testing.assert_array_equal(CLASSES[rows], classes)
    assert draw.length(CLASSES, balance) == 4 * each


def test_who_is_drawn_more_often_is_drawn_fairly():
    for rows, _ in epochs(range(3), balance="oversample"):
        times = np.bincount(rows, minlength=len(CLASSES))
        for number, least in ((0, 1), (1, 5), (2, 2), (4, 16)):
            assert set(times[number == CLASSES]) <= {least, least + 1}
    kept = {tuple(sorted(rows)) for rows, _ in epochs(range(3), balance="undersample")}
    assert len(kept) == 3, "each epoch draws others"


def test_a_balanced_epoch_is_mixed_and_the_same_after_a_restart():
    whole = epochs(range(4), balance="oversample")
    (again,) = epochs([3], balance="oversample")
    np.testing.assert_array_equal(whole[3], again)
    assert not np.array_equal(whole[2], whole[3])
    assert not np.array_equal(again, epochs([3], seed=2, balance="oversample")[0])
    assert np.abs(np.diff(again[1]) > 0).sum() > 50, "classes are not one after the other"


def test_copies_are_augmented_each_for_itself():
    from zoo.config.preparing import Augmentation
    from zoo.data import augment

    jitter = augment.make((Augmentation(name="jitter", sigma=0.01),), "series", "sequence")
    split = Encoded(np.arange(82, dtype=np.float32)[:, None], CLASSES, augment=jitter)
    x = np.concatenate([x for x, _ in batches(split, 8, seed=1, balance="oversample")])[:, 0]
    assert len(np.unique(np.round(x).astype(int))) == 82
    assert len(np.unique(x)) > 190


def test_a_long_order_is_computed_and_not_kept(monkeypatch):
    split = Encoded(np.arange(997, dtype=np.float32), np.zeros(997, np.int32))
    monkeypatch.setattr(draw, "MATERIALISED", 996)
    first, second = epochs([0, 1], split)
    for rows, _ in (first, second):
        assert sorted(rows) == list(range(997))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(epochs([1], split)[0], second)
    assert abs(np.corrcoef(first[0], np.arange(997))[0, 1]) < 0.1


@pytest.fixture
def on_disk(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(40, dtype=np.float32).reshape(20, 2))
    return np.load(tmp_path / "x.npy", mmap_mode="r")


def test_what_is_on_disk_is_read_as_what_is_in_memory(on_disk):
    y, held = np.arange(20, dtype=np.int32), np.array(on_disk)
    for mapped, plain in ((on_disk, held), ({"a": on_disk}, {"a": held}), (Rows(on_disk, y[::-1]), held[::-1].copy())):
        for (x, _), (same, _) in zip(batches(Encoded(mapped, y), 6, seed=1), batches(Encoded(plain, y), 6, seed=1), strict=True):
            tf.nest.map_structure(np.testing.assert_array_equal, x, same)


def test_rows_are_read_from_the_file_in_any_order(on_disk):
    read = Mapped(on_disk)
    for rows in ([3, 4, 5, 0, 19], [], [7, 7], [[0, 1], [18, 19]]):
        np.testing.assert_array_equal(read(np.array(rows, np.int64)), np.array(on_disk)[np.array(rows, np.int64)])


def test_the_clock_sees_who_is_slow_and_changes_nothing():
    import time

    split = Encoded(np.arange(64, dtype=np.float32), np.zeros(64, np.int32))
    clock = Clock()
    slow = Encoded(split.x, split.y, finish=lambda x: tf.numpy_function(lambda v: (time.sleep(0.1), v)[1], [x], tf.float32))
    data = batches(slow, 4, seed=1, epoch=tf.Variable(0, dtype=tf.int64), clock=clock)
    assert len(data) == 16
    off = [x.numpy().tolist() for x, _ in data]
    assert clock.seconds() == 0
    clock.on.assign(True)
    begun = time.perf_counter()
    on = [x.numpy().tolist() for x, _ in data]
    took = time.perf_counter() - begun
    assert on == off
    waited = clock.seconds()
    assert 0.15 < waited <= took  # sixteen times 100 ms, two to eight at a time
    quick = batches(split, 4, seed=1, clock=(other := Clock()))
    other.on.assign(True)
    for _ in quick:
        time.sleep(0.02)  # the model is what takes its time
    assert other.seconds() < waited
