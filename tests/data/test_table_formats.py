"""Parquet, JSON lines, TFRecord: the same examples as of a CSV, and what is wrong with such a file."""

from __future__ import annotations

import gzip
import json
import logging

import numpy as np
import pyarrow as pa
import pytest
from made import card_of
from pyarrow import parquet

from zoo.data.sources import read
from zoo.errors import ZooError

COLUMNS = {"a": "number", "b": "category", "yes": "boolean", "day": "datetime"}
ROWS = [
    {"a": 1, "b": 7, "yes": True, "day": "2026-11-21", "y": "p"},
    {"a": None, "b": None, "yes": None, "day": None, "y": "q"},
    {"a": 2.5, "b": 8, "yes": False, "day": "2026-11-22 10:00:00", "y": None},
    {"a": -3, "b": 7, "yes": False, "day": "2026-11-23", "y": "p"},
]
EXPECTED = {
    "a": [1, None, -3],
    "b": ["7", "", "7"],
    "yes": [1, None, 0],
    "day": ["2026-11-21", "", "2026-11-23"],
}


def values(raw):
    return {name: [None if one != one else one for one in column[:]] for name, column in raw.features.items()}


def jsonl(path, rows=ROWS):
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    return {"kind": "jsonl", "file": str(path)}


def as_parquet(path, **columns):
    parquet.write_table(pa.table(columns), path)
    return {"kind": "parquet", "file": str(path)}


def records(path, rows, packed=""):
    import tensorflow as tf

    def feature(value):
        if isinstance(value, str):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        some = value if isinstance(value, list) else [value]
        if isinstance(some[0], float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=some))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=some))

    with tf.io.TFRecordWriter(str(path), packed) as file:
        for row in rows:
            known = {name: feature(value) for name, value in row.items() if value is not None}
            file.write(tf.train.Example(features=tf.train.Features(feature=known)).SerializeToString())
    return {"kind": "tfrecord", "file": str(path), "features": {"a": "float", "b": "int", "yes": "int", "day": "bytes", "y": "bytes"}}


def test_json_lines(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "zoo"):
        raw = read(card_of(jsonl(tmp_path / "t.jsonl"), columns=COLUMNS))
    assert values(raw) == EXPECTED
    assert (raw.target.tolist(), raw.ids.tolist()) == (["p", "q", "p"], [0, 1, 3])
    assert "1 of 4 rows have no y" in caplog.text
    (tmp_path / "t.jsonl").write_bytes(gzip.compress((tmp_path / "t.jsonl").read_bytes()))
    assert values(read(card_of({"kind": "jsonl", "file": str(tmp_path / "t.jsonl")}, columns=COLUMNS))) == EXPECTED


def test_parquet(tmp_path):
    import datetime

    days = [None if row["day"] is None else datetime.datetime.fromisoformat(row["day"]) for row in ROWS]
    words = {name: [row[name] for row in ROWS] for name in ("a", "yes", "y")}
    source = as_parquet(tmp_path / "t.parquet", **words, b=pa.array([7, None, 8, 7], pa.int64()), day=days)
    raw = read(card_of(source, columns=COLUMNS))
    assert {name: column for name, column in values(raw).items() if name != "day"} == {n: v for n, v in EXPECTED.items() if n != "day"}
    assert [word[:10] for word in raw.features["day"]] == EXPECTED["day"]
    assert raw.target.tolist() == ["p", "q", "p"]


def test_tfrecord(tmp_path):
    kinds = {"a": float, "yes": int}
    rows = [{name: kinds[name](one) if name in kinds and one is not None else one for name, one in row.items()} for row in ROWS]
    for packed in ("", "GZIP"):
        raw = read(card_of(records(tmp_path / f"t{packed}.tfrecord", rows, packed), columns=COLUMNS))
        assert values(raw) == EXPECTED
        assert (raw.target.tolist(), raw.ids.tolist()) == (["p", "q", "p"], [0, 1, 3])


