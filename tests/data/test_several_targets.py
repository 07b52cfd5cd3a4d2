"""Targets that are several: values beside one another, and labels of which any number may hold."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from made import card_of
from pyarrow import parquet as pq
from pydantic import ValidationError
from sklearn.datasets import load_linnerud

from zoo.data.audit import audit
from zoo.data.dataset import prepare
from zoo.data.sources import read
from zoo.errors import ZooError

LABELS = ["red", "round", "small"]
ROWS = [("1", "yes", "0"), ("0", "no", "0"), ("0", "Y", "true"), ("1", "0", "f")] * 10
SETS = ["red;round", "", "round;small", "red"] * 10


def of_columns(rows: list[tuple[str, ...]]) -> str:
    return "a,b,red,round,small\n" + "".join(f"{number},x,{','.join(row)}\n" for number, row in enumerate(rows))


def of_texts(texts: list[str]) -> str:
    return "a,b,y\n" + "".join(f"{number},x,{text}\n" for number, text in enumerate(texts))


def linnerud(folder: Path) -> dict[str, Any]:
    """Three exercises that tell three measures of twenty people."""
    found = load_linnerud()
    np.savez(folder / "linnerud.npz", x_train=found.data, y_train=found.target)
    columns = dict.fromkeys(found.feature_names, "number")
    return {"source": {"kind": "npz", "file": str(folder / "linnerud.npz")}, "columns": columns, "task": "regression"}


def test_several_values_are_learned_scaled_a_column_at_a_time(tmp_path):
    names = ["Weight", "Waist", "Pulse"]
    data = prepare(card_of(**linnerud(tmp_path), target={"name": "body", "columns": names}))
    y = np.asarray(load_linnerud().target)
    assert np.array_equal(data.raw.target, y)
    train = y[data.rows["train"]]
    assert data.spec["target"]["mean"] == pytest.approx(train.mean(0).tolist())
    assert data.spec["target"]["columns"] == names
    learned = data.encoded["train"].y
    assert learned.dtype == np.float32
    assert learned == pytest.approx((train - train.mean(0)) / train.std(0), abs=1e-5)
    assert next(iter(data.train))[1].shape == (len(train), 3)


def test_several_values_of_a_table_with_logarithms(csv_card):
    text = "a,b,u,v\n" + "".join(f"{n},x,{n},{n * n}\n" for n in range(40)) + "1,x,,5\n2,x,5,\n"
    data = prepare(
        csv_card(text, task="regression", target={"name": "both", "columns": ["v", "u"]}, preprocess={"target": {"scale": "log"}})
    )
    assert len(data.raw) == 40  # a row without one of them is left out
    assert data.raw.target[:3].tolist() == [[0, 0], [1, 1], [4, 2]]  # in the order of the card
    logs = np.log1p(data.raw.target[data.rows["train"]])
    assert data.encoded["train"].y == pytest.approx((logs - logs.mean(0)) / logs.std(0), abs=1e-5)


def test_rows_that_lack_one_of_them_are_told_of(csv_card, caplog):
    caplog.set_level(logging.WARNING, "zoo")
    read(csv_card("a,b,u,v\n1,x,,5\n2,x,5,6\n", task="regression", target={"name": "both", "columns": ["u", "v"]}))
    assert "1 of 2 rows have no u or no v: left out" in caplog.text


@pytest.mark.parametrize("by", ["columns", "separator", "classes"])
def test_labels_become_zeros_and_ones(by, csv_card):
    given = {"columns": {"columns": LABELS}, "separator": {"separator": ";"}, "classes": {"separator": ";", "classes": LABELS[::-1]}}[by]
    data = prepare(csv_card(of_columns(ROWS) if by == "columns" else of_texts(SETS), target={"name": "y", **given}))
    names = LABELS[::-1] if by == "classes" else LABELS
    assert (data.classes, data.num_classes) == (tuple(names), 3)
    assert len(data.raw) == len(ROWS)  # no label at all is an answer
    wanted = np.array([[name in labels.split(";") for name in names] for labels in SETS], np.float32)
    for split, rows in data.rows.items():
        assert data.encoded[split].y.dtype == np.float32
        assert np.array_equal(data.encoded[split].y, wanted[rows]), split
    assert data.raw.target[2] == ("small;round" if by == "classes" else "round;small")
    assert data.card.split.kind == "random"
    assert "40 rows of 2 columns with 3 labels" in data.describe()


def test_a_text_of_labels_is_read_whatever_its_order_and_blanks(csv_card):
    texts = ["b | a", "a|b", " a||b ", "B", ""] * 4
    raw = read(csv_card(of_texts(texts), target={"name": "y", "separator": "|", "aliases": {"B": "b"}}))
    assert raw.target[:5].tolist() == ["a|b", "a|b", "a|b", "b", ""]


def test_every_kind_of_table_holds_them(tmp_path, csv_card):
    card = {"columns": {"a": "number"}, "target": {"name": "y", "columns": LABELS}}
    values = [[word.lower() in ("1", "yes", "y", "true") for word in row] for row in ROWS]
    numbers = [float(number) for number in range(len(ROWS))]
    pq.write_table(pa.table({"a": numbers, **{name: [row[i] for row in values] for i, name in enumerate(LABELS)}}), tmp_path / "t.parquet")
    np.savez(tmp_path / "t.npz", x_train=np.array(numbers)[:, None], y_train=np.array(values, int))
    wanted = read(csv_card(of_columns(ROWS), **card)).target.tolist()
    for kind in ("parquet", "npz"):
        assert read(card_of({"kind": kind, "file": str(tmp_path / f"t.{kind}")}, **card)).target.tolist() == wanted, kind


def test_stratified_keeps_the_share_of_each_set(csv_card):
    data = prepare(csv_card(of_texts(SETS), target={"name": "y", "separator": ";"}, split={"kind": "stratified", "val": 0.2, "test": 0.2}))
    for rows in data.rows.values():
        assert len(set(np.unique(data.raw.target[rows], return_counts=True)[1].tolist())) == 1
    with pytest.raises(ZooError, match="cannot be split by class: 'red;round;small' has 1 of 41 rows"):
        prepare(csv_card(of_texts([*SETS, "red;round;small"]), target={"name": "y", "separator": ";"}, split={"kind": "stratified"}))


def test_a_given_test_part_may_hold_other_sets(csv_card, tmp_path):
    (tmp_path / "test.csv").write_text(of_texts(["red;small", "round"] * 5))
    data = prepare(csv_card(of_texts(SETS), source={"test_file": str(tmp_path / "test.csv")}, target={"name": "y", "separator": ";"}))
    assert len(data.rows["test"]) == 10


def test_a_label_that_never_holds_is_told_of(csv_card, caplog):
    caplog.set_level(logging.WARNING, "zoo")
    data = prepare(csv_card(of_texts(SETS), target={"name": "y", "separator": ";", "classes": [*LABELS, "square"]}))
    assert "1 labels hold in no training row, as 'square': they cannot be learned" in caplog.text
    found = {one.check: one for one in audit(data)}
    assert found["missing labels"].severity == "error"
    assert "4 labels hold in 0 to 20 examples" in found["label counts"].what


def test_a_column_that_tells_one_of_several_is_found(csv_card):
    rows = [(str(int(n % 3 == 0)), str(int(n % 5 == 0)), str(int(n >= 1000))) for n in range(2000)]
    data = prepare(csv_card(of_columns(rows), target={"name": "y", "columns": LABELS}))
    found = [one.what for one in audit(data) if one.check == "giveaways"]
    assert len(found) == 1
    assert "'a' alone predicts 'small'" in found[0]


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ({"columns": ["red", "round"], "separator": ";"}, "columns and separator say twice where the labels stand"),
        ({"columns": ["red"]}, r"target\.columns are two or more"),
        ({"columns": ["red", "red"]}, "columns holds a name twice"),
        ({"columns": ["red", "a"]}, "the target 'a' stands among the columns too"),
        ({"columns": ["red", "round"], "classes": ["r", "s"]}, "leave classes and aliases out"),
        ({"columns": ["red", "so;so"]}, "the label 'so;so' holds a blank at an end, or ';'"),
        ({"separator": ";", "classes": ["red"]}, "of which classes names two or more"),
    ],
)
def test_a_card_that_says_it_wrongly(target, says, csv_card):
    with pytest.raises(ValidationError, match=says):
        csv_card(of_columns(ROWS), target={"name": "y", **target})


def test_where_several_targets_cannot_come_from():
    with pytest.raises(ValidationError, match=r"those of a table or of an npz array, and the source is sklearn"):
        card_of({"kind": "sklearn", "name": "digits"}, image={"shape": [8, 8, 1]}, target={"name": "y", "columns": ["p", "q"]})
    with pytest.raises(ValidationError, match=r"target\.separator stands between labels, and the task is regression"):
        card_of({"kind": "csv", "file": "t.csv"}, columns={"a": "number"}, task="regression", target={"name": "y", "separator": ";"})


@pytest.mark.parametrize(
    ("text", "target", "says"),
    [
        (of_columns([*ROWS, ("1", "2", "0")]), {"columns": LABELS}, r"table\.csv, line 42: column 'round' holds '2', where a boolean is"),
        (of_columns([("1", "0", "1")] * 9), {"columns": LABELS}, "the same labels in every row: red;small"),
        (of_columns(ROWS), {"columns": [*LABELS, "big"]}, r"has no column 'big'"),
        (of_texts(["red", "", "red"]), {"separator": ";"}, r"holds one label only: red\n.*without target\.separator"),
        (of_texts(["", "", ""]), {"separator": ";"}, "holds no label"),
        (of_texts(SETS), {"separator": ";", "classes": ["red", "round"]}, "holds 'small', which the card's classes do not name"),
    ],
    ids=["no boolean", "one set", "no such column", "one label", "no label", "unknown"],
)
def test_data_that_holds_them_wrongly(text, target, says, csv_card):
    with pytest.raises(ZooError, match=says):
        read(csv_card(text, target={"name": "y", **target}))


@pytest.mark.parametrize(
    ("y", "task", "says"),
    [
        (np.array([[0, 1], [1, 3]] * 5), "classification", "the label 'q' of 'inline' is 3 in row 2\n  where 1 says that it holds"),
        (np.zeros((10, 3)), "regression", r"y_train has shape \(10, 3\), but the card 'inline' names 2 targets"),
        (np.array([[0, 1], [1, np.nan]] * 5), "regression", "not finite in 5 rows, first in row 2"),
        (np.array([["0", "1"], ["1", "x"]] * 5), "regression", "is 'x' in row 2, where a number is expected"),
    ],
    ids=["no label", "shape", "not finite", "no number"],
)
def test_arrays_that_hold_them_wrongly(y, task, says, tmp_path):
    np.savez(tmp_path / "t.npz", x_train=np.zeros((10, 1)), y_train=y)
    source = {"kind": "npz", "file": str(tmp_path / "t.npz")}
    with pytest.raises(ZooError, match=says):
        read(card_of(source, columns={"a": "number"}, task=task, target={"name": "y", "columns": ["p", "q"]}))
