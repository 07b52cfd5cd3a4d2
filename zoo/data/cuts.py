"""Rows cut into parts: by label, by whole groups, by time, by a hash, and windows by the steps that they ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from zoo.config.card import Card
from zoo.data.mapped import blocks, numbers_of
from zoo.data.sources import Raw
from zoo.data.sources.text import as_text
from zoo.data.sources.words import numbered
from zoo.data.windows import LAST, SERIES, TIMES, Windows, pick
from zoo.errors import ZooError

DRAWS = 64  # orders of the groups that are tried: the one whose parts come nearest to what is wanted is taken
BYTES = 1 << 26  # hashed at once
MANY = 10_000  # groups; of so many any order comes near
LARGE = 1_000_000  # rows; more are cut a block at a time,
BLOCK = 1 << 20  # of so many: another number is another split, as another seed is


def every_row(raw: Raw) -> np.ndarray:
    """The number of each row."""
    return np.arange(len(raw), dtype=numbers_of(len(raw)) if len(raw) > LARGE else np.int64)


def cut(card: Card, rows: np.ndarray, fraction: float, labels: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows that are kept, and a fraction drawn from them; with labels (of all rows) each class keeps its share."""
    if len(rows) < 2:
        raise ZooError(f"the dataset '{card.name}' has too few rows to split")
    size = min(max(1, round(fraction * len(rows))), len(rows) - 1)
    mine = None if labels is None else pick(labels, rows)
    if mine is not None:
        values, counts = np.unique(mine, return_counts=True)
        if counts.min() < 2 or size < len(values) or len(rows) - size < len(values):
            rare = f"'{values[counts.argmin()]}' has {counts.min()} of {len(rows)} rows"
            raise ZooError(
                f"the dataset '{card.name}' cannot be split by class: {rare}"
                if counts.min() < 2
                else f"the dataset '{card.name}' cannot be split by class: {size} and {len(rows) - size} rows for {len(values)} classes",
                "add examples, merge rare classes, or use split: {kind: random}",
            )
    if len(rows) > LARGE:
        drawn = _drawn(len(rows), size, mine, seed)
        return rows[~drawn], rows[drawn]
    from sklearn.model_selection import train_test_split

    kept, cut = train_test_split(rows, test_size=size, random_state=seed, stratify=None if mine is None else np.asarray(mine))
    return kept, cut


def _drawn(rows: int, size: int, labels: Any, seed: int) -> np.ndarray:
    """Which of many rows are drawn, bool (rows,): `size` of them at random, of each label its share (the largest remainders are
    rounded up), as one shuffle of all would draw them. How many a block gives follows the hypergeometric distribution."""
    which = np.broadcast_to(np.int32(0), rows) if labels is None else numbered(labels)[1]
    left = np.zeros(which.max() + 1, np.int64)
    for part in blocks(rows, BLOCK):
        left += np.bincount(which[part], minlength=len(left))
    share = size * left / rows
    wanted = np.floor(share).astype(np.int64)
    wanted[np.argsort(wanted - share, kind="stable")[: size - wanted.sum()]] += 1
    rng, drawn = np.random.default_rng([seed, rows]), np.zeros(rows, bool)
    for part in blocks(rows, BLOCK):
        labels_here = which[part].astype(np.min_scalar_type(len(left)))
        order = rng.permutation(len(labels_here))
        order = order[np.argsort(labels_here[order], kind="stable")]  # a label behind the other, each in a random order
        there = np.bincount(labels_here, minlength=len(left))
        now = rng.hypergeometric(wanted, left - wanted, there)
        place = np.arange(len(order)) - np.repeat(np.cumsum(there) - there, there)
        drawn[part.start + order[place < np.repeat(now, there)]] = True
        wanted, left = wanted - now, left - there
    return drawn


