"""A key of a space as a coordinate: where a value lies on it, for figures and for what learns from points."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from zoo.config.space import Axis, Space
from zoo.tuning.trials import COMPLETED, FAILED, PRUNED, RUNNING, Trial

WITHIN = ("train.optimizer.", "train.")  # where most keys lie, and what says little


@dataclass(frozen=True)
class Scale:
    """A dotted key with all its values: those of several models' axes together.

    Attributes:
        key: the dotted key.
        choices: its values in order, numbers by size; empty where it is a range.
        low, high: the ends of a range.
        log: whether the range is looked at by its logarithm.
        ordered: whether neighbours are alike.
    """

    key: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    ordered: bool = True

    def place(self, value: Any) -> float:
        """Where a value lies, from 0 to 1."""
        if self.choices:
            known = [_same(one) for one in self.choices]
            return known.index(_same(value)) / max(len(known) - 1, 1) if _same(value) in known else 0.5
        low, high, at = (math.log(one) if self.log else float(one) for one in (self.low, self.high, value))
        return min(max((at - low) / (high - low), 0.0), 1.0)

    @cached_property
    def marks(self) -> list[tuple[float, str]]:
        """Places with what stands there: every choice; of a range its ends, and the powers of ten between those of a logarithm."""
        if self.choices:
            return [(self.place(one), written(one)) for one in self.choices]
        between: list[float] = []
        if self.log:
            first, last = math.ceil(math.log10(self.low) + 0.1), math.floor(math.log10(self.high) - 0.1)
            between = [10.0**power for power in range(first, last + 1)][:: max(1, (last - first) // 3)]
        return [(self.place(one), f"{one:.4g}") for one in (self.low, *between, self.high)]


def scales(space: Space) -> list[Scale]:
    """A scale a key, in the order of the space."""
    return [_scale(key, [axis for axis in space.axes if axis.key == key]) for key in space.keys]


def _scale(key: str, axes: Sequence[Axis]) -> Scale:
    ordered = all(axis.ordered for axis in axes)
    if not ordered or all(axis.choices for axis in axes):
        listed = {_same(one): one for axis in axes for one in axis.values or axis.ends}
        choices = sorted(listed.values()) if ordered else list(listed.values())
        return Scale(key, tuple(choices), ordered=ordered)
    ends = [float(one) for axis in axes for one in axis.ends]
    low, high = min(ends), max(ends)
    return Scale(key, low=low, high=high, log=low > 0 and any(axis.log for axis in axes))


def _same(value: Any) -> str:
    """Equal for equal values; 1 and 1.0 are, True and 1 are not."""
    return json.dumps(float(value) if isinstance(value, int) and not isinstance(value, bool) else value, default=str)


def written(value: Any) -> str:
    """A value as YAML's flow has it, a number by the digits that tell it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.4g}"
    return json.dumps(value, ensure_ascii=False, default=str)


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """The dotted keys without `train.` where they stay apart."""
    found = dict(zip(keys, keys, strict=True))
    for key in keys:
        within = next((one for one in WITHIN if key.startswith(one) and key != f"{one}name"), "")
        if key.removeprefix(within) not in found.values():
            found[key] = key.removeprefix(within)
    return found


def scored(trials: Sequence[Trial]) -> list[Trial]:
    """The completed trials that have a score, by their numbers."""
    return [trial for trial in trials if trial.state == COMPLETED and trial.score is not None]


def ranked(trials: Sequence[Trial], sign: int) -> list[Trial]:
    """The completed trials, the best first; of equal ones the earlier."""
    return sorted(scored(trials), key=lambda trial: (-sign * (trial.score or 0.0), trial.number))


def counts(trials: Sequence[Trial]) -> dict[str, int]:
    """How many trials are in each state."""
    return {state: sum(trial.state == state for trial in trials) for state in (COMPLETED, PRUNED, FAILED, RUNNING)}
