"""The audit: each finding on data that has the fault, and silence on data that has not."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest
from made import card_of

from zoo.config import load_card
from zoo.data import audit as audits
from zoo.data import prepare
from zoo.data.audit import audit, glance
from zoo.data.audit.rows import keys
from zoo.data.dataset import Dataset
from zoo.data.splits import SPLITS

ROWS = 1000
RNG = np.random.default_rng(7)


def clean(rows=ROWS):
    """Columns of a table without a fault: numbers, a category, and a target that none of them tells alone."""
    rng = np.random.default_rng(11)
    score = rng.normal(size=rows)
    return {
        "age": (score + rng.normal(size=rows)).round(4),
        "income": (score + rng.normal(size=rows)).round(4),
        "town": rng.choice(["Basel", "Bern", "Chur"], rows).astype(object),
        "y": np.where(score > 0, "yes", "no").astype(object),
    }


TYPES = {"age": "number", "income": "number", "town": "category"}


@pytest.fixture
def table(csv_card):
    """A dataset over a table of these columns."""

    def make(columns, types=None, **card):
        names = list(columns)
        lines = [",".join(names), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
        split = {"split": {"kind": "fixed", "train": [0, 600], "val": [600, 800], "test": [800, len(columns["y"])]}}
        return prepare(csv_card("\n".join(lines) + "\n", columns=types or TYPES, **{**split, **card}))

    return make


SPEC = {"kind": "image", "target": {"classes": ["0", "1"], "values": ["0", "1"]}}


def images(pixels, labels, split=(60, 20, 20)):
    """A dataset of images in memory, split in their order."""
    from zoo.data.sources import Raw

    size = pixels.shape[1:]
    card = card_of({"kind": "npz", "file": "nowhere.npz"}, image={"shape": size})
    ends = np.cumsum((0, *split))
    rows = {name: np.arange(*ends[number : number + 2]) for number, name in enumerate(SPLITS)}
    raw = Raw({"image": pixels}, labels, np.arange(len(pixels)))
    return Dataset(card, raw, rows, SPEC, None)  # type: ignore[arg-type]


def photos(rng, size=32):
    """Smooth pictures, each another one."""
    from scipy.ndimage import gaussian_filter

    found = gaussian_filter(rng.normal(size=(100, size, size, 3)), (0, 3, 3, 0))
    return ((found - found.min()) / np.ptp(found) * 255).astype(np.uint8), np.arange(100) % 2


def of(findings, check):
    return [finding for finding in findings if finding.check == check]


def severities(findings, check):
    return [finding.severity for finding in of(findings, check)]


def test_clean_data_has_notes_only(table):
    found = audit(table(clean()))
    assert [(finding.severity, finding.check) for finding in found] == [("note", "class counts")]
    assert found[0].what.startswith("2 classes of 4")
    assert glance(table(clean())) == []


def test_clean_images_have_notes_only():
    assert {finding.severity for finding in audit(images(*photos(RNG)))} == {"note"}


@pytest.mark.parametrize(
    ("name", "errors", "warnings"), [("breast_cancer", 0, 0), ("wine", 0, 0), ("digits", 0, 0), ("iris", 0, 1), ("diabetes", 0, 0)]
)
def test_what_the_shelf_has(name, errors, warnings):
    found = audit(prepare(load_card(name)))
    assert [sum(one.severity == severity for one in found) for severity in ("error", "warning")] == [errors, warnings]


@pytest.mark.parametrize(("copies", "severity"), [(3, "error"), (2, "warning")])
def test_rows_of_test_that_stand_in_train(table, copies, severity):
    columns = clean()
    for values in columns.values():
        values[800 : 800 + copies] = values[:copies]
    (found,) = of(audit(table(columns)), "copies")
    assert found.severity == severity
    assert found.what == f"{copies} of 200 test rows ({copies / 2:.1f} %) stand exactly in train"
    assert found.where[:2] == ("row 801", "row 802")
    assert "hash" in found.advice


def test_one_row_of_a_small_table_is_chance_and_one_image_is_none(table):
    columns = {name: values[:850] for name, values in clean().items()}
    for values in columns.values():
        values[810] = values[0]
    split = {"kind": "fixed", "train": [0, 780], "val": [780, 800], "test": [800, 850]}
    assert severities(audit(table(columns, split=split)), "copies") == ["warning"]
    pixels, labels = photos(RNG)
    pixels[70] = pixels[3]
    (found,) = of(audit(images(pixels, labels)), "copies")
    assert (found.severity, found.where) == ("error", ("row 71",))
    assert not of(audit(images(pixels, labels)), "near copies")


def test_a_hash_split_mends_copies(table):
    columns = clean()
    for values in columns.values():
        values[500:] = values[:500]
    split = {"kind": "random", "val": 0.2, "test": 0.2}
    assert severities(audit(table(columns, split=split)), "copies") == ["error", "error"]
    assert not of(audit(table(columns, split={**split, "kind": "hash"})), "copies")


def test_text_is_compared_without_case_and_blanks():
    words = np.array(["Buy  now", "buy now ", "BUY NOW", "no"], object)
    one, two, three, other = keys({"text": words})
    assert one == two == three != other
    assert len(set(keys({"word": words}))) == 4


def test_keys_tell_rows_apart():
    a, b = np.float32([0, 1, -0.0, np.nan, np.nan]), np.array(["x", "y", "x", "", ""], object)
    found = keys({"a": a, "b": b})
    assert found[0] == found[2] != found[1]
    assert found[3] == found[4]
    swapped = keys({"a": np.float32([1, 2]), "b": np.float32([2, 1])})
    assert swapped[0] != swapped[1]


@pytest.mark.parametrize(("rows", "severity"), [(6, "error"), (4, "warning")])
def test_equal_inputs_with_different_labels(table, rows, severity):
    columns = clean()
    for name in TYPES:
        columns[name][:rows] = columns[name][rows : 2 * rows]
    for row in range(rows):
        columns["y"][row] = "no" if columns["y"][row + rows] == "yes" else "yes"
    (found,) = of(audit(table(columns)), "contradictions")
    assert found.severity == severity
    assert found.what.startswith(f"{2 * rows} rows ({2 * rows / 10:.1f} %)")
    one, other = sorted(int(where.removeprefix("row ")) for where in found.where[:2])
    assert other - one == rows


def test_a_group_in_two_splits(table):
    columns = {**clean(), "patient": np.arange(ROWS) // 100}
    (found,) = of(audit(table(columns, group="patient", split={"kind": "random"})), "torn groups")
    assert (found.severity, found.what) == ("error", "10 of 10 groups of 'patient' stand in more than one split")
    assert "column: patient" in found.advice
    assert not of(audit(table(columns, group="patient", split={"kind": "group"})), "torn groups")
    assert not of(audit(table(columns, group="patient")), "torn groups")


def leaks():
    """Columns that hold the target in another form, by kind."""
    rng, y = np.random.default_rng(3), clean()["y"] == "yes"
    return {
        "number": ("number", np.where(y, 3.0, -2.0) + rng.normal(size=ROWS)),
        "number that is missing": ("number", np.where(y, "", rng.normal(size=ROWS).astype(str))),
        "folded": ("number", np.abs(np.where(y, rng.normal(size=ROWS) * 0.01, 5 + rng.normal(size=ROWS)))),
        "category": ("category", np.where(y, rng.choice(["a", "b"], ROWS), rng.choice(["c", "d"], ROWS))),
        "boolean": ("boolean", np.where(y, "t", "f")),
        "datetime": ("datetime", np.where(y, "2026-05-01", "2025-05-01")),
    }


@pytest.mark.parametrize("kind", leaks())
def test_a_column_that_tells_the_target(table, kind):
    type_, values = leaks()[kind]
    columns = {**clean(), "leak": values}
    (found,) = of(audit(table(columns, {**TYPES, "leak": type_})), "giveaways")
    assert found.severity == "error"
    assert found.what.startswith("'leak' alone predicts 'y': AUC ")


def test_columns_that_tell_much_but_not_all(table):
    rng, y = np.random.default_rng(3), clean()["y"] == "yes"
    columns = {
        **clean(),
        "strong": np.where(y, 1.5, -1.5) + rng.normal(size=ROWS),  # an AUC of 0.98
        "identifier": np.array([f"id{n}" for n in range(ROWS)]),
        "number": np.arange(ROWS),
    }
    types = {**TYPES, "strong": "number", "identifier": "category", "number": "number"}
    assert not of(audit(table(columns, types)), "giveaways")


@pytest.mark.parametrize("leak", ["line", "curve", "words"])
def test_a_column_that_tells_a_number(table, leak):
    rng = np.random.default_rng(5)
    y = rng.normal(size=ROWS)
    values = {"line": 3 * y + 1, "curve": np.exp(y), "words": np.array([f"w{one}" for one in (y * 2).round().clip(-4, 4)])}[leak]
    target = (y * 2).round().clip(-4, 4) if leak == "words" else y
    columns = {**clean(), "leak": values, "close": y + 0.3 * rng.normal(size=ROWS), "y": target}
    types = {**TYPES, "leak": "category" if leak == "words" else "number", "close": "number"}
    found = of(audit(table(columns, types, task="regression")), "giveaways")
    assert [one.what.split(":")[0] for one in found] == ["'leak' alone predicts 'y'"]
    assert "R2" in found[0].what


def test_a_class_that_train_lacks(table):
    columns = clean()
    columns["y"][950:960] = "maybe"
    (found,) = of(audit(table(columns)), "missing classes")
    assert (found.severity, found.where) == ("error", ("maybe",))
    assert not of(audit(table(columns, split={"kind": "stratified"})), "missing classes")
    named = table(clean(), target={"name": "y", "classes": ["no", "yes", "never"]})
    assert of(audit(named), "missing classes")[0].where == ("never",)


def test_broken_examples_are_told(table):
    data = table(clean())
    data.raw.rejected, data.raw.source_rows = [f"a/{n}.jpg: cut off" for n in range(10)], 1010
    (found,) = of(audit(data), "broken")
    assert (found.severity, found.what) == ("error", "10 of 1,010 examples cannot be read")
    assert found.where[0] == "a/0.jpg: cut off"
    assert found.where[-1] == "and 2 more"


def changed(pixels, how):
    from io import BytesIO

    from PIL import Image

    if how == "brighter":
        return np.clip(pixels * 1.05 + 5, 0, 255).astype(np.uint8)
    file = BytesIO()
    picture = Image.fromarray(pixels)
    if how == "scaled":
        picture = picture.resize((80, 80)).resize((32, 32))
    picture.save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("how", ["brighter", "compressed", "scaled"])
def test_an_image_that_looks_like_one_of_train(how):
    pixels, labels = photos(RNG)
    pixels[85] = changed(pixels[4], how)
    found = audit(images(pixels, labels))
    assert [(one.severity, one.where) for one in of(found, "near copies")] == [("warning", ("row 86 like row 5",))]
    assert not of(found, "copies")


def test_pictures_of_one_kind_are_no_copies():
    """Thick strokes on black, as digits are; and pictures without anything on them."""
    rng = np.random.default_rng(1)
    pixels = np.zeros((100, 28, 28, 1), np.uint8)
    for one in pixels[:90]:
        left, top, wide, high = *rng.integers(4, 10, 2), *rng.integers(6, 14, 2)
        one[top : top + high, left : left + wide] = rng.integers(150, 255)
    pixels[:90] = np.clip(pixels[:90] + rng.normal(0, 30, (90, 28, 28, 1)), 0, 255)
    assert not of(audit(images(pixels, np.arange(100) % 2)), "near copies")


def test_drift_of_numbers_words_and_labels(table):
    columns = clean()
    columns["age"][800:] += 0.8
    columns["town"][800:] = np.where(RNG.random(200) < 0.5, "Genf", columns["town"][800:])
    columns["y"][800:] = np.where(RNG.random(200) < 0.7, "yes", columns["y"][800:])
    found = of(audit(table(columns)), "drift")
    assert {one.what.split(" differs")[0] for one in found} == {"'age'", "'town'", "the target 'y'"}
    assert {one.severity for one in found} == {"warning"}
    assert "'Genf' 0.0 % of train" in next(one.where[0] for one in found if "town" in one.what)


def test_drift_of_images():
    pixels, labels = photos(RNG)
    pixels[80:] = pixels[80:] // 2
    assert [one.what.split(" differs")[0] for one in of(audit(images(pixels, labels)), "drift")] == ["brightness", "contrast"]


@pytest.mark.parametrize("size", [60, 300, 1000])
def test_splits_at_random_do_not_drift(table, size):
    columns = {name: values[:size] for name, values in clean().items()}
    for seed in range(5):
        split = {"kind": "random", "val": 0.2, "test": 0.2, "seed": seed}
        assert not of(audit(table(columns, split=split)), "drift")


@pytest.mark.parametrize(("share", "severity"), [(0.6, "warning"), (0.2, "note")])
def test_missing_values(table, share, severity):
    columns = clean()
    gone = np.random.default_rng(1).random(ROWS) < share
    columns["income"], columns["town"] = np.where(gone, "", columns["income"].astype(str)), np.where(gone, "", columns["town"])
    found = audit(table(columns))
    if severity == "warning":
        assert [one.what.split(":")[0] for one in of(found, "empty columns")] == [
            "over half of 'income' is missing",
            "over half of 'town' is missing",
        ]
        assert severities(found, "empty columns") == ["warning"] * 2
    else:
        (told,) = of(found, "missing values")
        assert (told.severity, told.what) == ("note", "2 of 3 columns lack values")
        assert told.where[0].startswith("income ")


@pytest.mark.parametrize("values", [np.full(ROWS, 3.5), np.where(np.arange(ROWS) % 3, "", "7"), np.where(np.arange(ROWS) < 600, 1, 2)])
def test_a_column_of_one_value(table, values):
    found = of(audit(table({**clean(), "always": values}, {**TYPES, "always": "number"})), "constant columns")
    assert [(one.severity, one.what) for one in found] == [("warning", "'always' has one value only in train")]


def test_classes_that_are_uneven_are_a_note(table):
    columns = clean()
    columns["y"][:] = np.where(np.arange(ROWS) % 20 == 0, "rare", "usual")
    found = audit(table(columns))
    assert severities(found, "uneven classes") == ["note"]
    assert of(found, "class counts")[0].where == ("usual 950 (95.0 %)", "rare 50 (5.0 %)")


def test_the_worst_come_first(table):
    columns = clean()
    columns["y"][950:] = "maybe"
    columns["age"][:] = 1
    found = [one.severity for one in audit(table(columns))]
    assert found == sorted(found, key=["error", "warning", "note"].index)
    assert len(set(found)) == 3


def test_what_trains_is_told_and_never_stopped(table, caplog, monkeypatch):
    data = table({**clean(), "always": np.ones(ROWS)}, {**TYPES, "always": "number"})
    with caplog.at_level(logging.WARNING, "zoo"):
        audits.tell(data)
        assert caplog.messages == ["warning in the data: 'always' has one value only in train"]
        caplog.clear()
        monkeypatch.setattr(audits, "CHEAP", (lambda _: 1 / 0,))
        audits.tell(data)
        assert caplog.messages == ["note: the data could not be checked: ZeroDivisionError: division by zero"]
        caplog.clear()
        monkeypatch.setattr(audits, "SMALL", 1)
        audits.tell(data)
        assert caplog.messages == []


def test_a_million_rows_are_bounded():
    """Ten columns, every check; a generous bound for a busy machine."""
    from zoo.data.sources import Raw

    size, rng = 1_000_000, np.random.default_rng(0)
    features = {f"n{n}": rng.normal(size=size).astype(np.float32) for n in range(8)}
    features |= {f"c{n}": np.array(["a", "b", "c"], object)[rng.integers(0, 3, size)] for n in range(2)}
    columns = {name: "number" if name[0] == "n" else "category" for name in features}
    card = card_of({"kind": "csv", "file": "nowhere.csv"}, columns=columns)
    raw = Raw(features, rng.integers(0, 2, size), np.arange(size))
    rows = dict(zip(SPLITS, np.split(np.arange(size), [700_000, 850_000]), strict=True))
    data = Dataset(card, raw, rows, SPEC, None)  # type: ignore[arg-type]
    start = time.monotonic()
    assert {one.severity for one in audit(data)} == {"note"}
    assert time.monotonic() - start < 60
