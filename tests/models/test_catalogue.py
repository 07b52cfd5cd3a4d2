"""The catalogue is what is measured, and is renewed where, and only where, something changed."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import ZooError, list_models, registry
from zoo.jobs import catalogue, drawn
from zoo.jobs.flops import flops
from zoo.registry import known

THREE = ("cnn_small", "linear", "mlp")
NO_PRODUCTS = {"repeat_last", "seasonal_naive"}  # they learn nothing


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A catalogue of three models in a folder of its own, to be spoilt."""
    own = {name: one for name, one in catalogue._own().items() if name in THREE}
    monkeypatch.setattr(catalogue, "_own", lambda: own)
    data = json.loads(known.CATALOGUE.read_text("utf-8"))
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in data["models"] if one["name"] in THREE)
    path = tmp_path / "catalogue.json"
    path.write_text(f'{{"format": 1, "models": [\n{lines}\n]}}\n', "utf-8")
    monkeypatch.setattr(known, "CATALOGUE", path)
    registry.catalogue.cache_clear()
    yield path
    registry.catalogue.cache_clear()


@pytest.fixture
def unmeasured(monkeypatch):
    """The names that are measured, in their order; measuring itself is left out."""
    seen: list[str] = []
    monkeypatch.setattr(catalogue, "measured", lambda entry, smallest: seen.append(entry.name) or replace(entry, params=1, flops=2))
    return seen


def change(path, model, **values):
    data = json.loads(path.read_text())
    data["models"] = [{**one, **values} if one["name"] == model else one for one in data["models"]]
    path.write_text(json.dumps(data))


@pytest.mark.parametrize("largest", [100_000, pytest.param(None, marks=pytest.mark.long)])
def test_it_holds_every_model_as_it_is(largest):
    assert catalogue.stale(largest) == []
    assert sorted(registry.load_all()) == list_models()


def test_it_is_one_line_a_model_with_every_field():
    first, *lines, last = registry.CATALOGUE.read_text("utf-8").splitlines()
    assert (first, last) == ('{"format": 1, "models": [', "]}")
    entries = [json.loads(line.rstrip(",")) for line in lines]
    assert [one["name"] for one in entries] == list_models()
    fields = set(registry.Entry.__dataclass_fields__)
    for one in entries:
        assert set(one) == fields
        assert one["params"] > 0 or one["name"] in NO_PRODUCTS
        assert one["flops"] > 0 or one["name"] in NO_PRODUCTS
        assert one["file_size"] > 4 * one["params"]
        assert "saved_model" in one["exports"]


def test_it_says_of_the_hash_what_the_file_is():
    for name in list_models():
        entry = registry.entry(name)
        stem = entry.module.rpartition(".")[2]
        assert entry.source_sha256 == hashlib.sha256((registry.MODELS / f"{stem}.py").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "values",
    [
        {"source_sha256": "0" * 64},
        {"params": 7},
        {"optional": ["num_outputs"]},
        {"hparams": {"l2": 0.5}},
        {"tasks": ["regression"]},
        {"space": {}},
        {"summary": "x"},
    ],
    ids=lambda values: next(iter(values)),
)
def test_what_differs_is_stale(copied, values):
    change(copied, "linear", **values)
    assert catalogue.stale() == ["linear"]


def test_a_missing_and_a_surplus_model_are_stale(copied):
    change(copied, "mlp", name="pml")
    assert catalogue.stale() == ["mlp", "pml"]


def test_without_a_catalogue_all_are_stale(copied):
    copied.unlink()
    registry.catalogue.cache_clear()
    assert catalogue.stale() == sorted(THREE)


def test_only_what_changed_is_measured_again(copied, unmeasured):
    before = copied.read_text()
    assert catalogue.write_catalogue() == []
    assert copied.read_text() == before
    change(copied, "linear", source_sha256="0" * 64)
    change(copied, "mlp", name="pml")
    assert catalogue.write_catalogue() == ["linear", "mlp"] == unmeasured
    assert registry.entry("linear").flops == 2
    assert registry.entry("cnn_small").params > 2
    assert "pml" not in registry.entries()


def test_measuring_a_model_gives_what_is_written():
    entry = registry.entry("cnn_small")
    found = catalogue.measured(replace(entry, params=None, flops=None, exports=()))
    assert replace(found, file_size=entry.file_size) == entry
    assert found.file_size == pytest.approx(entry.file_size, rel=1e-2)  # names of layers in it count up within a process


def profiled(model, inputs):
    """The FLOPs of convolutions and matrix products that TensorFlow's profiler finds in a model's graph."""
    specs = tf.nest.map_structure(lambda one: tf.TensorSpec((1, *one.shape[1:]), one.dtype), inputs)
    traced = tf.function(lambda given: model(given, training=False)).get_concrete_function(specs)
    options = tf.compat.v1.profiler.ProfileOptionBuilder(tf.compat.v1.profiler.ProfileOptionBuilder.float_operation())
    options = options.with_empty_output().order_by("float_ops").build()
    return _of_products(tf.compat.v1.profiler.profile(traced.graph, cmd="op", options=options))


