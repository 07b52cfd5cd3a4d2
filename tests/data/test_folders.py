"""Folders of images, sound and text, and tables of paths: labels, parts, what is left out, what is bad, what is kept in the store."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from made import card_of
from PIL import Image
from scipy.io import wavfile

from zoo.data import decoding, store
from zoo.data.sources import paths, read
from zoo.errors import ZooError

SHAPE = (8, 8, 3)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def picture(number: int, kind: str = "PNG", size: int = 8) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (size, size), (number, 2 * number % 256, 100)).save(out, kind)
    return out.getvalue()


def sound(number: int, rate: int = 8000) -> bytes:
    out = io.BytesIO()
    wavfile.write(out, rate, np.full(400, number * 256, np.int16))
    return out.getvalue()


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def images(folder: Path, files: dict[str, bytes], **more):
    source = {"kind": "image_folder", "folder": str(fill(folder, files)), **more.pop("source", {})}
    return card_of(source, image={"shape": SHAPE}, **more)


TWO = {"cat/1.png": picture(1), "cat/2.PNG": picture(2), "dog/3.jpg": picture(3, "JPEG"), "dog/deep/4.bmp": picture(4, "BMP")}


def test_sub_folders_are_labels(tmp_path):
    raw = read(images(tmp_path, TWO))
    assert raw.target.tolist() == ["cat", "cat", "dog", "dog"]
    assert (raw.features["image"].shape, raw.features["image"].dtype) == ((4, *SHAPE), np.uint8)
    np.testing.assert_allclose(raw.features["image"][:, 0, 0, 0], [1, 2, 3, 4], atol=1)
    assert (raw.given, raw.rejected) == (None, [])
    assert set(raw.files) == {tmp_path.name}


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        (("train", "val", "test"), ("train", "val", "test")),
        (("train", "Validation", "test"), ("train", "val", "test")),
        (("train", "test"), ("train", "test")),
        (("train", "val"), ("train", "test")),
        (("train", "valid"), ("train", "test")),
    ],
)
def test_parts_stand_above_the_classes(tmp_path, folders, parts):
    files = {f"{folder}/{label}/{n}.png": picture(10 * n) for folder in folders for label in "ab" for n in range(2)}
    raw = read(images(tmp_path, {**files, "stray.png": picture(0), "other/a/0.png": picture(0)}, split={"kind": "given"}))
    by_folder = dict(zip(folders, parts, strict=True))
    assert raw.given.tolist() == [by_folder[folder] for folder in sorted(folders) for _ in range(4)]
    assert sorted(set(raw.target)) == ["a", "b"]


def test_classes_may_be_named_as_parts_are(tmp_path):
    assert read(images(tmp_path, {"test/1.png": picture(1), "fail/1.png": picture(2)})).target.tolist() == ["fail", "test"]


def test_a_pattern_finds_labels_and_columns(tmp_path):
    files = {f"all/{label}_{who}_{n}.png": picture(n) for label in "ab" for who in ("ann", "bob") for n in range(2)}
    card = images(
        tmp_path, {**files, "all/readme.png": picture(9)}, source={"pattern": r"(?P<label>\w)_(?P<speaker>\w+)_(?P<take>\d)\.png"}
    )
    raw = read(card)
    assert raw.target.tolist() == ["a"] * 4 + ["b"] * 4
    assert raw.beside["speaker"].tolist() == ["ann", "ann", "bob", "bob"] * 2
    assert raw.beside["take"].tolist() == ["0", "1"] * 4


def test_what_is_not_like_the_rest_is_told_in_one_note(tmp_path, caplog):
    (tmp_path / "empty").mkdir()
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat/gone.png").symlink_to(tmp_path / "nowhere")
    more = {"README.md": b"x", "cat/a.txt": b"x", "cat/b.txt": b"x", "beside.png": picture(0), ".hidden/c.png": b"", "dog/.d.png": b""}
    with caplog.at_level(logging.WARNING, "zoo"):
        assert len(read(images(tmp_path, {**TWO, **more}))) == 4
    (note,) = caplog.messages
    assert "5 files are left out (2 .png, 2 .txt, 1 .md), as README.md; 1 sub-folders hold no examples, as empty" in note


def test_a_loop_of_links_ends(tmp_path):
    fill(tmp_path, TWO)
    (tmp_path / "cat/loop").symlink_to(tmp_path)
    (tmp_path / "dog/loop").symlink_to(tmp_path / "dog")
    (tmp_path / "bird").symlink_to(tmp_path / "cat")
    assert read(images(tmp_path, {})).target.tolist() == ["bird", "bird", "cat", "cat", "dog", "dog"]


def test_a_link_to_itself_is_left_out_and_told(tmp_path, caplog):
    fill(tmp_path, TWO)
    (tmp_path / "cat/one.png").symlink_to(tmp_path / "cat/two.png")
    (tmp_path / "cat/two.png").symlink_to(tmp_path / "cat/one.png")
    with caplog.at_level(logging.WARNING, "zoo"):
        assert len(read(images(tmp_path, {}))) == 4
    assert "2 files are left out (2 .png), as cat/one.png" in caplog.text


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "holds no files that end in"),
        ({"a/b.txt": b""}, r"(?s)holds no files that end in.*it holds: \.txt"),
        ({"a.png": b"", "b.png": b""}, "holds no file in a sub-folder"),
        ({"a/1.png": picture(1), "a/2.png": picture(2)}, "one class only: 'a'"),
    ],
)
def test_a_folder_that_nothing_can_be_learned_from(tmp_path, files, says):
    with pytest.raises(ZooError, match=says):
        read(images(tmp_path, files))


def test_a_range_that_files_do_not_have_is_refused(tmp_path):
    fill(tmp_path, TWO)
    card = card_of({"kind": "image_folder", "folder": str(tmp_path)}, image={"shape": SHAPE, "range": [0, 1]})
    with pytest.raises(ZooError, match=r"pixels of files are 0\.\.255"):
        read(card)


JPEG = picture(7, "JPEG", 64)
BAD = [
    ("dog/x.jpg", JPEG[: len(JPEG) // 2], "truncated"),
    ("dog/x.png", b"", r"is empty \(0 bytes\)"),
    ("dog/x.png", b"<html></html>", "is no JPEG, PNG, BMP, GIF or WebP file"),
    ("dog/x.bmp", b"BM" + bytes(16) + b"\0\0\1\0" * 2 + bytes(60), r"holds 4294967296 pixels, more than 50,000,000"),
]


@pytest.mark.parametrize(("name", "content", "says"), BAD, ids=[one[2] for one in BAD])
def test_a_bad_image_is_refused_by_name_or_skipped(tmp_path, caplog, name, content, says):
    card = images(tmp_path, {**TWO, name: content})
    with pytest.raises(ZooError, match=f"{name}: .*{says}"):
        read(card)
    assert not [one for one in (store.cache_folder() / "store").iterdir() if one.name.startswith(".")]
    with caplog.at_level(logging.WARNING, "zoo"):
        raw = read(images(tmp_path, {}, source={"on_error": "skip"}))
    assert raw.target.tolist() == ["cat", "cat", "dog", "dog"]
    assert raw.ids.tolist() == [0, 1, 2, 3]
    assert raw.source_rows == 5
    np.testing.assert_allclose(raw.features["image"][:, 0, 0, 0], [1, 2, 3, 4], atol=1)
    assert raw.rejected[0].startswith(f"{name}: ")
    assert len(raw.rejected) == len(caplog.messages) == 1
    with pytest.raises(ZooError, match=name):
        read(card)


def test_a_png_named_jpg_is_fine(tmp_path):
    assert len(read(images(tmp_path, {**TWO, "dog/x.jpg": picture(9)}))) == 5


def test_files_are_decoded_once(tmp_path, monkeypatch):
    card = images(tmp_path, TWO)
    first = read(card)
    monkeypatch.setattr(decoding, "_decode_into", None)
    again = read(card)
    np.testing.assert_array_equal(again.features["image"], first.features["image"])
    assert again.fingerprint == first.fingerprint
    monkeypatch.setenv("ZOO_MEMORY", "10")
    mapped = read(card).features["image"]
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, first.features["image"])
    monkeypatch.undo()
    fill(tmp_path, {"cat/2.PNG": picture(200)})
    os.utime(tmp_path / "cat/2.PNG", ns=(1, 1))
    changed = read(card)
    assert changed.features["image"][1, 0, 0, 0] == 200
    assert changed.fingerprint != first.fingerprint


def test_the_order_of_threads_does_not_matter(tmp_path):
    files = {f"{n % 2}/{n:03}.png": picture(n % 256, size=8 + 40 * (n % 3)) for n in range(300)}
    raw = read(images(tmp_path, files))
    assert raw.features["image"][:, 0, 0, 0].tolist() == [n % 256 for first in (0, 1) for n in range(first, 300, 2)]


def test_sounds_are_read_as_images_are(tmp_path):
    files = {f"{label}_{n}.wav": sound(n) for label in "ab" for n in range(1, 4)}
    source = {"kind": "audio_folder", "folder": str(fill(tmp_path, files)), "pattern": r"^(?P<label>.)_(?P<n>\d)"}
    raw = read(card_of(source, audio={"sampling_rate": 8000, "seconds": 0.1}))
    assert (raw.features["audio"].shape, raw.features["audio"].dtype) == ((6, 800), np.float32)
    np.testing.assert_array_equal(raw.features["audio"][:, 0] * 128, [1, 2, 3, 1, 2, 3])
    assert not raw.features["audio"][:, 400:].any()
    fill(tmp_path, {"b_4.wav": b"RIFF", "b_5.wav": sound(5)[:200]})
    with pytest.raises(ZooError, match=r"(?s)b_4\.wav: is no WAV file.*b_5\.wav: is truncated"):
        read(card_of(source, audio={"sampling_rate": 8000, "seconds": 0.1}))
    assert len(read(card_of({**source, "on_error": "skip"}, audio={"sampling_rate": 8000, "seconds": 0.1})).rejected) == 2


def test_texts_are_read(tmp_path):
    empty = {"test/pos/1.txt": b"", "test/neg/2.txt": b"x\r\ny"}
    files = {"train/pos/1.txt": "gut \u00e4".encode(), "train/neg/1.txt": b"\xef\xbb\xbfbad", **empty}
    source = {"kind": "text_folder", "folder": str(fill(tmp_path, files))}
    raw = read(card_of(source, text={}, split={"kind": "given"}))
    assert raw.features["text"].tolist() == ["x\r\ny", "", "bad", "gut \u00e4"]
    assert raw.features["text"].dtype == object
    assert raw.given.tolist() == ["test", "test", "train", "train"]
    fill(tmp_path, {"train/pos/2.txt": "na\u00efve".encode("latin-1"), "train/pos/3.txt": b"a\0b"})
    with pytest.raises(ZooError, match=r"(?s)train/pos/2\.txt: is no UTF-8 text \(byte 3\).*1 more"):
        read(card_of(source, text={}))
    raw = read(card_of({**source, "on_error": "skip"}, text={}))
    assert len(raw) == 4
    assert [one.split(":")[0] for one in raw.rejected] == ["train/pos/2.txt", "train/pos/3.txt"]


def test_one_preprocessing_in_the_store_and_in_the_graph(tmp_path):
    """What is trained on is what a bundle makes of the same bytes."""
    from zoo.data.images import pixels_of

    noise = np.random.default_rng(0).integers(0, 256, (37, 51, 3), np.uint8)
    files = {}
    for number, kind in enumerate(["PNG", "JPEG", "WEBP", "BMP"]):
        out = io.BytesIO()
        Image.fromarray(noise).save(out, kind)
        files[f"{number % 2}/{number}.{kind.lower()}"] = out.getvalue()
    for fit in ("stretch", "pad", "crop"):
        card = card_of({"kind": "image_folder", "folder": str(fill(tmp_path, files))}, image={"shape": SHAPE, "fit": fit})
        batch = tf.constant([files[name] for name in sorted(files)])
        served = tf.function(lambda one, fit=fit: pixels_of(one, list(SHAPE), fit), autograph=False)(batch)
        np.testing.assert_array_equal(read(card).features["image"], served.numpy())


@pytest.fixture
def table(tmp_path):
    """A table's folder with pictures, and a card over it."""
    fill(tmp_path / "data", {f"p/{n}.png": picture(n) for n in range(1, 4)})
    (tmp_path / "outside.png").write_bytes(picture(9))
    (tmp_path / "data/p/link.png").symlink_to(tmp_path / "outside.png")
    (tmp_path / "data/out").symlink_to(tmp_path)
    (tmp_path / "data/p/loop.png").symlink_to("loop.png")

    def call(names, on_error="refuse", base=tmp_path / "data"):
        source = {"kind": "csv", "file": "t.csv", "paths": "path", "on_error": on_error}
        card = card_of(source, image={"shape": SHAPE})
        return paths.read_paths(card, card.source, base, names, range(2, len(names) + 2), "t.csv")

    return call