def cut_groups(card: Card, groups: np.ndarray, wanted: Sequence[float], seed: int) -> np.ndarray:
    """The part of each row: 0, 1, … hold about so many rows as `wanted` says, the last part the rest; no group stands in two."""
    names, which = np.unique(groups, return_inverse=True)
    if len(names) <= len(wanted):
        listed = ", ".join(f"'{name}'" for name in names)
        raise ZooError(f"the dataset '{card.name}' has {len(names)} groups ({listed}), and {len(wanted) + 1} parts need one each")
    sizes, rng = np.bincount(which), np.random.default_rng(seed)
    ideal = np.cumsum(wanted)
    best, nearest = np.zeros(0, int), np.inf
    for _ in range(DRAWS if len(names) < MANY else 1):
        order = rng.permutation(len(names))
        ends = np.concatenate([[0], np.cumsum(sizes[order])])
        borders: list[int] = []
        for number, end in enumerate(ideal):
            low, high = (borders[-1] if borders else 0) + 1, len(names) - (len(ideal) - number)
            borders.append(int(np.clip(np.abs(ends - end).argmin(), low, high)))
        off = np.abs(np.diff(ends[[0, *borders]]) - wanted).sum()
        if off < nearest:
            best, nearest = np.empty(len(names), int), off
            best[order] = np.searchsorted(borders, np.arange(len(names)), side="right")
    found: np.ndarray = best[which]
    return found


def dealt(rows: int, labels: Any, folds: int, seed: int) -> np.ndarray:
    """The fold of each row: all are shuffled and dealt out in turn, as cards are; with labels (of these rows) one class after the
    other. So no two folds differ by more than one row, neither in all nor in a class."""
    order = np.random.default_rng(seed).permutation(rows)
    if labels is not None:
        order = order[np.argsort(numbered(labels)[1][order], kind="stable")]
    part = np.empty(rows, np.int64)
    part[order] = np.arange(rows) % folds
    return part


def by_time(times: np.ndarray, ends: Sequence[float], gap: int) -> list[np.ndarray]:
    """Rows in parts from the oldest to the newest: `ends` are shares of all rows, the last part is the rest.

    Equal times stand in one part. The `gap` rows before a border, and those of the same time as the oldest of them, belong to none.
    """
    order = np.argsort(times, kind="stable")
    inside = times[order]
    starts = [0, *(_between(inside, round(end * len(times))) for end in ends), len(times)]
    parts = []
    for number, (first, last) in enumerate(pairwise(starts)):
        if gap and number < len(ends):
            last = max(last - gap, first)
            last = int(np.searchsorted(inside, inside[last])) if last < len(times) else last
        parts.append(order[first : max(first, last)])
    return parts


def _between(times: np.ndarray, place: int) -> int:
    """The nearest place at which a time begins, so that equal ones stay together."""
    time = times[min(place, len(times) - 1)]
    return int(min(np.searchsorted(times, time, "left"), np.searchsorted(times, time, "right"), key=lambda one: abs(one - place)))


def spans(raw: Raw) -> tuple[np.ndarray, np.ndarray] | None:
    """The steps [first, end) that each example asks for, as places in one long array; None where examples are no windows.

    They are those of the target; where the target is no window (an autoencoder's), the whole window is asked for.
    """
    found = next((values for values in (raw.target, *raw.features.values()) if isinstance(values, Windows)), None)
    return None if found is None else (found.starts, found.starts + found.length)


def by_steps(raw: Raw, rows: np.ndarray, ends: Sequence[float], gap: int) -> list[np.ndarray]:
    """Windows in parts from the oldest to the newest, cut by the steps from the first that they ask for to the last: `ends` are
    shares of those.

    Where their times are known all series are cut at the same one, so that none tells the future of another; else each at its own
    share of steps. No step is asked for in two parts, the `gap` steps (times) before a border in none; windows across a border
    belong to none.
    """
    asked = spans(raw)
    assert asked is not None
    first, last = asked[0][rows], asked[1][rows] - 1
    _, which = np.unique(raw.beside.get(SERIES, np.zeros(len(raw), int))[rows], return_inverse=True)
    least, most = np.full(which.max() + 1, first.max()), np.zeros(which.max() + 1, int)
    np.minimum.at(least, which, first)
    np.maximum.at(most, which, last)
    if TIMES in raw.beside:
        times: Any = raw.beside[TIMES]
        known = np.unique(times.values[_covered(least, most + 1, len(times.values))])
        low, high = np.searchsorted(known, times.values[first]), np.searchsorted(known, times.values[last])
        borders = [np.array([round(share * len(known))]) for share in ends]
    else:
        low, high = first, last
        borders = [(least + np.round(share * (most + 1 - least)))[which] for share in ends]
    whole = [np.full(1, -np.inf), *borders, np.full(1, np.inf)]
    gaps = [*(gap for _ in ends), 0]
    return [rows[(low >= begin) & (high < end - before)] for begin, end, before in zip(whole[:-1], whole[1:], gaps, strict=True)]


