"""Every way of preparing a column: one graph, NumPy beside it, and what reaches neither."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.data import prepare, preprocess
from zoo.data.preprocess import table
from zoo.errors import ZooError
from zoo.exporting import twin

ROWS, TRAIN = 120, 80
FIXED = {"kind": "fixed", "train": [0, TRAIN], "val": [TRAIN, 100], "test": [100, ROWS]}
ODD = ["", "red", "grün", "blau", "😀" * 5, "a,b", "x" * 3000, " b", "\x1f", "İ", "NA%1"]
COLUMNS: dict[str, Any] = {
    "plain": "number",
    "cast": {"type": "number", "fill": -1, "indicator": True},  # named as an operation of Keras
    "concatenate": {"type": "number", "scale": "log", "fill": "mean"},
    "m": {"type": "number", "scale": "minmax", "clip": [-2, 2]},
    "r": {"type": "number", "scale": "robust"},
    "q": {"type": "number", "scale": "quantile", "indicator": True},
    "none": {"type": "number", "scale": "none"},
    "binned": {"type": "number", "bins": 4},
    "still": {"type": "number", "scale": "quantile"},
    "one_hot": "boolean",
    "flag": "boolean",
    "when": {"type": "datetime", "parts": ["year", "month", "day", "weekday", "hour", "minute", "day_of_year", "elapsed"]},
    "flat": {"type": "datetime", "format": "%d/%m/%y %I:%M %p", "cyclic": False, "parts": ["month", "hour", "elapsed"]},
    "words": {"type": "text", "ngrams": 2, "vocabulary": 30},
    "colour": "category",
    "rare": {"type": "category", "min_count": 12},
    "few": {"type": "category", "vocabulary": 3},
    "hashed": {"type": "category", "hash": 7},
}
CROSSES = [["colour", "flag"], ["colour", "few"]]


def raw(rows: int = ROWS, seed: int = 0) -> dict[str, np.ndarray]:
    """Values as a source gives them, an eighth of them missing."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name, column in COLUMNS.items():
        kind = column if isinstance(column, str) else column["type"]
        if kind == "number":
            values = np.full(rows, 5.0) if name == "still" else rng.lognormal(0, 2, rows) * rng.choice([-1, 1], rows)
        elif kind == "boolean":
            values = rng.integers(0, 2, rows).astype(float)
        elif kind == "datetime":
            moments = np.datetime64("2019-12-20T00:00") + rng.integers(0, 2_000_000, rows)
            iso = [str(one).replace("T", " " if index % 2 else "T") for index, one in enumerate(moments)]
            american = [one.item().strftime("%d/%m/%y %I:%M %p") for one in moments]
            values = np.array(iso if name == "when" else american, object)
        elif kind == "text":
            pairs = zip(rng.choice(["Good", "bad", "ΣΑΣ", "été"], rows), rng.choice(["day.", "wine!", "42"], rows), strict=True)
            values = np.array([" ".join(pair) for pair in pairs], object)
        else:
            values = rng.choice(np.array(ODD, object), rows, p=np.arange(1, 12)[::-1] / 66)
        lacks = rng.random(rows) < 0.125
        found[name] = np.where(lacks, "", values) if values.dtype.kind == "O" else np.where(lacks, np.nan, values).astype(np.float32)
    return found


@pytest.fixture
def card(csv_card):
    def make(**more):
        return csv_card("a,y\n", **{"columns": COLUMNS, "preprocess": {"crosses": CROSSES}, "split": FIXED, **more})

    return make


@pytest.fixture(params=["vector", "table"])
def spec(card, request):
    return table.fit(card(), {name: values[:TRAIN] for name, values in raw().items()}, request.param)


def by_graph(spec, features, graph=None) -> dict[str, np.ndarray]:
    return preprocess.encode(graph or table.graph(spec), features, table.names(spec))


def by_twin(spec, features) -> dict[str, np.ndarray]:
    served = table.names(spec)
    return twin.encode({"preprocess": json.loads(json.dumps(spec))}, {served[name]: values for name, values in features.items()})


def assert_close(found, right):
    if isinstance(right, dict):
        assert set(found) == set(right)
        np.testing.assert_array_equal(found["categories"], right["categories"])
        assert (found["categories"].dtype, right["categories"].dtype) == (np.int32, np.int32)
        found, right = found["numbers"], right["numbers"]
    assert found.dtype == right.dtype == np.float32
    np.testing.assert_allclose(found, right, atol=1e-6, rtol=1e-6)


def test_the_graph_is_the_twin(spec):
    assert_close(by_graph(spec, raw()), by_twin(spec, raw()))
    assert_close(by_graph(spec, raw(50, seed=9)), by_twin(spec, raw(50, seed=9)))


def test_whatever_a_client_sends(spec):
    """Far outside of the training range, infinite, no moment, never seen, the marker of the unknown itself."""
    texts = ["", "\x00unknown", "never seen", "2021-02-29", "31/02/20 11:00 PM", "0000-00-00", "x" * 100_000, "red"]
    numbers = np.array([np.nan, 1e30, -1e30, 5.0, 0.0, -0.0, 0.5, 1.0], np.float32)
    columns = table.inputs(spec)
    sent = {name: np.array(texts, object) if columns[served][1] == "string" else numbers for name, served in table.names(spec).items()}
    right = by_graph(spec, sent)
    assert_close(right, by_twin(spec, sent))
    assert all(np.isfinite(part).all() for part in (right.values() if isinstance(right, dict) else [right]))


