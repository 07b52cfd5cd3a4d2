"""scikit-learn's sets, idx and npz files: real values, and one clear message for what is no such file."""

from __future__ import annotations

import gzip
import itertools
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from made import card_of, idx_bytes, idx_gz

from zoo.config import load_card
from zoo.data.sources import read
from zoo.data.sources.idx import decode
from zoo.errors import ZooError

IMAGE = {"type": "image", "shape": [2, 3, 1]}


@pytest.mark.parametrize(
    ("name", "rows", "columns", "classes"),
    [("iris", 150, 4, [50, 50, 50]), ("wine", 178, 13, [59, 71, 48]), ("breast_cancer", 569, 30, [212, 357]), ("diabetes", 442, 10, None)],
)
def test_a_table_of_scikit_learn(name, rows, columns, classes):
    from sklearn import datasets

    card = load_card(name)
    raw = read(card)
    bunch = getattr(datasets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))
    assert (len(raw), list(raw.features)) == (rows, [str(one) for one in bunch.feature_names][:columns])
    np.testing.assert_array_equal(np.stack(list(raw.features.values()), -1), bunch.data.astype(np.float32))
    np.testing.assert_array_equal(raw.target, bunch.target)
    if classes:
        assert np.bincount(raw.target).tolist() == classes
        assert card.target.classes == tuple(str(one) for one in bunch.target_names)
    else:
        assert raw.target.dtype == np.float64


def test_digits_are_images():
    raw = read(load_card("digits"))
    assert raw.features["image"].shape == (1797, 8, 8, 1)
    assert (raw.features["image"].min(), raw.features["image"].max()) == (0, 16)


def test_a_card_must_name_scikit_learns_columns():
    with pytest.raises(ZooError, match="no column 'petal'"):
        read(card_of({"kind": "sklearn", "name": "iris"}, columns={"petal": "number"}))
    with pytest.raises(ZooError, match="is a table"):
        read(card_of({"kind": "sklearn", "name": "iris"}, image=IMAGE))


@pytest.fixture
def idx_source(tmp_path):
    """Files of 5 training and 2 test images of 2x3 pixels, as a source."""
    rng = np.random.default_rng(0)
    parts = {}
    for part, size in (("", 5), ("test_", 2)):
        images, labels = rng.integers(0, 256, (size, 2, 3)), np.arange(size) % 2
        parts[f"{part}images"] = str(idx_gz(tmp_path / f"{part}images.gz", images))
        parts[f"{part}labels"] = str(idx_gz(tmp_path / f"{part}labels.gz", labels))
    return {"kind": "idx", **parts}


def test_idx_files_are_read(idx_source):
    raw = read(card_of(idx_source, image=IMAGE))
    assert (raw.features["image"].shape, raw.features["image"].dtype) == ((7, 2, 3, 1), np.uint8)
    np.testing.assert_array_equal(raw.features["image"][:5, ..., 0], np.random.default_rng(0).integers(0, 256, (5, 2, 3)))
    assert raw.target.tolist() == [0, 1, 0, 1, 0, 0, 1]
    assert raw.given.tolist() == ["train"] * 5 + ["test"] * 2
    alone = read(card_of({key: idx_source[key] for key in ("kind", "images", "labels")}, image=IMAGE))
    assert (len(alone), alone.given) == (5, None)


WHOLE = idx_bytes(np.zeros((3, 2, 3)))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (gzip.compress(WHOLE)[:-9], "cannot be unpacked"),
        (gzip.compress(WHOLE)[:12] + b"\xff" * 8 + gzip.compress(WHOLE)[20:], "cannot be unpacked"),
        (WHOLE, "cannot be unpacked"),
        (gzip.compress(WHOLE[:-1]), "is truncated"),
        (gzip.compress(WHOLE + b"\0"), "is truncated"),
        (gzip.compress(WHOLE[:9]), "its header is not whole"),
        (gzip.compress(b"\0\0\x08\0\x01"), "its header is not whole"),
        (gzip.compress(b"\0\0\x08\x02" + b"\xff" * 8 + b"1234"), "is truncated"),
        (gzip.compress(b"\0\0\x0d\x03" + WHOLE[4:]), "no idx file of bytes"),
        (gzip.compress(b"<html>not found</html>"), "no idx file of bytes"),
        (b"", "no idx file of bytes"),
    ],
    ids=itertools.count(),  # a packed file says when it was packed: a name of it would be another in each process
)
def test_what_is_no_idx_file_is_refused(tmp_path, data, says):
    path = tmp_path / "images.gz"
    path.write_bytes(data)
    with pytest.raises(ZooError, match=says):
        decode(path)


