"""One long text as pairs of windows, the second a token later: what a language model learns from."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from made import card_of

from zoo.config import Card
from zoo.data import prepare
from zoo.errors import ZooError

TEXT = "To be, or not to be: that is the question.\nWhether ’tis nobler — in the mind äöü 🙂\n" * 6


@pytest.fixture
def book(tmp_path):
    """A card over a text, of characters as they are unless it says otherwise."""

    def make(data: str | bytes = TEXT, **more) -> Card:
        path = tmp_path / "book.txt"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        way = {"tokens": "character", "lower": False, "length": 8, **more.pop("way", {})}
        source = {"kind": "text_file", "file": str(path)}
        plain = {"task": "language", "text": {}, "target": {"name": "next"}, "preprocess": {"text": way}}
        return card_of(source, **{**plain, **more})

    return make


def pairs(data):
    return [(x.numpy(), y.numpy()) for x, y in data]


def words_of(data) -> dict[int, str]:
    known = {number + 2: chr(code) for number, code in enumerate(data.spec["codes"])}
    return {0: "<pad>", 1: "<unknown>", **known}


def test_pairs_are_the_text_and_the_text_one_later(book):
    data = prepare(book(), batch_size=5)
    assert data.facts["input_shape"] == (8,)
    assert data.facts["vocabulary_size"] == 2 + len(data.spec["codes"])
    word, read = words_of(data), []
    for x, y in pairs(data.val):
        assert (x.dtype, y.dtype, x.shape[1], y.shape) == (np.int32, np.int32, 8, x.shape)
        np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
        read += ["".join(word[number] for number in row) for row in x]
    starts = data.raw.ids[data.rows["val"]]
    assert read == [TEXT[start : start + 8] for start in starts]
    assert 0 not in {number for x, _ in pairs(data.train) for number in np.unique(x)}


def test_training_is_shuffled_and_every_window_seen_once(book):
    data = prepare(book(), batch_size=5)
    train = data.train
    first, second = (np.concatenate([x for x, _ in pairs(train)]) for _ in range(2))
    assert not np.array_equal(first, second)
    assert sorted(map(tuple, first)) == sorted(map(tuple, second))
    assert len(first) == len(data.rows["train"])


def test_the_vocabulary_is_the_training_splits(book):
    data = prepare(book("ab" * 300 + "zz" * 150, way={"length": 4}, split={"kind": "time", "val": 0.2, "test": 0.2}))
    assert data.spec["codes"] == [97, 98]
    assert {1} == {number for x, y in pairs(data.test) for number in np.unique([x, y])}  # only z, which training never saw


def test_no_character_is_a_target_of_two_splits(book):
    for split in ({"kind": "time"}, {"kind": "fixed", "train": [0, 301], "val": [301, 399], "test": [399, 498]}):
        data = prepare(book(split=split))
        targets = {name: {int(at) for row in rows for at in data.raw.ids[row] + np.arange(1, 9)} for name, rows in data.rows.items()}
        assert all(targets.values())
        assert not targets["train"] & targets["val"]
        assert not targets["val"] & targets["test"]
        assert not targets["train"] & targets["test"]


def test_fixed_ranges_count_characters(book):
    data = prepare(book(split={"kind": "fixed", "train": [0, 301], "val": [301, 399], "test": [399, 498]}))
    assert data.raw.source_rows == len(TEXT)
    for name, (low, high) in {"train": (0, 301), "val": (301, 399), "test": (399, 498)}.items():
        starts = data.raw.ids[data.rows[name]]
        assert starts[0] == low
        assert high - 9 <= starts[-1] + 7 < high - 1  # less than a window is left over, and the target is inside
    with pytest.raises(ZooError, match="goes past"):
        prepare(book(split={"kind": "fixed", "train": [0, 301], "val": [301, 399], "test": [399, 5000]}))


def test_bytes_and_lower_case(book):
    data = prepare(book(way={"tokens": "byte", "lower": True}))
    assert data.facts["vocabulary_size"] == 258
    raw = TEXT.lower().encode()
    x, _ = pairs(data.val)[0]
    start = data.raw.ids[data.rows["val"][0]]
    assert (x[0] - 2).tolist() == list(raw[start : start + 8])


def test_it_is_written_down_and_changes_with_the_text(book):
    data = prepare(book())
    record = data.record()
    assert list(record["files"]) == [data.card.source.file.name]
    assert record["fingerprint"] == prepare(book()).record()["fingerprint"] != prepare(book(TEXT[1:])).record()["fingerprint"]


def test_what_cannot_be_read_is_told(book):
    with pytest.raises(ZooError, match=r"not by words\n.*tokens: character"):
        prepare(book(way={"tokens": "word"}))
    with pytest.raises(ZooError, match=r"book.txt, line 2: byte 4 of the file is no UTF-8"):
        prepare(book(b"ab\n\xff" + b"x" * 100))
    with pytest.raises(ZooError, match="holds 10 characters, too few for windows"):
        prepare(book("0123456789"))
    with pytest.raises(ZooError, match="holds 0 bytes, too few"):
        prepare(book("", way={"tokens": "byte"}))
    with pytest.raises(ZooError, match="gives tokens, not vector"):
        prepare(book(), "vector")
    assert prepare(book(b"\xef\xbb\xbf" + TEXT.encode())).raw.source_rows == len(TEXT)


@pytest.mark.skipif("ZOO_DATA_DIR" not in os.environ, reason="ZOO_DATA_DIR is not set")
def test_tiny_shakespeare_has_the_65_characters_of_nanogpt(book):
    path = next(Path(os.environ["ZOO_DATA_DIR"]).rglob("tinyshakespeare/input.txt"))
    split = {"kind": "fixed", "train": [0, 1003854], "val": [1003854, 1059624], "test": [1059624, 1115394]}
    data = prepare(book(path.read_bytes(), way={"length": 64}, split=split))
    assert data.facts["vocabulary_size"] == 2 + 65
    assert {name: len(rows) for name, rows in data.rows.items()} == {"train": 15685, "val": 871, "test": 871}
