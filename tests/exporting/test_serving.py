"""`Bundle.predict`: raw values in, the named answers out, and one clear message for anything else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from zoo.assembly import open_run
from zoo.bundles import GOLDEN, MANIFEST, Bundle, columns_of
from zoo.data import prepare
from zoo.errors import ZooError
from zoo.exporting.golden import Golden
from zoo.runs import Run


@pytest.fixture(scope="module")
def rows(table_run: Run) -> dict[str, np.ndarray]:
    """Every row of the table, by the source's names."""
    return prepare(table_run.card).raw.features


def test_all_rows_are_answered_as_the_run_answers_them(bundle_and_run: tuple[Bundle, Run]) -> None:
    bundle, run = bundle_and_run
    features = prepare(run.card).raw.features
    inputs = features.get("image", features)
    said, right = bundle.predict(inputs), run.predict(inputs)
    assert list(said) == list(right) == list(bundle.manifest["answers"])
    for name, facts in bundle.manifest["answers"].items():
        assert said[name].shape[1:] == tuple(facts["shape"][1:])
        if facts["dtype"] == "string":
            assert (said[name] == right[name]).mean() > 0.999
            assert said[name].dtype.kind == "U"
        else:
            assert said[name].dtype == np.float32
            np.testing.assert_allclose(said[name], right[name], atol=1e-5, rtol=1e-4)


def test_tables_mappings_and_served_names_are_taken(table: Bundle, rows: dict[str, np.ndarray]) -> None:
    right = table.predict(rows)["scores"]
    frame = pd.DataFrame(
        {name: np.where(values == "", None, values) if values.dtype.kind == "U" else values for name, values in rows.items()}
    )
    nullable = frame.convert_dtypes()
    served = {name: rows[one["name"]] for name, one in table.manifest["inputs"].items()}
    lists = {name: [None if value != value else value for value in values.tolist()] for name, values in rows.items()}
    with_nan = {name: values.tolist() if name != "ä" else [value or np.nan for value in values.tolist()] for name, values in rows.items()}
    assert any(value != value for value in with_nan["ä"])
    for inputs in (frame, nullable, served, lists, with_nan):
        np.testing.assert_array_equal(table.predict(inputs)["scores"], right)


def test_missing_and_unknown_values_are_answered(table: Bundle, rows: dict[str, np.ndarray]) -> None:
    nothing = {name: np.array([np.nan] if values.dtype.kind == "f" else [""]) for name, values in rows.items()}
    unknown = {**nothing, "ä": np.array(["never seen"])}
    np.testing.assert_array_equal(table.predict(nothing)["scores"], table.predict(unknown)["scores"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"emp.var.rate": None}, "lacks 'emp.var.rate'"),
        ({"emp.var.rate": ["a", "b"]}, "'emp.var.rate' holds text, as a, where numbers"),
        ({"emp.var.rate": [1.0, 1e60]}, "'emp.var.rate' holds a number that is not finite"),
        ({"emp.var.rate": [[1.0], [2.0]]}, r"'emp.var.rate' has shape \(2, 1\), where \(batch\)"),
        ({"emp.var.rate": [[1.0], [2.0, 3.0]]}, "'emp.var.rate' holds arrays of different shapes"),
        ({"emp.var.rate": np.array(["2020-01-01"] * 2, "M8[D]")}, "'emp.var.rate' holds datetime64"),
        ({"emp.var.rate": [1.0, 2.0, 3.0]}, "different lengths"),
        ({"emp.var.rate": 1.0}, r"has shape \(\)"),
        ({"ä": [1.5, 2.5]}, "'ä' holds the number 1.5, where text"),
    ],
)
def test_a_column_that_does_not_fit_is_named(table: Bundle, rows: dict[str, np.ndarray], change: dict[str, Any], message: str) -> None:
    inputs = {**{name: values[:2] for name, values in rows.items()}, **change}
    inputs = {name: values for name, values in inputs.items() if values is not None}
    with pytest.raises(ZooError, match=message):
        table.predict(inputs)


@pytest.mark.parametrize("inputs", [[[1.0, 2.0]], np.zeros((2, 3)), 7, None, "text", [b"file"], {}])
def test_what_is_no_table_is_refused(table: Bundle, inputs: Any) -> None:
    with pytest.raises(ZooError, match="expected"):
        table.predict(inputs)


def test_no_rows_are_refused(table: Bundle, rows: dict[str, np.ndarray]) -> None:
    with pytest.raises(ZooError, match="no rows"):
        table.predict({name: values[:0] for name, values in rows.items()})


def test_images_of_another_shape_or_type_are_refused(digits: Bundle) -> None:
    assert digits.predict(np.zeros((2, 8, 8)))["label"].shape == (2,)  # a grey image may come without its channel
    for wrong in (np.zeros((8, 8)), np.zeros((2, 8, 8, 3)), np.zeros((2, 9, 8, 1)), [np.zeros((8, 8)), np.zeros((7, 8))]):
        with pytest.raises(ZooError, match="input 'image'"):
            digits.predict(wrong)
    with pytest.raises(ZooError, match="not finite"):
        digits.predict(np.full((1, 8, 8, 1), np.nan))


def test_a_broken_image_file_is_named_by_bundle_and_run(digits: Bundle, digits_run: Run) -> None:
    good = [bytes(file) for file in Golden.load(digits.path / GOLDEN).inputs["serving_bytes"]["bytes"][:3]]
    right = digits.predict(good)["scores"]
    opened = open_run(digits_run)
    for answer in (digits.predict, opened.answer):
        for inputs in (good, {"bytes": good}, np.array(good, object)):
            np.testing.assert_allclose(answer(inputs)["scores"], right, atol=1e-5)
        assert answer(good[0])["label"].shape == (1,)
        with pytest.raises(ZooError, match="file 1 of the input cannot be decoded"):
            answer([good[0], good[1][:40], good[2]])


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
@pytest.mark.parametrize("change", ["gone", "shorter", "other"])
def test_a_broken_bundle_is_named(digits: Bundle, tmp_path: Path, name: str, change: str) -> None:
    copy = Bundle(Path(shutil.copytree(digits.path, tmp_path / "1")))
    content = (copy.path / name).read_bytes()
    if change == "gone":
        (copy.path / name).unlink()
    else:
        (copy.path / name).write_bytes(content[:-1] if change == "shorter" else content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ZooError, match=f"is broken: {name}"):
        copy.predict(np.zeros((1, 8, 8, 1)))


def test_a_broken_manifest_is_named(digits: Bundle, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(digits.path, tmp_path / "1"))
    (copy / MANIFEST).write_text((copy / MANIFEST).read_text()[:100])
    with pytest.raises(ZooError, match=r"manifest\.json cannot be read"):
        Bundle(copy)


def test_a_table_with_one_column_named_image_is_a_table() -> None:
    wanted: Any = {"image": {"name": "image", "dtype": "float32", "shape": []}}
    assert columns_of(wanted, pd.DataFrame({"image": [1, 2]}))["image"].tolist() == [1.0, 2.0]


def test_a_run_takes_the_same_and_refuses_the_same(table_run: Run, rows: dict[str, np.ndarray]) -> None:
    with pytest.raises(ZooError, match="lacks 'ä'"):
        open_run(table_run).answer({name: values for name, values in rows.items() if name != "ä"})