def test_a_table_names_files(table):
    features, kept, rejected, digest = table(["p/3.png", "p/1.png", "p/3.png", "p/../p/2.png"])
    assert features["image"][:, 0, 0, 0].tolist() == [3, 1, 3, 2]
    assert (kept.tolist(), rejected, len(digest)) == ([0, 1, 2, 3], [], 64)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../outside.png", "leads out of the folder"),
        ("p/../../outside.png", "leads out of the folder"),
        ("p/link.png", "leads out of the folder"),
        ("out/outside.png", "leads out of the folder"),
        ("..", "leads out of the folder"),
        ("/etc/passwd", "is no path inside the folder"),
        ("p/9.png", "there is no file 'p/9.png'"),
        ("p", "there is no file 'p'"),
        (" ", "no path"),
        ("x" * 300 + ".png", "'x{60}' is no path of a file: File name too long"),
        ("x/" * 3000 + "a.png", "is no path of a file: File name too long"),
        ("p/loop.png", "is no path of a file: "),
    ],
)
def test_a_path_that_is_bad_is_refused_with_its_line(table, name, says):
    with pytest.raises(ZooError, match=f"t.csv, line 3: .*{says}"):
        table(["p/1.png", name])
    features, kept, rejected, _ = table([name, "p/1.png"], "skip")
    assert features["image"].shape == (1, *SHAPE)
    assert kept.tolist() == [1]
    assert rejected[0].startswith("t.csv, line 2: ")


