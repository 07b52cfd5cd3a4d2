"""`zoo predict`: a run and its bundle answer alike, whatever the file; and what is no input is refused, with row and column."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import zoo as package
from zoo.jobs import inputs
from zoo.jobs.answers import open_model, stream


@pytest.fixture
def images(zoo, trained) -> list[str]:
    """Three digits as PNG files, at their own size and at another one."""
    data = package.load_dataset("digits").raw.features["image"][:3, ..., 0]
    names = [f"digit{index}.png" for index in range(3)]
    for name, pixels in zip(names, np.rint(data * 255 / 16).astype(np.uint8), strict=True):
        image = Image.fromarray(pixels)
        (image.resize((20, 20)) if name == names[2] else image).save(name)
    return names


def answers(result) -> pd.DataFrame:
    assert result.code == 0, result.err
    return pd.read_csv(io.StringIO(result.out), dtype={"label": str})


def test_images_by_run_and_by_bundle(zoo, trained, images):
    by_run, by_bundle = (answers(zoo("predict", str(one.path), *images)) for one in (trained.run, trained.bundle))
    assert list(by_run.columns) == ["file", "label", "probability", *(f"score_{digit}" for digit in range(10))]
    assert by_run["file"].tolist() == images
    assert by_run["label"].tolist() == by_bundle["label"].tolist()
    numbers = by_run.columns[2:]
    np.testing.assert_allclose(by_run[numbers], by_bundle[numbers], atol=1e-5)
    np.testing.assert_allclose(by_run[numbers[1:]].sum(axis=1), 1, atol=1e-5)


def test_files_answer_as_the_test_split_did(zoo, trained, images):
    """The same picture as file and as array, and as evaluation saw it."""
    np.save("digits.npy", package.load_dataset("digits").raw.features["image"][:2])
    by_array = answers(zoo("predict", str(trained.bundle.path), "digits.npy"))
    by_file = answers(zoo("predict", str(trained.bundle.path), *images[:2]))
    np.testing.assert_allclose(by_array["score_0"], by_file["score_0"], atol=0.02)  # a PNG holds whole numbers only
    known = pd.read_parquet(trained.run.path / "predictions.parquet").iloc[:5]
    np.savez("rows.npz", image=package.load_dataset("digits").raw.features["image"][known["id"]])
    again = answers(zoo("predict", str(trained.run.path), "rows.npz"))
    assert again["label"].tolist() == known["label"].tolist()
    np.testing.assert_allclose(again["probability"], known["probability"], atol=1e-5)


def test_tables_by_run_and_by_bundle(zoo, table, people):
    Path("new.csv").write_text(people(30))
    by_run, by_bundle = (answers(zoo("predict", str(one.path), "new.csv")) for one in (table.run, table.bundle))
    assert list(by_run.columns) == ["row", "label", "probability", "score_no", "score_yes"]
    assert by_run["row"].tolist() == list(range(30))
    pd.testing.assert_frame_equal(by_run, by_bundle, atol=1e-5)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_columns_go_by_name_whatever_stands_between_them(zoo, table, separator, people):
    Path("a.csv").write_text(people(20))
    frame = pd.read_csv("a.csv", dtype=str, keep_default_na=False)
    frame[["town", "buys", "net income", "note", "age"]].to_csv("b.txt", sep=separator, index=False)
    with_mark = Path("b.txt").read_bytes()
    Path("b.txt").write_bytes(b"\xef\xbb\xbf" + with_mark)
    first, second = (answers(zoo("predict", str(table.bundle.path), name)) for name in ("a.csv", "b.txt"))
    pd.testing.assert_frame_equal(first, second)


def test_a_marker_of_the_card_is_missing_and_not_a_word(table, tmp_path):
    path = tmp_path / "one.csv"
    for trained in (table.run, table.bundle):
        model, frames = open_model(trained), []
        for cell in ("", "-"):
            path.write_text(f"age,net income,town\n30,{cell},{cell}\n")
            frames.append(pd.concat(stream(model, [path])))
        pd.testing.assert_frame_equal(*frames)


def test_a_long_table_passes_in_parts(table, tmp_path, monkeypatch, people):
    monkeypatch.setattr(inputs, "ROWS", 7)
    path = tmp_path / "long.csv"
    path.write_text(people(30))
    model = open_model(table.bundle)
    parts = list(stream(model, [path]))
    assert [len(part) for part in parts] == [7, 7, 7, 7, 2]
    assert pd.concat(parts)["row"].tolist() == list(range(30))
    monkeypatch.undo()
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), pd.concat(stream(model, [path])), atol=1e-6)


def test_every_answer_can_be_joined_to_its_row(zoo, trained, table, images, people):
    for name in ("a.csv", "b.csv"):
        Path(name).write_text(people(2))
    two = answers(zoo("predict", str(table.bundle.path), "a.csv", "b.csv", "a.csv"))
    assert list(two.columns[:2]) == ["file", "row"]
    assert two["file"].tolist() == ["a.csv"] * 2 + ["b.csv"] * 2 + ["a.csv"] * 2
    assert two["row"].tolist() == [0, 1] * 3
    np.save("rows.npy", np.zeros((2, 8, 8, 1)))
    mixed = answers(zoo("predict", str(trained.bundle.path), images[0], "rows.npy"))
    assert list(zip(mixed["file"], mixed["row"], strict=True)) == [(images[0], 0), ("rows.npy", 0), ("rows.npy", 1)]


def test_a_manifest_without_the_words_for_missing(table, tmp_path):
    manifest = {name: value for name, value in table.bundle.manifest.items() if name != "missing"}
    bundle = package.load_bundle(table.bundle.path)
    bundle.manifest = manifest
    assert "" in open_model(bundle).missing


def test_out_is_written_whole_or_not_at_all(zoo, refused, table, people):
    Path("new.csv").write_text(people(10))
    result = zoo("predict", str(table.bundle.path), "new.csv", "-o", "out.csv")
    assert result.code == 0
    assert result.out == (
        f"wrote     out.csv      10 answers of {table.bundle.path}\n"
        f"next      docker compose -f {table.bundle.path.parent}/docker-compose.yml up\n"
    )
    assert len(pd.read_csv("out.csv")) == 10
    before = Path("out.csv").read_bytes()
    Path("new.csv").write_text(people(10).replace("n9", "n9").replace("Bern", "Bern") + "old,1,Basel,x,yes\n")
    said = refused("predict", str(table.bundle.path), "new.csv", "-o", "out.csv")
    assert "new.csv, line 12: column 'age' holds 'old', where a number is expected" in said
    assert Path("out.csv").read_bytes() == before
    assert sorted(path.name for path in Path().iterdir()) == ["new.csv", "out.csv"]
    assert "is one of the inputs" in refused("predict", str(table.bundle.path), "new.csv", "-o", "./new.csv")
    assert "there is no folder" in refused("predict", str(table.bundle.path), "new.csv", "-o", "no/out.csv")


TABLE_MISTAKES = {
    "a column is missing": ("aeg,net income,town\n1,2,Bern\n", "has no column 'age'\n  did you mean: aeg"),
    "text where a number is expected": ("age,net income,town\n1,2,Bern\n2,many,Bern\n", "line 3: column 'net income' holds 'many'"),
    "infinite": ("age,net income,town\n1e99,2,Bern\n", "line 2: column 'age' holds '1e99', which is infinite, or larger"),
    "no rows": ("age,net income,town\n", "has a header but no rows"),
    "empty": ("", "is empty"),
    "a column twice": ("age,age,net income,town\n1,1,2,Bern\n", "has 2 columns named 'age'"),
    "a row too long": ("age,net income,town\n1,2,Bern\n1,2,Bern,9\n", "does not parse as CSV"),
    "not UTF-8": ("age,net income,town\n1,2,Z\xfcrich\n", "line 2: not UTF-8 text"),
    "NUL bytes": ("\0\0\0\0", "NUL bytes"),
}


@pytest.mark.parametrize("what", TABLE_MISTAKES)
def test_tables_that_are_refused(refused, table, what):
    text, expected = TABLE_MISTAKES[what]
    Path("bad.csv").write_bytes(text.encode("latin-1"))
    assert expected in refused("predict", str(table.bundle.path), "bad.csv")


def test_files_that_are_refused(refused, trained, table, images, people):
    Path("folder").mkdir()
    Path("text.png").write_text("no image")
    Path("cut.png").write_bytes(Path(images[0]).read_bytes()[:60])
    np.save("flat.npy", np.zeros((3, 8)))
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    np.savez("two.npz", a=np.zeros((2, 8, 8, 1)), b=np.zeros((2, 8, 8, 1)))
    Path("new.csv").write_text(people(3))
    digits, rows = str(trained.bundle.path), str(table.bundle.path)
    for bundle, name, expected in (
        (digits, "none.png", "no file none.png"),
        (digits, "folder", "folder is a folder, where a file is expected"),
        (digits, "text.png", "text.png is no image that can be decoded"),
        (digits, "cut.png", "cut.png is no image that can be decoded"),
        (digits, "flat.npy", "(batch, 8, 8, 1) is expected"),
        (digits, "objects.npy", "holds Python objects, which are never loaded"),
        (digits, "two.npz", "several arrays of a shape that fits: a, b"),
        (digits, "new.csv", "images are expected"),
        (rows, images[0], "a table is expected"),
        (rows, "flat.npy", "where (rows, 3) is expected"),
        ("nothing_like_it", "new.csv", "no run and no bundle 'nothing_like_it'"),
        ("folder", "new.csv", "folder is neither a run nor a bundle"),
    ):
        assert expected in refused("predict", bundle, name)


def test_a_picture_that_would_fill_the_memory_is_not_decoded(refused, trained, monkeypatch, images):
    monkeypatch.setattr(inputs, "PIXELS", 100)
    assert "digit2.png has 20 x 20 pixels; at most 100 are decoded" in refused("predict", str(trained.bundle.path), *images)


def test_python_takes_files_and_values(table, trained, zoo, people):
    Path("new.csv").write_text(people(4))
    frame = pd.read_csv("new.csv")
    by_values = package.predict(
        table.bundle, {name: frame[name] for name in ("age", "net income", "town")} | {"town": ["Basel", "Bern", "", "Chur"]}
    )
    pd.testing.assert_frame_equal(by_values, package.predict(table.bundle, "new.csv").drop(columns="row"), atol=1e-6)
    pixels = package.load_dataset("digits").raw.features["image"][:2]
    assert list(package.predict(trained.run, pixels)["label"]) == list(package.predict(trained.bundle, pixels)["label"])


def test_an_archive_is_read_by_the_shape_of_its_arrays(refused, trained):
    images = package.load_dataset("digits").raw.features["image"][:5]
    np.save("alone.npy", images)
    alone = package.predict(trained.bundle, "alone.npy")
    np.savez("card.npz", x_train=images[..., 0], y_train=np.arange(5))  # as a card's own file, grey
    np.save("grey.npy", images[..., 0])
    for name in ("card.npz", "grey.npy"):
        pd.testing.assert_frame_equal(package.predict(trained.bundle, name), alone, atol=1e-6)
    np.savez("both.npz", x_train=images, y_train=np.arange(5), x_test=images)
    said = refused("predict", str(trained.bundle.path), "both.npz")
    assert "fits: x_train, x_test" in said
    assert "rename one of them to 'image', or save it alone as .npy" in said


def number(name: str) -> dict[str, inputs.Input]:
    return {name: {"name": name, "dtype": "float32", "shape": []}}


def test_a_column_may_be_named_image(tmp_path):
    (tmp_path / "a.csv").write_text("image\n1\n\n3\n")
    np.savez(tmp_path / "a.npz", image=np.arange(3.0))
    for name, expected in (("a.csv", [1, np.nan, 3]), ("a.npz", [0, 1, 2])):
        (part,) = inputs.parts([tmp_path / name], number("image"), ("",))
        np.testing.assert_array_equal(part.values["image"], expected)
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(package.ZooError, match="a table is expected"):
        list(inputs.parts([tmp_path / "a.png"], number("image"), ("",)))


@pytest.mark.parametrize(
    ("header", "name"),
    [(",".join(f"gene_expression_{index:05}" for index in range(9000)), "gene_expression_08999"), ('"a\nb","c;d"', "a\nb"), ("\nb,a", "a")],
    ids=["wide", "line break", "blank first line"],
)
def test_any_header_that_training_takes(tmp_path, header, name):
    width = header.count(",") + 1
    (tmp_path / "t.csv").write_text(f"{header}\n" + ",".join(["7"] * width) + "\n")
    (part,) = inputs.parts([tmp_path / "t.csv"], number(name), ("",))
    assert part.values[name].tolist() == [7]


def test_all_columns_that_lack_are_named(tmp_path):
    (tmp_path / "t.csv").write_text("c,b\n1,2\n")
    with pytest.raises(package.ZooError, match=r"has no columns 'x', 'y'\n  the file has: c, b"):
        list(inputs.parts([tmp_path / "t.csv"], {**number("x"), **number("b"), **number("y")}, ("",)))
