"""Every card of the shelf: on small files of its format, and on the real files where `ZOO_DATA_DIR` holds them."""

from __future__ import annotations

import io
import json
import os
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

from zoo import shelf
from zoo.config import Card, load_card
from zoo.config.sources import File, Folder, TfdsSource
from zoo.data import Dataset, prepare

OURS = Path(__file__).parents[2] / "datasets"
CARDS = sorted(path.stem for path in OURS.glob("*.yaml"))
RANDOM = np.random.default_rng(0)
WORDS = np.array(["a", "fine", "dull", "film", "of", "seven", "long", "words", "that", "nobody", "heard"])


def sentence(label: object) -> str:
    return f"{label} {' '.join(RANDOM.choice(WORDS, 6))}"


def encoded(kind: str, size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RANDOM.integers(0, 256, (*size, 3), dtype=np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def adult(folder: Path) -> None:
    row = "{age}, {work}, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, {land}, {income}\n"
    for name, dot, rows in (("adult-train.csv", "", 60), ("adult-test.csv", ".", 20)):
        made = [
            row.format(age=20 + number, work="?" if number % 7 == 0 else "Private", land="Cuba", income=("<=50K", ">50K")[number % 2] + dot)
            for number in range(rows)
        ]
        (folder / name).write_text("".join(made) + "\n")


def ag_news_10k(folder: Path) -> None:
    topics = ("World", "Sports", "Business", "Sci/Tech")
    (folder / "train_10k.tsv").write_text("".join(f'{sentence(topic)} "quoted\t{topic}\n' for _ in range(20) for topic in topics))


def air_passengers(folder: Path) -> None:
    months = pd.period_range("1949-01", periods=144, freq="M")
    (folder / "airline-passengers.csv").write_text(
        '"Month","Passengers"\n' + "".join(f'"{one}",{100 + row}\n' for row, one in enumerate(months))
    )


def california_housing(folder: Path) -> None:
    rows = np.abs(RANDOM.normal(100, 30, (60, 9)))
    np.savetxt(folder / "cal_housing.data", rows, "%.6f", ",")


def ecg5000(folder: Path) -> None:
    rows = np.column_stack([1 + np.arange(60) % 5, RANDOM.normal(size=(60, 140))])
    np.savetxt(folder / "ECG5000_TRAIN.txt", rows, "%16.7e")


def etth1(folder: Path) -> None:
    times = pd.date_range("2016-07-01", periods=14_600, freq="h")
    table = pd.DataFrame(RANDOM.normal(size=(14_600, 7)).round(3), columns=["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"])
    table.insert(0, "date", times)
    table.to_csv(folder / "ETTh1.csv", index=False)


def gunpoint(folder: Path) -> None:
    head = "#A comment\n@problemName GunPoint\n@timeStamps false\n@missing false\n@univariate true\n@equalLength true\n"
    for part, rows in (("TRAIN", 30), ("TEST", 20)):
        lines = [",".join(f"{value:.4f}" for value in RANDOM.normal(size=150)) + f":{1 + row % 2}\n" for row in range(rows)]
        (folder / f"GunPoint_{part}.ts").write_text(head + "@seriesLength 150\n@classLabel true 1 2\n@data\n" + "".join(lines))


def japanese_vowels(folder: Path) -> None:
    head = "@problemName JapaneseVowels\n@timeStamps false\n@univariate false\n@dimensions 12\n@equalLength false\n"
    for part in ("TRAIN", "TEST"):
        lines = []
        for row in range(90):
            channels = RANDOM.normal(size=(12, 7 + row % 23))
            lines.append(":".join(",".join(f"{value:.3f}" for value in channel) for channel in channels) + f":{1 + row % 9}\n")
        (folder / f"JapaneseVowels_{part}.ts").write_text(head + "@classLabel true 1 2 3 4 5 6 7 8 9\n@data\n" + "".join(lines))


def nab(folder: Path) -> None:
    for name in ("art_daily_small_noise.csv", "art_daily_flatmiddle.csv", "art_daily_jumpsup.csv"):
        times = pd.date_range("2014-04-01", periods=1500, freq="5min")
        pd.DataFrame({"timestamp": times, "value": RANDOM.normal(size=1500)}).to_csv(folder / name, index=False)
    told = {
        "artificialNoAnomaly/art_daily_small_noise.csv": [],
        "artificialWithAnomaly/art_daily_flatmiddle.csv": [["2014-04-05 00:00:00.000000", "2014-04-05 04:00:00.000000"]],
        "artificialWithAnomaly/art_daily_jumpsup.csv": [["2014-04-05 02:00:00.000000", "2014-04-05 06:00:00.000000"]],
    }
    (folder / "combined_windows.json").write_text(json.dumps(told))


def image_files(folder: Path, places: list[str], kind: str, suffix: str, count: int) -> None:
    for place in places:
        (folder / place).mkdir(parents=True)
        for number in range(count):
            (folder / place / f"IMG_{number}{suffix}").write_bytes(encoded(kind))


def sign_digits(folder: Path) -> None:
    image_files(folder / "sign_digits", [str(digit) for digit in range(10)], "JPEG", ".JPG", 7)
    (folder / "sign_digits" / "LICENSE").write_text("a licence")


def cifar10_10k(folder: Path) -> None:
    classes = load_card("cifar10_10k").target.classes
    image_files(folder / "cifar10", [f"{part}/{name}" for part in ("train", "test") for name in classes], "PNG", ".png", 10)


def imdb(folder: Path) -> None:
    for place in ("train/pos", "train/neg", "test/pos", "test/neg", "train/unsup"):
        (folder / "aclImdb" / place).mkdir(parents=True)
        for number in range(12):
            (folder / "aclImdb" / place / f"{number}_{number % 10}.txt").write_text(f"{sentence(place)}<br /><br />Gut, très bon.")
    (folder / "aclImdb" / "imdbEr.txt").write_text("0.1")


def sms_spam(folder: Path) -> None:
    (folder / "SMSSpamCollection").write_text(
        "".join(f'{label}\tNever "closed, {sentence(label)}\n' for _ in range(20) for label in ("ham", "spam"))
    )


def recordings(folder: Path) -> None:
    (folder / "recordings").mkdir()
    for speaker in ("george", "jackson", "lucas", "nicolas", "theo"):
        for digit in range(10):
            for index in (0, 5, 6, 7):
                with wave.open(str(folder / "recordings" / f"{digit}_{speaker}_{index}.wav"), "wb") as file:
                    file.setparams((1, 2, 8000, 0, "NONE", ""))
                    file.writeframes(RANDOM.integers(-3000, 3000, 2000 + 1000 * digit).astype("<i2").tobytes())


def tinyshakespeare(folder: Path) -> None:
    (folder / "input.txt").write_text("First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n\n" * 200)


def titanic(folder: Path) -> None:
    head = "PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked\n"
    ages = ["" if row % 6 == 0 else str(row) for row in range(60)]
    rows = [f'{row},{row % 2},3,"Braund, Mr. {row}",male,{age},1,0,A/5 2,7.25,,{"S" if row % 9 else ""}\n' for row, age in enumerate(ages)]
    (folder / "titanic_train.csv").write_text(head + "".join(rows))


def wine_quality(folder: Path) -> None:
    np.savetxt(folder / "winequality-red.csv", np.column_stack([RANDOM.random((60, 11)), 3 + np.arange(60) % 6]), "%g", ",")


def idx(folder: Path) -> None:
    from made import idx_gz

    for part, rows in (("train", 100), ("t10k", 20)):
        idx_gz(folder / f"{part}-images-idx3-ubyte.gz", RANDOM.integers(0, 256, (rows, 28, 28)))
        idx_gz(folder / f"{part}-labels-idx1-ubyte.gz", np.arange(rows) % 10)


def by_tfds(folder: Path, card: Card) -> None:
    """The same names, features and splits as TFDS has, in a prepared folder."""
    import tensorflow_datasets as tfds

    source = card.source
    assert isinstance(source, TfdsSource)
    theirs = tfds.builder(f"{source.name}/{source.config}" if source.config else source.name, data_dir=folder / "none")
    rows = 10 * len(card.target.classes)
    labels = np.arange(rows) % len(card.target.classes)
    image = theirs.info.features["image"].shape if card.image else None
    size = image[:2] if image and image[0] else (40, 30)
    features = dict(theirs.info.features.items())
    features["label"] = tfds.features.ClassLabel(names=list(card.target.classes))
    values = {name: labels % getattr(one, "num_classes", rows) for name, one in features.items()}
    values |= {name: [sentence(name) for _ in range(rows)] for name, one in features.items() if isinstance(one, tfds.features.Text)}
    values |= {"image": [encoded("PNG", size) for _ in range(rows)]} if image else {}
    values = {name: np.asarray(one) if name not in ("idx",) else np.arange(rows, dtype=np.int32) for name, one in values.items()}
    parts = dict.fromkeys(("train", *([source.test] if source.test else [])), values)
    tfds.dataset_builders.store_as_tfds_dataset(
        name=source.name,
        config=source.config,
        version=str(theirs.version),
        data_dir=folder,
        features=tfds.features.FeaturesDict(features),
        split_datasets={name: tf.data.Dataset.from_tensor_slices(part) for name, part in parts.items()},
    )


MAKERS: dict[str, Callable[[Path], None]] = {
    one.__name__: one
    for one in (
        adult, ag_news_10k, air_passengers, california_housing, cifar10_10k, ecg5000, etth1, gunpoint, imdb, japanese_vowels, nab,
        sign_digits, sms_spam, tinyshakespeare, titanic, wine_quality,
    )
} | {"spoken_digits": recordings, "spoken_digits_by_speaker": recordings, "mnist": idx, "fashion_mnist": idx}  # fmt: skip


def own(card: Card, folder: Path) -> Card:
    """The card with its files taken from a folder of small ones, whatever their hashes."""
    changes: dict[str, object] = {}
    for key, one in vars(card.source).items():
        if isinstance(one, File):
            changes[key] = File(name=str(folder / one.name))
        elif isinstance(one, tuple) and one and isinstance(one[0], File):
            changes[key] = tuple(File(name=str(folder / each.name)) for each in one)
        elif isinstance(one, Folder):
            changes[key] = Folder(name=str(folder / one.name), files=one.files, exclude=one.exclude)
    if isinstance(card.source, TfdsSource):
        changes["data_dir"] = str(folder)
    return card.model_copy(update={"source": card.source.model_copy(update=changes)})


@pytest.mark.parametrize("name", CARDS)
def test_a_card_reads_small_files_of_its_format(name, tmp_path):
    card = load_card(OURS / f"{name}.yaml")
    if isinstance(card.source, TfdsSource):
        by_tfds(tmp_path, card)
    elif name in MAKERS:
        MAKERS[name](tmp_path)
    data = prepare(own(card, tmp_path))
    assert all(len(rows) for rows in data.rows.values())
    x, y = next(iter(data.train))
    assert len(y)
    for values in tf.nest.flatten(x):
        assert np.isfinite(np.asarray(values, np.float32)).all()
    if card.task == "classification":
        assert data.classes == (card.target.classes or data.classes)
        assert set(np.unique(data.encoded["train"].y)) == set(range(len(data.classes)))


def test_every_card_has_a_maker():
    kinds = {name: load_card(OURS / f"{name}.yaml").source.kind for name in CARDS}
    assert set(MAKERS) == {name for name, kind in kinds.items() if kind not in ("tfds", "sklearn")}


def test_the_shelf_holds_what_it_should():
    assert {
        "cifar10", "cifar100", "imdb", "ag_news", "sst2", "adult", "california_housing", "titanic", "wine_quality", "tf_flowers",
        "cats_vs_dogs", "etth1", "air_passengers", "gunpoint", "japanese_vowels", "nab", "ecg5000", "tinyshakespeare", "sign_digits",
        "sms_spam", "spoken_digits",
    } <= set(shelf.names("datasets"))  # fmt: skip


# What the real files give: examples, and how many of them stand in train, val and test.
REAL = {
    "adult": (48_842, 29_305, 3_256, 16_281),
    "ag_news_10k": (10_001, 7_001, 1_000, 2_000),
    "air_passengers": (109, 61, 13, 13),
    "california_housing": (20_640, 13_210, 3_302, 4_128),
    "cifar10_10k": (10_000, 4_500, 500, 5_000),
    "ecg5000": (500, 250, 100, 150),
    "etth1": (16_989, 8_209, 2_785, 2_785),
    "fashion_mnist": (70_000, 54_000, 6_000, 10_000),
    "gunpoint": (200, 40, 10, 150),
    "imdb": (50_000, 22_500, 2_500, 25_000),
    "japanese_vowels": (640, 216, 54, 370),
    "nab": (11_235, 3_978, 1_557, 3_978),
    "sign_digits": (801, 521, 120, 160),
    "sms_spam": (5_574, 3_705, 778, 1_091),
    "spoken_digits": (2_000, 1_620, 180, 200),
    "spoken_digits_by_speaker": (2_000, 1_000, 500, 500),
    "tinyshakespeare": (8_714, 7_406, 435, 871),
    "titanic": (891, 571, 163, 157),
    "wine_quality": (1_599, 1_067, 235, 297),
}
real_files = pytest.mark.skipif("ZOO_DATA_DIR" not in os.environ, reason="ZOO_DATA_DIR is not set")


@real_files
@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.long] if name in ("cifar10_10k", "imdb") else []) for name in REAL])
def test_a_card_reads_its_real_files(name, request, monkeypatch):
    if name in ("cifar10_10k", "imdb"):
        monkeypatch.setenv("ZOO_DATA_DIR", str(request.getfixturevalue("unpacked")))
    data = prepare(load_card(name))
    assert (len(data.raw), *(len(data.rows[part]) for part in ("train", "val", "test"))) == REAL[name]
    CHECKS.get(name, lambda _: None)(data)


def adults_are_as_counted(data: Dataset) -> None:
    rich = data.raw.target == ">50K"
    assert rich[data.raw.given == "train"].sum() == 7_841
    assert rich[data.raw.given == "test"].sum() == 3_846


def years_and_months_of_the_papers(data: Dataset) -> None:
    ends = data.raw.ids[data.rows["train"]][[0, -1]], data.raw.ids[data.rows["test"]][[0, -1]]
    assert [one.tolist() for one in ends] == [[336, 8640 - 96], [11_520, 14_400 - 96]]


def no_speaker_stands_on_two_sides(data: Dataset) -> None:
    speakers = [set(data.raw.beside["speaker"][rows]) for rows in data.rows.values()]
    assert [len(one) for one in speakers] == [2, 1, 1]
    assert len(set.union(*speakers)) == 4


def the_first_five_judge(data: Dataset) -> None:
    assert set(data.raw.beside["index"][data.rows["test"]]) == set("01234")


CHECKS: dict[str, Callable[[Dataset], None]] = {
    "adult": adults_are_as_counted,
    "etth1": years_and_months_of_the_papers,
    "spoken_digits": the_first_five_judge,
    "spoken_digits_by_speaker": no_speaker_stands_on_two_sides,
}
