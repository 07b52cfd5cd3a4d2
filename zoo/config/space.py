"""The space of a search: axes over dotted keys of an experiment, some of them only where another axis chose something.

A point is plain data, dotted key -> value: `{"model.name": "mlp", "model.width": 64, "train.optimizer.learning_rate": 0.003}`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from zoo.errors import ZooError, did_you_mean

Point = dict[str, Any]

LISTED = 1000  # values of an axis, at most
NUMBERS = ("int", "float", "log", "log_int")
PARTS = ("model", "train.optimizer", "train.schedule")  # parts with a name, among which a space may choose
LEARNING_RATE = "train.optimizer.learning_rate"


@dataclass(frozen=True)
class Axis:
    """One dimension of a space: either `choices`, or numbers from `low` to `high`.

    Attributes:
        name: unique in the space; `model.mlp.width` is the `model.width` of one of several models.
        key: the dotted key of the experiment that it sets.
        choices: plain values; empty where it is a range.
        low, high: the ends of a range, both in it.
        step: between neighbours of a range; None: any number (any whole one).
        log: whether a range is looked at by its logarithm.
        whole: whether a range has whole numbers only.
        when: name of an axis of choices, and its value where this axis counts; None: always.
    """

    name: str
    key: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    log: bool = False
    whole: bool = False
    when: tuple[str, Any] | None = None

    @cached_property
    def count(self) -> int | None:
        """How many values it has; None where they are a continuum, or whole numbers by their logarithm."""
        if self.choices:
            return len(self.choices)
        step = self.step or (1 if self.whole and not self.log else None)
        return None if step is None else math.floor((self.high - self.low) / step + 1e-9) + 1

    @property
    def values(self) -> tuple[Any, ...] | None:
        """All its values in their order; None where they cannot be counted, or are too many to be listed."""
        return tuple(map(self.at, range(self.count))) if self.count is not None and self.count <= LISTED else None

    def at(self, place: int) -> Any:
        """The value at a place of those that can be counted."""
        if self.choices:
            return self.choices[place]
        value = self.low + (self.step or 1) * place
        return int(value) if self.whole else min(float(value), float(self.high))  # 3 * 0.1 is a bit more than 0.3

    def place(self, value: Any) -> int | None:
        """Where a value stands among those that can be counted; None where it is none of them."""
        if self.choices:
            return self._places.get(json.dumps(value))
        if not _is_number(value) or not self.low <= value <= self.high:
            return None
        place = round((value - self.low) / (self.step or 1))
        return place if place < (self.count or 0) and self.at(place) == value else None

    @cached_property
    def _places(self) -> dict[str, int]:
        return {json.dumps(value): place for place, value in enumerate(self.choices)}  # as text, because True == 1

    def holds(self, value: Any) -> bool:
        """Whether it has this value."""
        if self.count is not None:
            return self.place(value) is not None
        return _is_number(value) and self.low <= value <= self.high and (not self.whole or isinstance(value, int))

    @property
    def ordered(self) -> bool:
        """Whether its values are numbers, so that neighbours are alike."""
        return not self.choices or all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in self.choices)

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that show whether the axis fits the experiment: every choice, or both ends."""
        return self.choices or ((int(self.low), int(self.high)) if self.whole else (self.low, self.high))


