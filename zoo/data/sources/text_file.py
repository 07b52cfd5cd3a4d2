"""One long UTF-8 text, cut into windows that follow one another: the examples of a language model.

    values   T h e   q u i c k   …        code points, or bytes
    text     [T h e  ][q u i c]           windows of `preprocess.text.length`
    target    [h e   q][u i c k]          the same, one place later

Each value but the first is a target once, so no target is in two splits. With `split: fixed`, whose ranges count characters (or
bytes), windows begin anew at each range and end with it.
"""

from __future__ import annotations

import numpy as np

from zoo.config.card import Card
from zoo.config.preparing import settings
from zoo.config.sources import TextFileSource
from zoo.config.splits import FixedSplit
from zoo.data import fetch
from zoo.data.sources.raw import Raw
from zoo.data.windows import Windows
from zoo.errors import ZooError


def read(card: Card, source: TextFileSource) -> Raw:
    """`text` and target are Windows int32 (n, length) over the text's code points or bytes; ids are where they begin."""
    way, path = settings("text", card.preprocess.text), fetch.locate(source.file, card.folder)
    if way["tokens"] not in ("character", "byte"):
        raise ZooError(
            f"the dataset '{card.name}' is one long text, which is read by characters or bytes, not by {way['tokens']}s",
            "preprocess: {text: {tokens: character, lower: false}}",
        )
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ZooError(f"{path}, line {line}: byte {error.start + 1} of the file is no UTF-8", "save it as UTF-8") from None
    values, length = _values(text.lower() if way["lower"] else text, way["tokens"]), way["length"]
    starts = _starts(card, len(values), length)
    if len(starts) < 3:
        raise ZooError(f"{path} holds {len(values)} {way['tokens']}s, too few for windows of preprocess.text.length {length}")
    return Raw(
        features={"text": Windows(values, starts, length)},
        target=Windows(values, starts + 1, length),
        ids=starts,
        files={source.file.name: fetch.sha256_of(path)},
        source_rows=len(values),
    )


def _values(text: str, tokens: str) -> np.ndarray:
    if tokens == "byte":
        return np.frombuffer(text.encode(), np.uint8).astype(np.int32)
    return np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.int32)


def _starts(card: Card, size: int, length: int) -> np.ndarray:
    """Where windows begin. The value after a window is a target too, so it must be there, on the same side of a split."""
    plan = card.split
    spans = sorted((plan.train, plan.val, plan.test)) if isinstance(plan, FixedSplit) else [(0, size)]
    return np.concatenate([np.arange(low, min(high, size) - length, length) for low, high in spans])