def test_a_bad_file_of_a_table_is_told_with_its_line(table, tmp_path):
    (tmp_path / "data/p/bad.png").write_bytes(b"<html>")
    with pytest.raises(ZooError, match=r"t\.csv, line 3: p/bad\.png: is no JPEG"):
        table(["p/1.png", "p/bad.png", "p/2.png"])
    features, kept, rejected, _ = table(["../x", "p/1.png", "p/bad.png", "p/2.png"], "skip")
    assert features["image"][:, 0, 0, 0].tolist() == [1, 2]
    assert (kept.tolist(), len(rejected)) == ([1, 3], 2)


@pytest.fixture(scope="module")
def real():
    folder = os.environ.get("ZOO_DATA_DIR")
    if not folder:
        pytest.skip("ZOO_DATA_DIR names no folder with real data")
    return Path(folder)


def test_sign_digits_are_801_images(real, caplog):
    """One of them is 3024 x 3024; a README and three more files stand beside the classes."""
    with caplog.at_level(logging.WARNING, "zoo"):
        raw = read(card_of({"kind": "image_folder", "folder": str(real / "sign_digits")}, image={"shape": [32, 32, 1]}))
    assert np.unique(raw.target, return_counts=True)[1].tolist() == [80] * 7 + [81] + [80] * 2
    assert "4 files are left out" in caplog.text
    assert 20 < raw.features["image"].mean() < 235


def test_spoken_digits_are_2000_sounds(real):
    pattern = r"(?P<label>\d)_(?P<speaker>\w+)_(?P<index>\d+)\.wav$"
    source = {"kind": "audio_folder", "folder": {"name": str(real / "spoken_digits"), "files": ["recordings"]}, "pattern": pattern}
    raw = read(card_of(source, audio={"sampling_rate": 8000, "seconds": 1.0}))
    assert np.unique(raw.target, return_counts=True)[1].tolist() == [200] * 10
    assert sorted(set(raw.beside["speaker"])) == ["george", "jackson", "lucas", "nicolas"]
    assert np.abs(raw.features["audio"]).max() <= 1
