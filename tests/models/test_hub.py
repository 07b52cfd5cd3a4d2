"""Weights of KerasHub in models of ours: the same answers, and clear words where they cannot be had."""

from __future__ import annotations

import sys

import keras
import numpy as np
import pytest

from zoo import ZooError, create_model

SIZES = {"depth": 2, "width": 32, "heads": 4, "positions": 24}
HUB = {"num_layers": 2, "hidden_dim": 32, "num_heads": 4, "intermediate_dim": 128, "max_sequence_length": 24, "vocabulary_size": 50}
FACTS = {"input_shape": (12,), "vocabulary_size": 50}


@pytest.fixture(scope="module")
def tokens():
    drawn = np.random.default_rng(1).integers(1, 50, (3, 12)).astype("int32")
    drawn[1, 7:] = drawn[2, 3:] = 0
    return drawn


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """Folders of a BERT and a GPT-2 with weights of their own, and what they are of."""
    hub = pytest.importorskip("keras_hub", reason="the extra keras-zoo[hub]")
    folder, rng = tmp_path_factory.mktemp("presets"), np.random.default_rng(3)
    made = {"bert": hub.models.BertBackbone(**HUB), "gpt2": hub.models.GPT2Backbone(**HUB)}
    for name, backbone in made.items():
        for weight in backbone.weights:
            weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
        backbone.save_to_preset(str(folder / name))
    return folder, made


def test_a_bert_of_the_hub_answers_the_same(presets, tokens):
    folder, made = presets
    ours = create_model("bert_tiny", **FACTS, **SIZES, num_outputs=0, cls_token=None, weights=f"hub:{folder / 'bert'}")
    theirs = made["bert"]({"token_ids": tokens, "segment_ids": 0 * tokens, "padding_mask": tokens != 0})
    sequence = keras.Model(ours.input, ours.get_layer("encoder").output)(tokens)
    np.testing.assert_allclose(sequence[tokens != 0], theirs["sequence_output"][tokens != 0], atol=1e-5)
    np.testing.assert_allclose(ours(tokens), theirs["pooled_output"], atol=1e-5)
    assert np.std(ours(tokens)) > 0.1


def test_a_gpt2_of_the_hub_answers_the_same(presets, tokens):
    folder, made = presets
    ours = create_model("gpt2_base", **FACTS, **SIZES, weights=f"hub:{folder / 'gpt2'}")
    theirs = made["gpt2"]({"token_ids": tokens, "padding_mask": tokens != 0})
    sequence = keras.Model(ours.input, ours.get_layer("norm").output)(tokens)
    np.testing.assert_allclose(sequence[tokens != 0], theirs[tokens != 0], atol=1e-5)
    logits = made["gpt2"].get_layer("token_embedding")(theirs, reverse=True)
    np.testing.assert_allclose(ours(tokens)[tokens != 0], logits[tokens != 0], atol=1e-4)


def test_a_preset_in_the_data_folder_is_found_by_its_name(presets, monkeypatch, tokens):
    folder, _ = presets
    monkeypatch.setenv("ZOO_DATA_DIR", str(folder))
    by_name = create_model("bert_tiny", **FACTS, **SIZES, num_outputs=0, weights="hub:bert")
    by_path = create_model("bert_tiny", **FACTS, **SIZES, num_outputs=0, weights=f"hub:{folder / 'bert'}")
    np.testing.assert_array_equal(by_name(tokens), by_path(tokens))


def test_a_head_of_ones_own_stands_on_the_weights(presets, tokens):
    model = create_model("bert_tiny", **FACTS, **SIZES, num_outputs=3, weights=f"hub:{presets[0] / 'bert'}")
    assert model(tokens).shape == (3, 3)


@pytest.mark.parametrize(
    ("given", "preset", "said"),
    [
        ({"width": 64}, "bert", "width: 32 in the preset, 64 in the model"),
        ({"depth": 3, "heads": 2}, "bert", "depth: 2 in the preset, 3 in the model\n.*heads: 4 in the preset, 2 in the model"),
        ({"vocabulary_size": 60}, "bert", "vocabulary_size: 50 in the preset, 60 in the model"),
        ({"positions": 25}, "bert", "positions: 24 in the preset, 25 in the model"),
        ({}, "gpt2", "gpt2' cannot be loaded as a BertBackbone: .*GPT2Backbone"),
        ({}, "nowhere", "nowhere' cannot be loaded as a BertBackbone: .*\n.*bert_base_en_uncased.*\n.*without network: .*save_to_preset"),
    ],
)
def test_another_architecture_or_place_is_named(presets, given, preset, said):
    with pytest.raises(ZooError, match=said):
        create_model("bert_tiny", **{**FACTS, **SIZES, "num_outputs": 0, **given}, weights=f"hub:{presets[0] / preset}")


def test_a_gpt2_without_biases_is_none(presets):
    with pytest.raises(ZooError, match=r"does not fit the model 'gpt_nano'\n.*GPT-2 has biases and a tied head: bias: true"):
        create_model("gpt_nano", **FACTS, **SIZES, weights=f"hub:{presets[0] / 'gpt2'}")


def test_without_the_extra_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ZooError, match=r'hub:bert_base_en_uncased needs KerasHub: .*\n.*pip install "keras-zoo\[hub\]"'):
        create_model("bert_tiny", **FACTS, **SIZES, num_outputs=0, weights="hub:bert_base_en_uncased")


def test_a_path_is_still_a_file_of_weights(tmp_path, tokens):
    model = create_model("bert_tiny", **FACTS, **SIZES, num_outputs=2)
    model.save_weights(tmp_path / "own.weights.h5")
    again = create_model("bert_tiny", **FACTS, **SIZES, num_outputs=2, weights=tmp_path / "own.weights.h5")
    np.testing.assert_array_equal(again(tokens), model(tokens))
