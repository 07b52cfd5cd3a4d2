"""What people type is a promise: commands, flags, Python names. And what must start fast loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

import zoo
from zoo import jobs
from zoo.cli import _app

SURFACE = {
    "run": {"--set", "--resume", "--enforce-goal", "--json", "--runs", "--bundles"},
    "train": {"--set", "--resume", "--runs"},
    "evaluate": {"--runs"},
    "export": {"--runs", "--bundles"},
    "predict": {"-o", "--out", "--runs", "--bundles"},
    "models": {"--task", "--modality", "--max-params", "--json"},
    "datasets": {"--task", "--modality", "--json"},
    "experiments": {"--dataset", "--model", "--task", "--json"},
    "runs": {"--state", "--runs", "--json"},
    "show": {"--html", "--runs", "--bundles"},
    "schema": set(),
    "catalogue": {"--check"},
    "doctor": set(),
}

NAMES = {
    "Bundle", "Run", "ZooError", "create_model", "evaluate", "export", "list_models", "load_bundle", "load_dataset", "load_run",
    "predict", "register_model", "run", "train",
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


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--help"],
        ["--version"],
        ["models"],
        ["datasets"],
        ["experiments"],
        ["runs"],
        ["show", "digits_cnn"],
        ["show", "mlp"],
        ["schema", "card"],
    ],
)
def test_light_commands_load_nothing_heavy(words, tmp_path):
    lines = (
        "import sys",
        "from zoo.cli import main",
        f"code = main({words!r})",
        "heavy = {'tensorflow', 'keras', 'pandas', 'sklearn', 'matplotlib', 'numpy'} & set(sys.modules)",
        "sys.exit(f'loaded {heavy}' if heavy else code)",
    )
    code = "\n".join(lines)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout or words == ["runs"]


def test_python_calls_are_documented():
    for name in jobs.__all__:
        text = getattr(jobs, name).__doc__
        assert text
        assert "Raises" in text or "errors" in text, name
