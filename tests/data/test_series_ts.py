"""Series, an example each: `.ts` files, UCR's plain text, arrays; and the archives' real bytes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from made import card_of

from zoo.data import prepare
from zoo.data.sources import read, ts
from zoo.errors import ZooError

RAGGED = """# made by hand
@problemName Waves
@timeStamps false
@missing true
@univariate false
@dimensions 2
@equalLength false
@classLabel true up down

@data
1,2,3:4,5,6:up
1.5,?:2,NaN:down
# in between
-1e-3,2,3,4:5,6,7,8:up
"""


@pytest.fixture
def ts_card(tmp_path):
    def make(text, test=None, channels=2, length=5, **card):
        source = {"kind": "ts", "file": str(tmp_path / "train.ts")}
        (tmp_path / "train.ts").write_bytes(text if isinstance(text, bytes) else text.encode())
        if test is not None:
            (tmp_path / "test.ts").write_text(test)
            source["test_file"] = str(tmp_path / "test.ts")
        return card_of(source, **{"series": {"length": length, "channels": channels}, **card})

    return make


def test_a_ragged_series_is_padded_at_its_end(ts_card):
    raw = read(ts_card(RAGGED))
    assert raw.features["series"].dtype == np.float32
    assert raw.target.tolist() == ["up", "down", "up"]
    nan = np.nan
    np.testing.assert_array_equal(raw.features["series"][0], np.float32([[1, 4], [2, 5], [3, 6], [nan, nan], [nan, nan]]))
    np.testing.assert_array_equal(raw.features["series"][1], np.float32([[1.5, 2], [nan, nan], [nan, nan], [nan, nan], [nan, nan]]))
    np.testing.assert_array_equal(raw.features["series"][2, :, 0], np.float32([-1e-3, 2, 3, 4, nan]))
    assert raw.given is None


def test_the_test_file_is_the_test_part(ts_card):
    raw = read(ts_card(RAGGED, test=RAGGED))
    assert raw.given.tolist() == ["train"] * 3 + ["test"] * 3
    assert len(raw.files) == 2


def test_plain_text_has_its_label_first(ts_card):
    text = "   1.0000000e+00  -1.5e-01   2.0\n2,3,NaN\r\n\n-1\t4\t5\n"
    raw = read(ts_card(text, channels=1, length=2))
    assert raw.target.tolist() == [1, 2, -1]
    assert raw.target.dtype.kind == "i"
    np.testing.assert_array_equal(raw.features["series"][..., 0], np.float32([[-0.15, 2], [3, np.nan], [4, 5]]))


def test_a_number_is_learned_too(ts_card):
    text = "@targetLabel true\n@data\n1,2:0.5\n2,3:1.5\n"
    assert read(ts_card(text, channels=1, task="regression")).target.tolist() == [0.5, 1.5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RAGGED.replace("@timeStamps false", "@timeStamps true"), r"line 3: series with time stamps are not read"),
        (RAGGED.replace("@equalLength false", "@equalLength true"), r"line 12: a series of 2 steps, where those before have 3"),
        (RAGGED.replace("4:5,6,7,8:up", "4,5,6:7:up"), r"line 14: a series of 6 steps, but .* says length: 5\n.*length: 6\?"),
        (RAGGED.replace(":4,5,6:up", ":up"), r"line 11: a series of 1 channels, but .* says channels: 2"),
        (RAGGED.replace("6:up", "6:upp"), r"line 11: the label 'upp' is none of those that @classLabel names\n.*up"),
        (RAGGED.replace("6:up", "6"), r"line 11: no label behind the last ':'"),
        (RAGGED.replace("2,3:4", "2,x3:4"), r"line 11: 'x3', where a number is expected"),
        (RAGGED.replace("-1e-3", "-1e39"), r"line 14: a value is infinite, or larger"),
        (RAGGED.replace("@data\n", ""), r"line 10: a series before the line @data"),
        ("@problemName x\n", "has no line @data"),
        ("@problemName x\n@data\n", "holds no series"),
        ("", "holds no series"),
        ("1\n", "line 1: a label and values are expected"),
        (RAGGED.encode() + b"\xff\xfe", r"line 15: not UTF-8 text"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(ts_card, text, said):
    with pytest.raises(ZooError, match=said):
        read(ts_card(text))


def test_padding_is_zero_after_scaling_and_what_lacks_inside_is_filled(ts_card):
    text = "@data\n" + "\n".join(f"{a},?,{a + 2}:{'ab'[a % 2]}" for a in range(12)) + "\n"
    data = prepare(ts_card(text, channels=1, split={"val": 0.25, "test": 0.25}))
    x, _ = next(iter(data.val))
    values = data.raw.features["series"][data.rows["val"], :, 0]
    train = data.raw.features["series"][data.rows["train"]]
    mean, std = np.nanmean(train, dtype=np.float64), np.nanstd(train, dtype=np.float64)
    filled = np.stack([values[:, 0], values[:, 0], values[:, 2]], 1)
    np.testing.assert_allclose(x[:, :3, 0], (filled - mean) / std, atol=1e-6)
    assert not np.any(x[:, 3:])


@pytest.mark.parametrize("shape", [(4, 6), (4, 5, 2), (4,)])
def test_arrays_of_another_shape_are_refused(tmp_path, shape):
    np.savez(tmp_path / "a.npz", x_train=np.zeros(shape), y_train=[0, 1, 0, 1])
    with pytest.raises(ZooError, match=r"x_train has shape .*length: 5 and channels: 1"):
        read(card_of({"kind": "npz", "file": str(tmp_path / "a.npz")}, series={"length": 5}))


def test_arrays_are_series(tmp_path):
    values = np.arange(24.0).reshape(4, 3, 2)
    np.savez(tmp_path / "a.npz", x_train=values, y_train=[0, 1, 0, 1], x_test=values[:2], y_test=[0, 1])
    source = {"kind": "npz", "file": str(tmp_path / "a.npz"), "test_features": "x_test", "test_target": "y_test"}
    raw = read(card_of(source, series={"length": 4, "channels": 2}))
    assert raw.features["series"].shape == (6, 4, 2)
    np.testing.assert_array_equal(raw.features["series"][:4, :3], values)
    assert np.isnan(raw.features["series"][:, 3]).all()


REAL = {  # as the archive's pages have it: length, channels, classes, training and test examples, and how many values are padding
    "GunPoint": (150, 1, 2, 50, 150, 0.0),
    "JapaneseVowels": (29, 12, 9, 270, 370, 0.463),
    "BasicMotions": (100, 6, 4, 40, 40, 0.0),
}


@pytest.mark.skipif("ZOO_DATA_DIR" not in os.environ, reason="no ZOO_DATA_DIR")
@pytest.mark.parametrize("name", REAL)
def test_the_archives_files_are_what_its_pages_say(name):
    found = {path.name: path for path in Path(os.environ["ZOO_DATA_DIR"]).rglob(f"{name}_T*.ts")}
    if len(found) < 2:
        pytest.skip(f"{name} is not there")
    length, channels, classes, train, test, lacking = REAL[name]
    source = {"kind": "ts", "file": str(found[f"{name}_TRAIN.ts"]), "test_file": str(found[f"{name}_TEST.ts"])}
    raw = read(card_of(source, series={"length": length, "channels": channels}))
    assert raw.features["series"].shape == (train + test, length, channels)
    assert len(np.unique(raw.target)) == classes
    assert (raw.given == "test").sum() == test
    assert np.isnan(raw.features["series"]).mean() == pytest.approx(lacking, abs=1e-3)


def test_a_line_of_an_at_sign_alone(tmp_path):
    (tmp_path / "t.ts").write_text("@\n@data\n1,2:a\n")
    assert [label for _, (_, label) in ts.examples_of(tmp_path / "t.ts")] == ["a"]
