"""`zoo new`: what is guessed of one's own data, and that what it writes runs as it stands."""

from __future__ import annotations

import gzip
import json
import os
import struct
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from zoo.config import load_card, load_experiment

QUICK = ("--set", "train.epochs=1", "--set", "train.tensorboard=false", "--set", "export.formats=[saved_model]")


def customers(rows: int = 200) -> str:
    """A table as people have them: an identifier, a blank among numbers, yes and no, a date."""
    rng = np.random.default_rng(0)
    lines = ["customerID,tenure,total_charges,contract,senior,joined,churn"]
    for row in range(rows):
        total = " " if row % 50 == 7 else f"{rng.normal(80, 20):.2f}"
        contract = ("month", "year", "two years")[row % 3]
        churn = "Yes" if rng.random() < (0.5 if row % 3 == 0 else 0.1) else "No"
        lines.append(f"{row * 7919 % 10007:05d}-AB,{rng.integers(1, 72)},{total},{contract},{row % 2},2024-{row % 12 + 1:02d}-11,{churn}")
    return "\n".join(lines) + "\n"


def images(folder: Path, count: int = 16) -> None:
    for label, value in (("dark", 20), ("bright", 230)):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            pixels = np.clip(np.random.default_rng(number).normal(value, 9, (12, 12)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")


def sounds(folder: Path, count: int = 12) -> None:
    folder.mkdir()
    for label, pitch in (("low", 200), ("high", 1500)):
        for number in range(count):
            wave_ = np.sin(np.arange(2000) * 2 * np.pi * (pitch + number) / 4000) * 9000
            with wave.open(str(folder / f"{label}_{number}.wav"), "wb") as file:
                file.setparams((1, 2, 4000, 0, "NONE", ""))
                file.writeframes(struct.pack("<2000h", *wave_.astype(int)))


def messages(rows: int = 120) -> str:
    rng = np.random.default_rng(1)
    words = {"spam": ["win", "cash", "now", "free", "prize"], "ham": ["see", "you", "at", "home", "later"]}
    lines = []
    for row in range(rows):
        label = "spam" if row % 3 == 0 else "ham"
        said = " ".join(rng.choice(words[label], 5)) + f' number {row} "ok'  # a quote that is a letter
        lines.append(f"{label}\t{said}")
    return "\n".join(lines) + "\n"


def hours(rows: int = 400) -> str:
    moments = pd.date_range("2024-01-01", periods=rows, freq="1h")
    values = 10 + 3 * np.sin(np.arange(rows) / 24 * 2 * np.pi)
    return "time,load,wind\n" + "".join(f"{at},{value:.3f},{value / 2:.2f}\n" for at, value in zip(moments, values, strict=True))


def make(kind: str) -> tuple[str, ...]:
    """Data of a kind in the working folder, and the words behind `zoo new`."""
    match kind:
        case "table":
            Path("customers.csv").write_text(customers())
            return ("customers.csv", "--target", "churn")
        case "text":
            Path("sms.txt").write_text(messages())
            return ("sms.txt", "--target", "0")
        case "image":
            images(Path("lights"))
            (Path("lights") / "README.md").write_text("of another kind")
            (Path("lights") / "dark" / "broken.png").write_bytes(b"no image")
            return ("lights",)
        case "audio":
            sounds(Path("tones"))
            return ("tones",)
        case "series":
            Path("power.csv").write_text(hours())
            return ("power.csv",)
    raise AssertionError(kind)


NAMES = {"table": "customers", "text": "sms", "image": "lights", "audio": "tones", "series": "power"}
MODELS = {"table": "mlp", "text": "text_cnn", "image": "cnn_small", "audio": "cnn_small", "series": "dlinear"}


@pytest.mark.parametrize("kind", list(NAMES))
def test_what_it_writes_runs_as_it_stands(zoo, kind):
    written = zoo("new", *make(kind))
    assert written.code == 0, written.err
    name = NAMES[kind]
    assert written.out.startswith("read      ")
    assert written.out.endswith(f"next      zoo check {name}       zoo run {name}\n")
    assert load_experiment(name).model.name == MODELS[kind]
    done = zoo("run", name, *QUICK)
    assert done.code == 0, done.err
    assert (Path("bundles") / name / "1" / "saved_model.pb").is_file()


def test_a_table_is_told_as_it_is(zoo):
    said = zoo("new", *make("table")).out
    assert "read      200 rows, 7 columns, comma, UTF-8" in said
    assert "churn is the target: 2 classes" in said
    assert "customerID identifies rows (all different): left out" in said
    assert "total_charges is a number; 4 cells are missing" in said
    assert "unsure: senior: 0/1: category?" in said
    card = load_card("customers")
    assert {name: column.type for name, column in card.columns.items()} == {
        "tenure": "number",
        "total_charges": "number",
        "contract": "category",
        "senior": "boolean",
        "joined": "datetime",
    }
    assert card.split.kind == "stratified"
    text = Path("datasets/customers.yaml").read_text()
    assert "# customerID is left out: all different" in text


def test_what_is_not_like_the_rest_is_listed_and_left_out(zoo):
    said = zoo("new", *make("image")).out
    assert "1 file of another kind: left out, as README.md" in said
    assert "1 file cannot be opened: left out, as dark/broken.png" in said
    card = load_card("lights")
    assert card.source.folder.exclude == ("dark/broken.png",)
    assert card.image.shape == (12, 12, 1)


def test_json_is_the_whole_story(zoo):
    found = json.loads(zoo("new", *make("table"), "--name", "mine", "--json").out)
    assert found["wrote"] == ["datasets/mine.yaml", "experiments/mine.yaml"]
    assert found["unsure"]["senior"] == "0/1: category?"
    assert found["left_out"] == {"customerID": "all different"}


def test_semicolons_decimal_commas_latin_1_and_gzip(zoo):
    lines = ["größe;gewicht;stadt"] + [f"{row},5;{row * 2},25;{('Köln', 'Bonn')[row % 2]}" for row in range(60)]
    Path("leute.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode("latin-1")))
    result = zoo("new", "leute.csv.gz", "--target", "stadt")
    assert "60 rows, 3 columns, semicolon, LATIN-1, decimal comma" in result.out
    source = load_card("leute").source
    assert (source.separator, source.decimal, source.encoding) == (";", ",", "latin-1")


def test_a_table_without_a_header_is_named_by_numbers(zoo):
    Path("bare.csv").write_text("".join(f"{row}.5,{row % 3},{'ab'[row % 2]}\n" for row in range(60)))
    assert zoo("new", "bare.csv").code == 0
    card = load_card("bare")
    assert card.target.name == "2"
    assert card.source.header is False
    assert list(card.columns) == ["0", "1"]


def test_a_series_with_gaps_is_put_on_a_grid(zoo):
    lines = hours().splitlines()
    Path("gaps.csv").write_text("\n".join([*lines[:100], *lines[130:]]) + "\n")
    assert "irregular, put on a grid of 1h" in zoo("new", "gaps.csv", "--target", "load").out
    assert load_card("gaps").series.step == "1h"


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_typed_tables(zoo, kind):
    frame = pd.DataFrame({"a": np.arange(50) / 3, "b": ["x", "y"] * 25, "y": [True, False] * 25})
    frame.to_parquet("t.parquet") if kind == "parquet" else frame.to_json("t.jsonl", lines=True, orient="records")
    assert zoo("new", f"t.{kind}").code == 0
    card = load_card("t")
    assert card.source.kind == kind
    assert card.target.name == "y"


def test_a_name_of_ours_is_not_taken(zoo):
    Path("iris.csv").write_text(customers())
    assert "datasets/my_iris.yaml" in zoo("new", "iris.csv").out


REFUSED = {
    "nothing there": (lambda: None, "no file and no folder x.csv"),
    "empty": (lambda: Path("x.csv").write_text(""), "x.csv is empty"),
    "a web page": (lambda: Path("x.csv").write_text("<!DOCTYPE html><html>,</html>"), "a web page"),
    "bytes": (lambda: Path("x.csv").write_bytes(b"a,b\n\0\1"), "NUL bytes"),
    "a header only": (lambda: Path("x.csv").write_text("a,b\n"), "x.csv has no rows"),
    "equal names": (lambda: Path("x.csv").write_text("a,a\n" + "1,2\n" * 9), "2 columns named 'a'"),
    "nothing to learn from": (
        lambda: Path("x.csv").write_text("a,y\n" + "".join(f"1,{row % 2}\n" for row in range(30))),
        "no column is left",
    ),
    "an empty folder": (lambda: Path("x.csv").mkdir(), "holds no images"),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_it_cannot_read(refused, what):
    prepare, words = REFUSED[what]
    prepare()
    assert words in refused("new", "x.csv")
    assert not os.path.exists("datasets")
    assert not os.path.exists("experiments")


def test_wishes_that_cannot_be(refused):
    words = make("table")[:1]
    assert "did you mean: churn" in refused("new", *words, "--target", "chrun")
    assert "expected one of" in refused("new", *words, "--task", "regresion")
    assert "regression learns numbers" in refused("new", *words, "--target", "contract", "--task", "regression")
    assert "cannot be a name" in refused("new", *words, "--name", "../x")


def test_nothing_is_written_over(zoo, refused):
    words = make("table")
    assert zoo("new", *words).code == 0
    before = Path("datasets/customers.yaml").read_text()
    assert "is there already" in refused("new", *words)
    assert Path("datasets/customers.yaml").read_text() == before


def test_a_folder_without_labels(refused):
    Path("heap").mkdir()
    for number in range(4):
        Image.new("L", (8, 8)).save(f"heap/{number}.png")
    assert "labels are not to be seen" in refused("new", "heap")
    assert not os.path.exists("datasets")
