"""Data given in Python: frames, arrays, generators."""

from __future__ import annotations

import datetime
import decimal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import zoo
from zoo.config import Card, load_experiment
from zoo.data import fetch, preprocess
from zoo.errors import ZooError

N = 120
RANDOM = np.random.default_rng(0)


def frame() -> pd.DataFrame:
    """A table of many dtypes whose column `age` tells its targets."""
    random = np.random.default_rng(1)
    age = random.integers(18, 80, N)
    return pd.DataFrame(
        {
            "age": age,
            "income": np.where(np.arange(N) % 9, random.normal(size=N), np.nan),
            "town": pd.Categorical(random.choice(["Rom", "Bern", "Ulm"], N)),
            "floor": pd.Categorical(random.integers(1, 4, N), ordered=True),
            "owner": random.random(N) < 0.5,
            "pays": pd.array([None if row % 7 == 0 else row % 2 == 0 for row in range(N)], dtype="boolean"),
            "rooms": pd.array([None if row % 5 == 0 else row * row % 91 for row in range(N)], dtype="Int64"),
            "since": pd.date_range("2020-01-01", periods=N, freq="31h"),
            "seen": pd.date_range("2020-01-01", periods=N, freq="17h", tz="Europe/Berlin"),
            "born": [None if row % 11 == 0 else datetime.date(1990, 1, 1 + row % 28) for row in range(N)],
            "mixed": [["x", 1, None, 2.5][row % 4] for row in range(N)],
            "cost": [decimal.Decimal(row) / 4 for row in range(N)],
            "stay": pd.to_timedelta(random.integers(1, 9, N), "h"),
            7: random.normal(size=N),
            "number": range(1000, 1000 + N),
            "price": age * 2.0,
            "kind": np.where(age > 50, "old", "young"),
        },
        index=[row % 3 for row in range(N)],
    )


TYPES = {
    "age": "number", "income": "number", "town": "category", "floor": "category", "owner": "boolean", "pays": "boolean", "rooms": "number",
    "since": "datetime", "seen": "datetime", "born": "datetime", "mixed": "category", "cost": "number", "stay": "number", "7": "number",
}  # fmt: skip


@pytest.fixture(scope="module")
def prices():
    return zoo.Dataset.from_dataframe(frame().drop(columns="kind"), target="price", name="prices")


def test_a_frame_of_many_dtypes(prices):
    assert {name: column.type for name, column in prices.card.columns.items()} == TYPES
    assert (prices.card.name, prices.card.task, prices.card.split.kind) == ("prices", "regression", "random")
    raw, given = prices.raw.features, frame()
    assert len(prices.raw) == N
    np.testing.assert_array_equal(raw["income"], given["income"].to_numpy(np.float32))
    np.testing.assert_array_equal(raw["rooms"], given["rooms"].to_numpy(np.float32, na_value=np.nan))
    np.testing.assert_array_equal(raw["pays"], given["pays"].astype("Float32").to_numpy(np.float32, na_value=np.nan))
    assert list(raw["mixed"][np.arange(4)]) == ["x", "1", "", "2.5"]
    assert list(raw["floor"][np.arange(N)]) == [str(one) for one in given["floor"]]
    assert raw["since"][1] == "2020-01-02T07:00:00"
    assert raw["born"][0] == ""
    np.testing.assert_array_equal(prices.raw.target, given["price"])


def test_what_was_encoded_is_what_the_graph_gives(prices):
    x, _ = next(iter(prices.val))
    rows = prices.rows["val"]
    features = prices.raw.take(rows)
    np.testing.assert_allclose(preprocess.encode(prices.graph, features, preprocess.served_names(prices.spec)), x.numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        (np.where(np.arange(N) % 2, "b", "a"), "classification", ("a", "b")),
        (np.arange(N) % 12, "classification", tuple(map(str, range(12)))),  # 10 stands behind 9
        (np.arange(N) % 2 == 0, "classification", ("False", "True")),
        (pd.Categorical(np.arange(N) % 3 + 1), "classification", ("1", "2", "3")),
        (np.where(np.arange(N) % 10, np.arange(N) % 2.0, np.nan), "classification", ("0", "1")),  # rows without one are left out
        (np.linspace(0, 1, N), "regression", None),
    ],
    ids=["words", "twelve", "truths", "categorical", "floats", "numbers"],
)
def test_the_target_tells_the_task(y, task, classes):
    data = zoo.Dataset.from_dataframe(pd.DataFrame({"a": RANDOM.normal(size=N), "y": y}), "y")
    assert (data.card.task, data.classes) == (task, classes)
    assert len(data.raw) == pd.Series(y).notna().sum()


