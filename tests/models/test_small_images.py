"""Networks for small images: sizes that others published, what their parts do, and that one learns through a real run."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo import ZooError, create_model

SMALL = {
    "alexnet_small": {"width": 2, "hidden": 8},
    "vgg11_small": {"width": 2, "hidden": 8},
    "wide_resnet16_4": {"widen": 1},
    "densenet40_12": {"layers_per_block": 2},
    "inception_small": {"width": 4},
    "mobilenet_small": {"width": 2},
    "convmixer": {"width": 8, "depth": 2},
    "vit_tiny": {"width": 12, "depth": 2},
}


def cifar(name, **hparams):
    return create_model(name, input_shape=(32, 32, 3), num_outputs=10, **hparams)


def trained(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def kinds(model, kind):
    return [layer for layer in model.layers if type(layer).__name__ == kind]


@pytest.mark.parametrize(("name", "hparams", "expected"), [("wide_resnet16_4", {}, 2.7), ("wide_resnet16_4", {"widen": 8}, 11.0)])
def test_wide_resnets_have_the_weights_of_the_paper(name, hparams, expected):
    """Zagoruyko & Komodakis 2016, tables 4 and 5: 2.7 (elsewhere 2.8) million of WRN-16-4, 11.0 of WRN-16-8."""
    assert round(trained(cifar(name, **hparams)) / 1e6, 1) == expected


def test_densenet_has_the_weights_of_the_paper():
    """Huang et al. 2017, table 2: 1.0 million for L = 40, k = 12; layer by layer 1,019,722."""
    assert trained(cifar("densenet40_12")) == 1_019_722


def test_vit_has_the_weights_of_deit_ti():
    """5,717,416 of `deit_tiny_patch16_224` in timm, 5.7 million in the paper, less a class token beside its position."""
    model = create_model("vit_tiny", input_shape=(224, 224, 3), num_outputs=1000, patch=16)
    assert trained(model) == 5_717_416 - 192
    attention = kinds(model, "MultiHeadAttention")
    assert [(one.num_heads, one.key_dim) for one in attention] == [(3, 64)] * 12


@pytest.mark.parametrize(
    ("shape", "outputs", "hparams", "millions"),
    [((32, 32, 3), 10, {"patch": 1, "kernel": 9}, 0.7), ((224, 224, 3), 1000, {"width": 768, "depth": 32, "patch": 7, "kernel": 7}, 21.1)],
)
def test_convmixers_have_the_weights_of_the_paper(shape, outputs, hparams, millions):
    """Trockman & Kolter 2022: 0.7 million of ConvMixer-256/8 for CIFAR-10, 21.1 of ConvMixer-768/32."""
    model = create_model("convmixer", input_shape=shape, num_outputs=outputs, **hparams)
    assert round(trained(model) / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("name", "published", "biases"),
    [("vgg11_small", 9_220_480, 2_752), ("vgg13_small", 9_404_992, 2_944), ("vgg16_small", 14_714_688, 4_224)],
)
def test_vgg_has_the_convolutions_of_the_paper(name, published, biases):
    """torchvision's 132,863,336 and 133,047,848 less the dense layers' 123,642,856, Keras's own of VGG16; ours have no biases."""
    convolutions = kinds(cifar(name), "Conv2D")
    assert sum(one.count_params() for one in convolutions) == published - biases
    assert sum(one.filters for one in convolutions) == biases


def test_mobilenet_is_that_of_keras_half_as_wide():
    own = create_model("mobilenet_small", input_shape=(32, 32, 3), num_outputs=0)
    assert (
        own.count_params()
        == keras.applications.MobileNet(input_shape=(32, 32, 3), alpha=0.5, include_top=False, weights=None).count_params()
    )


def test_inceptions_are_those_of_googlenet():
    """The nine have 5,849,136 of the 6,998,552 weights of the published network, whose convolutions have biases."""
    own = kinds(cifar("inception_small", width=64), "Conv2D")[2:]
    assert len(own) == 9 * 6
    assert sum(one.count_params() + one.filters for one in own) == 5_849_136


def test_alexnet_has_the_maps_of_one_half():
    assert [one.filters for one in kinds(cifar("alexnet_small"), "Conv2D")] == [48, 128, 192, 192, 128]


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 3, 3), (5, 19, 2)])
@pytest.mark.parametrize("name", SMALL)
def test_any_size_has_a_finite_answer(name, size):
    model = create_model(name, input_shape=size, num_outputs=4, **SMALL[name])
    assert np.isfinite(model(np.full((1, *size), 200, "float32"), training=False)).all()


@pytest.mark.parametrize(("name", "places"), [("vit_tiny", 9 * 5), ("convmixer", 17 * 9)])
def test_patches_cover_what_does_not_come_out_even(name, places):
    """33x18 pixels: the last pixel of each side has a say."""
    model = create_model(name, input_shape=(33, 18, 3), num_outputs=2, **SMALL[name])
    patches = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    assert np.prod(patches.output.shape[1:3]) == places
    image = np.full((1, 33, 18, 3), 90, "float32")
    for corner in ((32, 17), (0, 17), (32, 0)):
        changed = image.copy()
        changed[0, *corner] = 250
        assert np.abs(np.asarray(model(changed)) - np.asarray(model(image))).max() > 1e-5


def test_the_class_token_sees_every_patch_and_where_it_stands():
    model = create_model("vit_tiny", input_shape=(8, 8, 1), num_outputs=3, **SMALL["vit_tiny"])
    image = np.random.default_rng(1).uniform(0, 255, (1, 8, 8, 1)).astype("float32")
    swapped = np.concatenate([image[:, 4:], image[:, :4]], axis=1)
    assert np.abs(np.asarray(model(image)) - np.asarray(model(swapped))).max() > 1e-5
    model.get_layer("positions").set_weights([np.zeros((5, 12), "float32")])
    np.testing.assert_allclose(model(image), model(swapped), atol=1e-5)  # without positions the order is nothing


def test_dropout_of_a_wide_block_stands_between_its_convolutions():
    model = cifar("wide_resnet16_4", widen=1, dropout=0.3)
    dropouts = kinds(model, "Dropout")
    assert len(dropouts) == 6
    for one in dropouts:
        (taken,) = one._inbound_nodes[0].input_tensors
        (given,) = one._outbound_nodes
        assert (type(taken._keras_history.operation).__name__, type(given.operation).__name__) == ("ReLU", "Conv2D")
    assert len(kinds(model, "Conv2D")) == 1 + 6 * 2 + 2  # k = 1: the first stage needs no convolution on its shortcut


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ZooError, match=r"width = 100 does not divide among 3 heads"):
        cifar("vit_tiny", width=100)


@pytest.mark.long
def test_an_alexnet_learns_the_digits(tmp_path: Path):
    experiment = tmp_path / "digits_alexnet.yaml"
    experiment.write_text(
        "dataset: digits\n"
        "model: {name: alexnet_small, width: 4, hidden: 64, dropout: 0.2}\n"
        "train: {epochs: 4, batch_size: 64, optimizer: {name: adamw, learning_rate: 3.0e-3},"
        " schedule: {name: cosine, warmup: 0.1}, early_stopping: null}\n"
        "export: {formats: [saved_model]}\n"
    )
    metrics = zoo.run(experiment, runs=tmp_path / "runs", bundles=tmp_path / "bundles").metrics
    assert metrics["baseline"]["test"]["accuracy"] < 0.15
    assert metrics["test"]["accuracy"] > 0.8
