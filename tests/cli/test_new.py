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
from zoo.config.splits import GroupSplit
from zoo.data import prepare
from zoo.jobs.new.draft import first_experiment

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


def answers(rows: int = 60) -> list[str]:
    """Lines of a table whose rows name images, with a patient each who comes back."""
    names = [f"{'left' if row % 2 else 'right'}/{row}.png" for row in range(rows)]
    return [f"{name},{row % 15},{20 + row % 9},{('ill', 'well')[row % 2]}" for row, name in enumerate(names)]


def pictures(folder: Path, lines: list[str]) -> None:
    for number, line in enumerate(lines):
        path = folder / line.split(",")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (10, 14, 3), np.uint8)
        Image.fromarray(pixels).save(path)


@pytest.mark.parametrize("below", ["", "photos"])
def test_a_table_of_paths_is_a_card_of_images(zoo, below):
    lines = answers()
    pictures(Path("scans", below), lines)
    Path("scans", below, lines[3].split(",")[0]).unlink()
    Path("scans", below, lines[4].split(",")[0]).write_bytes(b"no image")
    Path("scans/labels.csv").write_text("\n".join(["file,case,age,state", *lines]) + "\n")
    said = zoo("new", "scans/labels.csv", "--target", "state").out
    assert "file names 59 images below scans" in said
    assert "read at 10x14 (height x width) in colour" in said
    assert "1 file is not there: left out (on_error: skip), as left/3.png" in said
    assert "1 file is broken: left out (on_error: skip), as right/4.png" in said
    assert "left out, as a model of images sees them alone: case, age" in said
    card = load_card("scans_labels")
    assert (card.kind, card.source.paths, card.image.shape, card.source.on_error) == ("image", "file", (10, 14, 3), "skip")
    assert (card.source.folder is None) == (below == "")
    data = prepare(card, "image")
    assert sum(map(len, data.rows.values())) == 58
    assert load_experiment("scans_labels").model.name == "cnn_small"


def test_a_table_of_paths_asks_for_an_entity_or_takes_it(zoo):
    lines = answers()
    pictures(Path("scans"), lines)
    Path("scans/one.csv").write_text("\n".join(["file,case,age,state", *(line.replace(",", ",c", 1) for line in lines)]))
    assert "unsure: case: 15 values repeat: an entity? group: case, split: {kind: group}" in zoo("new", "scans/one.csv").out
    assert load_card("one").split.kind == "stratified"
    Path("scans/two.csv").write_text("\n".join(["file,patient,age,state", *lines]))
    assert "patient tells 15 entities apart" in zoo("new", "scans/two.csv").out
    card = load_card("two")
    assert (card.group, card.split.kind) == ("patient", "group")
    data = prepare(card, "image")
    parts = [{data.raw.beside["patient"][row] for row in rows} for rows in data.rows.values()]
    assert sum(map(len, parts)) == 15


def test_a_table_of_paths_of_sounds(zoo):
    sounds(Path("tones"))
    lines = [f"{path.name},{path.name.split('_')[0]}" for path in sorted(Path("tones").iterdir())]
    Path("tones/list.csv").write_text("\n".join(["clip,pitch", *lines]))
    assert zoo("new", "tones/list.csv").code == 0
    card = load_card("list")
    assert (card.audio.sampling_rate, card.source.paths, card.target.name) == (4000, "clip", "pitch")


def test_names_of_files_that_repeat_or_are_not_there_are_no_examples(zoo):
    Path("sheet.png").write_bytes(b"")
    lines = [f"sheet.png,gone{row}.png,{row % 7},{'ab'[row % 2]}" for row in range(60)]
    Path("x.csv").write_text("\n".join(["sprite,file,size,y", *lines]))
    zoo("new", "x.csv")
    assert load_card("x").kind == "table"


def test_the_group_of_an_ordinary_table_is_no_feature(zoo):
    rows = [f"{row // 3 + 100},{row * 37 % 1009 / 7:.3f},{'ab'[row % 2]}" for row in range(120)]
    Path("visits.csv").write_text("\n".join(["PatientID,pressure,state", *rows]))
    assert "PatientID tells 40 entities apart: all rows of one stay on one side (group, split: group)" in zoo("new", "visits.csv").out
    card = load_card("visits")
    assert (card.group, card.split.kind, list(card.columns)) == ("PatientID", "group", ["pressure"])
    assert zoo("check", "visits").code == 0


def test_a_column_that_may_be_an_entity_is_asked_about_and_a_plain_category_is_not(zoo):
    rows = [f"P{row % 20:02d},{'xyz'[row % 3]},{row * 37 % 101 / 7:.3f},{'ab'[row % 2]}" for row in range(120)]
    Path("t.csv").write_text("\n".join(["who,plan,pressure,state", *rows]))
    said = zoo("new", "t.csv").out
    assert "unsure: who: 20 values repeat: an entity? group: who, split: {kind: group}" in said
    assert "unsure: plan" not in said


def test_copies_stay_on_one_side(zoo):
    rows = [f"{row % 180},{row % 180 / 7:.3f},{'ab'[row % 180 % 2]}" for row in range(200)]
    Path("twice.csv").write_text("\n".join(["a,b,y", *rows]))
    assert "10% of the rows are copies: copies stay on one side (split: hash)" in zoo("new", "twice.csv", "--target", "y").out
    assert load_card("twice").split.kind == "hash"
    assert zoo("check", "twice").code == 0


