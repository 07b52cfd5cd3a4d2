"""Text: the numbers of its tokens, or a bag of its words. The vocabulary is the training split's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.config.card import Card
from zoo.config.parts import Part
from zoo.config.preparing import settings
from zoo.data.preprocess import as_tensor
from zoo.data.preprocess import tokenizers as tk
from zoo.data.preprocess import tokenizers_subword as subword
from zoo.data.windows import Windows
from zoo.errors import ZooError

Spec = dict[str, Any]
BATCH = 4096  # texts that are cut at once
MANY = 3_000_000  # tokens that are counted; where there are more, those seen once so far are forgotten
BAG = 2_000  # words of a bag where nobody says how many: each costs a float an example


def fit(card: Card, train: Mapping[str, Any], modality: str) -> Spec:
    """The vocabulary, and how text is cut."""
    texts, way = train["text"], settings("text", card.preprocess.text)
    if isinstance(texts, Windows):
        return _fit_codes(card, texts, way, modality)
    spec: Spec = {"kind": "text", "modality": modality}
    if modality == "vector":
        fitted = fit_bag(texts, bag_settings(card.preprocess.text))
    else:
        fitted = {key: way[key] for key in ("tokens", "lower", "length")} | {"vocabulary": _vocabulary(texts, way)}
    if not fitted["vocabulary"] and fitted.get("tokens") != "byte":
        raise ZooError(f"the training texts of '{card.name}' hold no word", "preprocess: {text: {tokens: character}}?")
    return {**spec, **fitted}


def _vocabulary(texts: Any, way: Mapping[str, Any]) -> list[str]:
    size, lower = way["vocabulary"] - tk.FIRST, way["lower"]
    if way["tokens"] == "byte":
        return []
    if way["tokens"] == "character":
        return most_frequent(counted(texts, lambda part: tk.characters(part, lower)), size)
    counts = counted(texts, lambda part: tk.words(part, lower))
    return subword.learn(counts, size) if way["tokens"] == "subword" else most_frequent(counts, size)


def counted(texts: Any, cut: Callable[[Any], tf.RaggedTensor]) -> Counter[str]:
    """How often each token stands in the texts (str objects), as `cut` cuts them."""
    found: Counter[bytes] = Counter()
    for start in range(0, len(texts), BATCH):
        found.update(cut(as_tensor(texts[start : start + BATCH])).flat_values.numpy().tolist())
        if len(found) > MANY:
            found = Counter({token: count for token, count in found.items() if count > 1})
    return Counter({token.decode("utf-8", "replace"): count for token, count in found.items()})


def most_frequent(counts: Counter[str], size: int) -> list[str]:
    """At most `size` tokens, the most frequent first, equally frequent ones by their letters."""
    return sorted(counts, key=lambda token: (-counts[token], token))[:size]


def bag_settings(*parts: Part) -> dict[str, Any]:
    """`settings("text", …)` for a bag of words, which has fewer words where nobody says how many."""
    said = [size for part in parts if (size := getattr(part, "vocabulary", None)) is not None]
    return settings("text", *parts) | {"vocabulary": said[0] if said else BAG}


def fit_bag(texts: Any, way: Mapping[str, Any]) -> Spec:
    """What `tk.BagOfWords` is made of: `vocabulary`, `ngrams`, `lower`.

    Args:
        texts: the training split's, str objects (n,), "" for a missing one.
        way: what `bag_settings` gives. A bag counts words, whatever `tokens` says.
    """
    counts = counted(texts, lambda part: tk.runs(part, way["lower"], way["ngrams"]))
    return {"ngrams": way["ngrams"], "lower": way["lower"], "vocabulary": most_frequent(counts, way["vocabulary"])}


def bag(fitted: Spec, **more: Any) -> keras.layers.Layer:
    """The layer of what `fit_bag` gave: string (batch,) -> float32 (batch, vocabulary)."""
    return tk.BagOfWords(fitted["vocabulary"], fitted["ngrams"], fitted["lower"], **more)


def _fit_codes(card: Card, windows: Windows, way: Mapping[str, Any], modality: str) -> Spec:
    """Of one long text: the code points or bytes of the training split, the most frequent first."""
    if modality != "tokens":
        raise ZooError(f"'{card.name}' is one long text for a language model: it gives tokens, not {modality}")
    if way["tokens"] == "byte":
        codes = np.arange(256)
    else:
        codes, counts = np.unique(windows[:], return_counts=True)
        codes = codes[np.lexsort((codes, -counts))][: way["vocabulary"] - tk.FIRST]
    facts = {"tokens": way["tokens"], "lower": way["lower"], "length": windows.length, "first": tk.FIRST, "codes": codes.tolist()}
    return {"kind": "text", "modality": modality, **facts}


def encode_target(spec: Spec, target: Windows) -> Windows:
    """What a language model learns: the numbers of the tokens one place later, int32, as windows again."""
    return Windows(tk.numbers_of(target.values, spec["codes"]), target.starts, target.length)


def as_texts(spec: Spec, codes: np.ndarray) -> list[str]:
    """Windows of code points or bytes, (n, length), as text."""
    if spec["tokens"] == "byte":
        return [row.astype(np.uint8).tobytes().decode("utf-8", "replace") for row in codes]
    return ["".join(map(chr, row)) for row in codes.tolist()]


def inputs(spec: Spec) -> dict[str, tuple[tuple[int, ...], str]]:
    """`text`; of a language model code points or bytes."""
    return {"text": ((spec["length"],), "int32") if "codes" in spec else ((), "string")}


def names(spec: Spec) -> dict[str, str]:
    """Source name -> served name."""
    return {"text": "text"}


def facts(spec: Spec) -> dict[str, Any]:
    """Of tokens `vocabulary_size`: numbers from 0, padding and the unknown token among them."""
    if spec["modality"] == "vector":
        return {}
    if spec["tokens"] == "byte":
        return {"vocabulary_size": tk.BYTES}
    return {"vocabulary_size": tk.FIRST + len(spec["codes"] if "codes" in spec else spec["vocabulary"])}


def graph(spec: Spec) -> keras.Model:
    """From `text` to tokens int32 (batch, length), or to a bag of words float32 (batch, vocabulary)."""
    shape, dtype = inputs(spec)["text"]
    text = keras.Input(shape, dtype=dtype, name="text")
    if "codes" in spec:
        layer: Any = tk.Codes(spec["codes"])
    elif spec["modality"] == "vector":
        layer = bag(spec)
    else:
        layer = tk.Tokens(spec["tokens"], spec["vocabulary"], spec["length"], spec["lower"])
    return keras.Model({"text": text}, layer(text))
