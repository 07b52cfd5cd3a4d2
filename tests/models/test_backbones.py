"""Backbones: the outputs and the sizes of keras.applications, feature maps, and ImageNet weights found, checked or refused."""

from __future__ import annotations

import hashlib
import json
import math
import os
import socket
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from zoo import ZooError, create_model, registry
from zoo.layers import backbone as shared
from zoo.layers.pretrained import hand_over
from zoo.registry import weights as files

PARAMS = {  # of 1,000 outputs, as `count_params()` of Keras 3.15's own constructors says; its documentation rounds them to 0.1 million
    "vgg16": ("VGG16", 138_357_544),
    "vgg19": ("VGG19", 143_667_240),
    "resnet50": ("ResNet50", 25_636_712),
    "resnet101": ("ResNet101", 44_707_176),
    "resnet152": ("ResNet152", 60_419_944),
    "resnet50_v2": ("ResNet50V2", 25_613_800),
    "resnet101_v2": ("ResNet101V2", 44_675_560),
    "resnet152_v2": ("ResNet152V2", 60_380_648),
    "inception_v3": ("InceptionV3", 23_851_784),
    "inception_resnet_v2": ("InceptionResNetV2", 55_873_736),
    "xception": ("Xception", 22_910_480),
    "mobilenet": ("MobileNet", 4_253_864),
    "mobilenet_v2": ("MobileNetV2", 3_538_984),
    "mobilenet_v2_035": ("MobileNetV2", 1_691_208),  # 0.35 as wide
    "mobilenet_v3_small": ("MobileNetV3Small", 2_554_968),
    "mobilenet_v3_large": ("MobileNetV3Large", 5_507_432),
    "densenet121": ("DenseNet121", 8_062_504),
    "densenet169": ("DenseNet169", 14_307_880),
    "densenet201": ("DenseNet201", 20_242_984),
    "nasnet_mobile": ("NASNetMobile", 5_326_716),
    "nasnet_large": ("NASNetLarge", 88_949_818),
    "efficientnet_b0": ("EfficientNetB0", 5_330_571),
    "efficientnet_b1": ("EfficientNetB1", 7_856_239),
    "efficientnet_b2": ("EfficientNetB2", 9_177_569),
    "efficientnet_b3": ("EfficientNetB3", 12_320_535),
    "efficientnet_b4": ("EfficientNetB4", 19_466_823),
    "efficientnet_b5": ("EfficientNetB5", 30_562_527),
    "efficientnet_b6": ("EfficientNetB6", 43_265_143),
    "efficientnet_b7": ("EfficientNetB7", 66_658_687),
    "efficientnet_v2_b0": ("EfficientNetV2B0", 7_200_312),
    "efficientnet_v2_b1": ("EfficientNetV2B1", 8_212_124),
    "efficientnet_v2_b2": ("EfficientNetV2B2", 10_178_374),
    "efficientnet_v2_b3": ("EfficientNetV2B3", 14_467_622),
    "efficientnet_v2_s": ("EfficientNetV2S", 21_612_360),
    "efficientnet_v2_m": ("EfficientNetV2M", 54_431_388),
    "efficientnet_v2_l": ("EfficientNetV2L", 119_027_848),
    "convnext_tiny": ("ConvNeXtTiny", 28_589_128),
    "convnext_small": ("ConvNeXtSmall", 50_223_688),
    "convnext_base": ("ConvNeXtBase", 88_591_464),
    "convnext_large": ("ConvNeXtLarge", 197_767_336),
    "convnext_xlarge": ("ConvNeXtXLarge", 350_196_968),
}
REPRESENTATIVES = {  # name: (module of its preprocess_input, side of the image)
    "vgg16": ("vgg16", 40),
    "resnet50": ("resnet", 40),
    "resnet50_v2": ("resnet_v2", 40),
    "inception_v3": ("inception_v3", 80),
    "inception_resnet_v2": ("inception_resnet_v2", 80),
    "xception": ("xception", 75),
    "mobilenet": ("mobilenet", 40),
    "mobilenet_v2_035": ("mobilenet_v2", 40),
    "mobilenet_v3_small": ("mobilenet_v3", 40),
    "densenet121": ("densenet", 40),
    "nasnet_mobile": ("nasnet", 40),
    "efficientnet_b0": ("efficientnet", 40),
    "efficientnet_v2_b0": ("efficientnet_v2", 40),
    "convnext_tiny": ("convnext", 40),
}
LARGE = ("inception_resnet_v2", "nasnet_mobile")  # of so many layers that they are compared by `make long` only
LAST_AT = {  # the last layer at strides 4, 8, 16, 32
    "vgg16": ("block3_conv3", "block4_conv3", "block5_conv3", "block5_pool"),
    "resnet50": ("conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"),
    "mobilenet_v2_035": ("block_3_expand_relu", "block_6_expand_relu", "block_13_expand_relu", "out_relu"),
    "densenet121": ("pool2_conv", "pool3_conv", "pool4_conv", "relu"),
}
SMALL = {"input_shape": (32, 32, 3), "num_outputs": 3}
VALID = ("inception_v3", "inception_resnet_v2", "xception")  # without padding a map is smaller than the image over its stride