def test_numbers_as_labels_are_their_text(tmp_path):
    source = as_parquet(tmp_path / "t.parquet", a=[1.0, 2.0, 3.0], y=[0, 1, 1], f=[0.5, None, 2.0])
    assert read(card_of(source, columns={"a": "number"})).target.tolist() == ["0", "1", "1"]
    assert read(card_of(source, columns={"f": "category"})).features["f"].tolist() == ["0.5", "", "2"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{a: 1}", "line 2: no JSON"),
        ("[1, 2]", r"line 2: '\[1, 2\]' is no object"),
        ('{"a": "many", "y": "p"}', "line 2: column 'a' holds 'many', where a number is expected"),
        ('{"a": [1], "y": "p"}', r"line 2: column 'a' holds '\[1\]', where one value is expected"),
        ('{"a": Infinity, "y": "p"}', "line 2: column 'a' holds 'inf', which is infinite"),
    ],
)
def test_a_bad_line_is_refused_or_skipped(tmp_path, line, says):
    source = jsonl(tmp_path / "t.jsonl")
    (tmp_path / "t.jsonl").write_text('{"a": 1, "y": "p"}\n' + line + '\n{"a": 3, "y": "q"}\n')
    with pytest.raises(ZooError, match=says):
        read(card_of(source, columns={"a": "number"}))
    raw = read(card_of({**source, "on_error": "skip"}, columns={"a": "number"}))
    assert (raw.ids.tolist(), raw.source_rows, len(raw.rejected)) == ([0, 2], 3, 1)


def test_what_is_wrong_with_a_file_is_said(tmp_path):
    def refused(source, says, **card):
        with pytest.raises(ZooError, match=says):
            read(card_of(source, **{"columns": {"a": "number"}, **card}))

    refused(jsonl(tmp_path / "t.jsonl"), r"no column 'c'\n.*a, b, yes, day, y", columns={"c": "number"})
    refused(jsonl(tmp_path / "e.jsonl", []), "is empty")
    good = as_parquet(tmp_path / "t.parquet", a=[1.0, np.inf], y=["p", "q"], deep=[[1], [2]])
    refused(good, r"row 2: column 'a' holds 'inf'")
    refused(good, "column 'deep' holds list", columns={"deep": "category"})
    refused(good, "no target column 'z'", target={"name": "z"})
    (tmp_path / "no.parquet").write_text("a,y\n1,p\n")
    refused({"kind": "parquet", "file": str(tmp_path / "no.parquet")}, r"no\.parquet is no Parquet file")
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    refused({"kind": "parquet", "file": str(tmp_path / "cut.parquet")}, r"cut\.parquet is no Parquet file")


def test_what_is_wrong_with_records_is_said(tmp_path):
    def refused(source, says, **card):
        with pytest.raises(ZooError, match=says):
            read(card_of(source, **{"columns": {"a": "number"}, **card}))

    source = records(tmp_path / "t.tfrecord", [{"a": 1.0, "y": "p"}, {"a": [2.0, 3.0], "y": "q"}])
    refused(source, r"record 2: column 'a' holds .*several values")
    refused(source, "no record has the feature 'b'", columns={"b": "category"})
    refused(source, "no column 'c'", columns={"c": "number"})
    refused({**source, "features": {"a": "int", "y": "bytes"}}, "do not hold what source.features says")
    whole = (tmp_path / "t.tfrecord").read_bytes()
    (tmp_path / "t.tfrecord").write_bytes(whole[:-5])
    refused(source, "no TFRecord, or cut off")


def test_a_target_that_is_infinite_is_refused_and_nan_is_missing(tmp_path):
    card = {"task": "regression", "columns": {"a": "number"}}
    with pytest.raises(ZooError, match=r"row 2: column 'y' holds 'inf'"):
        read(card_of(as_parquet(tmp_path / "t.parquet", a=[1.0, 2.0], y=[1.0, np.inf]), **card))
    raw = read(card_of(as_parquet(tmp_path / "n.parquet", a=[1.0, 2.0], y=[1.0, np.nan]), **card))
    assert raw.target.tolist() == [1.0]
