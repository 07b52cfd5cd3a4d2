"""The registry: names, filters, stacked decorators, plug-ins, and what a mistake is answered."""

from __future__ import annotations

import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import ZooError, create_model, list_models, registry
from zoo.registry import known, register_model

FACTS = {"modality": "vector", "tasks": ("regression",), "example": {"input_shape": (4,), "num_outputs": 1}}


def tiny(input_shape, num_outputs, *, units: int = 2, kind="plain"):
    """A model for tests."""
    vector = keras.Input(input_shape, name="vector")
    hidden = keras.layers.Dense(units)(vector)
    return keras.Model(vector, keras.layers.Dense(num_outputs, name="head")(hidden))


@pytest.fixture
def builder():
    """A builder that nobody registered yet."""

    def tiny_of_this_test(input_shape, num_outputs, *, units: int = 2, kind="plain"):
        return tiny(input_shape, num_outputs, units=units, kind=kind)

    tiny_of_this_test.__doc__ = tiny.__doc__
    return tiny_of_this_test


def test_names_are_filtered():
    assert list_models("resnet*_cifar") == ["resnet20_cifar", "resnet32_cifar", "resnet44_cifar", "resnet56_cifar", "resnet8_cifar"]
    assert {"linear", "mlp"} <= set(list_models(modality="vector"))
    small = list_models("*", task="regression", modality="image", max_params=200_000)
    assert {"cnn_small", "lenet5"} <= set(small)
    assert "resnet20_cifar" not in small
    assert "linear" in list_models(max_params=registry.entry("linear").params)
    assert "linear" not in list_models(max_params=registry.entry("linear").params - 1)
    assert list_models(task="clairvoyance") == list_models("nothing*") == []
    assert list_models() == sorted(list_models())


def test_two_classes_are_one_output():
    assert create_model("linear", input_shape=(4,), num_classes=2).output_shape == (None, 1)
    assert create_model("linear", input_shape=(4,), num_classes=3).output_shape == (None, 3)
    assert create_model("linear", input_shape=(4,), num_outputs=2).output_shape == (None, 2)
    for wrong in (1, 0, 2.5, "two"):
        with pytest.raises(ZooError, match="num_classes must be a whole number of at least 2"):
            create_model("linear", input_shape=(4,), num_classes=wrong)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ZooError, match=r"no model named 'resnet20'\n.*did you mean: resnet20_cifar"):
        create_model("resnet20", input_shape=(32, 32, 3), num_outputs=10)
    with pytest.raises(ZooError, match="zoo models"):
        create_model("zzzzzz")


def test_a_misspelt_fact_or_hparam_is_answered_with_the_right_one():
    with pytest.raises(ZooError, match=r"no hparam 'widht'\n.*did you mean: width"):
        registry.check_hparams("cnn_small", {"widht": 3})
    registry.check_hparams("cnn_small", {"width": 3})
    with pytest.raises(ZooError, match=r"no hparam 'num_output'\n.*did you mean: num_outputs"):
        create_model("linear", input_shape=(4,), num_outputs=1, num_output=1)


def test_lists_from_yaml_are_taken_for_tuples():
    model = create_model("mlp", input_shape=[4], num_outputs=2, hidden=[5, 6])
    assert [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)] == [5, 6, 2]


def test_a_registered_model_is_found_and_built(own_registry, builder):
    register_model("tiny", **FACTS, space={"units": [1, 2]})(builder)
    entry = registry.entry("tiny")
    assert (entry.facts, entry.hparams) == (("input_shape", "num_outputs"), {"units": 2, "kind": "plain"})
    assert (entry.summary, entry.space, entry.params) == ("A model for tests.", {"units": [1, 2]}, None)
    assert "tiny" in list_models()
    assert list_models("tiny", max_params=1e9) == []  # nobody measured it
    assert create_model("tiny", **FACTS["example"], units=3).count_params() == 4 * 3 + 3 + 3 + 1


def test_stacked_names_inherit_from_the_one_nearest_to_the_function(own_registry, builder):
    checked = []
    stacked = register_model("tiny", **FACTS, hparams={"units": 3, "kind": "odd"}, space={"units": [1]}, check=lambda *g: checked.append(g))
    builder = register_model("tiny_deep", hparams={"units": 9}, paper="https://example.org")(stacked(builder))
    register_model("tiny_wide", space={"kind": ["odd"]}, tasks=("classification",))(builder)
    first, deep, wide = (registry.entry(name) for name in ("tiny", "tiny_deep", "tiny_wide"))
    assert deep == replace(first, name="tiny_deep", hparams={"units": 9, "kind": "odd"}, paper="https://example.org")
    assert wide == replace(first, name="tiny_wide", space={"units": [1], "kind": ["odd"]}, tasks=("classification",))
    assert create_model("tiny_deep", **FACTS["example"]).layers[1].units == 9
    assert create_model("tiny_deep", **FACTS["example"], units=4).layers[1].units == 4
    assert checked == [(FACTS["example"], {"units": units, "kind": "odd"}) for units in (9, 4)]


def test_a_name_is_given_once(own_registry, builder):
    register_model("tiny", **FACTS)(builder)
    with pytest.raises(ZooError, match="'tiny' is registered already, by "):
        register_model("tiny", **FACTS)(tiny)
    with pytest.raises(ZooError, match=r"'mlp' is registered already, by zoo\.models\.mlp"):
        register_model("mlp", **FACTS)(builder)
    assert registry.registered("mlp").entry.module == "zoo.models.mlp"