def theirs(name, side, top, **more):
    """The network of keras.applications, logits out."""
    width = registry.entry(name).hparams.get("alpha", 1.0)
    options = {"alpha": width} if width != 1.0 else {}
    options |= {"classifier_activation": None} if top else {"pooling": "avg"}
    return shared.application(PARAMS[name][0], (side, side, 3), include_top=top, **options, **more)


def calibrate(network, inputs):
    """Normalisation by what comes, so that even untrained weights carry an image to the end."""
    norms = [one for one in network._flatten_layers(include_self=False) if isinstance(one, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    if norms:
        network(inputs, training=True)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.long] * (name in LARGE)) for name in REPRESENTATIVES])
def test_with_the_same_weights_it_gives_the_outputs_of_keras(name):
    module, side = REPRESENTATIVES[name]
    network, model = theirs(name, side, top=True), create_model(name, input_shape=(side, side, 3), num_outputs=1000)
    if name == "efficientnet_b0":  # its statistics are weights, of which Keras's layer keeps a copy
        ours = model.get_layer("backbone").get_layer("normalization")
        network.get_layer("normalization").set_weights(ours.get_weights())
        network.get_layer("normalization").finalize_state()
    images = np.random.default_rng(1).uniform(0, 255, (16, side, side, 3)).astype("float32")
    inputs = getattr(keras.applications, module).preprocess_input(images.copy())
    calibrate(network, inputs)
    hand_over(network, model)
    wanted = np.asarray(network(inputs, training=False))
    given = np.asarray(model(images, training=False))
    np.testing.assert_allclose(given, wanted, atol=2e-3 * np.abs(wanted).max(), rtol=0)
    assert np.abs(wanted[0] - wanted[1]).max() > 0.05 * np.abs(wanted).max()  # weights that see the image
    if name != "vgg16":  # whose dense layers grow with the image
        assert model.count_params() == PARAMS[name][1]


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_feature_maps_are_at_their_strides(name):
    side = 96 if name in VALID else 70
    model = create_model(name, input_shape=(side, side, 3), num_outputs=0, feature_maps=["P2", "P3", "P4", "P5"])
    shapes = {key: tuple(one.shape) for key, one in model.output.items()}
    assert list(shapes) == ["P2", "P3", "P4", "P5"]
    for place, (key, shape) in enumerate(shapes.items()):
        exact = math.ceil(side / 2 ** (place + 2))
        assert shape[1] == shape[2]
        assert exact - (4 if name in VALID else 1) <= shape[1] <= exact, key
        assert np.issubdtype(np.float32, model.output[key].dtype)
    assert [shape[1] for shape in shapes.values()] == sorted({shape[1] for shape in shapes.values()}, reverse=True)
    if name in LAST_AT:
        inside = {layer.name for layer in model.get_layer("backbone").layers}
        assert set(LAST_AT[name]) <= inside
        assert tuple(one._keras_history.operation.name for one in model.get_layer("backbone").outputs) == LAST_AT[name]


