"""Served names and versions of bundles."""

from __future__ import annotations

import re

import pytest

from zoo.bundles import identifiers, versions

NAMES = [
    "age",
    "Age",
    "a b",
    "a.b",
    "a_b",
    "0",
    "1st",
    "_x",
    "__",
    "",
    "größe",
    "日本",
    "sepal length (cm)",
    "class",
    "self",
    "od280/od315",
    "a_b_2",
    "😀",
]


@pytest.mark.parametrize("names", [NAMES, NAMES[::-1], [*NAMES, *(f"{name} " for name in NAMES)]])
def test_any_name_becomes_an_identifier_of_its_own(names):
    served = identifiers(names)
    assert list(served) == list(dict.fromkeys(names))
    assert len({one.lower() for one in served.values()}) == len(served)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", one) for one in served.values())


def test_a_good_name_stays():
    good = ["age", "total_charges", "x1", "Hours"]
    assert identifiers(good) == {name: name for name in good}
    assert identifiers(["sepal length (cm)"]) == {"sepal length (cm)": "sepal_length__cm"}


def test_names_do_not_depend_on_chance():
    assert identifiers(NAMES) == identifiers(list(NAMES))


def test_versions_are_numbers_in_their_order(tmp_path):
    for name in ("1", "2", "10", "3.formats", ".4", "new", "05x"):
        (tmp_path / name).mkdir()
    (tmp_path / "7").write_text("no folder")
    assert versions(tmp_path) == [1, 2, 10]
    assert versions(tmp_path / "nowhere") == []
