"""Text becomes tokens or a bag of words: by the training split's vocabulary, in the graph as in NumPy."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections import Counter
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.config import Card
from zoo.data import preprocess
from zoo.data.preprocess import text, tokenizers, tokenizers_subword
from zoo.errors import ZooError
from zoo.exporting import twin
from zoo.exporting.saved_model import save

TRAIN = [
    "The cat sat; the cat's cat ran -- fast!",
    "Ärger über ÄPFEL und Öl, ärger",
    "Москва слезам не верит. москва",
    "हिन्दी में नमस्ते",
    "low lower lowest newer newest wider widest low low",
    "emoji 🙂🙂 and <br />tags 3.14 snake_case",
    "",
]
OTHER = ["THE cat saw a dog", "äpfel 東京", "!!! …", "lowering the 🙂 newness", "", "a\x00b naïve e\u0301", "x" * 300 + " lowest"]
WAYS: list[tuple[str, dict[str, Any]]] = [
    ("tokens", {"tokens": "word", "length": 6}),
    ("tokens", {"tokens": "word", "length": 6, "lower": False, "vocabulary": 8}),
    ("tokens", {"tokens": "character", "length": 20}),
    ("tokens", {"tokens": "byte", "length": 9}),
    ("tokens", {"tokens": "subword", "length": 16, "vocabulary": 90}),
    ("vector", {}),
    ("vector", {"ngrams": 3, "vocabulary": 30, "lower": False}),
]


def card_of_text(**way: Any) -> Card:
    source = {"kind": "text_folder", "folder": "texts"}
    plain = {"title": "t", "licence": "none", "task": "classification", "target": {"name": "y"}, "text": {}, "source": source}
    return Card.model_validate({**plain, "preprocess": {"text": way}})


def fitted(modality: str, texts: list[str] = TRAIN, **way: Any) -> dict[str, Any]:
    return text.fit(card_of_text(**way), {"text": np.array(texts, object)}, modality)


def encoded(spec: dict[str, Any], texts: list[str], graph: keras.Model | None = None) -> np.ndarray:
    return preprocess.encode(graph or text.graph(spec), {"text": np.array(texts, object)}, text.names(spec))


@pytest.fixture(scope="module")
def all_characters() -> list[str]:
    codes = [code for code in range(1, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    return [chr(code) for code in codes if unicodedata.category(chr(code)) != "Cn"]


def test_a_word_is_the_same_to_tensorflow_and_to_python(all_characters):
    found = tokenizers.words(tf.constant([one.encode() for one in all_characters]), False).row_lengths().numpy()
    expected = [unicodedata.category(one)[0] in "LMN" or one == "_" for one in all_characters]
    assert found.tolist() == expected


def test_lower_case_is_the_same_to_tensorflow_and_to_python(all_characters):
    """But for letters that Unicode got in version 14, which are caseless to TensorFlow."""
    found = tf.strings.lower([one.encode() for one in all_characters], encoding="utf-8").numpy()
    differing = [one for one, low in zip(all_characters, found, strict=True) if low.decode() != one.lower()]
    assert len(differing) <= 40
    assert {low.decode() for one, low in zip(all_characters, found, strict=True) if one in differing} == set(differing)
    assert tf.strings.lower("ΟΔΟΣ ÄÖ İ", encoding="utf-8").numpy().decode() == "ΟΔΟΣ ÄÖ İ".lower()


@pytest.mark.parametrize(("modality", "way"), WAYS, ids=str)
def test_the_graph_does_what_numpy_does(modality, way):
    spec = fitted(modality, **way)
    texts = TRAIN + OTHER
    expected = twin.encode({"preprocess": spec}, {"text": texts})
    found = encoded(spec, texts)
    assert found.dtype == expected.dtype == ("int32" if modality == "tokens" else "float32")
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert twin.knows(spec)
    assert text.graph(spec).output_shape[1:] == found.shape[1:]


@pytest.mark.parametrize(("modality", "way"), WAYS, ids=str)
def test_it_is_the_same_saved_reloaded_served_and_in_other_batches(modality, way, tmp_path):
    spec = fitted(modality, **way)
    graph, texts = text.graph(spec), TRAIN + OTHER
    expected = encoded(spec, texts, graph)
    graph.save(tmp_path / "graph.keras")
    again = keras.saving.load_model(tmp_path / "graph.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(encoded(spec, texts, again), expected)
    np.testing.assert_array_equal(encoded(json.loads(json.dumps(spec)), texts), expected)
    served = tf.function(lambda text: {"features": graph({"text": text})}, autograph=False)
    traced = served.get_concrete_function(text=tf.TensorSpec((None,), tf.string))
    save({"serving_default": traced}, tmp_path / "saved", [one.lookup_table for one in graph.layers if hasattr(one, "lookup_table")])
    answer = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    for batch in (1, 5):
        parts = [answer(text=tf.constant(texts[at : at + batch]))["features"].numpy() for at in range(0, len(texts), batch)]
        np.testing.assert_array_equal(np.concatenate(parts), expected)
    assert answer(text=tf.zeros((0,), tf.string))["features"].shape == (0, *expected.shape[1:])


def test_words_are_numbered_by_how_often_they_stand_there():
    spec = fitted("tokens", ["b a c! b", "C a-B d"], length=5)
    assert spec["vocabulary"] == ["b", "a", "c", "d"]  # equally frequent ones by their letters
    assert text.facts(spec) == {"vocabulary_size": 6}
    assert encoded(spec, ["a b z", "d d d d d d d", "-"]).tolist() == [[3, 2, 1, 0, 0], [5] * 5, [0] * 5]
    few = fitted("tokens", ["b a c! b", "C a-B d"], length=5, vocabulary=4)
    assert few["vocabulary"] == ["b", "a"]
    assert text.facts(few) == {"vocabulary_size": 4}


def test_bytes_are_bytes():
    spec = fitted("tokens", tokens="byte", length=4, lower=False)
    assert text.facts(spec) == {"vocabulary_size": 258}
    assert encoded(spec, ["A", "ä\x00", "abcdef"]).tolist() == [[67, 0, 0, 0], [0xC3 + 2, 0xA4 + 2, 2, 0], [99, 100, 101, 102]]


def test_what_is_no_utf8_is_answered_too():
    for modality, way in WAYS:
        graph = text.graph(fitted(modality, **way))
        assert graph({"text": tf.constant([b"\xff\xfe cat \x80", b"cat"])}).shape[0] == 2


def test_a_bag_counts_words_and_runs_of_words():
    spec = fitted("vector", ["a b a b", "b c"], ngrams=2)
    assert spec["vocabulary"] == ["b", "a", "a b", "b a", "b c", "c"]
    np.testing.assert_allclose(np.expm1(encoded(spec, ["B, a b? z", ""])), [[2, 1, 1, 1, 0, 0], [0] * 6], atol=1e-6)
    assert text.facts(spec) == {}


def test_a_bag_has_fewer_words_unless_it_is_said():
    words = [" ".join(f"w{number}" for number in range(3000))]
    assert len(fitted("vector", words)["vocabulary"]) == text.BAG
    assert len(fitted("vector", words, vocabulary=2500)["vocabulary"]) == 2500
    assert len(fitted("tokens", words)["vocabulary"]) == 3000


def test_what_is_seen_once_is_forgotten_where_there_is_too_much(monkeypatch):
    monkeypatch.setattr(text, "MANY", 4)
    monkeypatch.setattr(text, "BATCH", 1)
    found = text.counted(np.array(["a a b c d e", "a f", "f g"], object), lambda part: tokenizers.words(part, True))
    assert found == Counter({"a": 3, "f": 2, "g": 1})


def test_texts_without_a_word_are_refused():
    with pytest.raises(ZooError, match=r"hold no word\n.*tokens: character"):
        fitted("tokens", ["!!!", ""])
    assert fitted("tokens", ["!!!", ""], tokens="character")["vocabulary"] == ["!"]


def test_pieces_are_merged_by_how_often_they_stand_together():
    """The paper's example: low 5, lower 2, newest 6, widest 3; its merges are es, est, lo, low, …"""
    counts = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    pieces = tokenizers_subword.learn(counts, 100)
    letters = {letter for word in counts for letter in "\u2581" + word}
    assert set(pieces[: len(letters)]) == letters
    assert pieces[len(letters) :][:2] == ["es", "est"]
    assert {"\u2581low", "\u2581newest"} <= set(pieces)
    assert tokenizers_subword.learn(counts, 12) == pieces[:12]
    assert tokenizers_subword.learn(counts, 3) == pieces[:3]
    assert max(map(len, tokenizers_subword.learn({"a" * 60: 9}, 50))) <= tokenizers_subword.LONGEST


