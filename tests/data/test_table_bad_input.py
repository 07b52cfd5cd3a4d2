"""What people hand in as a table and is none, or a broken one: refused with file and line."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from made import card_of
from PIL import Image

from zoo.data.dataset import prepare
from zoo.data.sources import read
from zoo.errors import ZooError


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<!DOCTYPE html>\n<html><body>a,b,y</body></html>", r"table\.csv is a web page, not a table\n.*download the file itself"),
        ("\n  <html>\n1,x,p\n", "web page"),
        ("a;b;y\n1;x;p\n2;y;q\n", r"the file has: a;b;y\n  its cells stand apart by ';': source\.separator"),
        ("a,b,y\n1,x,p\n2,y\n3,x,q\n", r"table\.csv, line 3: .*2 cells, where the first line has 3"),
        ("a,b,y\n1,x,p\n2,y,q,r\n", r"line 3: .*4 cells"),
        (b"a,b,y\n1,x,p\n2,\0,q\n", "line 3: .*NUL"),
        ("a,b,b,y\n1,x,u,p\n2,y,v,q\n", r"2 columns named 'b'\n.*rename"),
        ("a,b,y\n", "a header but no rows"),
        ("a,b,y\n1,x,p\n", "one class only"),
        (b"PK\3\4 this is no zip", "cannot be unpacked"),
    ],
    ids=["html", "html after blanks", "separator", "short", "long", "nul", "twice", "no rows", "one row", "no zip"],
)
def test_it_is_refused(csv_card, text, says):
    with pytest.raises(ZooError, match=says):
        read(csv_card(text))


def test_one_row_cannot_be_split(csv_card):
    with pytest.raises(ZooError, match="too few rows"):
        prepare(csv_card("a,b,y\n1,x,3\n", task="regression"))


def test_a_class_that_only_the_test_part_has(csv_card, tmp_path, caplog):
    (tmp_path / "test.csv").write_text("a,b,y\n" + "1,x,r\n2,x,p\n" * 5)
    with pytest.raises(ZooError, match="training part lacks: 'r'"):
        prepare(csv_card("a,b,y\n" + "1,x,p\n2,y,q\n" * 20, source={"test_file": str(tmp_path / "test.csv")}))


def test_quoted_newlines_keep_their_rows(csv_card):
    raw = read(csv_card('a,b,y\r\n1,"x\r\nx, ""too""",p\r\n2,y,q\r\n'))
    assert raw.features["b"].tolist() == ['x\r\nx, "too"', "y"]


@pytest.mark.parametrize("value", ["nan", "inf", "-1e39"])
def test_a_target_that_is_not_finite(csv_card, value):
    with pytest.raises(ZooError, match=rf"table\.csv, line 3: column 'y' holds '{value}'"):
        read(csv_card(f"a,b,y\n1,x,1\n2,y,{value}\n", task="regression"))


def test_paths_in_a_table_are_files_below_its_folder(tmp_path, caplog):
    rng = np.random.default_rng(0)
    (tmp_path / "in/deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png"):
        Image.fromarray(rng.integers(0, 255, (4, 4), np.uint8)).save(tmp_path / "in" / name)
    Image.fromarray(rng.integers(0, 255, (4, 4), np.uint8)).save(tmp_path / "outside.png")

    def card(text, **source):
        (tmp_path / "in/t.csv").write_text(text)
        made = {"kind": "csv", "file": str(tmp_path / "in/t.csv"), "paths": "file", **source}
        return card_of(made, image={"shape": [4, 4, 1]}, group="who", split={"kind": "random"})

    raw = read(card("file,who,y\na.png,u,p\ndeep/b.png,v,q\n"))
    assert (raw.features["image"].shape, raw.target.tolist(), raw.beside["who"].tolist()) == ((2, 4, 4, 1), ["p", "q"], ["u", "v"])
    escaping = "file,who,y\na.png,u,p\n../outside.png,v,q\ndeep/b.png,v,q\n"
    with pytest.raises(ZooError, match=r"t\.csv, line 3: '\.\./outside\.png' leads out of the folder"):
        read(card(escaping))
    with caplog.at_level(logging.WARNING, "zoo"):
        raw = read(card(escaping, on_error="skip"))
    assert (raw.ids.tolist(), raw.source_rows, len(raw.rejected)) == ([0, 2], 3, 1)
    assert "1 broken rows are left out" in caplog.text