def _of_products(node) -> int:
    own = node.float_ops if node.name in {"Conv2D", "DepthwiseConv2dNative", "MatMul"} else 0
    return own + sum(_of_products(child) for child in node.children)


# The profiler sees neither inside a loop nor an einsum; it counts each output of a transposed convolution as its input's.
PROFILED = ["linear", "mlp", "cnn1d", "cnn_small", "dlinear", "lenet5", "resnet20_cifar", "text_cnn"]


@pytest.mark.parametrize("name", PROFILED)
def test_flops_are_the_profilers(name, model_of, inputs_of):
    model = model_of(name)
    assert flops(model) == profiled(model, inputs_of(name, 1)) > 0


def test_flops_of_recurrences_and_attention_are_the_formulas():
    series = keras.Input((5, 3), name="sequence")
    for cell, gates in ((keras.layers.SimpleRNN, 1), (keras.layers.LSTM, 4), (keras.layers.GRU, 3)):
        once = 5 * gates * 2 * (3 * 7 + 7 * 7)
        assert flops(keras.Model(series, cell(7)(series))) == once
        assert flops(keras.Model(series, keras.layers.Bidirectional(cell(7))(series))) == 2 * once
    attended = keras.layers.MultiHeadAttention(2, 4)(series, series)
    projections, pairs = 5 * 2 * 4 * (3 + 3 + 3 + 3), 2 * 5 * 5 * (4 + 4)
    assert flops(keras.Model(series, attended)) == 2 * (projections + pairs)


def test_a_layer_that_is_called_twice_works_twice_and_a_model_inside_is_counted():
    one, two = keras.Input((5,)), keras.Input((5,))
    dense = keras.layers.Dense(7)
    inner = keras.Model(one, dense(one))
    assert flops(inner) == 2 * 5 * 7
    assert flops(keras.Model([one, two], keras.layers.Add()([dense(one), dense(two)]))) == 2 * 2 * 5 * 7
    assert flops(keras.Model([one, two], keras.layers.Add()([inner(one), inner(two)]))) == 2 * 2 * 5 * 7


def test_a_layer_without_a_rule_is_no_zero():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.EinsumDense("abcd,de->abce", (None, 8, 4))(image))
    with pytest.raises(ZooError, match="EinsumDense"):
        flops(model)


def test_flops_of_a_dense_layer_count_its_places():
    """A dense layer on (time, width) works once a time step."""
    series = keras.Input((5, 3))
    assert flops(keras.Model(series, keras.layers.Dense(7)(series))) == 2 * 5 * 3 * 7


@pytest.mark.parametrize("kind", catalogue.EXPORTERS)
def test_an_export_that_lies_does_not_pass(kind, model_of, monkeypatch):
    model, facts, exporter = model_of("linear"), drawn.small_facts(registry.entry("linear")), catalogue.EXPORTERS[kind]
    monkeypatch.setitem(catalogue.EXPORTERS, kind, lambda *given: lambda inputs: exporter(*given)(inputs) + 0.01)
    assert catalogue.export_error(model, facts, kind).startswith("differs by")
    assert kind not in catalogue.passing_exports(registry.entry("linear"))
    monkeypatch.setitem(catalogue.EXPORTERS, kind, lambda *given: lambda inputs: np.full((len(inputs), 3), np.nan))
    assert catalogue.export_error(model, facts, kind).startswith("differs by nan")


def test_a_model_that_no_runtime_takes_does_not_pass():
    """tf2onnx writes erfinv as an operation that onnxruntime does not know."""
    vector = keras.Input((4,), name="vector")
    model = keras.Model(vector, keras.ops.erfinv(keras.ops.tanh(keras.layers.Dense(2, name="head")(vector))))
    assert catalogue.export_error(model, {}, "onnx") is not None
    assert catalogue.export_error(model, {}, "saved_model") is None


def test_without_the_converter_nothing_is_said_of_a_model(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ImportError):
        catalogue.passing_exports(registry.entry("linear"))


def test_a_large_name_answers_for_its_exports_by_the_smallest_of_its_file(copied, monkeypatch):
    tried = []
    monkeypatch.setattr(catalogue, "LARGE", registry.entry("mlp").params)
    monkeypatch.setattr(catalogue, "export_error", lambda model, facts, kind: tried.append(model.name))
    family = {name: replace(one, module="zoo.models.mlp") for name, one in catalogue._own().items()}
    monkeypatch.setattr(catalogue, "_own", lambda: family)
    assert catalogue.write_catalogue() == ["cnn_small", "linear"]  # smaller and larger than mlp, which is as it was
    assert tried == ["linear"] * len(catalogue.EXPORTERS)
    assert registry.entry("cnn_small").exports == registry.entry("linear").exports == tuple(catalogue.EXPORTERS)
