"""What people type is a promise: commands, flags, Python names. And what must start fast loads nothing heavy."""

from __future__ import annotations

import pytest
import typer

import zoo
from zoo import jobs
from zoo.cli import _app

SURFACE = {
    "run": {"--set", "--resume", "--enforce-goal", "--json", "--runs", "--bundles"},
    "train": {"--set", "--resume", "--json", "--runs"},
    "evaluate": {"--json", "--runs"},
    "export": {"--json", "--runs", "--bundles"},
    "search": {"--set", "--trials", "--workers", "--resume", "--cluster", "--show", "--json", "--searches", "--runs"},
    "predict": {"-o", "--out", "--runs", "--bundles"},
    "models": {"--task", "--modality", "--max-params", "--exports", "--json"},
    "datasets": {"--task", "--modality", "--json"},
    "experiments": {"--dataset", "--model", "--task", "--json"},
    "runs": {"--state", "--runs", "--json"},
    "show": {"--augment", "--html", "--runs", "--bundles"},
    "check": {"--json"},
    "new": {"--name", "--target", "--json", "--task"},
    "results": {"-o", "--output", "--runs", "--json"},
    "sample": {"-n", "--number", "--class", "--seed", "-o", "--out", "--runs", "--bundles"},
    "generate": {"--max-new-tokens", "--temperature", "--top-k", "--top-p", "--seed", "--runs", "--bundles", "--json"},
    "schema": set(),
    "catalogue": {"--check"},
    "doctor": set(),
}

NAMES = {
    "Bundle", "Dataset", "Run", "ZooError", "create_model", "evaluate", "export", "hypermodel", "list_models", "load_bundle",
    "load_dataset", "load_run", "predict", "register_model", "run", "search", "train",
}  # fmt: skip


def test_commands_and_flags():
    group = typer.main.get_command(_app())
    found = {
        name: {flag for parameter in command.params if parameter.param_type_name == "option" for flag in parameter.opts}
        for name, command in group.commands.items()
    }
    assert found == SURFACE


def test_python_names():
    assert set(zoo.__all__) == NAMES
    for name in NAMES:
        assert getattr(zoo, name) is not None
    assert {name for name in NAMES if getattr(zoo, name) is getattr(jobs, name, None)} == set(jobs.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        zoo.trian  # noqa: B018


def test_python_calls_are_documented():
    for name in jobs.__all__:
        text = getattr(jobs, name).__doc__
        assert text
        assert "Raises" in text or "errors" in text, name