def test_merging_keeps_its_counts_true():
    """Each merge is the most frequent pair of what is left, as counting everything anew finds it."""
    rng = np.random.default_rng(5)
    counts = {"".join(rng.choice(list("abc"), rng.integers(1, 9))): int(rng.integers(2, 50)) for _ in range(60)}
    words, pieces = {word: ["\u2581", *word] for word in counts}, tokenizers_subword.learn(counts, 40)
    for piece in pieces[4:]:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in words.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        assert "".join(best) == piece
        words = {word: tokenizers_subword._merged(parts, best) for word, parts in words.items()}


def test_a_piece_is_the_longest_that_fits():
    words = tf.ragged.constant([["lowest", "zlow"], [], ["l" * 40]])
    vocabulary = ["\u2581", "l", "o", "w", "low", "\u2581low", "est", "e", "s"]
    layer = tokenizers.Tokens("subword", vocabulary, 100, True)
    found = tokenizers_subword.pieces(words, layer.lookup_table, layer.longest, 100)
    number = {piece: index + 2 for index, piece in enumerate(vocabulary)}
    expected = [["\u2581low", "est", "\u2581", "?", "low"], [], ["\u2581", *["l"] * (tokenizers_subword.PIECES - 1)]]
    assert found.to_list() == [[number.get(piece, 1) for piece in row] for row in expected]


def test_a_column_of_a_table_is_a_bag_as_well():
    way = text.bag_settings(card_of_text(ngrams=2).preprocess.text)
    made = text.fit_bag(np.array(["a b", "", "b"], object), way)
    layer = text.bag(made, name="bag.review")
    assert (layer.name, made["vocabulary"]) == ("bag.review", ["b", "a", "a b"])
    np.testing.assert_allclose(layer(tf.constant(["a b", ""])), np.log1p([[1, 1, 1], [0, 0, 0]]), rtol=1e-6)
