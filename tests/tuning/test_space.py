"""The space of a search and its settings: what can be written, what is refused, and the default space of every model."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from zoo import registry
from zoo.config.search import Search
from zoo.config.space import Axis, Space, read_axes, same
from zoo.errors import ZooError

ALONE = {"repeat_last", "seasonal_naive"}  # models without hparams have no space


def space_of(said: dict[str, Any], **defaults: Any) -> Space:
    return read_axes(said, defaults, {key: f"x.yaml, line {line}" for line, key in enumerate(said, 1)})


def axis_of(said: Any) -> Axis:
    return space_of({"train.a": said}).axes[0]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([], "no values to choose from"),
        ([16, 32, 16], "the same value twice"),
        ([[1, 2], [1, 2]], "the same value twice"),
        (3, "is no space"),
        ("default", "is no space"),
        (None, "is no space"),
        ({}, "a range has one of int, float, log, log_int"),
        ({"log": [1, 2], "int": [1, 2]}, "a range has one of"),
        ({"lgo": [1, 2]}, "did you mean: log"),
        ({"int": [1, 9], "steps": 2}, "did you mean: step"),
        ({"int": 5}, "two numbers"),
        ({"int": [1, 2, 3]}, "two numbers"),
        ({"int": [True, 3]}, "two numbers"),
        ({"float": ["a", 3]}, "two numbers"),
        ({"float": [0, float("nan")]}, "two numbers"),
        ({"float": [0, float("inf")]}, "two numbers"),
        ({"int": [5, 5]}, "is empty"),
        ({"log": [1e-2, 1e-4]}, "is reversed"),
        ({"log": [0, 1]}, "0 has no logarithm"),
        ({"log_int": [-1, 8]}, "-1 has no logarithm"),
        ({"int": [0.5, 3]}, "whole numbers"),
        ({"log_int": [1, 2.5]}, "whole numbers"),
        ({"log": [1, 10], "step": 2}, "log has no step"),
        ({"int": [1, 10], "step": 0}, "whole number above zero"),
        ({"int": [1, 10], "step": 1.5}, "whole number above zero"),
        ({"float": [0, 1], "step": -0.1}, "number above zero"),
        ({"float": [0, 1], "step": "a"}, "number above zero"),
        ({"int": [1, 4], "step": 4}, "leaves one value"),
    ],
)
def test_what_is_no_axis_is_refused_with_its_line(said: Any, message: str) -> None:
    with pytest.raises(ZooError, match=r"x\.yaml, line 1") as caught:
        axis_of(said)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"model": {}}, "nothing to choose from"),
        ({"model": {"mlp": 3}}, "a mapping of settings, or default"),
        ({"model": {"mlp": {"width": []}}}, "model.mlp.width has no values"),
        ({"train.optimizer": {"adam": "default"}}, "default is for models"),
        ({"model": {"mlp": {"width": [1, 2]}}, "model.width": [1, 2]}, "stands in the space twice"),
    ],
)
def test_what_is_no_choice_of_parts_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ZooError, match=message):
        space_of(said)


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ([1, "a", None, [1, 2], True], [1, "a", None, [1, 2], True]),
        ({"int": [2, 5]}, [2, 3, 4, 5]),
        ({"int": [16.0, 60.0], "step": 16}, [16, 32, 48]),
        ({"float": [0, 4], "step": 2}, [0.0, 2.0, 4.0]),
        ({"float": [0, 0.3], "step": 0.1}, [0.0, 0.1, 0.2, 0.3]),
    ],
)
def test_values_that_can_be_counted(said: Any, values: list[Any]) -> None:
    axis = axis_of(said)
    assert axis.values is not None
    assert [type(one) for one in axis.values] == [type(one) for one in values]
    assert list(axis.values) == values
    assert axis.count == len(values)
    assert [axis.place(one) for one in axis.values] == list(range(len(values)))


def test_a_value_that_is_none_has_no_place() -> None:
    assert axis_of([1, 2]).place(True) is None  # though True == 1
    assert axis_of({"int": [0, 10], "step": 5}).place(7) is None
    assert axis_of({"int": [0, 10]}).place("a") is None
    assert axis_of({"int": [0, 10]}).place(11) is None
    assert not axis_of({"log_int": [1, 10]}).holds(2.5)
    assert axis_of({"log": [1, 10]}).holds(2.5)


def test_a_continuum_is_not_counted_and_many_values_are_not_listed() -> None:
    for said in ({"float": [0, 1]}, {"log": [1e-4, 1e-2]}, {"log_int": [1, 64]}):
        assert axis_of(said).count is None
        assert axis_of(said).values is None
    many = space_of({"train.a": {"int": [1, 10**9]}, "train.b": [1, 2]})
    assert many.size == 2 * 10**9  # known at once
    assert many.axes[0].values is None
    assert next(iter(many.points())) == {"train.a": 1, "train.b": 1}


def test_points_follow_the_choices_above_them() -> None:
    said = {"train.batch_size": [8, 16], "model": {"mlp": {"width": [32, 64]}, "linear": {}, "other": "default", "none": None}}
    space = space_of(said, other={"depth": [1, 2, 3]})
    points = list(space.points())
    assert space.size == len(points) == len({same(point) for point in points}) == 2 * (2 + 1 + 3 + 1)
    assert {tuple(point) for point in points if point["model.name"] == "mlp"} == {("model.name", "train.batch_size", "model.width")}
    assert {tuple(point) for point in points if point["model.name"] == "linear"} == {("model.name", "train.batch_size")}
    assert space.keys == ("model.name", "train.batch_size", "model.width", "model.depth")


def test_a_choice_of_values_of_which_one_is_asked_by_nobody_counts_as_one() -> None:
    assert space_of({"model": {"a": {}, "b": {}}, "train.x": [1, 2, 3]}).size == 6
    assert space_of({"train.x": {"float": [0, 1]}, "train.y": [1]}).size is None
    assert Space(()).size == 1


def test_equal_points_are_the_same_in_any_order() -> None:
    assert same({"a": 1, "b": [2]}) == same({"b": [2], "a": 1})
    assert same({"a": 1}) != same({"a": True})


@pytest.mark.parametrize(("said", "seconds"), [(90, 90), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172800), ("1.5h", 5400)])
def test_times(said: Any, seconds: float) -> None:
    assert Search(time=said).time == seconds


@pytest.mark.parametrize("said", ["", "soon", "30", "1h30", "1h 30m", "-5m", "0s", 0, -1, True, float("inf")])
def test_what_is_no_time(said: Any) -> None:
    with pytest.raises(ValidationError):
        Search(time=said)


@pytest.mark.parametrize(
    "said",
    [
        {"tuner": "bayes"},
        {"trials": 0},
        {"folds": 1},
        {"seeds": 0},
        {"seed": -1},
        {"tuner": "hyperband", "pruner": "median"},
        {"tuner": "hyperband", "folds": 3},
        {"pruner": "median", "folds": 3},
        {"trails": 3},
    ],
)
def test_settings_that_cannot_be(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Search(**said)


OUTSIDE = {  # why a default is not in its model's own space
    "mobilenet.dropout": "Keras's own thousandth is as good as none",
    "mobilenet_v2_035.dropout": "the same",
    "mobilenet_v3_large.head": "None is pooled or paper, by the number of outputs",
    "mobilenet_v3_small.head": "the same",
    "vgg16.head": "the same",
    "vgg19.head": "the same",
    "nbeats_generic.stacks": "the paper's thirty stacks take hours",
    "nbeats_generic.width": "the same",
    "tab_transformer.hidden": "None follows from the number of columns",
}


@pytest.mark.parametrize("name", [name for name in registry.catalogue() if name not in ALONE])
def test_every_model_has_a_default_space_that_fits_it(name: str) -> None:
    """Its hparams exist, the values' types fit, there are at least two points, and the default is one of the values."""
    entry = registry.entry(name)
    space = space_of(entry.space)
    assert (space.size or 2) >= 2
    assert set(space.keys) <= set(entry.hparams)
    for axis in space.axes:
        default = entry.hparams[axis.key]
        assert all(_fits(value, default) for value in axis.ends), f"{axis.key}: {axis.ends} beside the default {default!r}"
        assert axis.holds(default) == (f"{name}.{axis.key}" not in OUTSIDE), f"{axis.key}: {axis.ends} and the default {default!r}"


def test_models_without_a_space_have_nothing_to_search() -> None:
    assert {name for name, entry in registry.catalogue().items() if not entry.space} == ALONE
    assert not any(registry.entry(name).hparams for name in ALONE)


def _fits(value: Any, default: Any) -> bool:
    """Whether a value is of a default's kind: of a number with a fraction whole ones are, too; None stands for any."""
    if value is None or default is None:
        return True
    if isinstance(default, list):
        return isinstance(value, list) and (not default or all(_fits(one, default[0]) for one in value))
    return type(value) is type(default) or (type(default) is float and type(value) is int)