def test_a_saved_graph_reloads_equal_with_and_without_keras(spec, tmp_path):
    graph = table.graph(spec)
    right = by_graph(spec, raw(), graph)
    graph.save(tmp_path / "preprocess.keras")
    again = keras.saving.load_model(tmp_path / "preprocess.keras", compile=False, safe_mode=True)
    from zoo.exporting.saved_model import save

    wanted = {name: tf.TensorSpec((None, *shape), dtype, name=name) for name, (shape, dtype) in table.inputs(spec).items()}
    function = tf.function(lambda **columns: tf.nest.flatten(again(columns)), autograph=False)
    traced = tf.function(lambda **columns: {str(i): one for i, one in enumerate(function(**columns))}).get_concrete_function(**wanted)
    tables = [layer.lookup_table for layer in again._flatten_layers() if hasattr(layer, "lookup_table")]
    save({"serving_default": traced}, tmp_path / "saved", tables)
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    given = {served: preprocess.as_tensor(raw()[name]) for name, served in table.names(spec).items()}
    served = loaded.signatures["serving_default"](**given)
    for place, one in enumerate(tf.nest.flatten(right)):
        np.testing.assert_array_equal(tf.nest.flatten(by_graph(spec, raw(), again))[place], one)
        np.testing.assert_array_equal(served[str(place)].numpy(), one)


def test_the_policy_changes_nothing(spec):
    right = by_graph(spec, raw())
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = by_graph(spec, raw())
    finally:
        keras.mixed_precision.set_global_policy("float32")
    for found, wanted in zip(tf.nest.flatten(mixed), tf.nest.flatten(right), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_table_is_a_vector_in_two_halves(card):
    train = {name: values[:TRAIN] for name, values in raw().items()}
    vector, halves = (table.fit(card(), train, modality) for modality in ("vector", "table"))
    whole, parts = by_graph(vector, raw()), by_graph(halves, raw())
    sizes = table.facts(halves)["cardinalities"]
    assert table.facts(vector) == {}
    one_hots = [np.eye(size, dtype=np.float32)[parts["categories"][:, place]] for place, size in enumerate(sizes)]
    np.testing.assert_array_equal(whole, np.concatenate([parts["numbers"], *one_hots], -1))
    assert sizes[0] == 4 + 1  # bins
    assert sizes[3:5] == (3 + 1, 7 + 1)  # few, hashed
    assert parts["categories"].max(0).tolist() <= [size - 1 for size in sizes]


@pytest.mark.parametrize(("columns", "shapes"), [({"a": "number"}, (1, 0)), ({"b": "category"}, (0, 1))])
def test_a_table_of_one_half(csv_card, columns, shapes):
    text = "a,b,y\n" + "".join(f"{row},{'uvw'[row % 3]},{'pq'[row % 2]}\n" for row in range(40))
    data = prepare(csv_card(text, columns=columns), "table")
    assert data.input_shape == {"numbers": shapes[:1], "categories": shapes[1:]}
    x = data.encoded["train"].x
    assert (x["numbers"].shape[1], x["categories"].shape[1]) == shapes
    assert len(data.facts["cardinalities"]) == shapes[1]
    assert len(next(iter(data.train))[0]["numbers"]) == len(next(iter(data.train))[1])
    assert_close(x, by_twin(data.spec, data.raw.take(data.rows["train"])))


def test_the_spec_says_only_what_is_there(csv_card):
    text = "a,b,y\n" + "".join(f"{row},{'uvw'[row % 3]},{'pq'[row % 2]}\n" for row in range(40))
    spec = prepare(csv_card(text)).spec
    assert set(spec) == {"kind", "modality", "numbers", "categories", "target"}
    assert set(spec["numbers"][0]) == {"name", "input", "fill", "mean", "std"}
    assert set(spec["categories"][0]) == {"name", "input", "vocabulary"}


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_a_column_that_is_missing_everywhere_is_told(card, kind):
    train = {name: values[:TRAIN] for name, values in raw().items()}
    train[kind] = np.full(TRAIN, np.nan, np.float32) if train[kind].dtype.kind == "f" else np.full(TRAIN, "", object)
    with pytest.raises(ZooError, match=f"column '{kind}' of .* is missing in every training row"):
        table.fit(card(), train, "vector")


def test_a_setting_of_the_column_comes_before_the_cards(card):
    columns = {"plain": "number", "r": {"type": "number", "scale": "robust"}}
    train = {name: raw()[name][:TRAIN] for name in columns}
    spec = table.fit(card(columns=columns, preprocess={"number": {"scale": "log", "indicator": True}}), train, "vector")
    assert [(one["scale"], one["indicator"]) for one in spec["numbers"]] == [("log", True), ("robust", True)]


def test_nothing_of_val_and_test_is_learned(csv_card):
    """The whole way from a file: outliers, new words and other dates outside of the training rows move nothing."""
    columns = {
        "q": {"type": "number", "scale": "quantile", "indicator": True},
        "b": {"type": "number", "bins": 3},
        "c": {"type": "category", "min_count": 2},
        "d": {"type": "category", "vocabulary": 2},
    }
    plain = [[str(row), str(row * row), "uvw"[row % 3], "abcd"[row % 4], "pq"[row % 2]] for row in range(30)]
    spoilt = [row if place < 20 else ["1e30", "-1e30", "new", "new", row[-1]] for place, row in enumerate(plain)]
    more = {"columns": columns, "split": {"kind": "fixed", "train": [0, 20], "val": [20, 25], "test": [25, 30]}}
    more["preprocess"] = {"crosses": [["c", "d"]]}
    specs = []
    for rows in (plain, spoilt):
        specs.append(prepare(csv_card("q,b,c,d,y\n" + "\n".join(map(",".join, rows)), **more)).spec)
    assert specs[0] == specs[1]
    assert specs[0]["crosses"][0]["vocabulary"]