def test_a_layer_is_a_feature_map_by_its_name(tmp_path):
    facts = {"input_shape": (64, 64, 3), "num_outputs": 0}
    keras.utils.set_random_seed(2)
    whole = create_model("mobilenet_v2_035", **facts)
    model = create_model("mobilenet_v2_035", **facts, feature_maps=("block_2_add", "P5"))
    for layer in model.get_layer("backbone").layers:
        layer.set_weights(whole.get_layer("backbone").get_layer(layer.name).get_weights())
    images = np.random.default_rng(3).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    maps = model(images, training=False)
    assert maps["block_2_add"].shape == (2, 16, 16, 8)
    np.testing.assert_allclose(np.mean(maps["P5"], axis=(1, 2)), whole(images, training=False), rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "maps.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "maps.keras")(images, training=False)["P5"], maps["P5"])
    with pytest.raises(ZooError, match=r"no feature map 'block_2_ad'\n.*did you mean: .*block_2_add"):
        create_model("mobilenet_v2_035", **facts, feature_maps=["block_2_ad"])
    with pytest.raises(ZooError, match=r"in place of an answer\n.*num_outputs=0"):
        create_model("mobilenet_v2_035", input_shape=(64, 64, 3), num_outputs=3, feature_maps=["P3"])


def test_layers_are_named_alike_however_much_was_built_before():
    names = [[layer.name for layer in shared.application("Xception", (71, 71, 3)).layers] for _ in range(2)]
    assert names[0] == names[1]
    assert "conv2d" in names[0]


@pytest.mark.parametrize(("name", "least"), [("vgg16", 32), ("xception", 71), ("inception_v3", 75), ("mobilenet_v3_small", 32)])
def test_an_image_that_is_too_small_is_enlarged_if_asked(name, least):
    with pytest.raises(ZooError, match=rf"at least {least}x{least} pixels, not 28x{least - 1}\n.*resize: \d+ enlarges"):
        create_model(name, input_shape=(28, least - 1, 1), num_outputs=3)
    with pytest.raises(ZooError, match=rf"at least {least}x{least} pixels, not 16x16\n.*resize: {least}"):
        create_model(name, input_shape=(28, 28, 1), num_outputs=3, resize=16)
    with pytest.raises(ZooError, match=r"resize = 0: .*greater than 0"):
        create_model(name, input_shape=(28, 28, 1), num_outputs=3, resize=0)
    model = create_model(name, input_shape=(28, 20, 1), num_outputs=3, resize=least)
    assert model.get_layer("backbone").input_shape == (None, least, least, 3)
    assert np.isfinite(model(np.full((1, 28, 20, 1), 99.0, "float32"))).all()


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "efficientnet_b0", "mobilenet", "convnext_tiny"])
@pytest.mark.parametrize("channels", [2, 4])
def test_any_number_of_channels_is_taken(name, channels):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = create_model(name, input_shape=(32, 37, channels), num_outputs=2)
    assert np.isfinite(model(np.full((1, 32, 37, channels), 99.0, "float32"))).all()


def test_one_channel_is_the_colour_gray():
    gray, colour = (create_model("mobilenet_v2_035", input_shape=(48, 40, channels), num_outputs=3) for channels in (1, 3))
    gray.set_weights(colour.get_weights())
    images = np.random.default_rng(4).uniform(0, 255, (2, 48, 40, 1)).astype("float32")
    np.testing.assert_array_equal(gray(images), colour(np.repeat(images, 3, axis=3)))


def test_the_paper_s_head_is_the_default_of_a_thousand_outputs():
    def count(outputs, **more):
        return create_model("mobilenet_v3_small", input_shape=(32, 32, 3), num_outputs=outputs, **more).count_params()

    assert count(1000) == count(1000, head="paper") == PARAMS["mobilenet_v3_small"][1]
    assert count(10) == count(10, head="pooled") == count(0) + 576 * 10 + 10
    assert count(10, head="paper") == count(0, head="paper") + 1024 * 10 + 10
    assert count(0, head="paper") == count(0) + 576 * 1024 + 1024


# Weights


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A manifest of the test's own, an empty ZOO_DATA_DIR, no folder of Keras, and no network."""
    monkeypatch.setattr(files, "MANIFEST", tmp_path / "weights.json")
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(socket, "create_connection", lambda *given, **more: (_ for _ in ()).throw(OSError("Network is unreachable")))
    (tmp_path / "data" / "deep").mkdir(parents=True)

    def put(network, name, architecture, **more):
        path = tmp_path / "data" / "deep" / name
        if path.name.endswith(".weights.h5"):
            network.save_weights(path)
        else:
            legacy(network, path)
        one = {"architecture": architecture, "file": name, "top": False, "size": 224, **more}
        one.setdefault("sha256", hashlib.sha256(path.read_bytes()).hexdigest())
        files.MANIFEST.write_text(json.dumps({"format": 1, "files": [one]}))
        return path

    return put