def test_what_the_caller_says_comes_first():
    data = zoo.Dataset.from_dataframe(
        frame(), "kind", columns={"number": "category", "rooms": {"type": "number", "fill": "mean"}}, val=0.1, test=0.2, licence="our own",
        split={"kind": "random"}, group="town",
    )  # fmt: skip
    assert data.card.columns["number"].type == "category"
    assert data.card.columns["rooms"].fill == "mean"
    assert (data.card.licence, data.card.split.kind) == ("our own", "random")
    assert set(data.raw.beside["town"]) == {"Rom", "Bern", "Ulm"}


def test_a_test_part_of_its_own():
    rows = frame()
    data = zoo.Dataset.from_dataframe(rows[:100], "kind", test=rows[100:])
    assert (data.card.split.kind, len(data.rows["test"])) == ("given", 20)
    np.testing.assert_array_equal(data.raw.features["age"][data.rows["test"]], rows["age"][100:].to_numpy(np.float32))


def test_a_column_of_text():
    texts = pd.DataFrame({"said": [f"{'good' if row % 2 else 'bad'} film {row}" for row in range(N)], "y": np.arange(N) % 2})
    data = zoo.Dataset.from_dataframe(texts, "y", text="said")
    assert data.card.kind == "text"
    assert data.input_shape == (256,)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ([1, 2], "y"), "a DataFrame|a pandas DataFrame"),
        (lambda: (pd.DataFrame({"a": [], "y": []}), "y"), "no rows"),
        (lambda: (frame(), "pirce"), "no target column 'pirce'\n.*price"),
        (lambda: (pd.DataFrame([[1, 2, 3]] * 9, columns=["a", "a", "y"]), "y"), "more than one column 'a'"),
        (lambda: (pd.DataFrame({1: [1] * 9, "1": [2] * 9, "y": range(9)}), "y"), "more than one column '1'"),
        (lambda: (pd.DataFrame({"a": [[1, 2]] * 9, "y": range(9)}), "y"), "column 'a' holds a list in row 0"),
        (lambda: (pd.DataFrame({"a": [1j] * 9, "y": range(9)}), "y"), "complex"),
        (lambda: (pd.DataFrame({"a": [1] * 90, "y": np.arange(90.0)}), "y"), "no column is left"),
        (lambda: (pd.DataFrame({"a": [np.inf, *range(89)], "y": np.linspace(0, 1, 90)}), "y"), "infinite"),
        (lambda: (pd.DataFrame({"a": np.arange(9.5), "y": ["one"] * 10}), "y"), "one class only"),
    ],
)
def test_frames_that_nothing_can_be_learned_from(make, said):
    table, target = make()
    with pytest.raises(ZooError, match=said):
        zoo.Dataset.from_dataframe(table, target)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"columns": {"aeg": "number"}}, "no column 'aeg'\n.*age"),
        ({"columns": {"town": "number"}}, "column 'town' holds '.*' in row 0, where a number is expected"),
        ({"columns": {"town": "nmuber"}}, "columns"),
        ({"name": "../up"}, "cannot be a name"),
        ({"text": "sadi"}, "no column 'sadi'"),
        ({"licnce": "x"}, "licnce"),
        ({"test": frame().drop(columns="age")}, "test has no column 'age'"),
        ({"val": 0.6, "test": 0.6}, "leave nothing"),
    ],
)
def test_arguments_that_cannot_be(more, said):
    with pytest.raises(ZooError, match=said):
        zoo.Dataset.from_dataframe(frame(), "kind", **more)


@pytest.mark.parametrize(
    ("x", "shape", "kind", "modality"),
    [
        (RANDOM.integers(0, 256, (N, 8, 8), dtype=np.uint8), (8, 8, 1), "image", "image"),
        (RANDOM.random((N, 8, 8, 3)).astype(np.float32), (8, 8, 3), "image", "image"),
        (RANDOM.normal(size=(N, 5)), (5,), "table", "vector"),
        (np.where(RANDOM.random((N, 6, 2)) < 0.1, np.nan, 1.5), (6, 2), "series", "sequence"),
    ],
    ids=["grey", "colour", "matrix", "series"],
)
def test_arrays(x, shape, kind, modality):
    y = np.arange(N) % 3
    data = zoo.Dataset.from_arrays(x, y)
    assert (data.card.kind, data.input_shape, data.num_classes) == (kind, shape, 3)
    assert modality in data.card.gives
    held = data.raw.features
    got = np.stack([held[name] for name in held], -1) if kind == "table" else held[kind]
    np.testing.assert_array_equal(got.reshape(x.shape), x.astype(got.dtype))
    own = zoo.Dataset.from_arrays(x, y, test=(x[:9], y[:9]))
    assert len(own.rows["test"]) == 9


