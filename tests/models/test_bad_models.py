"""Bad input of every family: one clear message, and of the command line exit code 2, no traceback, nothing half-written."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import pytest

from zoo import ZooError, create_model, registry
from zoo.cli import main
from zoo.jobs import drawn

IMAGE = {"input_shape": (32, 32, 3), "num_outputs": 10}
DRAWN = {"input_shape": (16, 16, 1)}
VECTOR = {"input_shape": (30,), "num_outputs": 3}
SERIES = {"input_shape": (40, 3), "num_outputs": 2}
FORECAST = {"input_shape": (40, 3), "horizon": 6, "target_channels": (1,)}
TOKENS = {"input_shape": (12,), "vocabulary_size": 50, "num_outputs": 2}
TABLE = {"input_shape": {"numbers": (5,), "categories": (3,)}, "cardinalities": (4, 7, 3), "num_outputs": 2}

REFUSED = {  # what: (name, facts, what is given beside, what is said)
    "heads of ViT": ("vit_tiny", IMAGE, {"heads": 5}, r"width = 192 does not divide among 5 heads\n.*heads may be 1, 2, 3, 4, 6"),
    "heads of BERT": ("bert_tiny", TOKENS, {"heads": 3}, "width = 128 does not divide among 3 heads"),
    "heads of GPT": ("gpt_nano", {"input_shape": (12,), "vocabulary_size": 50}, {"heads": 3}, "does not divide among 3 heads"),
    "heads of a text": ("text_transformer", TOKENS, {"heads": 3}, "width = 32 does not divide among 3 heads"),
    "heads of a table": ("ft_transformer", TABLE, {"heads": 7}, "width = 192 does not divide among 7 heads"),
    "heads of categories": ("tab_transformer", TABLE, {"heads": 7}, "width = 32 does not divide among 7 heads"),
    "heads of patches": ("patchtst", FORECAST, {"heads": 7}, "width = 128 does not divide among 7 heads"),
    "kernel of TCN": ("tcn", SERIES, {"kernel": 41}, r"a kernel of 41 steps needs at least 41 .* has 40\n.*cnn1d"),
    "kernel of FCN": ("fcn1d", SERIES, {"kernels": (8, 5, 41)}, r"a kernel of 41 steps .*\n.*cnn1d"),
    "kernel of ResNet": ("resnet1d", SERIES, {"kernels": (41, 5, 3)}, r"a kernel of 41 steps .*\n.*cnn1d"),
    "kernel of InceptionTime": ("inception_time", SERIES, {"kernels": (20, 41)}, r"a kernel of 41 steps .*\n.*cnn1d"),
    "patch": ("patchtst", FORECAST, {"patch": 41}, r"a patch of 41 steps .*\n.*nlinear"),
    "season": ("seasonal_naive", {**FORECAST, "season": 41}, {}, "a season of 41 steps is longer than the history of 40"),
    "tiny LeNet": ("lenet5", {**IMAGE, "input_shape": (11, 20, 3)}, {}, r"at least 12x12 pixels, not 11x20\n.*cnn_small"),
    "tiny DCGAN": ("dcgan", {"input_shape": (7, 8, 1)}, {}, r"at least 8x8 pixels, not 7x8\n.*gan_dense"),
    "tiny WGAN": ("wgan_gp", {"input_shape": (7, 8, 1)}, {}, r"at least 8x8 pixels, not 7x8\n.*gan_dense"),
    "no class of GAN": ("cgan", DRAWN, {}, "'cgan' needs num_classes"),
    "no class of VAE": ("cvae", DRAWN, {}, "'cvae' needs num_classes"),
    "one class": ("cgan", {**DRAWN, "num_classes": 1}, {}, "num_classes = 1: .*greater than or equal to 2"),
    "no vocabulary": ("lstm", {"input_shape": (12,), "num_outputs": 2}, {}, r"do not go together\n.*vocabulary_size=20000"),
    "vocabulary of a series": ("lstm", {**SERIES, "vocabulary_size": 5}, {}, "do not go together"),
    "outputs and horizon": ("gru", {**FORECAST, "num_outputs": 2}, {}, "either for num_outputs, or for a horizon"),
    "nothing asked": ("tcn", {"input_shape": (40, 3)}, {}, "either for num_outputs, or for a horizon"),
    "forecast of nothing": ("cnn1d", {"input_shape": (40, 3), "horizon": 6}, {}, "needs target_channels beside its horizon"),
    "forecast of tokens": ("bigru", {**FORECAST, "input_shape": (12,), "vocabulary_size": 5}, {}, "a forecast is of a sequence"),
    "no such channel": ("nbeats", {**FORECAST, "target_channels": (3,)}, {}, "the input has 3 channels, counted from 0"),
    "horizon 0": ("repeat_last", {**FORECAST, "horizon": 0}, {}, "horizon = 0: input should be greater than 0"),
    "no column": ("wide_deep", {**TABLE, "input_shape": {"numbers": (0,), "categories": (0,)}, "cardinalities": ()}, {}, "a number or"),
    "cardinalities": ("dcn_v2", {**TABLE, "cardinalities": (4, 7)}, {}, "2 cardinalities, but 3 categories"),
    "no cardinality": ("tab_transformer", {**TABLE, "cardinalities": (0, 7, 3)}, {}, "cardinalities = .*greater than 0"),
    "too long for BERT": ("bert_tiny", {**TOKENS, "input_shape": (512,)}, {}, "512 tokens and one in front are more than the 512"),
    "truth value": ("mlp", VECTOR, {"hidden": (True,)}, r"hidden = \(True,\): input should be a number"),
    "true outputs": ("mlp", {**VECTOR, "num_outputs": True}, {}, "num_outputs = True: input should be a number"),
    "text": ("mlp", VECTOR, {"hidden": ["64"]}, r"hidden = \['64'\]: input should be a number"),
    "text in a table": (
        "wide_deep", {**TABLE, "input_shape": {"numbers": ("5",), "categories": (3,)}}, {}, "input_shape = .*: input should be a number",
    ),
    "fraction": ("mlp", VECTOR, {"hidden": (2.5,)}, "a number with a fractional part"),
    "dropout of all": ("mlp", VECTOR, {"dropout": 1.0}, "dropout = 1.0: input should be less than 1"),
    "NaN": ("mlp", VECTOR, {"l2": float("nan")}, "l2 = nan: "),
    "too large for an integer": ("lstm", SERIES, {"units": 10**20}, "cannot be built with"),
    "infinite width": ("mobilenet", IMAGE, {"alpha": float("inf")}, r"cannot be built with .*\n.*infinity"),
    "infinite factor": ("ft_transformer", TABLE, {"ffn_factor": float("inf")}, r"cannot be built with .*\n.*infinity"),
}  # fmt: skip

WITHOUT_A_LAYER = {
    "autoencoder_conv": ("filters", DRAWN),
    "cvae": ("filters", {**DRAWN, "num_classes": 3}),
    "inception_time": ("kernels", SERIES),
    "nbeats": ("stacks", FORECAST),
    "text_cnn": ("windows", TOKENS),
    "vae_conv": ("filters", DRAWN),
    "vgg11_small": ("convs", IMAGE),
    "vq_vae": ("filters", DRAWN),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    name, facts, hparams, said = REFUSED[what]
    with pytest.raises(ZooError, match=said):
        create_model(name, **facts, **hparams)


@pytest.mark.parametrize("name", WITHOUT_A_LAYER)
def test_layers_that_there_must_be(name):
    key, facts = WITHOUT_A_LAYER[name]
    with pytest.raises(ZooError, match=rf"model '{name}': {key} = \(\): tuple should have at least 1 item"):
        create_model(name, **facts, **{key: ()})


def _those(fact: str) -> list[str]:
    return [name for name, one in registry.entries().items() if fact in one.facts or fact in one.hparams]


def _asks(name: str, key: str, value: object) -> str:
    entry = registry.entry(name)
    task = "generation" if "num_classes" in entry.facts else None
    with pytest.raises(ZooError) as raised:
        create_model(name, **{**drawn.small_facts(entry, None, task), key: value})
    return raised.value.what


def test_facts_that_no_family_takes():
    """Every name, not one a family: nothing is built, so that it is quick."""
    for key, value, least in (
        ("vocabulary_size", 0, "0"),
        ("latent_dim", 0, "0"),
        ("num_outputs", -1, "(or equal to )?0"),
        ("horizon", 0, "0"),
    ):
        names = _those(key)
        assert names
        for name in names:
            said = _asks(name, key, value)
            assert re.fullmatch(rf"model '{name}': {key} = {value}: input should be greater than {least}", said), said


def test_images_too_small_for_a_backbone():
    for name in registry.list_models(modality="image"):
        if "resize" in registry.entry(name).hparams:
            with pytest.raises(ZooError, match=r"at least (\d+)x\1 pixels, not 31x40\n.*the hparam resize: \d+ .*cnn_small"):
                create_model(name, input_shape=(31, 40, 3), num_outputs=2)
            with pytest.raises(ZooError, match=r"at least (\d+)x\1 pixels, not 8x8\n.*resize: \1 is the smallest"):
                create_model(name, input_shape=(31, 40, 3), num_outputs=2, resize=8)


WEIGHTS = {  # of what, for what, the layer that differs, the model's shapes, the file's
    "deeper recurrence": (("stacked_lstm", {}), ("lstm", {}), "lstm_cell", "none", "(64, 256), (64, 256), (256,)"),
    "shallower": (("lstm", {}), ("stacked_lstm", {}), "lstm_cell", "(64, 256), (64, 256), (256,)", "none"),
    "deeper TCN": (("tcn", {"levels": 3}), ("tcn", {"levels": 2}), r"conv1d_\d+", "none", "(5, 32, 32), (32,)"),
    "deeper GPT": (("gpt_nano", {"depth": 2}), ("gpt_nano", {"depth": 1}), "look", "none", "(128, 384)"),
    "more maps of time": (("dlinear", {}), ("nlinear", {}), r"dense_\d+", "none", "(40, 6), (6,)"),
    "weights for none": (("nlinear", {}), ("repeat_last", {}), r"dense_\d+", "none", "(40, 6), (6,)"),
    "a tied head": (("gpt_nano", {"depth": 1, "tied": True}), ("gpt_nano", {"depth": 1}), "embedding", "(50, 128), (128, 50)", "(50, 128)"),
    "another family": (("cnn_small", {}), ("lenet5", {}), r"conv2d_\d+", "(5, 5, 1, 6), (6,)", "(3, 3, 1, 32)"),
    "another code": (("vae_conv", {}), ("beta_vae", {}), "(mean|log_variance)", "(16, 10), (10,)", "(16, 2), (2,)"),
    "other outputs": (("linear", {"num_outputs": 5}), ("linear", {}), "head", "(30, 3), (3,)", "(30, 5), (5,)"),
    "another width": (
        ("mobilenet_v2_035", {}), ("mobilenet_v2_035", {"alpha": 0.5}), "block_1_project", "(1, 1, 48, 16)", "(1, 1, 48, 8)",
    ),
}  # fmt: skip


def _built(name: str, given: dict[str, object], **more: object) -> keras.Model:
    return create_model(name, **{**drawn.small_facts(registry.entry(name)), **given}, **more)


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
@pytest.mark.parametrize("what", WEIGHTS)
def test_weights_of_another_architecture(tmp_path, what, suffix):
    """Also those of a deeper one, of which Keras would take the first layers and say nothing."""
    theirs, ours, layer, own, other = WEIGHTS[what]
    path = tmp_path / f"theirs{suffix}"
    (keras.Model.save if suffix == ".keras" else keras.Model.save_weights)(_built(*theirs), path)
    shapes = f"the model's weights are of {re.escape(own)}, the file's of {re.escape(other)}"
    with pytest.raises(
        ZooError, match=rf"does not fit the model '{ours[0]}'\n  the first layer that differs is '{layer}': {shapes}( \(\w+\))?$"
    ):
        _built(*ours, weights=path)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_old_files_of_weights_for_a_model_without_any(tmp_path):
    _built("nlinear", {}).save(tmp_path / "theirs.h5")
    with pytest.raises(ZooError, match=r"differs is 'dense_?\d*': the model's weights are of none, the file's of \(40, 6\), \(6,\)$"):
        _built("repeat_last", {}, weights=tmp_path / "theirs.h5")


@pytest.mark.parametrize("name", ["autoencoder_denoising", "dcgan", "gpt_nano", "lstm", "vq_vae"])
def test_weights_of_the_same_architecture(tmp_path, name):
    """What a trained model's file holds beside its layers' weights is no layer more."""
    trained = _built(name, {})
    trained.compile("adam") if name in ("dcgan", "vq_vae") else trained.compile("adam", "mse")
    trained.optimizer.build(trained.trainable_variables) if name != "dcgan" else None
    trained.save(tmp_path / "model.keras")
    again = _built(name, {}, weights=tmp_path / "model.keras")
    assert all((one == other).all() for one, other in zip(trained.get_weights(), again.get_weights(), strict=True))


def test_features_of_weights_with_a_head(tmp_path):
    trained = _built("cnn_small", {})
    trained.save(tmp_path / "model.keras")
    features = _built("cnn_small", {"num_outputs": 0}, weights=tmp_path / "model.keras")
    assert (features.get_weights()[0] == trained.get_weights()[0]).all()


SERIES_CARD = """\
title: made
licence: none
task: forecasting
source: {kind: csv, file: made.csv}
series: {columns: [load], history: 24, horizon: 6}
target: {name: load}
split: {kind: time, val: 0.2, test: 0.2}
"""

EXPERIMENTS = {  # an experiment as a file holds it, and what is said
    "image too small": ("dataset: digits\nmodel: resnet50\n", "ResNet50 takes images of at least 32x32 pixels, not 8x8"),
    "kernel": ("dataset: made\nmodel: {name: tcn, kernel: 25}\n", "a kernel of 25 steps needs at least 25 steps, and the series has 24"),
    "patch": ("dataset: made\nmodel: {name: patchtst, patch: 25}\n", "a patch of 25 steps needs at least 25 steps, and the series has 24"),
    "latent_dim": ("dataset: digits\nmodel: {name: vae_dense, latent_dim: 0}\n", "vae_dense"),
    "a truth value": ("dataset: digits\nmodel: {name: cnn_small, width: true}\n", "width = True: input should be a number"),
    "too large": ("dataset: digits\nmodel: {name: mlp, hidden: [100000000000000000000]}\n", "model 'mlp' cannot be built"),
    "no window": ("dataset: digits\nmodel: {name: vgg11_small, convs: []}\n", "convs = []: tuple should have at least 1 item"),
    "heads": ("dataset: digits\nmodel: {name: vit_tiny, heads: 5}\n", "width = 192 does not divide among 5 heads"),
    "infinity": ("dataset: iris\nmodel: {name: mlp, l2: .inf}\n", "model 'mlp' cannot be built"),
    "another modality": (
        "dataset: iris\nmodel: lstm\n",
        "takes sequences or tokens, but the dataset 'iris' gives vectors\n  models that fit: ",
    ),
    "images for text": ("dataset: digits\nmodel: text_cnn\n", "takes tokens, but the dataset 'digits' gives images\n  models that fit: "),
    "no forecaster": (
        "dataset: air_passengers\nmodel: lstm_fcn\n",
        "'lstm_fcn' does not learn forecasting, but classification, regression\n  models that fit: ",
    ),
    "a forecaster": (
        "dataset: japanese_vowels\nmodel: dlinear\n",
        "'dlinear' does not learn classification, but forecasting\n  models that fit: ",
    ),
    "a generator": ("dataset: digits\nmodel: cgan\n", "'cgan' does not learn classification, but generation\n  models that fit: "),
    "no such weights": ("dataset: digits\nmodel: {name: cnn_small, weights: none.keras}\n", "no weights file none.keras"),
    "other weights": ("dataset: digits\nmodel: {name: vgg11_small, weights: theirs.keras}\n", "the first layer that differs is 'conv2d"),
    "deeper weights": ("dataset: digits\nmodel: {name: resnet20_cifar, weights: wide.keras}\n", "the first layer that differs is '"),
}


@pytest.mark.parametrize("what", EXPERIMENTS)
def test_by_command_line(tmp_path, monkeypatch, capsys, what):
    text, expected = EXPERIMENTS[what]
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(text)
    if "made" in text:
        Path("datasets").mkdir()
        Path("datasets/made.yaml").write_text(SERIES_CARD)
        Path("datasets/made.csv").write_text("load\n" + "".join(f"{step % 7}\n" for step in range(300)))
    if "theirs" in text:
        create_model("cnn_small", input_shape=(8, 8, 1), num_outputs=10).save("theirs.keras")
    if "wide" in text:
        create_model("resnet32_cifar", input_shape=(8, 8, 1), num_outputs=10).save("wide.keras")
    code, said = main(["run", "mine.yaml"]), capsys.readouterr()
    assert (code, said.out) == (2, ""), said
    assert said.err.startswith("error: ")
    assert expected in said.err
    assert "Traceback" not in said.err
    assert not [path for folder in ("runs", "bundles") for path in Path(folder).rglob("*") if path.name != ".lock"]