@pytest.mark.skipif("ZOO_DATA_DIR" not in os.environ, reason="ZOO_DATA_DIR names no folder that holds the messages")
def test_messages_with_copies_pass_the_check(zoo):
    assert zoo("new", str(Path(os.environ["ZOO_DATA_DIR"], "sms_spam", "SMSSpamCollection")), "--name", "sms").code == 0
    assert load_card("sms").split.kind == "hash"
    assert zoo("check", "sms").code == 0


def test_leading_zeros_are_no_numbers(zoo):
    rows = [f"{row % 9:05d},{row:06d},{row * 1.5},0.{row},{'ab'[row % 2]}" for row in range(200)]
    Path("zips.csv").write_text("\n".join(["zip,ticket,spend,share,y", *rows]))
    zoo("new", "zips.csv", "--target", "y")
    assert {name: one.type for name, one in load_card("zips").columns.items()} == {"zip": "category", "spend": "number", "share": "number"}
    Path("zips.jsonl").write_text("".join(json.dumps({"zip": f"{row % 9:05d}", "y": "ab"[row % 2]}) + "\n" for row in range(200)))
    zoo("new", "zips.jsonl", "--target", "y", "--name", "lines")
    assert load_card("lines").columns["zip"].type == "category"


def test_what_to_do_is_said_on_the_screen_and_not_in_the_files(zoo):
    said = zoo("new", *make("table")[:1]).out
    assert "unsure: churn: is it the target? if not, remove both files and say --target COLUMN" in said
    text = Path("datasets/customers.yaml").read_text()
    assert "# unsure: is it the target?\n" in text
    assert "--" not in text.split("\n", 1)[1]


def test_the_name_is_told_where_it_is_not_the_files(zoo):
    Path("iris.csv").write_text(customers())
    assert "its name is my_iris: a card that comes with keras-zoo is named iris" in zoo("new", "iris.csv").out
    Path("ag_news").mkdir()
    Path("ag_news/test.csv").write_text(customers())
    assert "datasets/ag_news_test.yaml" in zoo("new", "ag_news/test.csv").out


def test_the_parts_of_a_files_name_are_groups(zoo):
    Path("digits_said").mkdir()
    for number in range(60):
        who = ("george", "jackson", "lucas")[number % 3]
        with wave.open(f"digits_said/{number % 2}_{who}_{number // 6}.wav", "wb") as file:
            file.setparams((1, 2, 4000, 0, "NONE", ""))
            file.writeframes(bytes(2 * (400 + number)))
    said = zoo("new", "digits_said").out
    assert "2 classes of 30 files" in said
    assert "unsure: part_2 (george, jackson, …): a speaker? group: part_2, split: {kind: group}" in said
    assert "part_3 (" not in said
    card = load_card("digits_said")
    data = prepare(card.model_copy(update={"group": "part_2", "split": GroupSplit(kind="group", column="part_2")}), "image")
    assert {name: len(rows) for name, rows in data.rows.items()} == {"train": 20, "val": 20, "test": 20}
    assert set(data.raw.beside["part_3"]) == {str(number) for number in range(10)}


def test_odd_sizes_are_told_without_contradiction(zoo):
    for label in ("a", "b"):
        Path("odd", label).mkdir(parents=True)
        for number in range(10):
            Image.new("L", (20, 10) if number < 4 else (10 + number, 30)).save(f"odd/{label}/{number}.png")
    said = zoo("new", "odd").out
    assert "7 sizes, most often 10x20 (8 of 20 images): all are read at 20x20 (height x width) in grey, edges filled with black" in said
    assert "unsure" not in said
    assert load_card("odd").image.shape == (20, 20, 1)


def test_names_are_asked_about_in_words_and_one_is_one(zoo):
    rows = [f"Braund Mr Owen {row},{'' if row == 5 else row % 2},{row * 1.5},{'ab'[row % 2]}" for row in range(90)]
    Path("people.csv").write_text("\n".join(["Name,paid,sum,y", *rows]))
    said = zoo("new", "people.csv").out
    assert "unsure: Name: 4 words in the mean: a name or an identifier? leave it out" in said
    assert "paid is a boolean; 1 cell is missing" in said
    assert "1 number, 1 boolean, 1 text" in said


@pytest.mark.parametrize(
    ("kind", "rows", "batch", "epochs"),
    [("table", 150, 16, 214), ("table", 7043, 64, 20), ("text", 5574, 64, 25), ("image", 40, 16, 300), ("forecast", 108, 16, 300)],
)
def test_epochs_follow_the_steps(kind, rows, batch, epochs):
    train = first_experiment(kind, rows)["train"]
    assert (train["batch_size"], train["epochs"], train["early_stopping"]["patience"]) == (batch, epochs, epochs // 5)


@pytest.mark.long
def test_a_short_series_is_forecast_better_than_by_its_last_value(zoo):
    months = pd.date_range("2010-01-01", periods=144, freq="MS").strftime("%Y-%m")
    values = (100 + 2 * np.arange(144)) * (1 + 0.2 * np.sin(np.arange(144) * np.pi / 6))
    Path("sales.csv").write_text("month,sales\n" + "".join(f"{at},{value:.1f}\n" for at, value in zip(months, values, strict=True)))
    assert "unsure" not in zoo("new", "sales.csv").out
    assert (load_card("sales").series.history, load_card("sales").series.season) == (24, 12)
    done = zoo("run", "sales", "--set", "train.epochs=100", *QUICK[2:], "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["metrics"]["test"]["mase"] < 1  # the last season again is 1, the last value again about 3
