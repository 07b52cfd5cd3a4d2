"""What every oracle has in common: the seeds of its proposals, and no point twice."""

from __future__ import annotations

import hashlib
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from zoo.config.space import Axis, Point, Space, same
from zoo.tuning.trials import COMPLETED, PRUNED, Trial

ASKED_AGAIN = 3  # times that an oracle is asked for a point before an untried one is drawn
DRAWN = 1000  # random points that are looked at for an untried one
LISTED = 10_000  # points of a space that are listed


@dataclass(frozen=True)
class Proposal:
    """A point to try; hyperband says until which epoch, and which trial it goes on with."""

    values: Point
    epochs: int | None = None
    continues: int | None = None


class Wait(Exception):
    """Nothing can be proposed before a running trial ends."""


class Oracle(Protocol):
    """Who proposes, as a pure function of (seed, number, trials)."""

    def ask(self, number: int, trials: Sequence[Trial]) -> Proposal | None:
        """The proposal for trial `number`, or None where there is none any more.

        Args:
            number: of the trial to propose, from 1.
            trials: all others, in the order of their numbers, running ones too.

        Raises:
            Wait: a running trial must end before.
        """
        ...


class Suggesting(ABC):
    """An oracle whose library may propose a point that was tried: it is asked again, then an untried point is drawn."""

    def __init__(self, space: Space, seed: int, sign: int) -> None:
        self.space, self.seed, self.sign = space, seed, sign

    def ask(self, number: int, trials: Sequence[Trial]) -> Proposal | None:
        others = [trial for trial in trials if trial.number != number]
        tried = {same(trial.values) for trial in others}
        if self.space.size is not None and len(tried) >= self.space.size and untried(self.space, tried, random.Random(0)) is None:
            return None
        for attempt in range(ASKED_AGAIN):
            point = self.suggest(others, seed_of(self.seed, number, attempt))
            if same(point) not in tried:
                return Proposal(point)
        left = untried(self.space, tried, random.Random(seed_of(self.seed, number, "untried")))
        return None if left is None else Proposal(left)

    @abstractmethod
    def suggest(self, trials: Sequence[Trial], seed: int) -> Point:
        """A point; perhaps one that was tried."""


class Grid:
    """All points of a space, one after the other."""

    def __init__(self, space: Space) -> None:
        self.space = space

    def ask(self, number: int, trials: Sequence[Trial]) -> Proposal | None:
        point = next(islice(self.space.points(), number - 1, None), None)
        return None if point is None else Proposal(point)


def seed_of(*parts: Any) -> int:
    """A seed, 1 to 2**31 - 1, that any part changes wholly."""
    digest = hashlib.sha256(" ".join(map(str, parts)).encode()).digest()
    return 1 + int.from_bytes(digest[:8], "big") % (2**31 - 2)


def usable(trial: Trial) -> bool:
    """Whether a trial has a score that can be learned from."""
    return trial.state in (COMPLETED, PRUNED) and trial.score is not None and math.isfinite(trial.score)


def untried(space: Space, tried: set[str], draw: random.Random) -> Point | None:
    """A random point that was not tried; None where there is none."""
    if space.size is not None and space.size <= LISTED:
        left = [point for point in space.points() if same(point) not in tried]
        return draw.choice(left) if left else None
    for _ in range(DRAWN):
        point = random_point(space, draw)
        if same(point) not in tried:
            return point
    return next((point for point in space.points() if same(point) not in tried), None) if space.size else None


def random_point(space: Space, draw: random.Random) -> Point:
    """A point of which each axis is drawn by itself."""
    point: Point = {}
    for axis in space.axes:
        if space.counts(axis, point):
            point[axis.key] = axis.at(draw.randrange(axis.count)) if axis.count else _drawn(axis, draw)
    return point


def _drawn(axis: Axis, draw: random.Random) -> float | int:
    low, high = (math.log(axis.low), math.log(axis.high)) if axis.log else (axis.low, axis.high)
    value = draw.uniform(low, high)
    return within(axis, math.exp(value) if axis.log else value)


def within(axis: Axis, value: float) -> float | int:
    """A number of a continuum as plain Python, where rounding has not led it over an end."""
    kept = min(max(value, axis.low), axis.high)
    return round(kept) if axis.whole else float(kept)
