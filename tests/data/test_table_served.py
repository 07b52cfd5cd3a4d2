"""What a client sends is read as the training data was: blanks, true and false, half characters, numbers far from 0."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from made import card_of

from zoo.bundles.values import columns_of
from zoo.config.preparing import settings
from zoo.data import prepare, preprocess
from zoo.data.preprocess import numbers, table, wording
from zoo.data.sources import gathered, read
from zoo.errors import ZooError
from zoo.exporting import twin

COLUMNS = {
    "word": "category",
    "hashed": {"type": "category", "hash": 97},
    "flag": "category",
    "yes": "boolean",
    "day": "datetime",
    "text": {"type": "text", "vocabulary": 50},
}
PLAIN = {"word": "a", "hashed": "x", "flag": "true", "yes": 1.0, "day": "2026-11-21 10:00", "text": "good day"}
SENT = {
    "word": "\xa0 a\u2003\n",
    "hashed": "\x1fx ",
    "flag": " TRUE",
    "yes": 1.0,
    "day": "\u3000 2026-11-21 10:00\xa0",
    "text": " good day\xa0",
}


def encoded(spec, row):
    """One row through the graph, and through the twin."""
    graph, values = (
        preprocess.graph(spec),
        {name: np.array([value], np.float32 if name == "yes" else object) for name, value in row.items()},
    )
    served = {preprocess.served_names(spec)[name]: one for name, one in values.items()}
    found = np.asarray(graph({name: preprocess.as_tensor(one) for name, one in served.items()}))
    np.testing.assert_allclose(twin.encode({"preprocess": spec}, served), found, atol=1e-6)
    return found


@pytest.fixture
def bools(tmp_path):
    """A table of two kinds of rows, with a category that pandas writes as booleans."""
    rows = pd.DataFrame([PLAIN | {"flag": True}, PLAIN | {"word": "b", "hashed": "y", "flag": False, "text": "bad"}] * 20)
    return rows.assign(y=["p", "q"] * 20, yes=True)


def card(source, **more):
    return card_of(source, columns=COLUMNS, preprocess={"crosses": [["word", "flag"], ["flag", "yes"]]}, **more)


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_blanks_and_the_case_of_true_say_nothing(bools, tmp_path, kind):
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        bools.to_csv(path, index=False)
    elif kind == "parquet":
        bools.to_parquet(path)
    else:
        bools.to_json(path, orient="records", lines=True)
    spec = prepare(card({"kind": kind, "file": str(path)})).spec
    plain = encoded(spec, PLAIN)
    np.testing.assert_array_equal(encoded(spec, SENT), plain)
    assert (encoded(spec, PLAIN | {"flag": "True"}) == plain).all()
    assert (encoded(spec, PLAIN | {"flag": "false"}) != plain).any()
    assert (encoded(spec, PLAIN | {"flag": "t rue"}) != plain).any()
    (flag,) = (one for one in spec["categories"] if one["name"] == "flag")
    assert flag["vocabulary"] == ["false", "true"]


def test_the_graph_strips_what_python_strips():
    every = "".join(letter for letter in map(chr, range(0x110000)) if letter.isspace())
    words = [f"{blank}a{blank} b{blank}" for blank in every] + ["", every, "\0 a", "a\n", "truE ", "truer", "\u200bfalse"]
    assert [one.decode() for one in wording.written(tf.constant(words)).numpy()] == [wording.word(one) for one in words]
    assert [one.decode() for one in wording.stripped(tf.constant(words)).numpy()] == [one.strip() for one in words]


@pytest.mark.parametrize("tokens", ["character", "byte"])
def test_blanks_around_a_text_are_no_tokens(tmp_path, tokens):
    (tmp_path / "t.csv").write_text("text,y\n" + "ab c,p\nb,q\n" * 20)
    made = card_of({"kind": "csv", "file": str(tmp_path / "t.csv")}, text={}, preprocess={"text": {"tokens": tokens, "length": 6}})
    spec = prepare(made, "tokens").spec
    texts = np.array(["ab c", " ab c\n", "\xa0ab c"], object)
    found = np.asarray(preprocess.graph(spec)({"text": preprocess.as_tensor(texts)}))
    assert (found == found[0]).all()
    assert found[0].any()
    np.testing.assert_array_equal(twin.encode({"preprocess": spec}, {"text": texts}), found)


def test_booleans_and_moments_become_words_as_in_a_table():
    wanted = {name: {"name": name, "dtype": "string", "shape": []} for name in "abc"}
    given = pd.DataFrame(
        {"a": [True, False], "b": pd.Series([np.bool_(True), None], dtype=object), "c": pd.to_datetime(["2026-11-21", None])}
    )
    found = columns_of(wanted, given)
    assert (found["a"].tolist(), found["b"].tolist()) == (["true", "false"], ["true", ""])
    assert found["c"][0].startswith("2026-11-21")
    assert found["c"][1] == ""


@pytest.mark.parametrize(("middle", "width"), [(1e6, 1.0), (80_000.0, 30.0), (-1013.0, 2.0), (5.0, 0.5)])
def test_numbers_far_from_0_keep_their_digits(middle, width):
    values = (middle + width * np.random.default_rng(0).normal(size=500)).astype(np.float32)
    one = {"name": "a", "input": "a", **numbers.fit(values, settings("number"))}
    spec = {"kind": "table", "modality": "vector", "numbers": [one], "categories": []}
    right = values.astype(np.float64)
    right = (right - right.mean()) / right.std()
    graph = tf.function(table.graph(spec))  # traced: TensorFlow rearranges it
    found = graph({"a": tf.constant(values)}).numpy()[:, 0]
    np.testing.assert_allclose(found, right, atol=2e-6)
    np.testing.assert_allclose(twin.encode({"preprocess": spec}, {"a": values})[:, 0], found, atol=1e-6)


def test_numbers_near_0_are_computed_as_ever():
    one = {"name": "a", "input": "a", "mean": 5.0, "std": 0.5, "fill": 5.0}
    names = [
        [layer.name for layer in table.graph(spec).layers]
        for spec in ({"numbers": [one | {"mean": mean}], "categories": [], "modality": "vector", "kind": "table"} for mean in (5.0, 5.1))
    ]
    assert ["table.standardise" in some for some in names] == [True, False]


def test_half_a_surrogate_pair(tmp_path):
    half = "\ud800"
    rows = [{"word": half + "a", "text": f"good {half}", "y": "p"}, {"word": "b", "text": "bad", "y": "q"}] * 20
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    columns = {name: COLUMNS[name] for name in ("word", "text")}
    data = prepare(card_of({"kind": "jsonl", "file": str(tmp_path / "t.jsonl")}, columns=columns))
    assert len(data.raw.fingerprint) == 64
    assert data.encoded["train"].x.shape[1] == 2 + 2
    wanted = {"word": {"name": "word", "dtype": "string", "shape": []}}
    assert columns_of(wanted, {"word": [half + "a"]})["word"].tolist() == ["?a"]
    with pytest.raises(ZooError) as told:
        read(card_of({"kind": "jsonl", "file": str(tmp_path / "t.jsonl")}, columns={"word": "number"}))
    assert r"'\ud800a'" in str(told.value)
    assert str(told.value).encode()


def test_half_a_surrogate_pair_in_the_store(tmp_path):
    words = np.array(["\ud800", "b", "\ud800"], object)
    columns = gathered.Columns({"a": "words", "b": "texts"}, tmp_path)
    columns.add({"a": words, "b": words})
    columns.close({"told": ["\ud800"]})
    found, facts = gathered.opened(tmp_path)
    assert (found["a"].tolist(), found["b"].tolist(), facts["told"]) == (words.tolist(), words.tolist(), ["\ud800"])


def test_a_number_that_no_float_holds():
    with pytest.raises(ZooError, match="input 'a' holds a number that is larger"):
        columns_of({"a": {"name": "a", "dtype": "float32", "shape": []}}, {"a": [10**400]})
