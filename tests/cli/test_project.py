"""`zoo schema`, `catalogue`, `doctor`."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from pathlib import Path

import pytest

from zoo.cli import main, quiet
from zoo.jobs import catalogue, health


@pytest.mark.parametrize(
    ("kind", "keys"), [("card", {"source", "target", "columns"}), ("experiment", {"dataset", "model", "train", "goal"})]
)
def test_schema(zoo, kind, keys):
    result = zoo("schema", kind)
    schema = json.loads(result.out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert keys <= set(schema["properties"])
    assert {"type": "string"} in schema["$defs"]["ModelChoice" if kind == "experiment" else "File"]["anyOf"]


def test_catalogue(zoo, monkeypatch):
    monkeypatch.setattr(catalogue, "stale", list)
    assert zoo("catalogue", "--check").code == 0
    monkeypatch.setattr(catalogue, "stale", lambda: ["mlp"])
    stale = zoo("catalogue", "--check")
    assert (stale.code, stale.out) == (3, "the catalogue is out of date: mlp\n  renew it: zoo catalogue\n")
    monkeypatch.setattr(catalogue, "write_catalogue", lambda: ["mlp"])
    assert "measured  mlp" in zoo("catalogue").out


def test_doctor(zoo, monkeypatch):
    monkeypatch.setattr(health, "HEAVY", ("json",))
    monkeypatch.setenv("ZOO_DATA_DIR", "/nowhere/at/all")
    version = health._version
    monkeypatch.setattr(
        health, "_version", lambda name: None if name == "tensorflow-serving-api" else "1.0" if name == "json" else version(name)
    )
    said = zoo("doctor").out
    assert "json       1.0 loads in" in said
    assert "cores" in said
    assert f"runs       {Path.cwd()}/runs" in said
    assert "ZOO_DATA_DIR is /nowhere/at/all, which is no folder" in said
    assert "[dev]      missing: tensorflow-serving-api      pip install 'keras-zoo[dev]'" in said


def test_doctor_survives_what_does_not_load(monkeypatch):
    monkeypatch.setattr(health, "_version", lambda name: "1.0")
    (loads, said), (_, lost) = health._tried("json", "no_such_module_at_all")
    assert (loads, said[:12]) == ("json", "1.0 loads in")
    assert lost.startswith("1.0 does not load: ModuleNotFoundError")


def test_every_extra_is_described():
    assert set(distribution("keras-zoo").metadata.get_all("Provides-Extra")) == set(health.EXTRAS)


def test_a_broken_plug_in_is_told(monkeypatch):
    from importlib.metadata import EntryPoint

    from zoo.registry import known

    points = [EntryPoint("lost_net", "no_such_package.nets", "zoo.models")]
    monkeypatch.setattr(known, "_broken", {})
    monkeypatch.setattr(known, "entry_points", lambda group: points)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)
    assert health.plugins() == [
        ("plug-in", "lost_net (no_such_package.nets) does not load: ModuleNotFoundError: No module named 'no_such_package'")
    ]


def test_what_tensorflow_says_while_it_fails_to_load_is_not_lost(monkeypatch, capfd):
    import builtins
    import os
    import sys

    real = builtins.__import__

    def broken(name, *rest, **more):
        if name == "tensorflow":
            os.write(2, b"the library says why\n")
            raise ImportError("no such library")
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(ImportError):
        quiet.tensorflow()
    assert "the library says why" in capfd.readouterr().err


def test_ctrl_c_while_tensorflow_loads_says_one_line(monkeypatch, capfd):
    import builtins
    import os
    import sys

    real = builtins.__import__

    def stopped(name, *rest, **more):
        if name == "tensorflow":
            os.write(2, b"half a sentence\n")
            raise KeyboardInterrupt
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    monkeypatch.setattr(builtins, "__import__", stopped)
    assert main(["run", "digits_cnn"]) == 130
    assert capfd.readouterr().err == "interrupted: nothing was started\n"
