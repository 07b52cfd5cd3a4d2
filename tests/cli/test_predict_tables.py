"""Tables that are to be answered are read as the model's own was."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from zoo.errors import ZooError
from zoo.jobs import inputs

WANTED = {
    "n": {"name": "1", "dtype": "float32", "shape": []},
    "c": {"name": "2", "dtype": "string", "shape": []},
    "yes": {"name": "0", "dtype": "float32", "shape": []},
}
HOW = {"header": False, "decimal": ",", "separator": ";", "typed": {"0": {"type": "boolean", "format": None}}}


def answered(path, how=None, wanted=WANTED):
    (part,) = inputs.parts([path], wanted, ("", "-"), how if how is not None else HOW)
    return {name: [None if one != one else one for one in np.asarray(column).tolist()] for name, column in part.values.items()}


@pytest.mark.parametrize("end", ["", ";p"], ids=["without the target", "with it"])
def test_a_csv_without_header(tmp_path, end):
    text = "".join(f"{row}{end}\n" for row in ("yes;1,5;a", "N;-;b"))
    (tmp_path / "t.data").write_text(text)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("t.data", "t.csv.gz"):
        assert answered(tmp_path / name) == {"1": [1.5, None], "2": ["a", "b"], "0": [1, 0]}


def test_parquet_and_json_lines(tmp_path):
    table = pd.DataFrame({"0": [True, False], "1": [1.5, None], "2": ["a", "b"]})
    table.to_parquet(tmp_path / "t.parquet")
    table.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    for name in ("t.parquet", "t.jsonl"):
        assert answered(tmp_path / name) == {"1": [1.5, None], "2": ["a", "b"], "0": [1, 0]}


def test_a_column_that_is_missing_or_of_another_type_is_told(tmp_path):
    (tmp_path / "t.csv").write_text("1,2\n3,a\n")
    with pytest.raises(ZooError, match=r"t\.csv has no column '0'"):
        answered(tmp_path / "t.csv", {})
    (tmp_path / "t.csv").write_text("0,1,2\nperhaps,3,a\n")
    with pytest.raises(ZooError, match="line 2: column '0' holds 'perhaps', where a boolean is expected"):
        answered(tmp_path / "t.csv", {"typed": HOW["typed"]})


def test_the_names_of_a_header_may_be_given_or_stand_there(tmp_path):
    for text in ("7,yes,x\n", "yes,x\n", "1,0,2\n7,yes,x\n"):
        (tmp_path / "t.csv").write_text(text)
        how, wanted = {"header": ["1", "0", "2"], "typed": HOW["typed"]}, {key: WANTED[key] for key in ("c", "yes")}
        assert answered(tmp_path / "t.csv", how, wanted) == {"2": ["x"], "0": [1]}
