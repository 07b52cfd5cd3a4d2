"""Tables: every cell becomes what the card says, or the file, the row and the column are named."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from zoo.config import load_card
from zoo.config.load import absolute
from zoo.config.splits import GivenSplit
from zoo.data.sources import Raw, csv, read
from zoo.data.splits import split
from zoo.errors import ZooError


def rows(raw):
    return [
        (*(None if one != one else one for one in values), label) for *values, label in zip(*raw.features.values(), raw.target, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b,y\n1,x,p\n2,y,q\n", [(1, "x", "p"), (2, "y", "q")]),
        ("y,other,b,a\np,7,x,1\nq,8,y,2\n", [(1, "x", "p"), (2, "y", "q")]),
        ('a,b,y\n"1","x, ""so""\nit is",p\n2,y,q', [(1, 'x, "so"\nit is', "p"), (2, "y", "q")]),
        ("\ufeffa,b,y\r\n1,x,p\r\n2,é日,q\r\n", [(1, "x", "p"), (2, "é日", "q")]),
        (" a , b ,y \n 1 , x ,p \n2,x, p\n3,x,q\n", [(1, "x", "p"), (2, "x", "p"), (3, "x", "q")]),
        ("a,b,y\n-1e-3,x,p\n\n+.5,y,q\n\n", [(np.float32(-1e-3), "x", "p"), (0.5, "y", "q")]),
        ("a,b,y\n,?,p\nNA, NA ,q\n3,nan,q\n", [(None, "", "p"), (None, "", "q"), (3, "nan", "q")]),
    ],
    ids=["plain", "order", "quoted", "bom", "blanks", "numbers", "missing"],
)
def test_a_table_is_read(csv_card, text, expected):
    raw = read(csv_card(text))
    assert rows(raw) == expected
    assert raw.features["a"].dtype == np.float32


@pytest.mark.parametrize(
    ("separator", "text"), [(";", "a;b;y\n1;x,z;p\n2;y;q"), ("\t", "a\tb\ty\n1\tx,z\tp\n2\ty\tq"), ("|", "a|b|y\n1|x,z|p\n2|y|q")]
)
def test_another_separator(csv_card, separator, text):
    assert rows(read(csv_card(text, source={"separator": separator}))) == [(1, "x,z", "p"), (2, "y", "q")]


def test_the_cards_own_markers_of_missing_values(csv_card):
    raw = read(csv_card("a,b,y\n-999,none,p\n2,?,q\n", source={"missing": ["-999", "none"]}))
    assert rows(raw) == [(None, "", "p"), (2, "?", "q")]


def test_rows_without_a_target_are_left_out_and_the_others_keep_their_numbers(csv_card, tmp_path, caplog):
    (tmp_path / "test.csv").write_text("a,b,y\n7,u,p\n8,u,?\n9,u,q\n")
    with caplog.at_level(logging.WARNING, "zoo"):
        raw = read(csv_card("a,b,y\n1,x,p\n2,y,\n3,z,q\n", source={"test_file": str(tmp_path / "test.csv")}))
    assert rows(raw) == [(1, "x", "p"), (3, "z", "q"), (7, "u", "p"), (9, "u", "q")]
    assert raw.ids.tolist() == [0, 2, 3, 5]
    assert raw.given.tolist() == ["train", "train", "test", "test"]
    assert "1 of 3 rows have no y" in caplog.text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b,y\n1,x,p\n2,x,p\nmany,y,q\nfew,y,q\n", ["line 4", "column 'a' holds 'many'"]),
        ("a,b,y\nTrue,x,p\n1,y,q\n", ["line 2", "'True'"]),
        ('a,b,y\n"1,000",x,p\n1,y,q\n', ["line 2", "'1,000'"]),
        ("a,b,y\n1,x,p\ninf,y,q\n", ["line 3", "column 'a' holds 'inf'", "infinite"]),
        ("a,b,y\n1,x,p\n-1e39,y,q\n", ["line 3", "column 'a' holds '-1e39'", "float32"]),
        ("a,b,z\n1,x,p\n2,y,q\n", ["no target column 'y'", "a, b, z"]),
        ("aa,b,y\n1,x,p\n2,y,q\n", ["no column 'a'"]),
        ("a,b,y,y\n1,x,p,q\n2,y,q,p\n", ["2 columns named 'y'"]),
        ("a;b;y\n1;x;p\n2;y;q\n", ["no columns 'a', 'b', 'y'", "the file has: a;b;y"]),
        ("1,x,p\n2,y,q\n", ["no columns 'a', 'b', 'y'", "the first line looks like data"]),
        ("z,y,c\n1,x,p\n2,y,q\n", ["no columns 'a', 'b'", "the file has: z, y, c"]),
        ("a,b,y\n1,x,p\n\n\nmany,y,q\n", ["line 5", "'many'"]),
        ('a,b,y\n1,"x\nx",p\nmany,y,q\n', ["line 4", "'many'"]),
        ("a,b,y\n1,x,p,5\n2,y,q,5\n", ["does not parse as CSV", "line 2", "4 cells, where the first line has 3"]),
        ('a,b,y\n1,"x,p\n2,y,q\n', ["does not parse as CSV"]),
        ("", ["is empty"]),
        ("\n\n\n", ["is empty"]),
        ("a,b,y\n", ["a header but no rows"]),
        ("a,b,y\n1,x,p\n2,y,p\n", ["one class only: p"]),
        ("a,b,y\n1,x,?\n2,y,\n", ["has no rows"]),
        ("a,b,y\n1,é,p\n".encode("latin-1"), ["line 2", "not UTF-8", "byte 3"]),
        ("a,b,y\n1,x,p\n".encode("utf-16"), ["not UTF-8"]),
        (b"a,b,y\n1,x\0y,p\n2,y,q\n", ["NUL"]),
    ],
    ids=lambda value: ascii(value)[:24] if isinstance(value, (str, bytes)) else "",
)
def test_what_is_wrong_with_a_table_is_said(csv_card, text, says):
    with pytest.raises(ZooError) as caught:
        read(csv_card(text))
    assert "table.csv" in str(caught.value) or "inline" in str(caught.value)
    for words in says:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("many", "line 3: column 'y' holds 'many'"),
        ("inf", "is infinite"),
        ("nan", "a number is expected"),
        ("1e40", "larger than a float32"),
    ],
)
def test_a_target_that_is_no_number_is_no_regression(csv_card, value, says):
    with pytest.raises(ZooError) as caught:
        read(csv_card(f"a,b,y\n1,x,3\n2,x,{value}\n", task="regression"))
    assert says in str(caught.value)


def test_a_missing_file_and_a_folder_are_told(csv_card, tmp_path):
    card = csv_card("a,b,y\n1,x,p\n2,y,q\n", source={"file": "not_there.csv"})
    with pytest.raises(ZooError, match=r"no data file .*not_there\.csv"):
        read(card)
    with pytest.raises(ZooError, match="is a folder"):
        read(csv_card("", source={"file": str(tmp_path)}))


def test_a_path_of_ones_own_is_relative_to_the_card(tmp_path, monkeypatch):
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards/t.csv").write_text("a,y\n1,p\n2,q\n")
    (tmp_path / "cards/mine.yaml").write_text(
        "title: t\nlicence: none\ntask: classification\nsource: {kind: csv, file: t.csv}\ncolumns: {a: number}\ntarget: {name: y}\n"
    )
    monkeypatch.chdir(tmp_path)
    card = load_card("cards/mine.yaml")
    assert len(read(card)) == 2
    (tmp_path / "cards/t.csv").rename(tmp_path / "t.csv")  # where it is not beside the card, it is looked for where one works
    assert len(read(card)) == 2
    kept = absolute(card)
    monkeypatch.chdir("/")
    assert kept.source.file.name == str(tmp_path / "t.csv")
    assert len(read(kept)) == 2


def test_the_fingerprint_is_of_the_values(csv_card):
    prints = [
        read(csv_card(text)).fingerprint
        for text in (
            "a,b,y\n1,x,p\n2,y,q\n",
            "y,b,a\np, x,1.0\nq,y,2\n",  # the same values
            "a,b,y\n1,x,p\n2,z,q\n",
            "a,b,y\n1,x,p\n3,y,q\n",
            "a,b,y\n1,x,p\n2,y,r\n",
            "a,b,y\n2,y,q\n1,x,p\n",
        )
    ]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 5


def test_one_long_cell_does_not_widen_all_others(csv_card):
    raw = read(csv_card("a,b,y\n" + f"1,{'L' * 4000},p\n" + "2,x,q\n" * 30_000))
    assert (raw.features["b"].dtype, raw.target.dtype) == (object, object)
    assert raw.features["b"][2] is raw.features["b"][20_000]  # equal words are one object, over parts too
    assert len(raw.fingerprint) == 64
    assert read(csv_card("a,b,y\n" + f"1,{'L' * 4001},p\n" + "2,x,q\n" * 30_000)).fingerprint != raw.fingerprint


def test_text_of_another_form_has_the_same_fingerprint():
    words = ["ab", "", "é"]
    prints = [Raw({"b": np.array(words, kind)}, np.arange(3), np.arange(3)).fingerprint for kind in (object, str)]
    moved = Raw({"b": np.array(["a", "b", "é"], object)}, np.arange(3), np.arange(3)).fingerprint
    assert prints[0] == prints[1] != moved


def test_a_table_is_read_in_parts(csv_card, monkeypatch):
    text = "a,b,y\n" + "".join(f"{row},w{row},{'pq'[row % 2]}\n" for row in range(100))
    whole = read(csv_card(text))
    monkeypatch.setattr(csv, "CELLS", 21)
    parts = [len(frame) for frame in csv.opened(Path(csv_card(text).source.file.name), ",").parts([0, 1])]
    assert parts == [7] * 14 + [2]
    assert read(csv_card(text)).fingerprint == whole.fingerprint


@pytest.mark.parametrize(
    ("text", "lines", "cells"),
    [
        ("n\n1\n\n3", [2, 3, 4], ["1", "", "3"]),  # of one column a blank line is a missing value
        ("n\n1\n3\n\n\n", [2, 3], ["1", "3"]),
        ("\n\nn\n1\n", [4], ["1"]),
        ("n,m\n1,2\n\n3,4\n", [2, 4], ["1", "3"]),
        ('"n",m\n"a\nb",2\n3\n', [2, 4], ["a\nb", "3"]),
        ("n,m\r1,2\r3,4", [2, 3], ["1", "3"]),
    ],
)
def test_rows_keep_their_lines(tmp_path, text, lines, cells):
    (tmp_path / "t.csv").write_bytes(text.encode())
    (frame,) = csv.opened(tmp_path / "t.csv", ",").parts([0])
    assert (frame.index.tolist(), frame["n"].tolist()) == (lines, cells)


def test_the_test_part_is_the_test_split_unless_the_card_says_otherwise(csv_card, tmp_path, caplog):
    (tmp_path / "test.csv").write_text("a,b,y\n" + "7,u,p\n8,u,q\n" * 10)
    made = partial(csv_card, "a,b,y\n" + "1,x,p\n2,y,q\n" * 40, source={"test_file": str(tmp_path / "test.csv")})
    card = made(split={})
    assert card.split == GivenSplit(kind="given")
    with caplog.at_level(logging.WARNING, "zoo"):
        assert split(card, read(card))["test"].tolist() == list(range(80, 100))
        assert caplog.text == ""
        mixing = made(split={"kind": "stratified"})
        drawn = split(mixing, read(mixing))
    assert (drawn["train"] >= 80).any()
    assert "note: split: stratified mixes the source's own test part" in caplog.text


def test_labels_that_only_the_test_part_has_are_refused(csv_card, tmp_path):
    (tmp_path / "test.csv").write_text("a,b,y\n" + "7,u,p.\n8,u,q\n" * 10)
    card = csv_card("a,b,y\n" + "1,x,p\n2,y,q\n" * 40, source={"test_file": str(tmp_path / "test.csv")})
    with pytest.raises(ZooError, match=r"training part lacks: 'p\.'\n  the training part has: p, q\n  write them alike"):
        split(card, read(card))