def test_a_name_of_the_zoo_is_taken_before_its_file_is_loaded(own_registry, builder):
    del known._registered["mlp"]
    with pytest.raises(ZooError, match="'mlp' comes with keras-zoo already"):
        register_model("mlp", **FACTS)(builder)


def test_a_registration_says_what_it_lacks(own_registry, builder):
    with pytest.raises(ZooError, match="needs modality, tasks, example"):
        register_model("tiny")(builder)


def test_a_registration_fixes_only_hparams_that_there_are(own_registry, builder):
    with pytest.raises(ZooError, match=r"no hparam 'unit'\n.*did you mean: units"):
        register_model("tiny", **FACTS, hparams={"unit": 3})(builder)


def test_what_keras_refuses_is_a_mistake_of_the_user(own_registry, builder):
    register_model("tiny", **FACTS)(builder)
    with pytest.raises(ZooError, match=r"model 'tiny' cannot be built with .*\n.*units.*positive"):
        create_model("tiny", **FACTS["example"], units=-1)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("out of\nmemory"),
        ValueError(),
        tf.errors.ResourceExhaustedError(None, None, "{{function_node __wrapped__Fill_device_CPU:0}} out of\nmemory"),
        OverflowError("out of\nbounds"),
    ],
)
def test_a_builder_that_fails_is_told(own_registry, builder, error):
    def fails(input_shape, num_outputs):
        raise error

    register_model("tiny", **FACTS)(fails)
    with pytest.raises(ZooError, match=r"model 'tiny' cannot be built with .*\n  (out of|ValueError)$") as raised:
        create_model("tiny", **FACTS["example"])
    assert raised.value.__cause__ is error


def test_a_bug_of_a_builder_stays_one(own_registry):
    def fails(input_shape, num_outputs):
        return input_shape.rank

    register_model("tiny", **FACTS)(fails)
    with pytest.raises(AttributeError):
        create_model("tiny", **FACTS["example"])


def test_a_builder_gives_a_keras_model(own_registry):
    register_model("tiny", **FACTS)(lambda input_shape, num_outputs: None)
    with pytest.raises(ZooError, match=r"builder of model 'tiny' returns a NoneType, where a keras\.Model"):
        create_model("tiny", **FACTS["example"])


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_are_loaded_or_refused(tmp_path):
    first = create_model("linear", input_shape=(4,), num_outputs=2)
    first.save(tmp_path / "model.keras")
    first.save_weights(tmp_path / "model.weights.h5")
    for file in ("model.keras", "model.weights.h5"):
        again = create_model("linear", input_shape=(4,), num_outputs=2, weights=tmp_path / file)
        np.testing.assert_array_equal(again.get_weights()[0], first.get_weights()[0])
        with pytest.raises(
            ZooError, match=r"does not fit the model 'linear'\n.*'head': .* of \(5, 2\), \(2,\), the file's of \(4, 2\), \(2,\)"
        ):
            create_model("linear", input_shape=(5,), num_outputs=2, weights=tmp_path / file)
    with pytest.raises(ZooError, match="no weights file"):
        create_model("linear", input_shape=(4,), num_outputs=2, weights=tmp_path / "none.keras")


@pytest.fixture
def plugged(tmp_path, monkeypatch, own_registry):
    """An installed package with one model that works, and two plug-ins that do not load."""
    info = tmp_path / "somebodys_models-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-models\nVersion: 1.0\n")
    points = "somebodys_net = somebodys_models\nbroken_net = somebodys_broken_models\nlost_net = somebodys_lost_models\n"
    (info / "entry_points.txt").write_text(f"[zoo.models]\n{points}")
    (tmp_path / "somebodys_models.py").write_text(
        "import keras\nfrom zoo import register_model\n"
        "@register_model('somebodys_net', modality='vector', tasks=['regression'], example={'input_shape': (3,), 'num_outputs': 1})\n"
        "def net(input_shape, num_outputs):\n"
        "    vector = keras.Input(input_shape, name='vector')\n"
        "    return keras.Model(vector, keras.layers.Dense(num_outputs, name='head')(vector))\n"
    )
    (tmp_path / "somebodys_broken_models.py").write_text("raise RuntimeError('no licence')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for module in ("somebodys_models", "somebodys_broken_models"):
        sys.modules.pop(module, None)


def test_a_plug_in_is_a_model_as_any_other(plugged):
    assert create_model("somebodys_net", input_shape=(3,), num_outputs=2).output_shape == (None, 2)
    assert "somebodys_net" in list_models()
    assert list_models("somebodys*", modality="vector") == ["somebodys_net"]


def test_a_broken_plug_in_is_reported_and_not_fatal(plugged, caplog):
    assert "cnn_small" in registry.load_all()
    notes = sorted(record.getMessage() for record in caplog.records)
    assert len(notes) == 2
    assert notes[0] == "note: the plug-in 'broken_net' (somebodys_broken_models) does not load: RuntimeError: no licence"
    assert "'lost_net'" in notes[1]
    assert "ModuleNotFoundError" in notes[1]
    with pytest.raises(ZooError, match="the plug-in 'broken_net' does not load: RuntimeError: no licence"):
        registry.entry("broken_net")
    assert len(caplog.records) == 2  # said once


def test_a_plug_in_is_not_in_the_zoos_own_catalogue(plugged):
    from zoo.jobs import catalogue

    assert "somebodys_net" not in catalogue._own()
    assert catalogue.stale(largest=0) == []