def test_an_idx_file_need_not_be_packed(tmp_path):
    (tmp_path / "images-idx3-ubyte").write_bytes(WHOLE)
    assert decode(tmp_path / "images-idx3-ubyte").shape == (3, 2, 3)


def test_idx_files_must_fit_each_other_and_the_card(idx_source):
    with pytest.raises(ZooError, match=r"holds 5 images, but .* 2 labels"):
        read(card_of({**idx_source, "labels": idx_source["test_labels"]}, image=IMAGE))
    with pytest.raises(ZooError, match="one label an image"):
        read(card_of({**idx_source, "labels": idx_source["images"]}, image=IMAGE))
    with pytest.raises(ZooError, match="images of shape"):
        read(card_of({**idx_source, "images": idx_source["labels"]}, image=IMAGE))
    with pytest.raises(ZooError, match="images of shape"):
        read(card_of(idx_source, image={**IMAGE, "shape": [3, 2, 1]}))
    with pytest.raises(ZooError, match=r"holds pixels from .* says range"):
        read(card_of(idx_source, image={**IMAGE, "range": [0, 16]}))


@pytest.fixture
def npz_card(tmp_path):
    """A card over arrays; two number columns unless `image` is given."""

    def make(*, source=None, card=None, **arrays):
        np.savez_compressed(tmp_path / "arrays.npz", **arrays)
        what = card or {"columns": {"a": "number", "b": "number"}}
        return card_of({"kind": "npz", "file": str(tmp_path / "arrays.npz"), **(source or {})}, **what)

    return make


X, Y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 1])


def test_npz_matrices_are_read(npz_card):
    raw = read(npz_card(x_train=X, y_train=Y))
    assert {name: (values.tolist(), values.dtype.name) for name, values in raw.features.items()} == {
        "a": ([0, 2, 4], "float32"),
        "b": ([1, 3, 5], "float32"),
    }
    assert raw.target.tolist() == [0, 1, 1]


def test_npz_images_and_a_test_part_are_read(npz_card):
    source = {"features": "x", "target": "y", "test_features": "u", "test_target": "v"}
    images = np.arange(18, dtype=np.uint8).reshape(3, 2, 3)
    raw = read(npz_card(source=source, card={"image": IMAGE}, x=images, y=Y, u=images[:2, ..., None], v=Y[:2, None]))
    assert raw.features["image"].shape == (5, 2, 3, 1)
    assert raw.target.tolist() == [0, 1, 1, 0, 1]
    assert raw.given.tolist() == ["train"] * 3 + ["test"] * 2


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (np.array(["n", "y", "y"]), ["n", "y", "y"]),
        (np.array([b"n", b"y", b"y"]), ["n", "y", "y"]),
        (np.array([1.0, 0.0, 1.0]), [1, 0, 1]),
        (np.array([True, False, True]), [1, 0, 1]),
    ],
    ids=["text", "bytes", "float", "bool"],
)
def test_labels_of_any_kind_are_labels(npz_card, target, expected):
    raw = read(npz_card(x_train=X, y_train=target))
    assert raw.target.tolist() == expected
    assert raw.target.dtype.kind in "iU"


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x_train": X.astype(object), "y_train": Y}, "'x_train' holds Python objects"),
        ({"x_train": X, "y_train": Y.astype(object)}, "'y_train' holds Python objects"),
        ({"x_train": X.astype(str), "y_train": Y}, "where numbers are expected"),
        ({"x_train": X.astype(complex), "y_train": Y}, "no array of numbers"),
        ({"x_train": np.array(3.0), "y_train": Y}, "no array of numbers"),
        ({"x_train": X, "y_train": Y[:2]}, "3 rows, but y_train 2"),
        ({"x_train": X[:, :1], "y_train": Y}, "names 2 columns"),
        ({"x_train": X[:, 0], "y_train": Y}, "names 2 columns"),
        ({"x_train": X + np.inf, "y_train": Y}, "infinite"),
        ({"x_train": X * 1e39, "y_train": Y}, "larger than a float32"),
        ({"x_train": X, "y_train": np.array([0, 1, np.nan])}, "not finite in 1 rows, first in row 3"),
        ({"x_train": X, "y_train": np.array([1, 1, 1])}, "one class only"),
        ({"x_tran": X, "y_train": Y}, "no array 'x_train'"),
        ({"x_train": X[:0], "y_train": Y[:0]}, "has no rows"),
    ],
)
def test_what_is_wrong_with_an_archive_is_said(npz_card, arrays, says):
    with pytest.raises(ZooError, match=says):
        read(npz_card(**arrays))