def legacy(network, path):
    """A file of weights as Keras 2 wrote them, and keras.applications serves them."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        for layer in network.layers:
            group = file.create_group(layer.name)
            weights = [*layer.trainable_weights, *layer.non_trainable_weights]
            group.attrs["weight_names"] = [weight.path.encode() for weight in weights]
            for weight in weights:
                group.create_dataset(weight.path, data=np.asarray(weight))


@pytest.mark.parametrize(
    ("name", "architecture", "file", "top"),
    [
        ("mobilenet_v2_035", "MobileNetV2", "net.weights.h5", False),
        ("mobilenet_v2_035", "MobileNetV2", "net.h5", False),
        ("mobilenet", "MobileNet", "net_top.h5", True),
        ("mobilenet_v3_small", "MobileNetV3Small", "net_top.h5", True),
        ("convnext_tiny", "ConvNeXtTiny", "net.h5", False),
        ("efficientnet_b0", "EfficientNetB0", "net.h5", False),
    ],
)
def test_imagenet_weights_are_found_and_give_the_outputs_of_keras(name, architecture, file, top, shelf):
    network = theirs(name, 64, top)
    images = np.random.default_rng(1).uniform(0, 255, (16, 64, 64, 3)).astype("float32")
    inputs = getattr(keras.applications, REPRESENTATIVES[name][0]).preprocess_input(images.copy())
    if name == "efficientnet_b0":  # as Keras's files are: the deviation in place of the variance
        normal = network.get_layer("normalization")
        normal.set_weights([np.array(shared.IMAGENET_MEAN), np.array(shared.IMAGENET_STD), np.array(0)])
        normal.finalize_state()
        # what Keras adds to the network for `weights="imagenet"`
        mean, std = (255 * np.array(one, "float32") for one in (shared.IMAGENET_MEAN, shared.IMAGENET_STD))
        inputs = (inputs - mean) / np.sqrt(std / 255) + mean
    calibrate(network, inputs)
    width = registry.entry(name).hparams.get("alpha")
    path = shelf(network, file, architecture, top=top, **({"width": width} if width else {}))
    model = create_model(name, input_shape=(64, 64, 3), num_outputs=1000 if top else 0, weights="imagenet")
    wanted = np.asarray(network(inputs, training=False))
    np.testing.assert_allclose(model(images, training=False), wanted, atol=2e-3 * np.abs(wanted).max(), rtol=0)
    by_path = create_model(name, input_shape=(64, 64, 1), num_outputs=1000 if top else 3, weights=path)  # one channel, and a new head
    first, second = (one.get_layer("backbone").get_weights() for one in (model, by_path))
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    maps = create_model(name, input_shape=(64, 64, 3), num_outputs=0, feature_maps=["P3"], weights=path)
    taken = {layer.name: layer.get_weights() for layer in model.get_layer("backbone").layers}
    assert any(one.weights for one in maps.get_layer("backbone").layers)
    for layer in (one for one in maps.get_layer("backbone").layers if one.weights):
        assert all(np.array_equal(one, other) for one, other in zip(layer.get_weights(), taken[layer.name], strict=True))


def test_weights_that_are_not_what_the_manifest_says_are_refused(shelf):
    path = shelf(theirs("mobilenet_v2_035", 32, False), "net.weights.h5", "MobileNetV2", width=0.35)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ZooError, match=r"net\.weights\.h5 is not the file that the manifest.*broken off\n.*sha256 \w+\n.*expected \w+"):
        create_model("mobilenet_v2_035", **SMALL, weights="imagenet")
    with pytest.raises(ZooError, match=r"net\.weights\.h5 is no file of Keras, or it is broken off"):
        create_model("mobilenet_v2_035", **SMALL, weights=path)
    path.write_bytes(b"<html>")
    with pytest.raises(ZooError, match="is no file of Keras"):
        create_model("mobilenet_v2_035", **SMALL, weights=path)
    path.unlink()
    with pytest.raises(ZooError, match=r"no weights file .*net\.weights\.h5"):
        create_model("mobilenet_v2_035", **SMALL, weights=path)
    with pytest.raises(ZooError, match=r"knows no weights 'imagenet21k'\n.*imagenet, or the path"):
        create_model("mobilenet_v2_035", **SMALL, weights="imagenet21k")
    with pytest.raises(ZooError, match=r"nobody published ImageNet weights of MobileNetV2 at alpha 0\.4\n.*there are: 0\.35"):
        create_model("mobilenet_v2_035", **SMALL, weights="imagenet", alpha=0.4)


@pytest.mark.parametrize("file", ["net.weights.h5", "net.h5"])
def test_weights_of_another_architecture_are_refused_with_the_first_layer_that_differs(file, shelf):
    path = shelf(theirs("mobilenet_v2_035", 32, False), file, "MobileNet", width=1.0)
    with pytest.raises(ZooError, match=r"'conv1': the model's weights are of \(3, 3, 3, 32\), the file's of \(3, 3, 3, 16\)") as raised:
        create_model("mobilenet", **SMALL, weights="imagenet")
    assert raised.value.exit_code == 2
    assert len(raised.value.details) == 1
    with pytest.raises(ZooError, match=r"'block_1_project': .* of \(1, 1, 48, 16\), the file's of \(1, 1, 48, 8\)"):
        create_model("mobilenet_v2", **SMALL, alpha=0.5, weights=path)
    with pytest.raises(ZooError, match="images of 1 or 3 channels, not 4"):
        create_model("mobilenet_v2_035", input_shape=(32, 32, 4), num_outputs=3, weights=path)


def test_a_file_of_the_whole_model_is_loaded_with_its_head(tmp_path):
    model = create_model("mobilenet_v2_035", **SMALL)
    for name in ("whole.weights.h5", "whole.keras"):
        model.save_weights(tmp_path / name) if name.endswith("h5") else model.save(tmp_path / name)
        again = create_model("mobilenet_v2_035", **SMALL, weights=tmp_path / name)
        np.testing.assert_array_equal(again.get_layer("head").get_weights()[0], model.get_layer("head").get_weights()[0])
        with pytest.raises(ZooError, match=r"'head': the model's weights are of \(1280, 4\), \(4,\), the file's of \(1280, 3\)"):
            create_model("mobilenet_v2_035", input_shape=(32, 32, 3), num_outputs=4, weights=tmp_path / name)


def test_without_network_the_error_says_which_file_to_put_where(shelf, monkeypatch, tmp_path):
    monkeypatch.setattr(files, "MANIFEST", Path(files.__file__).parents[1] / "weights.json")
    with pytest.raises(ZooError) as raised:
        create_model("vgg16", **SMALL, weights="imagenet")
    assert raised.value.what == "cannot fetch the ImageNet weights of VGG16 from storage.googleapis.com: Network is unreachable"
    assert raised.value.details[0].startswith(
        "put vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 (md5 6d6bbae143d832006294945121d1f1fc)"
    )
    assert "ZOO_DATA_DIR" in raised.value.details[1]
    with pytest.raises(ZooError, match=r"put mobilenetv2_0\.35_224_notop_avg\.weights\.h5 \(sha256 \w{64}\) or mobilenet_v2_weights"):
        create_model("mobilenet_v2_035", **SMALL, weights="imagenet")
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(ZooError, match="which is no folder"):
        create_model("vgg16", **SMALL, weights="imagenet")


def test_every_backbone_has_its_files_in_the_manifest():
    known = {(one.architecture, one.width, one.top) for one in files.manifest()}
    for name, (architecture, _) in PARAMS.items():
        assert {(architecture, registry.entry(name).hparams.get("alpha"), top) for top in (True, False)} <= known
    assert all(one.url or one.sha256 for one in files.manifest())


def test_real_weights_know_a_bird_from_a_cat():
    """The real file: its features of a photo are closer to those of the same photo, mirrored, than to another animal's."""
    root = Path(os.environ.get("ZOO_DATA_DIR", "nowhere"), "weights")
    if not (root / "mobilenetv2_0.35_224_notop_avg.weights.h5").is_file():
        pytest.skip("ZOO_DATA_DIR has no weights")
    model = create_model("mobilenet_v2_035", input_shape=(224, 224, 3), num_outputs=0, weights="imagenet")
    photos = [np.asarray(keras.utils.load_img(root / f"{name}.bmp", target_size=(224, 224)), "float32") for name in ("bird", "cat")]
    bird, mirrored, cat = np.asarray(model(np.stack([photos[0], photos[0][:, ::-1], photos[1]]), training=False))

    def likeness(one, other):
        return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))

    assert likeness(bird, mirrored) > likeness(bird, cat) + 0.2


@pytest.mark.parametrize("name", PARAMS)
def test_at_full_size_it_has_keras_s_parameters(name):
    """The catalogue's own test builds each at its example's size and counts."""
    assert registry.entry(name).example["num_outputs"] == 1000
    assert registry.entry(name).params == PARAMS[name][1]
