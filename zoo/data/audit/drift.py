"""Drift: what is distributed otherwise in test than in train."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.audit.finding import Finding, sample
from zoo.data.cuts import spans
from zoo.data.windows import Windows

if TYPE_CHECKING:
    from zoo.data.dataset import Dataset

ROWS = 50_000  # of each split
PIXELS = 1 << 26  # read of each split
EFFECT = 0.1  # the largest distance of two distributions (Kolmogorov-Smirnov; total variation of words) that is let pass
CHANCE = 0.001  # that a split at random looks so, over all columns together
WORDS = 20  # the most frequent ones of a column; the rest is one

OTHERS = "a later time, another source? then test tells of that, not of chance; else split: {kind: stratified} or random"
TIMES = "the newest steps are not like the older ones: test tells how a model bears that; train it anew as time goes on"
MEASURES = {  # the mean and the spread of an example
    "image": ("brightness", "contrast"),
    "audio": ("the mean of sounds", "loudness"),
    "series": ("the mean of series", "the spread of series"),
}

Pair = tuple[str, np.ndarray, np.ndarray]


def drift(data: Dataset) -> list[Finding]:
    """What differs between train and test by more than 0.1, and by more than chance in one of 1,000 random splits."""
    pairs = [*_inputs(data), *_targets(data)]
    found = []
    for name, train, test in pairs:
        distance, likely = _words(train, test) if train.dtype.kind in "OU" else _numbers(train, test)
        if distance > EFFECT and likely < CHANCE / len(pairs):
            told = _told(train, test)
            what = f"{name} differs between train and test by {distance:.2f} (0 is alike, 1 entirely different)"
            found.append(Finding("warning", "drift", what, told, TIMES if spans(data.raw) is not None else OTHERS))
    return found


def _inputs(data: Dataset) -> Iterator[Pair]:
    features, kind = data.raw.features, data.card.kind
    parts = [sample(data.rows[name], ROWS) for name in ("train", "test")]
    if spans(data.raw) is not None:
        yield from _channels(data, features) if kind == "series" else ()
    elif kind == "table":
        for name, column in (data.card.columns or {}).items():
            if column.type in ("number", "boolean", "category"):
                train, test = (np.asarray(features[name][rows]) for rows in parts)
                yield f"'{name}'", train, test
    elif kind == "text":
        train, test = (np.array([len(text) for text in features["text"][rows]], float) for rows in parts)
        yield "the length of texts", train, test
    else:
        yield from _measured(features[kind], parts, kind)


def _measured(values: Any, parts: list[np.ndarray], kind: str) -> Iterator[Pair]:
    """Of pixels, sound and series: the mean and the spread of each example."""
    size = max(1, PIXELS // int(np.prod(values.shape[1:])))
    measures = []
    for rows in (sample(rows, size) for rows in parts):
        blocks = (rows[at : at + 256] for at in range(0, len(rows), 256))
        flat = [np.asarray(values[block], np.float32).reshape(len(block), -1) for block in blocks]
        with np.errstate(invalid="ignore"):
            measures.append([np.concatenate([how(one, 1) for one in flat]) for how in (np.nanmean, np.nanstd)])
    for place, name in enumerate(MEASURES[kind]):
        yield name, measures[0][place], measures[1][place]


def _channels(data: Dataset, features: dict[str, Any]) -> Iterator[Pair]:
    """Of windows: the mean of each channel, of windows that do not overlap."""
    windows = features["series"]
    assert isinstance(windows, Windows)
    means = []
    for rows in (data.rows["train"], data.rows["test"]):
        place = windows.starts[rows] // windows.length
        apart = rows[np.unique(place, return_index=True)[1]]
        with np.errstate(invalid="ignore"):
            means.append(np.nanmean(windows[sample(apart, 2000)], 1))
    for place, name in enumerate((data.card.series and data.card.series.columns) or ()):
        yield f"'{name}'", means[0][:, place], means[1][:, place]


def _targets(data: Dataset) -> Iterator[Pair]:
    if data.card.task not in ("classification", "regression"):
        return
    target = np.asarray(data.raw.target)
    train, test = (target[sample(data.rows[name], ROWS)] for name in ("train", "test"))
    if target.ndim > 1:
        for place, name in enumerate(data.card.targets):
            yield f"the target '{name}'", train[:, place], test[:, place]
        return
    if data.card.task == "classification":
        train, test = train.astype(str), test.astype(str)
    yield f"the target '{data.card.target.name}'", train, test


def _numbers(train: np.ndarray, test: np.ndarray) -> tuple[float, float]:
    """The largest distance of the two cumulative distributions, and how likely it is by chance."""
    from scipy.stats import ks_2samp

    train, test = (values[np.isfinite(values)] for values in (train, test))
    if not len(train) or not len(test):
        return 0.0, 1.0
    found = ks_2samp(train, test, method="asymp")
    return float(found.statistic), float(found.pvalue)


def _words(train: np.ndarray, test: np.ndarray) -> tuple[float, float]:
    """Half the sum of the differences of the words' shares, and how likely it is by chance (chi square)."""
    from scipy.stats import chi2_contingency

    table = np.stack([counts for counts in _counts(train, test) if counts.sum()])
    shares = table / table.sum(0)
    likely = chi2_contingency(table).pvalue if len(table) > 1 else 1.0
    return float(np.abs(shares[:, 0] - shares[:, 1]).sum() / 2), float(likely)


def _counts(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """How often each of the most frequent words, and any other, stands in train and test: (words, 2)."""
    words, which = np.unique(np.concatenate([train, test]).astype(str), return_inverse=True)
    table = np.stack([np.bincount(part, minlength=len(words)) for part in (which[: len(train)], which[len(train) :])], 1)
    order = np.argsort(-table.sum(1), kind="stable")
    return np.concatenate([table[order[:WORDS]], table[order[WORDS:]].sum(0, keepdims=True)])


def _told(train: np.ndarray, test: np.ndarray) -> tuple[str, ...]:
    if train.dtype.kind not in "OU":
        return (f"median {np.nanmedian(train):.4g} in train, {np.nanmedian(test):.4g} in test",)
    words, which = np.unique(np.concatenate([train, test]).astype(str), return_inverse=True)
    shares = [np.bincount(part, minlength=len(words)) / len(part) for part in (which[: len(train)], which[len(train) :])]
    most = int(np.abs(shares[0] - shares[1]).argmax())
    return (f"'{words[most]}' {100 * shares[0][most]:.1f} % of train, {100 * shares[1][most]:.1f} % of test",)
