"""What people hand in as a table and is none, or a broken one: refused with file and line."""

from __future__ import annotations

import json
import logging

import numpy as np
import pyarrow as pa
import pytest
from made import card_of
from PIL import Image
from pyarrow import parquet as pq

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


@pytest.mark.parametrize("value", ["now", "today", "0000-01-01", "0001-01-01", "-2020-01-01", "2020-02-30"])
@pytest.mark.parametrize("row", [3, 59], ids=["train", "test"])
def test_a_date_that_the_graph_does_not_read(csv_card, value, row):
    days = ["2020-01-02"] * 60
    days[row] = value
    text = "d,y\n" + "".join(f"{day},{'pq'[number % 2]}\n" for number, day in enumerate(days))
    card = {"columns": {"d": "datetime"}, "split": {"kind": "fixed", "train": [0, 40], "val": [40, 50], "test": [50, 60]}}
    with pytest.raises(ZooError, match=rf"table\.csv, line {row + 2}: column 'd' holds '{value}', where a date is expected"):
        read(csv_card(text, **card))
    raw = prepare(csv_card(text, source={"on_error": "skip"}, **card)).raw
    assert (len(raw), len(raw.rejected)) == (59, 1)


def test_a_parquet_column_that_stands_twice(tmp_path):
    values = [pa.array(values) for values in ([1.0, 2.0], [3.0, 4.0], ["p", "q"])]
    pq.write_table(pa.Table.from_arrays(values, ["a", "a", "y"]), tmp_path / "t.parquet")
    with pytest.raises(ZooError, match=r"t\.parquet has 2 columns named 'a'\n  rename"):
        read(card_of({"kind": "parquet", "file": str(tmp_path / "t.parquet")}, columns={"a": "number"}))


def test_a_line_of_json_that_is_nested_too_deep(tmp_path):
    lines = [json.dumps({"a": number, "y": "pq"[number % 2]}) for number in range(4)]
    (tmp_path / "t.jsonl").write_text("\n".join([*lines, "[" * 200_000]))
    source = {"kind": "jsonl", "file": str(tmp_path / "t.jsonl")}
    with pytest.raises(ZooError, match=r"t\.jsonl, line 5: no JSON: nested too deep"):
        read(card_of(source, columns={"a": "number"}))
    raw = read(card_of({**source, "on_error": "skip"}, columns={"a": "number"}))
    assert (len(raw), len(raw.rejected)) == (4, 1)


@pytest.mark.parametrize("cut", [1, 20])
def test_a_tfrecord_that_is_cut_off(tmp_path, cut):
    import tensorflow as tf

    path = tmp_path / "t.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as file:
        for number in range(7):
            feature = {name: tf.train.Feature(int64_list=tf.train.Int64List(value=[number])) for name in "ay"}
            file.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ZooError, match="behind record 6 is no TFRecord"):
        read(card_of({"kind": "tfrecord", "file": str(path), "features": {"a": "int", "y": "int"}}, columns={"a": "number"}))


def test_a_file_whose_name_looks_like_a_pattern(tmp_path):
    for name, rows in (("data[1].csv", 2), ("data1.csv", 4)):
        (tmp_path / name).write_text("a,y\n" + "1,p\n2,q\n" * (rows // 2))
    assert len(read(card_of({"kind": "csv", "file": str(tmp_path / "data[1].csv")}, columns={"a": "number"}))) == 2
    (tmp_path / "data[1].csv").unlink()
    assert len(read(card_of({"kind": "csv", "file": str(tmp_path / "data[1].csv")}, columns={"a": "number"}))) == 4