@dataclass(frozen=True)
class Space:
    """Axes; one with a condition stands behind the axis that it depends on."""

    axes: tuple[Axis, ...]

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The dotted keys that points may set, each once."""
        return tuple(dict.fromkeys(axis.key for axis in self.axes))

    @cached_property
    def named(self) -> dict[str, Axis]:
        return {axis.name: axis for axis in self.axes}

    def counts(self, axis: Axis, point: Mapping[str, Any]) -> bool:
        """Whether an axis has a value at a point whose earlier axes have theirs."""
        return axis.when is None or point.get(self.named[axis.when[0]].key) == axis.when[1]

    @cached_property
    def size(self) -> int | None:
        """How many points there are; None where no end is."""
        if any(axis.count is None for axis in self.axes):
            return None
        whole = 1
        for axis in self.axes:
            if axis.when is None:
                whole *= sum(self._below(axis, value) for value in axis.choices) if self._asked(axis) else (axis.count or 1)
        return whole

    def _asked(self, axis: Axis) -> bool:
        """Whether other axes depend on this one."""
        return any(one.when is not None and one.when[0] == axis.name for one in self.axes)

    def _below(self, axis: Axis, value: Any) -> int:
        return math.prod(one.count or 1 for one in self.axes if one.when == (axis.name, value))

    def points(self) -> Iterator[Point]:
        """Every point in a fixed order, the last axis moving fastest. The space must have an end."""
        return self._points(0, {})

    def _points(self, place: int, point: Point) -> Iterator[Point]:
        if place == len(self.axes):
            yield dict(point)
            return
        axis = self.axes[place]
        if not self.counts(axis, point):
            yield from self._points(place + 1, point)
            return
        for one in range(axis.count or 0):
            yield from self._points(place + 1, {**point, axis.key: axis.at(one)})


def same(point: Mapping[str, Any]) -> str:
    """A text that is equal for equal points only."""
    return json.dumps(dict(sorted(point.items())), default=str)


def read_axes(space: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]], where: Mapping[str, str]) -> Space:
    """The axes that a `search.space` describes.

    Args:
        space: dotted key -> a list of choices, a range, or for a part with a name what it may be:
            `{mlp: {width: [32, 64]}, linear: default}`.
        defaults: model -> its own default space.
        where: dotted key -> file and line, for messages.

    Raises:
        ZooError: a range that is empty, reversed or cannot be, a choice that is none.
    """
    axes: list[Axis] = []
    for key, said in space.items():
        if key in PARTS and isinstance(said, Mapping):
            axes += _parts(key, said, defaults, where[key])
        else:
            axes.append(_axis(key, key, said, where[key]))
    twice = [axis.key for axis in axes if axis.when is None]
    for axis in axes:
        if axis.when is not None and axis.key in twice:
            raise ZooError(f"{where[axis.key]}: {axis.key} stands in the space twice: alone, and below {axis.when[0]}")
    return Space(tuple(sorted(axes, key=lambda axis: axis.name.rpartition(".")[2] != "name")))  # who chooses stands first


def _parts(key: str, said: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]], where: str) -> list[Axis]:
    """A choice among named parts, and the axes that follow each."""
    if not said:
        raise ZooError(f"{where}: {key} has nothing to choose from")
    axes = [Axis(f"{key}.name", f"{key}.name", tuple(said))]
    for name, inner in said.items():
        if inner == "default":
            if key != "model":
                raise ZooError(f"{where}: {key}.{name}: default is for models; here settings are named, as {{learning_rate: [0.1, 0.01]}}")
            inner = defaults.get(name, {})
        if not isinstance(inner, Mapping | None):
            raise ZooError(f"{where}: {key}.{name} should be a mapping of settings, or default, not {inner!r}")
        for setting, values in (inner or {}).items():
            axes.append(_axis(f"{key}.{name}.{setting}", f"{key}.{setting}", values, where, (f"{key}.name", name)))
    return axes


def _axis(name: str, key: str, said: Any, where: str, when: tuple[str, Any] | None = None) -> Axis:
    if isinstance(said, Mapping):
        return _range(name, key, said, where, when)
    if not isinstance(said, (list, tuple)):
        raise ZooError(f"{where}: {name}: {said!r} is no space", "a list of choices, or a range, as {log: [1.0e-4, 1.0e-2]}")
    choices = tuple(json.loads(json.dumps(one, default=str)) for one in said)  # as YAML would hold them
    if not choices:
        raise ZooError(f"{where}: {name} has no values to choose from")
    if len({json.dumps(one) for one in choices}) < len(choices):
        raise ZooError(f"{where}: {name} has the same value twice")
    return Axis(name, key, choices, when=when)


def _range(name: str, key: str, said: Mapping[str, Any], where: str, when: tuple[str, Any] | None) -> Axis:
    kinds = [kind for kind in NUMBERS if kind in said]
    unknown = [one for one in said if one not in (*NUMBERS, "step")]
    if unknown or len(kinds) != 1:
        hint = did_you_mean(unknown[0], (*NUMBERS, "step")) if unknown else None
        raise ZooError(f"{where}: {name}: a range has one of {', '.join(NUMBERS)}, and perhaps a step, not {dict(said)}", hint)
    kind, ends, step = kinds[0], said[kinds[0]], said.get("step")
    if not isinstance(ends, (list, tuple)) or len(ends) != 2 or not all(map(_is_number, ends)):
        raise ZooError(f"{where}: {name}: {kind} has two numbers, the lowest and the highest, not {ends!r}")
    low, high = ends
    if low >= high:
        raise ZooError(f"{where}: {name}: {kind}: [{low}, {high}] is {'empty' if low == high else 'reversed'}", "the lowest comes first")
    if kind.startswith("log") and low <= 0:
        raise ZooError(f"{where}: {name}: {low} has no logarithm", "begin above zero, as at 1.0e-5")
    whole = kind in ("int", "log_int")
    if whole and not all(float(one).is_integer() for one in ends):
        raise ZooError(f"{where}: {name}: {kind} has whole numbers, not {list(ends)}")
    if step is not None:
        _check_step(step, kind, high - low, whole, f"{where}: {name}")
    return Axis(name, key, low=low, high=high, step=step, log=kind.startswith("log"), whole=whole, when=when)


def _check_step(step: Any, kind: str, width: float, whole: bool, where: str) -> None:
    if kind.startswith("log"):
        raise ZooError(f"{where}: {kind} has no step", "list the values instead")
    if not _is_number(step) or step <= 0 or (whole and not float(step).is_integer()):
        raise ZooError(f"{where}: step should be a {'whole ' * whole}number above zero, not {step!r}")
    if step > width:
        raise ZooError(f"{where}: a step of {step} leaves one value: the range is {width:g} wide")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