def test_a_name_of_an_array_that_is_nearly_right(npz_card):
    with pytest.raises(ZooError, match="did you mean: x_tran"):
        read(npz_card(x_tran=X, y_train=Y))


@pytest.mark.parametrize("cut", [0, 1, 10, 100, 300, -1, -30])
def test_a_truncated_archive_is_refused(npz_card, tmp_path, cut):
    card = npz_card(x_train=np.random.default_rng(0).random((300, 2)), y_train=np.arange(300))
    path = tmp_path / "arrays.npz"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ZooError, match=r"arrays\.npz is no \.npz archive"):
        read(card)


def test_a_damaged_archive_is_refused(npz_card, tmp_path):
    card = npz_card(x_train=np.random.default_rng(0).random((300, 2)), y_train=np.arange(300))
    path = tmp_path / "arrays.npz"
    whole = path.read_bytes()
    for start in range(60, 1500, 240):
        path.write_bytes(whole[:start] + b"\xff" * 40 + whole[start + 40 :])
        with pytest.raises(ZooError, match=r"arrays\.npz: the array 'x_train' cannot be read"):
            read(card)


class _Evil:
    def __reduce__(self):
        return print, ("a pickle was run",)


def test_what_is_no_archive_is_refused_and_no_pickle_runs(npz_card, tmp_path, capsys):
    card, path = npz_card(x_train=X, y_train=Y), tmp_path / "arrays.npz"
    np.save(tmp_path / "x.npy", X)
    for content in (pickle.dumps(_Evil()), (tmp_path / "x.npy").read_bytes(), b"a,b\n1,2\n"):
        path.write_bytes(content)
        with pytest.raises(ZooError, match=r"is no \.npz archive"):
            read(card)
    np.savez(path, x_train=np.array([_Evil()], object), y_train=Y)
    with pytest.raises(ZooError, match="holds Python objects"):
        read(card)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train", "no array")
    with pytest.raises(ZooError, match="no array of numbers"):
        read(card)
    assert "pickle" not in capsys.readouterr().out


def test_pixels_that_are_not_finite_are_refused(npz_card):
    images = np.full((3, 2, 3), 1.0)
    images[1, 0, 0] = np.nan
    with pytest.raises(ZooError, match="not finite"):
        read(npz_card(card={"image": IMAGE}, x_train=images, y_train=Y))


def test_a_value_beyond_float32_is_no_target(npz_card):
    card = npz_card(x_train=X, y_train=np.array([0, 1e40, 1]), card={"columns": {"a": "number", "b": "number"}, "task": "regression"})
    with pytest.raises(ZooError, match=r"not finite in 1 rows, first in row 2\n  or larger than a float32"):
        read(card)


def test_sources_and_splits_need_no_keras():
    code = "import sys, zoo.data.fetch, zoo.data.sources.csv, zoo.data.splits; assert not {'keras', 'tensorflow'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