def _covered(first: np.ndarray, end: np.ndarray, size: int) -> np.ndarray:
    """Which of so many steps lie in any of the spans [first, end): bool (size,)."""
    change = np.zeros(size + 1, np.int64)
    np.add.at(change, first, 1)
    np.add.at(change, end, -1)
    found: np.ndarray = np.cumsum(change[:-1]) > 0
    return found


def shared_steps(raw: Raw, parts: Mapping[str, np.ndarray]) -> str | None:
    """What is wrong with the parts of windows, in words; None where no step is asked for in two of them, and where what learns
    sees (as history or target) none that another part asks for."""
    asked = spans(raw)
    if asked is None:
        return None
    windows = [values for values in (raw.target, *raw.features.values()) if isinstance(values, Windows)]
    first, end = np.min([one.starts for one in windows], 0), np.max([one.starts + one.length for one in windows], 0)
    size, train = int(end.max()), parts["train"]
    asks = {name: _covered(asked[0][rows], asked[1][rows], size) for name, rows in parts.items()}
    if (np.sum([*asks.values()], 0) > 1).any():
        return "puts the same steps into two splits, as the windows overlap"
    judged = np.any([steps for name, steps in asks.items() if name != "train"], 0)
    seen = _covered(first[train], end[train], size)
    return "lets the windows that learn hold steps that val or test ask for" if (judged & seen).any() else None


def last_rows(raw: Raw) -> np.ndarray:
    """The row number of the last step that each window asks for."""
    asked = spans(raw)
    assert asked is not None
    counted: np.ndarray = raw.beside.get(LAST, raw.ids + asked[1] - asked[0] - 1)
    return counted


def fractions(columns: Mapping[str, Any], size: int, seed: int, plain: bool = False) -> np.ndarray:
    """A number in [0, 1) a row, made of its values alone (sha256), so that no other row moves it; `plain` as `_plainly`."""
    names = sorted(columns)
    found = np.empty(size)
    block = max(1, BYTES // sum(getattr(columns[name], "nbytes", 0) // size + 64 for name in names))
    for start in range(0, size, block):
        some = (columns[name][start : start + block] for name in names)
        texts = [_bytes(_plainly(values) if plain else values) for values in some]
        for row, parts in enumerate(zip(*texts, strict=True), start):
            digest = hashlib.sha256(b"%d\0" % seed + b"\0".join(parts)).digest()
            found[row] = int.from_bytes(digest[:6], "big") / 2**48
    return found


def _plainly(values: np.ndarray) -> np.ndarray:
    """Values as words, numbers in one writing: the same whether a card has read a column as numbers or as text."""
    if values.dtype.kind in "fiub":
        return np.array([as_text(value) for value in values.tolist()], object)
    return np.array([_as_number(str(value)) for value in values.tolist()], object)


def _as_number(word: str) -> str:
    try:
        found = float(word)
    except ValueError:
        return word
    return as_text(found) if np.isfinite(found) else word


def _bytes(values: np.ndarray) -> list[bytes]:
    """Each row's values as bytes, the same on every machine."""
    if values.dtype.kind not in "iufb":
        return [str(value).encode("utf-8", "surrogatepass") for value in values]
    plain = np.ascontiguousarray(values)
    if values.ndim == 1:  # one zero and one NaN, though both have several forms
        plain = np.where(np.isnan(wide := values.astype("<f8")), np.nan, wide + 0.0)
    rows = plain.astype(plain.dtype.newbyteorder("<"), copy=False).reshape(len(plain), -1)
    return [row.tobytes() for row in rows]
