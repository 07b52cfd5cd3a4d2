"""What an export leaves: the files, the manifest, the numbers; and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from zoo import bundles as ground
from zoo.assembly import open_run
from zoo.bundles import GOLDEN, MANIFEST, Bundle, columns_of, identifiers
from zoo.errors import ZooError
from zoo.exporting import export
from zoo.exporting.golden import Golden
from zoo.runs import Run, locked, write_json


def test_every_format_answered_as_the_trained_model(any_bundle: Bundle) -> None:
    proof = any_bundle.proof
    assert list(proof) == ["saved_model", "onnx"]
    for kind, tolerance in (("saved_model", 1e-5), ("onnx", 1e-4)):
        assert proof[kind]["examples"] == 16
        assert proof[kind]["batch_sizes"] == [1, 16]
        assert proof[kind]["tolerance"] == tolerance
        assert 0 <= proof[kind]["max_difference"] < 1e-3
    assert any_bundle.describe().startswith("proven without Keras on 16 golden examples: SavedModel ")


def test_the_manifest_names_every_file(any_bundle: Bundle) -> None:
    manifest = any_bundle.manifest
    found = {path.relative_to(any_bundle.path).as_posix() for path in any_bundle.path.rglob("*") if path.is_file()}
    assert found - {MANIFEST} == set(manifest["files"])
    assert {path.name for path in any_bundle.formats.iterdir()} == set(manifest["formats"]) == {"model.onnx", "preprocess.json"}
    any_bundle.verify()
    assert manifest["format"] == 1
    assert manifest["versions"]["tensorflow"]
    assert manifest["missing"] == ["", "NA", "?"]
    assert (Path(manifest["run"]["path"]) / "run.json").is_file()


def test_the_folder_is_what_tensorflow_serving_reads(digits: Bundle) -> None:
    folder = digits.path.parent
    assert {path.name for path in folder.iterdir() if path.name.isdigit()} == {str(one) for one in ground.versions(folder)}
    assert not list(folder.glob(".new-*"))
    compose = yaml.safe_load((folder / "docker-compose.yml").read_text())["services"]["serving"]
    assert compose["image"].startswith("tensorflow/serving")
    assert compose["ports"] == ["8500:8500", "8501:8501"]
    (mount,) = compose["volumes"]
    assert mount == {"type": "bind", "source": ".", "target": "/models/digits_cnn_small", "read_only": True}
    assert compose["command"] == [f"--model_config_file={mount['target']}/models.config"]


def test_weights_are_written_once(digits: Bundle, digits_run: Run) -> None:
    size = sum(facts["bytes"] for name, facts in digits.manifest["files"].items() if "variables.data" in name)
    assert size < 1.5 * 4 * digits_run.model.count_params() + 4096


def test_odd_names_are_served_under_names_that_signatures_take(table: Bundle) -> None:
    names = {one["name"]: served for served, one in table.manifest["inputs"].items()}
    assert names["emp.var.rate"] == "emp_var_rate"
    assert names["0"] == "n0"
    assert names["a b"] == "a_b"
    assert names["ä"] == "column"
    assert names["_x"] == "x"
    assert (names["A"], names["a"]) == ("A", "a_2")  # of two that differ in case only, TensorFlow renames one
    assert (names["class"], names["self"]) == ("class_", "self_")


def test_identifiers_are_unique_and_never_start_with_what_signatures_refuse() -> None:
    odd = ["a.b", "a_b", "A_B", "", "_", "__x", "1", "١", "None", "from", "a b", "n1", "n1_2"]
    served = identifiers(odd)
    assert list(served) == odd
    assert len({name.lower() for name in served.values()}) == len(odd)
    assert all(name.isascii() and name.isidentifier() and not name.startswith("_") for name in served.values())
    assert identifiers(["Age", "fare_2"]) == {"Age": "Age", "fare_2": "fare_2"}


def test_no_column_is_served_under_the_name_of_another() -> None:
    for names in (["a.b", "a_b"], ["a.b", "a_b", "a_b_2"], ["class", "class_"], ["A", "a", "a_2"], ["x.", ".x", "X"]):
        served = identifiers(names)
        assert list(served) == names
        assert not {made for name, made in served.items() if made != name} & set(names)
        assert all(served[name] == name for name in {"a_b", "a_b_2", "class_", "A", "a_2", "X"} & set(names))
    wanted: dict[str, Any] = {made: {"name": name, "dtype": "float32", "shape": []} for name, made in identifiers(["a.b", "a_b"]).items()}
    with pytest.raises(ZooError, match=r"lacks 'a\.b'"):
        columns_of(wanted, {"a_b": [5.0, -5.0]})


def test_golden_examples_are_raw_and_free_of_pickles(table: Bundle, table_run: Run) -> None:
    with np.load(table.path / GOLDEN, allow_pickle=False) as arrays:
        assert {arrays[name].dtype.kind for name in arrays.files} == {"f", "U"}
    golden = Golden.load(table.path / GOLDEN)
    assert any(np.isnan(values).any() for values in golden.inputs["serving_default"].values() if values.dtype.kind == "f")
    assert any((values == "").any() for values in golden.inputs["serving_default"].values() if values.dtype.kind == "U")
    again = open_run(table_run).answer(golden.inputs["serving_default"])
    np.testing.assert_allclose(again["scores"], golden.answers["serving_default"]["scores"], atol=1e-6)


def test_a_card_may_forbid_to_keep_examples(colour: Bundle, colour_run: Run) -> None:
    assert not (colour.path / GOLDEN).exists()
    assert colour.manifest["keep_examples"] is False
    assert colour.manifest["warmup"].startswith("neutral")
    assert colour.proof["saved_model"]["examples"] == 16  # proven with real ones all the same
    assert list(colour.path.parent.rglob("*.npz")) == []


def test_versions_count_up_and_what_a_killed_export_left_is_swept(diabetes: Bundle, without_onnx: Run) -> None:
    folder = diabetes.path.parent
    (folder / ".new-4194305-7" / "7").mkdir(parents=True)
    (folder / "7.formats").mkdir()
    (folder / "docker-compose.yml").write_text("mine")
    second = export(without_onnx, folder.parent)
    assert (diabetes.version, second.version) == (1, 2)
    assert list(second.proof) == ["saved_model"]
    assert not second.formats.exists()
    assert (folder / "docker-compose.yml").read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {".lock", "1", "1.formats", "2", "docker-compose.yml", "models.config"}
    assert ground.find(folder.name, folder.parent).version == 2
    assert ground.find(diabetes.path, folder).version == 1


def test_what_is_no_finished_run_is_refused(digits_run: Run, tmp_path: Path) -> None:
    copy = Run(Path(shutil.copytree(digits_run.path, tmp_path / "run")))
    (copy.path / "metrics.json").unlink()
    with pytest.raises(ZooError, match="evaluate it first: zoo evaluate"):
        export(copy, tmp_path / "bundles")
    copy.mark("interrupted")
    with pytest.raises(ZooError, match="not finished"):
        export(copy, tmp_path / "bundles")
    assert not (tmp_path / "bundles").exists()


@pytest.mark.parametrize("name", ["model.keras", "preprocess.keras"])
def test_a_truncated_model_file_is_refused(digits_run: Run, tmp_path: Path, name: str) -> None:
    copy = Run(Path(shutil.copytree(digits_run.path, tmp_path / "run")))
    (copy.path / name).write_bytes((copy.path / name).read_bytes()[:1000])
    with pytest.raises(ZooError, match=name):
        export(copy, tmp_path / "bundles")
    assert not (tmp_path / "bundles").exists()


def test_changed_data_is_refused_and_leaves_no_version(table_run: Run, tmp_path: Path) -> None:
    copy = Run(Path(shutil.copytree(table_run.path, tmp_path / "run")))
    write_json(copy.path / "data.json", {**copy.data, "fingerprint": "another"})
    with pytest.raises(ZooError, match="changed since it was trained"):
        export(Run(copy.path), tmp_path / "bundles")
    assert [path.name for path in (tmp_path / "bundles" / copy.name).iterdir()] == [".lock"]


def test_folders_that_cannot_be_written_are_refused(digits_run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ZooError, match="a file stands where a folder should be"):
        export(digits_run, tmp_path / "file")
    folder = tmp_path / digits_run.name
    folder.mkdir()
    with locked(folder, "the bundle"), pytest.raises(ZooError, match="is being written by process"):
        export(digits_run, tmp_path)


def test_the_catalogue_decides_where_nothing_is_asked_for(iris_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from zoo import registry
    from zoo.exporting import release

    assert release._formats(iris_run) == ("saved_model", "onnx")
    unmeasured = replace(registry.entry("linear"), exports=())
    monkeypatch.setattr(registry, "entry", lambda name: unmeasured)
    assert release._formats(iris_run) == ("saved_model",)
    asked = SimpleNamespace(experiment=SimpleNamespace(export=SimpleNamespace(formats=("onnx",))), data={"preprocess": {"kind": "table"}})
    assert release._formats(asked) == ("saved_model", "onnx")


def test_the_health_check_hears_a_server(digits: Bundle, tmp_path: Path) -> None:
    """bash and grep, as the image has them, against a server that answers as TensorFlow Serving does."""
    import http.server
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        state = "AVAILABLE"

        def do_GET(self) -> None:
            body = json.dumps({"model_version_status": [{"version": "1", "state": self.state}]}).encode()
            self.send_response(200 if self.path == "/v1/models/digits_cnn_small" else 404)
            self.end_headers()
            self.wfile.write(body if self.path == "/v1/models/digits_cnn_small" else b"{}")

        def log_message(self, *args: object) -> None: ...

    compose = yaml.safe_load((digits.path.parent / "docker-compose.yml").read_text())["services"]["serving"]
    kind, *command = compose["healthcheck"]["test"]
    assert kind == "CMD"
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command[-1] = command[-1].replace("$$", "$").replace("8501", str(server.server_port))
        assert subprocess.run(command, timeout=10, check=False).returncode == 0
        Handler.state = "LOADING"
        assert subprocess.run(command, timeout=10, check=False).returncode != 0
        server.shutdown()
    assert subprocess.run(command, capture_output=True, timeout=10, check=False).returncode != 0


def test_a_bundle_answers_without_keras(table: Bundle, tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
import numpy as np
from zoo.bundles import Bundle, GOLDEN
from zoo.exporting import proof
from zoo.exporting.golden import Golden
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
sys.meta_path.insert(0, proof.NoKeras())  # TensorFlow itself looks for it, and lives without
bundle = Bundle(Path(sys.argv[1]))
golden = Golden.load(bundle.path / GOLDEN)
answers = bundle.predict(golden.inputs["serving_default"])
assert answers["label"].tolist() == golden.answers["serving_default"]["label"].tolist()
"""
    subprocess.run([sys.executable, "-c", code, str(table.path)], check=True, env=dict(os.environ), timeout=120)
