"""Preprocessing: fitted on the training split alone, and one graph whose numbers NumPy gives too."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from made import card_of

from zoo.config import Card, load_card
from zoo.data import Dataset, prepare, preprocess
from zoo.errors import ZooError

TRAIN, VAL, TEST = [0, 6], [6, 8], [8, 10]
FIXED = {"kind": "fixed", "train": TRAIN, "val": VAL, "test": TEST}
COLUMNS = {"a": "number", "b": {"type": "number", "fill": "mean"}, "colour": "category", "still": "number", "size": "category"}
ROWS = [
    # a, b, colour, still, size, y         a row a line; the first six learn
    ("1", "10", "red", "5", "S", "n"),
    ("2", "", "blue", "5", "M", "y"),
    ("", "30", "red", "5", "", "n"),
    ("4", "20", "", "5", "S", "y"),
    ("100", "40", "green", "", "M", "n"),
    ("6", "", "red", "5", "S", "y"),
    ("7", "15", "red", "5", "S", "n"),
    ("", "", "", "", "", "y"),
    ("9", "25", "violet", "7", "XL", "y"),
    ("10", "35", "blue", "5", "L", "n"),
]


@pytest.fixture
def table(csv_card):
    """The rows above as a card, some of them changed: `{(row, column): cell}`."""

    def make(changed: dict[tuple[int, int], str] | None = None, **card) -> Card:
        cells = [list(row) for row in ROWS]
        for (row, column), cell in (changed or {}).items():
            cells[row][column] = cell
        text = "\n".join([",".join([*COLUMNS, "y"]), *(",".join(row) for row in cells)])
        return csv_card(text, **{"columns": COLUMNS, "split": FIXED, **card})

    return make


def by_numpy(spec, features) -> np.ndarray:
    """What the description says, computed without Keras, in float64."""
    if spec["kind"] == "image":
        pixels = features["image"].astype(np.float64) * spec["scale"] + spec["offset"]
        return pixels if spec["modality"] == "image" else (pixels.reshape(len(pixels), -1) - spec["mean"]) / spec["std"]
    parts = []
    for one in spec["numbers"]:
        values = features[one["name"]].astype(np.float64)
        parts.append((np.where(np.isnan(values), one["fill"], values)[:, None] - one["mean"]) / one["std"])
    for one in spec["categories"]:
        place = {word: index + 1 for index, word in enumerate(one["vocabulary"])}
        parts.append(np.eye(len(place) + 1)[[place.get(word, 0) for word in features[one["name"]]]])
    return np.concatenate(parts, -1)


def encoded(data: Dataset, features=None) -> np.ndarray:
    return preprocess.encode(data.graph, features or data.raw.features, preprocess.served_names(data.spec))


def test_the_statistics_are_those_of_the_training_rows(table):
    spec = prepare(table()).spec
    a, b, still = spec["numbers"]
    assert (a["fill"], b["fill"], still["fill"]) == (4.0, 25.0, 5.0)
    assert a["mean"] == pytest.approx(np.mean([1, 2, 4, 4, 100, 6]))
    assert a["std"] == pytest.approx(np.std([1, 2, 4, 4, 100, 6]))
    assert b["mean"] == pytest.approx(25)
    assert (still["mean"], still["std"]) == (5.0, 1.0)
    assert [one["vocabulary"] for one in spec["categories"]] == [["blue", "green", "red"], ["M", "S"]]


JUDGED = {
    (6, 0): "1e30",
    (7, 1): "-1e30",
    (8, 2): "never seen",
    (9, 3): "1e30",
    (9, 0): "",
    (8, 4): "",
    (7, 2): "neither",
}


def test_nothing_of_val_and_test_is_learned(table):
    """Outliers, gaps and new words outside of the training rows move no number of the description, and no training example."""
    plain, spoilt = prepare(table()), prepare(table(JUDGED))
    assert spoilt.spec == plain.spec
    rows = plain.rows["train"]
    np.testing.assert_array_equal(encoded(spoilt)[rows], encoded(plain)[rows])
    assert (encoded(spoilt) != encoded(plain)).any()
    assert prepare(table({(0, 0): "3"})).spec != plain.spec
    assert prepare(table({(0, 2): "never seen"})).spec != plain.spec


def test_nothing_of_the_judges_target_is_learned(table):
    numbers = {(row, 5): str(row) for row in range(10)}
    plain = prepare(table(numbers, task="regression"))
    spoilt = prepare(table({**numbers, (6, 5): "1e9", (9, 5): "-1e9"}, task="regression"))
    assert spoilt.spec == plain.spec
    assert plain.spec["target"] == {"name": "y", "mean": 2.5, "std": pytest.approx(np.std(range(6))), "unit": None}


def test_nothing_of_the_judges_pixels_is_learned(tmp_path):
    images = np.random.default_rng(0).integers(0, 50, (10, 3, 3)).astype(np.uint8)
    specs = []
    for value in (0, 255):
        images[8:] = value
        np.savez(tmp_path / "i.npz", x_train=images, y_train=np.arange(10) % 2)
        card = card_of({"kind": "npz", "file": str(tmp_path / "i.npz")}, image={"type": "image", "shape": [3, 3, 1]}, split=FIXED)
        specs.append(prepare(card, "vector").spec)
    assert specs[0] == specs[1]
    assert specs[0]["mean"] == pytest.approx(images[:6].mean())
    assert specs[0]["std"] == pytest.approx(images[:6].std())


def test_the_graph_is_what_the_description_says(table):
    data = prepare(table())
    out = encoded(data)
    assert (out.shape, out.dtype) == ((10, 3 + 4 + 3), np.float32)
    np.testing.assert_allclose(out, by_numpy(data.spec, data.raw.features), atol=1e-6)
    assert out[2, 0] == out[3, 0]  # the median stands where a value is missing
    assert out[7, 1] == 0  # the mean
    assert (out[:, 2] == [0, 0, 0, 0, 0, 0, 0, 0, 2, 0]).all()  # a column that never changed, and one that later did
    assert out[8, 3:7].tolist() == out[3, 3:7].tolist() == [1, 0, 0, 0]  # unknown and missing share a place
    assert out[0, 3:7].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("name", "modality"),
    [("iris", None), ("wine", None), ("breast_cancer", None), ("diabetes", None), ("digits", "image"), ("digits", "vector")],
)
def test_the_graph_is_numpys_on_real_data(name, modality):
    data = prepare(load_card(name), modality)
    out, twin = encoded(data), by_numpy(data.spec, data.raw.features)
    np.testing.assert_allclose(out, twin, atol=1e-6 if modality != "image" else 2e-5, rtol=1e-6)
    if modality != "image":
        train = out[data.rows["train"]].astype(np.float64)
        axes = None if name == "digits" else 0
        np.testing.assert_allclose(train.mean(axes), 0, atol=1e-5)
        np.testing.assert_allclose(train.std(axes), 1, atol=1e-5)


def test_pixels_become_0_to_255():
    data = prepare(load_card("digits"), "image")
    np.testing.assert_allclose(encoded(data), data.raw.features["image"] * (255 / 16), rtol=1e-6)
    assert data.input_shape == (8, 8, 1)


def test_a_missing_number_of_a_column_without_gaps_is_filled_too():
    data = prepare(load_card("iris"))
    features = {name: np.array([np.nan, 1], np.float32) for name in data.raw.features}
    out = encoded(data, features)
    assert np.isfinite(out).all()
    np.testing.assert_allclose(out, by_numpy(data.spec, features), atol=1e-6)


def test_small_units_are_no_constants(csv_card):
    text = "a,y\n" + "".join(f"{number}e-12,{'pq'[number % 2]}\n" for number in range(40))
    out = encoded(prepare(csv_card(text, columns={"a": "number"})))
    assert out.std() == pytest.approx(1, abs=0.2)


def test_a_constant_whose_deviation_is_a_rounding_error_is_not_blown_up(csv_card):
    assert np.full(70, 0.1).std() > 0
    card = csv_card("a,y\n" + "".join(f"{number},0.1\n" for number in range(100)), columns={"a": "number"}, task="regression")
    data = prepare(card)
    assert data.spec["target"]["std"] == 1.0
    np.testing.assert_allclose(preprocess.encode_target(data.spec, data.raw.target), 0, atol=1e-12)


def test_numbers_alone_and_categories_alone(table):
    numbers = prepare(table(columns={"a": "number"}))
    words = prepare(table(columns={"colour": "category"}))
    assert (numbers.input_shape, words.input_shape) == ((1,), (4,))
    np.testing.assert_allclose(encoded(words), by_numpy(words.spec, words.raw.features))


@pytest.mark.parametrize("column", ["a", "colour"])
def test_a_column_that_is_missing_everywhere_is_told(table, column):
    place = list(COLUMNS).index(column)
    with pytest.raises(ZooError, match=f"column '{column}' of .* is missing in every training row"):
        prepare(table({(row, place): "" for row in range(10)}))
    with pytest.raises(ZooError, match="missing in every training row"):
        prepare(table({(row, place): "" for row in range(6)}))


def test_columns_of_any_name_reach_the_graph(csv_card):
    columns = {
        "a b": "number",
        "a.b": "number",
        "größe": "number",
        "0": "category",
        "_x": "number",
        "standardise": "number",
        "class": "category",
    }
    text = ",".join([*columns, "y"]) + "\n" + "".join(f"{n},{n * n},{n % 3},w{n % 2},{-n},{n},v{n % 4},{'pq'[n % 2]}\n" for n in range(40))
    data = prepare(csv_card(text, columns=columns))
    np.testing.assert_allclose(encoded(data), by_numpy(data.spec, data.raw.features), atol=1e-6)
    served = preprocess.served_names(data.spec)
    assert set(served) == set(columns)
    assert len(set(served.values())) == len(columns)
    assert {one.name for one in data.graph.inputs} == set(served.values())


@pytest.mark.parametrize(("name", "modality"), [("table", None), ("digits", "image"), ("digits", "vector")])
def test_a_saved_graph_reloads_equal(table, tmp_path, name, modality):
    data = prepare(table() if name == "table" else load_card(name), modality)
    data.graph.save(tmp_path / "preprocess.keras")
    again = keras.saving.load_model(tmp_path / "preprocess.keras", compile=False, safe_mode=True)
    served = preprocess.served_names(data.spec)
    np.testing.assert_array_equal(preprocess.encode(again, data.raw.features, served), encoded(data))


def test_the_description_is_plain_data_that_makes_the_same_graph(table):
    import json

    data = prepare(table())
    spec = json.loads(json.dumps(data.spec))
    assert spec == data.spec
    same = preprocess.encode(preprocess.graph(spec), data.raw.features, preprocess.served_names(spec))
    np.testing.assert_array_equal(same, encoded(data))


def test_encoding_does_not_depend_on_the_batch(table):
    data = prepare(table())
    names = preprocess.served_names(data.spec)
    np.testing.assert_array_equal(preprocess.encode(data.graph, data.raw.features, names, batch=3), encoded(data))


def classes_of(table, labels, classes=None):
    changed = {(row, 5): label for row, label in enumerate(labels)}
    data = prepare(table(changed, target={"name": "y", **({"classes": classes} if classes else {})}))
    return data.classes, preprocess.encode_target(data.spec, data.raw.target).tolist()


def test_labels_are_numbered(table):
    labels = ["y", "n", "m", "y", "n", "m", "y", "n", "m", "y"]
    assert classes_of(table, labels) == (("m", "n", "y"), [2, 1, 0, 2, 1, 0, 2, 1, 0, 2])
    assert classes_of(table, labels, ["y", "n", "m", "unused"]) == (("y", "n", "m", "unused"), [0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    with pytest.raises(ZooError, match="holds 'm', which the card's classes do not name"):
        classes_of(table, labels, ["y", "n"])


def test_numbers_as_labels_keep_their_order(tmp_path):
    def data(labels, classes=None):
        np.savez(tmp_path / "n.npz", x_train=np.arange(len(labels), dtype=float)[:, None], y_train=np.array(labels))
        target = {"name": "y", **({"classes": classes} if classes else {})}
        ready = prepare(
            card_of({"kind": "npz", "file": str(tmp_path / "n.npz")}, columns={"a": "number"}, target=target, split={"kind": "random"})
        )
        return ready.classes, preprocess.encode_target(ready.spec, ready.raw.target)

    classes, encoded = data([10, 2, 33, 2, 10, 33, 2, 10])
    assert (classes, encoded.tolist(), encoded.dtype) == (("2", "10", "33"), [1, 0, 2, 0, 1, 2, 0, 1], np.int32)
    classes, encoded = data([0.0, 1.0] * 4, ["no", "yes"])
    assert (classes, encoded.tolist()) == (("no", "yes"), [0, 1] * 4)
    with pytest.raises(ZooError, match="names 2 classes, but its labels go from 1 to 2"):
        data([1, 2] * 4, ["no", "yes"])


def test_a_number_as_target_goes_there_and_back():
    data = prepare(load_card("diabetes"))
    facts = data.spec["target"]
    standard = preprocess.encode_target(data.spec, data.raw.target)
    assert standard.dtype == np.float32
    train = standard[data.rows["train"]].astype(np.float64)
    assert (train.mean(), train.std()) == (pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-6))
    np.testing.assert_allclose(standard * np.float64(facts["std"]) + facts["mean"], data.raw.target, rtol=1e-6)


def test_a_class_without_a_training_row_is_said(table, caplog):
    labels = ["y", "n", "y", "n", "y", "n", "y", "n", "rare", "y"]
    with caplog.at_level("WARNING", "zoo"):
        prepare(table({(row, 5): label for row, label in enumerate(labels)}))
    assert "have no training row, as 'rare'" in caplog.text


def test_preprocessing_is_float32_whatever_the_models_precision():
    card = load_card("digits")
    data = prepare(card, "vector")
    plain, pixels = data.encoded["val"].x, data.raw.features["image"][data.rows["val"]].astype(np.float32) * np.float32(255 / 16)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        data = prepare(card, "vector")
        mixed, part = data.encoded["val"].x, np.asarray(data.graph.get_layer("vector")(pixels))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert mixed.dtype == np.float32
    np.testing.assert_array_equal(mixed, plain)
    np.testing.assert_allclose(part, plain, rtol=1e-5, atol=1e-5)