def test_pixels_of_any_scale_become_0_to_255():
    ones = RANDOM.random((N, 4, 4, 1))
    for pixels, span in ((ones, (0, 1)), (ones * 2 - 1, (-1, 1)), (ones * 255, (0, 255))):
        pixels[0, 0, 0], pixels[0, 0, 1] = span
        data = zoo.Dataset.from_arrays(pixels, np.arange(N) % 2)
        assert data.card.image.range == span
        shown = np.concatenate([x.numpy() for part in (data.train, data.val, data.test) for x, _ in part])
        assert (shown.min(), shown.max()) == (0, 255)


def test_texts_and_labels_of_words():
    data = zoo.Dataset.from_arrays([f"{'good' if row % 2 else 'bad'} film" for row in range(N)], np.where(np.arange(N) % 2, "yes", "no"))
    assert (data.card.kind, data.classes) == ("text", ("no", "yes"))


@pytest.mark.parametrize(
    ("x", "y", "more", "said"),
    [
        (np.zeros((9, 3, 8, 8)), np.arange(9) % 2, {}, "channels come last"),
        (np.zeros((9, 8)), np.arange(8) % 2, {}, "x has 9 rows, and y 8"),
        (np.zeros((9, 8)), np.eye(9), {}, "argmax"),
        (np.zeros(9), np.arange(9) % 2, {}, "no matrix"),
        (np.zeros((0, 8)), np.zeros(0), {}, "no rows"),
        ([[1, 2], [3]], [0, 1], {}, "different shapes"),
        (np.array([object()] * 9), np.arange(9), {}, "numbers or texts"),
        (np.zeros((9, 8)), np.arange(9) % 2, {"kind": "image"}, "is no image"),
        (np.zeros((9, 8)), np.arange(9) % 2, {"kind": "sound"}, "kinds: image"),
    ],
)
def test_arrays_that_do_not_go_together(x, y, more, said):
    with pytest.raises(ZooError, match=said):
        zoo.Dataset.from_arrays(x, y, **more)


def test_pairs_of_a_generator():
    rows = zoo.Dataset.from_generator(({"a": row * 1.5, "town": "xyz"[row % 3], "label": row}, row % 2 == 0) for row in range(N))
    assert rows.card.target.name == "target"
    assert rows.card.columns["town"].type == "category"
    images = zoo.Dataset.from_generator(lambda: ((np.full((6, 6, 3), row, np.uint8), "ab"[row % 2]) for row in range(N)), name="flat")
    assert (images.card.name, images.input_shape, images.classes) == ("flat", (6, 6, 3), ("a", "b"))
    texts = zoo.Dataset.from_generator([(f"word{row % 4}", row % 2) for row in range(N)])
    assert texts.card.kind == "text"


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([], "not one pair"),
        ([(np.zeros(3), 1), np.zeros(3)], "number 1 is no pair"),
        ([(np.zeros(3), 1), (np.zeros(4), 0)], r"x number 1 is an array of shape \(4,\), and the first one .*\(3,\)"),
        ([({"a": 1}, 1), ({"b": 1}, 0)], "a dict of b"),
    ],
)
def test_generators_that_break_off(pairs, said):
    with pytest.raises(ZooError, match=said):
        zoo.Dataset.from_generator(pairs)


def test_equal_values_are_one_file(prices):
    again = zoo.Dataset.from_dataframe(frame().drop(columns="kind").assign(price=1.0 * frame()["age"]), target="price", name="prices")
    assert again.card.source.file.sha256 != prices.card.source.file.sha256
    x, y = RANDOM.normal(size=(N, 3)), np.arange(N) % 2
    first, second = (zoo.Dataset.from_arrays(x, y).card for _ in range(2))
    assert first == second
    assert fetch.locate(first.source.file, first.folder).is_file()


def test_a_run_of_it_opens_in_another_process(prices, tmp_path, monkeypatch):
    """The card is plain data, and its values are in the cache."""
    monkeypatch.chdir(tmp_path)
    assert Card.model_validate(prices.card.model_dump(mode="json")).model_dump() == prices.card.model_dump()
    assert load_experiment({"dataset": prices.card, "model": "mlp"}).name == "prices_mlp"
    run = zoo.train({"dataset": prices.card, "model": "mlp", "train": {"epochs": 1}})
    code = f"import zoo; run = zoo.evaluate({str(run.path)!r}); print('rows', len(run.dataset.raw), run.metrics['test']['rmse'] > 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == f"rows {N} True", done.stderr[-2000:]
