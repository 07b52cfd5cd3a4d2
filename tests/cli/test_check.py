"""`zoo check`: what it says, what it answers, and that `zoo train` says the worst of it by the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zoo.jobs.checking import check


@pytest.fixture
def leaking(own_files, people):
    """The table of people, of which test holds rows of train."""
    lines = people().splitlines()
    split = "split: {kind: fixed, train: [0, 80], val: [80, 100], test: [100, 124]}\ntarget:"
    own_files(card=("target:", split), data="\n".join([*lines, *lines[1:5]]) + "\n")


def test_clean_data_is_done(zoo):
    result = zoo("check", "wine")
    assert result.code == 0
    assert result.err == ""
    lines = result.out.splitlines()
    assert lines[0] == "wine    178 rows of 13 columns in 3 classes (106 / 36 / 36)"
    assert lines[2] == "  note     3 classes of 48 to 71 examples"
    assert lines[-2].startswith("found     0 errors, 0 warnings, 1 note, in ")
    assert lines[-1].startswith("next      zoo run ")
    assert lines[-1].endswith(" --set dataset=wine")  # none of ours is on it: another's is lent


def test_an_error_is_3_and_says_where_and_what_to_do(zoo, leaking):
    result = zoo("check", "people")
    assert result.code == 3
    assert "  error    4 of 24 test rows (16.7 %) stand exactly in train\n           row 121, row 122, row 123, row 124\n" in result.out
    assert "split: {kind: hash}" in result.out
    assert result.out.endswith("next      zoo check people   once it is mended\n")
    assert zoo("check", "datasets/people.yaml").code == 3


def test_json_is_one_document(zoo, leaking):
    result = zoo("check", "people", "--json")
    assert result.code == 3
    found = json.loads(result.out)
    assert (found["format"], found["card"], found["errors"]) == (1, "people", 1)
    worst = found["findings"][0]
    assert set(worst) == {"severity", "check", "what", "where", "advice"}
    assert (worst["severity"], worst["check"], worst["where"][0]) == ("error", "copies", "row 121")
    assert len(found["findings"]) == found["errors"] + found["warnings"] + found["notes"]


def test_data_that_does_not_fit_its_card_is_a_finding(zoo, own_files, people):
    own_files(data=people().replace("\n", "\nthirty,1,Bern,n,no\n", 1))
    found = check("people").findings[0]
    assert (found.severity, found.check) == ("error", "broken")
    assert "thirty" in found.where[0]
    assert zoo("check", "people").code == 3
    own_files(card=("{age: number", "{weight: number"))
    result = zoo("check", "people")
    assert result.code == 3
    assert "people    cannot be read" in result.out
    assert "weight" in result.out


def test_files_that_cannot_be_read_are_all_told(zoo, tmp_path):
    from PIL import Image

    card = "title: t\nlicence: none\ntask: classification\nsource: {kind: image_folder, folder: pictures}\nimage: {shape: [8, 8, 3]}\n"
    for number in range(40):
        path = tmp_path / "pictures" / "ab"[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", (8, 8), bytes((number * place * place + 7 * place) % 251 for place in range(192))).save(path)
    for number in (4, 7):
        broken = tmp_path / "pictures" / "ab"[number % 2] / f"{number:02}.png"
        broken.write_bytes(broken.read_bytes()[:60])
    copy = tmp_path / "pictures" / "a" / "38.png"
    copy.write_bytes((tmp_path / "pictures" / "a" / "00.png").read_bytes())
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "pictures.yaml").write_text(card + "target: {name: y}\nsplit: {val: 0.2, test: 0.2}\n")
    result = zoo("check", "pictures", "--json")
    assert result.code == 3
    (broken,) = [one for one in json.loads(result.out)["findings"] if one["check"] == "broken"]
    assert broken["what"] == "2 of 40 examples cannot be read"
    assert "04.png" in broken["where"][0]
    assert "07.png" in broken["where"][1]
    assert zoo("check", "pictures").code == 3


def test_what_is_not_there_is_a_mistake(zoo, own_files):
    assert zoo("check", "wines").code == 2
    own_files(card=("people.csv", "nobody.csv"))
    result = zoo("check", "people")
    assert result.code == 2
    assert result.err.startswith("error: ")
    assert "nobody.csv" in result.err


def test_training_says_the_worst_and_goes_on(zoo, leaking):
    result = zoo("train", "people", "--set", "train.epochs=1")
    assert result.code == 0
    assert "error in the data: 4 of 24 test rows (16.7 %) stand exactly in train\n  more of it: zoo check people" in result.err
    log = next(iter(Path("runs").rglob("train.log"))).read_text()
    assert "error in the data" in log


def test_training_on_clean_data_says_nothing(zoo):
    result = zoo("train", "digits_mlp", "--set", "train.epochs=1")
    assert (result.code, result.err) == (0, "")
