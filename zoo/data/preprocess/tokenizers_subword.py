"""Pieces of words: learned by merging the most frequent pair (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909), found by the
longest that fits (as WordPiece does), so that a table is all that the graph needs.

    ▁playing -> ▁play ing

`▁` stands for the beginning of a word; it counts as a character.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import tensorflow as tf

START = "\u2581"
WORDS = 30_000  # the most frequent words, from which is learned: it bounds the time to about ten seconds
LONGEST = 16  # characters of a piece
PIECES = 32  # of a word; what is left of a longer one is dropped


def learn(counts: Mapping[str, int], size: int) -> list[str]:
    """At most `size` pieces: the characters, then the merges in their order. A pair seen once is not merged.

    Args:
        counts: how often each word of the training split stands there.
        size: of the vocabulary, without padding and the unknown token.
    """
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:WORDS]
    words, often = [list(START + word) for word in frequent], [counts[word] for word in frequent]
    letters: Counter[str] = Counter()
    for word, count in zip(words, often, strict=True):
        for letter in word:
            letters[letter] += count
    found = dict.fromkeys(sorted(letters, key=lambda letter: (-letters[letter], letter))[:size])
    pairs = _Pairs(words, often)
    while len(found) < size and (best := pairs.best()):
        found["".join(best)] = None
        pairs.merge(best)
    return list(found)


class _Pairs:
    """How often two pieces stand side by side; kept true while they are merged."""

    def __init__(self, words: list[list[str]], often: list[int]) -> None:
        self.words, self.often = words, often
        self.counts: Counter[tuple[str, str]] = Counter()
        self.where: dict[tuple[str, str], set[int]] = defaultdict(set)
        for number in range(len(words)):
            self._add(number, 1)
        self.heap = [(-count, pair) for pair, count in self.counts.items()]
        heapq.heapify(self.heap)

    def _add(self, number: int, sign: int) -> set[tuple[str, str]]:
        pieces = self.words[number]
        pairs = list(pairwise(pieces))
        for pair in pairs:
            self.counts[pair] += sign * self.often[number]
            if sign > 0:
                self.where[pair].add(number)
        return set(pairs)

    def best(self) -> tuple[str, str] | None:
        """The most frequent pair, of equals the first; None where no pair is seen twice. Old entries of the heap are passed over."""
        while self.heap:
            count, pair = heapq.heappop(self.heap)
            if -count == self.counts[pair] and count < -1 and len("".join(pair)) <= LONGEST:
                return pair
        return None

    def merge(self, pair: tuple[str, str]) -> None:
        changed: set[tuple[str, str]] = set()
        for number in self.where.pop(pair):
            changed |= self._add(number, -1)
            self.words[number] = _merged(self.words[number], pair)
            changed |= self._add(number, 1)
        for one in changed - {pair}:
            heapq.heappush(self.heap, (-self.counts[one], one))
        del self.counts[pair]


def _merged(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    result, place = [], 0
    while place < len(pieces):
        together = tuple(pieces[place : place + 2]) == pair
        result.append("".join(pair) if together else pieces[place])
        place += 2 if together else 1
    return result


def pieces(words: tf.RaggedTensor, table: Any, longest: int, length: int) -> tf.RaggedTensor:
    """The numbers of each text's pieces: string (batch, words) -> int64 (batch, pieces).

    From the left, the longest piece that the table knows; a character that no piece begins with is 1, and passed over. Each word
    is cut once, however often it stands in the batch.
    """
    different, which = tf.unique(words.flat_values)
    found = tf.gather(_cut(tf.strings.join([START, different]), table, longest, min(length, PIECES)), which)
    return words.with_flat_values(found).merge_dims(1, 2)


def _cut(words: Any, table: Any, longest: int, most: int) -> tf.RaggedTensor:
    """The pieces of each word: string (n,) -> int64 (n, pieces)."""
    letters = tf.strings.unicode_split(words, "UTF-8")
    sizes = tf.cast(letters.row_lengths(), tf.int32)
    width = most * longest  # no more characters can be reached
    padded = letters[:, :width].to_tensor(shape=(None, None))
    padded = tf.pad(padded, [[0, 0], [0, longest]], constant_values="")
    lengths = tf.range(1, longest + 1)

    def step(turn: Any, place: Any, numbers: Any) -> tuple[Any, ...]:
        window = tf.gather(padded, place[:, None] + tf.range(longest)[None, :], batch_dims=1)
        candidates, prefix = [], window[:, 0]
        for size in range(longest):
            prefix = prefix if size == 0 else tf.strings.join([prefix, window[:, size]])
            candidates.append(prefix)
        known = table.lookup(tf.stack(candidates, 1))
        fits = (known > 1) & (place[:, None] + lengths[None, :] <= sizes[:, None])
        size = tf.maximum(tf.reduce_max(tf.where(fits, lengths[None, :], 0), 1), 1)
        number = tf.where(place < sizes, tf.gather(known, size - 1, batch_dims=1), 0)
        return turn + 1, tf.minimum(place + size, sizes), tf.concat([numbers, number[:, None]], 1)

    rows = sizes.shape[0]
    none = tf.zeros((tf.size(sizes), 0), tf.int64)
    shapes = (tf.TensorShape(()), sizes.shape, tf.TensorShape((rows, None)))
    more = lambda turn, place, numbers: (turn < most) & tf.reduce_any(place < sizes)  # noqa: E731
    _, _, numbers = tf.while_loop(more, step, (tf.constant(0), tf.zeros_like(sizes), none), shapes)
    return tf.RaggedTensor.from_tensor(numbers, padding=0)
