"""What a user reads: the message, the nearest names, the exit codes."""

from __future__ import annotations

import pytest

from zoo.errors import CheckError, DivergedError, Exit, Interrupted, ProofError, ZooError, did_you_mean, nearest

NAMES = ["digits_cnn", "digits_mlp", "iris_mlp", "fashion_mnist_cnn"]


@pytest.mark.parametrize(
    ("typed", "best"),
    [
        ("digits_cn", "digits_cnn"),
        ("DIGITS_CNN", "digits_cnn"),
        ("iris", "iris_mlp"),
        ("fashion_mnist", "fashion_mnist_cnn"),
        ("irsi_mlp", "iris_mlp"),
    ],
)
def test_the_nearest_name_comes_first(typed, best):
    assert nearest(typed, NAMES)[0] == best


def test_nothing_alike_is_nothing():
    assert nearest("zzzzzz", NAMES) == []
    assert nearest("", NAMES) == []
    assert nearest(3.5, NAMES) == []


def test_nearest_names_are_few_and_differ():
    near = nearest("digits", [f"digits_{number}" for number in range(30)] * 2)
    assert len(near) == len(set(near)) == 3


def test_few_names_are_told_where_none_is_alike():
    assert did_you_mean("zzzzzz", NAMES) == "known: digits_cnn, digits_mlp, fashion_mnist_cnn, iris_mlp"
    assert did_you_mean("zzzzzz", [f"name_{number}" for number in range(13)]) is None
    assert did_you_mean("zzzzzz", []) is None
    assert did_you_mean("digits_cn", NAMES) == "did you mean: digits_cnn, digits_mlp"


def test_a_message_is_a_line_and_indented_details():
    error = ZooError("no such thing", "looked here", None, "try that")
    assert str(error) == "no such thing\n  looked here\n  try that"
    assert error.details == ("looked here", "try that")


def test_exit_codes_are_those_that_scripts_know():
    kinds = {ZooError: 2, CheckError: 3, ProofError: 5, DivergedError: 6, Interrupted: 130}
    assert {kind: int(kind("x").exit_code) for kind in kinds} == kinds
    assert [int(code) for code in Exit] == [0, 1, 2, 3, 4, 5, 6, 130]
