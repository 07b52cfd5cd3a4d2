"""Augmentation is a pure function of (seed, epoch, example), does what its name says, and is for training only."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from made import card_of

from zoo.config.preparing import STEPS, STEPS_OF, Augmentation
from zoo.data import augment, batches, prepare
from zoo.data.augment import chance, image, mixing
from zoo.errors import ZooError

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 12, 10, 3)).astype(np.float32)
X = {
    "image": IMAGES,
    "series": np.random.default_rng(1).normal(size=(24, 16, 3)).astype(np.float32),
    "audio": np.random.default_rng(2).uniform(-1, 1, (24, 20, 8)).astype(np.float32),
    "text": np.random.default_rng(3).integers(0, 50, (24, 30)).astype(np.int32),
    "table": np.random.default_rng(4).normal(size=(24, 5)).astype(np.float32),
}
MODALITY = {"image": "image", "series": "sequence", "audio": "sequence", "text": "tokens", "table": "vector"}
EVERY = [(kind, name) for kind, names in STEPS_OF.items() for name in names]
Y = (np.arange(24) % 3).astype(np.int32)


def step(kind, name, classes=3, **settings):
    made = augment.make((Augmentation(name=name, **settings),), kind, MODALITY[kind], classes)
    (run,) = [one for one in (made.before, made.after) if one]
    return tf.function(run)


def keys(rows, epoch=0, seed=1):
    return chance.keys_of(seed, epoch, tf.constant(rows, tf.int64))


def run(kind, name, rows, epoch=0, seed=1, **settings):
    x = X[kind][rows].reshape(len(rows), -1) if name == "noise" else X[kind][rows]  # on the waveform
    x, y = step(kind, name, **settings)(tf.constant(x), tf.constant(Y[rows]), keys(rows, epoch, seed))
    return x.numpy().reshape(X[kind][rows].shape), y.numpy()


def test_every_step_of_the_vocabulary_is_made():
    assert set(augment.MAKERS) | set(augment.MIXERS) == set(STEPS) == {name for _, name in EVERY}


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_what_an_example_becomes_follows_from_seed_epoch_and_example(kind, name):
    rows = np.arange(24)
    x, y = run(kind, name, rows)
    assert x.shape == X[kind].shape
    assert x.dtype == X[kind].dtype
    assert np.isfinite(x).all()
    again = np.random.default_rng(5).permutation(24)  # the same examples in other places
    moved_x, moved_y = run(kind, name, again)
    np.testing.assert_allclose(moved_x, x[again], atol=2e-4)
    np.testing.assert_allclose(moved_y, y[again], atol=1e-6)
    assert not np.array_equal(x, X[kind]), "nothing was changed"
    assert not np.array_equal(x, run(kind, name, rows, epoch=1)[0]), "another epoch changes it otherwise"
    assert not np.array_equal(x, run(kind, name, rows, seed=2)[0]), "another seed changes it otherwise"
    if name not in augment.MIXERS:  # those pair the examples of a batch
        few = np.array([7, 3, 11])
        np.testing.assert_allclose(run(kind, name, few)[0], x[few], atol=2e-4)
        np.testing.assert_array_equal(y, Y)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_a_probability_leaves_the_others_alone(kind, name):
    rows = np.arange(24)
    x, y = run(kind, name, rows, probability=0.4)
    same = np.array([np.array_equal(one, other) for one, other in zip(x, X[kind], strict=True)])
    assert 4 <= same.sum() <= 22
    if name in augment.MIXERS:
        np.testing.assert_array_equal(y[same].argmax(-1), Y[same])
        np.testing.assert_allclose(y.sum(-1), 1, atol=1e-6)


def test_two_steps_draw_from_streams_of_their_own():
    flips = (Augmentation(name="flip"), Augmentation(name="flip", axis="vertical"))
    change = augment.make(flips, "image", "image").before
    x, _ = change(tf.constant(IMAGES), tf.constant(Y), keys(np.arange(24)))
    ways = {"none": IMAGES, "across": IMAGES[:, :, ::-1], "down": IMAGES[:, ::-1], "both": IMAGES[:, ::-1, ::-1]}
    counts = {way: sum(np.array_equal(a, b) for a, b in zip(x.numpy(), other, strict=True)) for way, other in ways.items()}
    assert sum(counts.values()) == 24
    assert min(counts.values()) >= 1


def test_numbers_are_uniform_normal_and_beta():
    many = keys(np.arange(40_000))
    uniform = chance.uniform(many, 3).numpy()
    assert uniform.min() >= 0
    assert uniform.max() < 1
    np.testing.assert_allclose(np.histogram(uniform, 10)[0] / uniform.size, 0.1, atol=0.005)
    np.testing.assert_allclose(np.corrcoef(uniform.T), np.eye(3), atol=0.02)
    normal = chance.normal(many, 5).numpy()
    np.testing.assert_allclose([normal.mean(), normal.std()], [0, 1], atol=0.01)
    share = chance.beta(many, 0.2).numpy()
    np.testing.assert_allclose([share.mean(), share.var()], [0.5, 0.25 / 1.4], atol=0.01)
    assert len(np.unique(many.numpy())) > 39_990


def test_a_crop_moves_whole_pixels():
    whole = step("image", "crop", padding=2)(tf.constant(IMAGES), tf.constant(Y), keys(np.arange(24)))[0].numpy()
    padded = np.pad(IMAGES, ((0, 0), (2, 2), (2, 2), (0, 0)))
    moves = [padded[:, down : down + 12, right : right + 10] for down in range(5) for right in range(5)]
    found = [[np.array_equal(one[row], whole[row]) for one in moves] for row in range(24)]
    assert (np.sum(found, 1) == 1).all()
    assert len({row.index(True) for row in found}) > 8
    reflected = step("image", "crop", padding=2, border="reflect")(tf.constant(IMAGES), tf.constant(Y), keys(np.arange(24)))[0].numpy()
    assert (reflected.mean((1, 2, 3)) > whole.mean((1, 2, 3)) - 1e-3).all()


def test_a_turn_by_a_right_angle_is_one():
    square = tf.constant(IMAGES[:, :10])
    matrix = image.about_the_middle(square, *(tf.fill([24], value) for value in (0.0, 1.0, -1.0, 0.0)))
    np.testing.assert_allclose(image.transformed(square, matrix), np.rot90(IMAGES[:, :10], -1, (1, 2)), atol=1e-3)


def test_pixels_stay_pixels():
    for name in ("colour", "cutout", "rand_augment", "rotate"):
        x, _ = run("image", name, np.arange(24))
        assert x.min() >= 0
        assert x.max() <= 255.001


def test_colour_without_strength_changes_nothing():
    x, _ = run("image", "colour", np.arange(24), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
    np.testing.assert_allclose(x, IMAGES, atol=1e-3)
    grey = step("image", "colour")(tf.constant(IMAGES[..., :1]), tf.constant(Y), keys(np.arange(24)))[0]
    assert grey.shape == (24, 12, 10, 1)
    turned, _ = run("image", "colour", np.arange(24), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.05)
    inside = (turned > 1).all(-1) & (turned < 254).all(-1)
    np.testing.assert_allclose((turned @ np.array(image.GREY))[inside], (IMAGES @ np.array(image.GREY))[inside], atol=1)


def test_rand_augment_draws_every_operation():
    """One operation an example: the identity is one of thirteen, and on this noise autocontrast finds nothing to do."""
    changed = np.concatenate([run("image", "rand_augment", np.arange(24), epoch=epoch, count=1, magnitude=0.9)[0] for epoch in range(20)])
    before = np.tile(IMAGES, (20, 1, 1, 1))
    same = np.mean([np.allclose(one, other, atol=3) for one, other in zip(changed, before, strict=True)])
    assert 0.08 < same < 0.25
    inverted = np.mean([np.allclose(one[other > 30], (255 - other)[other > 30]) for one, other in zip(changed, before, strict=True)])
    assert 0.03 < inverted < 0.13  # solarize
    coarse = np.mean([(one % 16 == 0).all() for one in changed])
    assert 0.03 < coarse < 0.13  # posterize


def test_mixed_labels_say_what_is_in_the_image():
    rows = np.arange(24)
    flat = np.repeat(Y.astype(np.float32), 120 * 3).reshape(24, 12, 10, 3) * 100  # a class is a shade
    for name in ("mixup", "cutmix"):
        x, y = step("image", name)(tf.constant(flat), tf.constant(Y), keys(rows))
        assert y.shape == (24, 3)
        np.testing.assert_allclose(tf.reduce_sum(y, -1), 1, atol=1e-6)
        np.testing.assert_allclose(tf.reduce_mean(x, (1, 2, 3)) / 100, y.numpy() @ np.arange(3), atol=1e-4)
        two = step("image", name, classes=2)(tf.constant(flat), tf.constant(Y % 2), keys(rows))[1]
        assert (two.shape, two.dtype) == ((24,), tf.float32)


def test_partners_are_one_circle():
    for size in (2, 7, 64):
        other = mixing.partners(keys(np.arange(size))).numpy()
        assert sorted(other) == list(range(size))
        assert (other != np.arange(size)).all()
    assert mixing.partners(keys(np.arange(1))).numpy().tolist() == [0]


def test_values_that_are_learned_are_mixed_as_they_are():
    x, y = step("table", "mixup", classes=None)(tf.constant(X["table"]), tf.constant(X["table"][:, 0]), keys(np.arange(24)))
    np.testing.assert_allclose(x[:, 0], y, atol=1e-6)


def test_noise_has_the_loudness_that_was_asked_for():
    sound = np.random.default_rng(0).normal(size=(8, 4001)).astype(np.float32) * np.logspace(-3, 0, 8, dtype=np.float32)[:, None]
    run = augment.make((Augmentation(name="noise", decibels=20.0, probability=1.0),), "audio", "image").before
    noise = run(tf.constant(sound), tf.constant(Y[:8]), keys(np.arange(8)))[0].numpy() - sound
    np.testing.assert_allclose(10 * np.log10(np.square(sound).mean(1) / np.square(noise).mean(1)), 20, atol=0.5)


def test_jitter_leaves_the_end_of_a_shorter_series_blank():
    series = np.random.default_rng(0).normal(size=(8, 20, 3)).astype(np.float32)
    series[:, 5] = series[::2, 12:] = series[0] = 0
    for shape, modality in (((8, 20, 3), "sequence"), ((8, 60), "vector")):
        run = augment.make((Augmentation(name="jitter", sigma=0.5),), "series", modality).after
        x = run(tf.constant(series.reshape(shape)), tf.constant(Y[:8]), keys(np.arange(8)))[0].numpy().reshape(series.shape)
        assert not x[::2, 12:].any()
        assert not x[0].any()
        assert (x[1::2] != series[1::2]).all()
        assert (x[2::2, :12] != series[2::2, :12]).all()


def test_masks_of_a_spectrogram_are_stripes():
    x, _ = run("audio", "spec_augment", np.arange(24), count=1, time=0.4, frequency=0.5)
    hidden = np.isclose(x, X["audio"].mean((1, 2), keepdims=True))
    frames, bins = hidden.all(2).sum(1), hidden.all(1).sum(1)
    assert frames.max() <= 8
    assert bins.max() <= 4
    assert frames.max() >= 5
    rest = ~(hidden.all(2)[:, :, None] | hidden.all(1)[:, None])
    np.testing.assert_array_equal(x[rest], X["audio"][rest])
    one_channel = step("audio", "spec_augment")(tf.constant(X["audio"][..., None]), tf.constant(Y), keys(np.arange(24)))[0]
    assert one_channel.shape == (24, 20, 8, 1)


def test_dropped_words_are_unknown_and_padding_stays():
    x, _ = run("text", "word_dropout", np.arange(24), rate=0.3)
    changed = x != X["text"]
    assert (x[changed] == 1).all()
    assert (x[X["text"] == 0] == 0).all()
    assert 0.2 < changed.mean() < 0.4


def test_a_step_needs_what_it_works_on():
    with pytest.raises(ZooError, match="augment: word_dropout works on tokens, and the model takes a vector"):
        augment.make((Augmentation(name="word_dropout"),), "text", "vector")
    with pytest.raises(ValueError, match="augment: cutout is nothing for table; steps that are: mixup"):
        card_of({"kind": "sklearn", "name": "iris"}, columns={"a": "number"}, augment=["cutout"])


DIGITS = {"kind": "sklearn", "name": "digits"}
SHAPE = {"type": "image", "shape": [8, 8, 1], "range": [0, 16]}


@pytest.mark.parametrize("modality", ["image", "vector"])
def test_only_who_learns_sees_it(modality):
    plain = prepare(card_of(DIGITS, image=SHAPE), modality)
    changed = prepare(card_of(DIGITS, image=SHAPE, augment=["crop", "mixup"]), modality)
    for name in ("val", "test"):
        for (x, y), (same_x, same_y) in zip(getattr(changed, name), getattr(plain, name), strict=True):
            np.testing.assert_array_equal(x, same_x)
            np.testing.assert_array_equal(y, same_y)
    unchanged = np.concatenate([x for x, _ in batches(changed.encoded["train"], 64)])  # without a seed nothing is drawn
    np.testing.assert_allclose(unchanged, np.concatenate([x for x, _ in batches(plain.encoded["train"], 64)]), atol=1e-5)
    x, y = next(iter(changed.train))
    assert x.shape == next(iter(plain.train))[0].shape
    assert (y.shape, y.dtype) == ((64, 10), tf.float32)


def test_pixels_are_augmented_before_they_become_a_vector():
    images, vectors = (prepare(card_of(DIGITS, image=SHAPE, augment=["crop"]), modality) for modality in ("image", "vector"))
    for (image_, _), (vector, _) in zip(images.train, vectors.train, strict=True):
        mean, std = vectors.spec["mean"], vectors.spec["std"]
        np.testing.assert_allclose((image_.numpy().reshape(len(image_), -1) - mean) / std, vector, atol=1e-4)


def test_an_epoch_is_augmented_alike_after_a_restart():
    def seen(numbers):
        data = prepare(card_of(DIGITS, image=SHAPE, augment=["crop", "rotate", "cutmix"]))
        epoch = tf.Variable(0, dtype=tf.int64)
        made = batches(data.encoded["train"], 100, seed=3, epoch=epoch)
        found = []
        for number in numbers:
            epoch.assign(number)
            found.append([(x.numpy(), y.numpy()) for x, y in made])
        return found

    whole, restarted = seen([0, 1, 2]), seen([2])
    for (x, y), (same_x, same_y) in zip(whole[2], restarted[0], strict=True):
        assert x.tobytes() == same_x.tobytes()
        assert y.tobytes() == same_y.tobytes()
    assert whole[0][0][0].tobytes() != whole[1][0][0].tobytes()
