"""Real tables, as their authors wrote them; only where `ZOO_DATA_DIR` holds them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from made import card_of

from zoo.data.sources import read

ROOT = Path(os.environ.get("ZOO_DATA_DIR", ""))
pytestmark = pytest.mark.skipif("ZOO_DATA_DIR" not in os.environ, reason="ZOO_DATA_DIR is not set")


def numbers(count):
    return {str(place): "number" for place in range(count)}


ADULT = ["number", "category", "number", "category", "number", *["category"] * 5, *["number"] * 3, "category"]
CASES = {
    "adult/adult-train.csv": (32_561, {"header": False}, {"columns": {str(i): one for i, one in enumerate(ADULT)}, "target": "14"}),
    "ag_news/test.csv": (7_600, {"header": False}, {"text": {"columns": ["1", "2"]}, "target": "0"}),
    "sms_spam/SMSSpamCollection": (5_574, {"header": False, "separator": "\t", "quoted": False}, {"text": {"columns": "1"}, "target": "0"}),
    "titanic/titanic_train.csv": (891, {}, {"columns": {"Age": "number", "Name": "text", "Cabin": "category"}, "target": "Survived"}),
    "california_housing/cal_housing.data": (20_640, {"header": False}, {"columns": numbers(8), "target": "8", "task": "regression"}),
    "wine_quality/winequality-red.csv": (1_599, {"header": False}, {"columns": numbers(11), "target": "11", "task": "regression"}),
    "small_tabular/processed.cleveland.data": (303, {"header": False}, {"columns": numbers(13), "target": "13"}),
    "small_tabular/penguins.csv": (344, {}, {"columns": {"bill_length_mm": "number", "sex": "category"}, "target": "species"}),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_read(name):
    rows, source, card = CASES[name]
    raw = read(card_of({"kind": "csv", "file": str(ROOT / name), **source}, **{**card, "target": {"name": card["target"]}}))
    assert len(raw) == rows
    if name.startswith("adult"):
        assert (np.asarray(raw.features["1"]) == "").sum() == 1836
        assert set(raw.target) == {"<=50K", ">50K"}
    if name.startswith("titanic"):
        assert np.isnan(raw.features["Age"]).sum() == 177
        assert raw.features["Name"][0] == "Braund, Mr. Owen Harris"
    if name.startswith("sms"):
        assert (np.asarray(raw.target) == "spam").sum() == 747
