"""EfficientNets: depth, width and image size grow together."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import Model, layers, ops

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs
from zoo.layers.backbone import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Head,
    Maps,
    Side,
    answer_of,
    application,
    at_least,
    backbone,
    by_channel,
    normalised,
    pixels,
)
from zoo.layers.pretrained import pretrained
from zoo.registry import register_model

# name: (variant in keras.applications, side of the image, dropout)
V1 = {
    "efficientnet_b1": ("EfficientNetB1", 240, 0.2),
    "efficientnet_b2": ("EfficientNetB2", 260, 0.3),
    "efficientnet_b3": ("EfficientNetB3", 300, 0.3),
    "efficientnet_b4": ("EfficientNetB4", 380, 0.4),
    "efficientnet_b5": ("EfficientNetB5", 456, 0.4),
    "efficientnet_b6": ("EfficientNetB6", 528, 0.5),
    "efficientnet_b7": ("EfficientNetB7", 600, 0.5),
}
V2 = {
    "efficientnet_v2_b1": ("EfficientNetV2B1", 240, 0.2),
    "efficientnet_v2_b2": ("EfficientNetV2B2", 260, 0.2),
    "efficientnet_v2_b3": ("EfficientNetV2B3", 300, 0.2),
    "efficientnet_v2_s": ("EfficientNetV2S", 384, 0.2),
    "efficientnet_v2_m": ("EfficientNetV2M", 480, 0.2),
    "efficientnet_v2_l": ("EfficientNetV2L", 480, 0.2),
}


def pretrained_v1(model: keras.Model, weights: str, facts: Any, hparams: Any) -> bool:
    """As other families, but Keras's own files hold the deviation of the colours where their variance belongs."""
    done = pretrained(model, weights, facts, hparams)
    if done:
        model.get_layer("backbone").get_layer("normalization").take_deviation_for_variance()
    return done


@register_model(
    "efficientnet_b0",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1905.11946",
    example={"input_shape": (224, 224, 3), "num_outputs": 1000},
    hparams={"variant": "EfficientNetB0"},
    space={"dropout": [0.0, 0.2, 0.3, 0.4, 0.5]},
    check=at_least(32),
    pretrained=pretrained_v1,
)
def efficientnet(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    variant: Literal[
        "EfficientNetB0",
        "EfficientNetB1",
        "EfficientNetB2",
        "EfficientNetB3",
        "EfficientNetB4",
        "EfficientNetB5",
        "EfficientNetB6",
        "EfficientNetB7",
    ],
    head: Head = None,
    dropout: Fraction = 0.2,
    resize: Side = None,
    feature_maps: Maps = (),
) -> keras.Model:
    """EfficientNet (Tan & Le 2019, https://arxiv.org/abs/1905.11946).

        image -> 3x3 conv, halved -> 7 stages of [1x1 -> depthwise -> squeeze and excite -> 1x1, added] -> 1x1 conv
              -> mean -> dropout -> logits

    The network is that of keras.applications, as in the paper. Unlike Keras's, it standardises by the colours of ImageNet without
    pretrained weights too.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; at least 32x32, usually 224x224.
        num_outputs: logits or values; 0 gives the features.
        variant: the name in keras.applications.
        head: `pooled` and `paper` are the same here: the mean of the last maps.
        dropout: fraction of the features that is dropped in training.
        resize: side to which images are brought inside; None takes them as they are.
        feature_maps: give these maps in place of an answer: `P2` to `P5` (strides 4 to 32), or layers of the network by name.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), or a dict of feature maps; float32.

    Raises:
        ZooError: the image is too small, or the network has no such map.
    """
    image, x = pixels(input_shape, resize)
    network = keras.models.clone_model(application(variant, x.shape[1:]), clone_function=standardising)
    x = backbone(network, x, feature_maps)
    return Model(image, x if feature_maps else answer_of(x, num_outputs, dropout))


@register_model(
    "efficientnet_v2_b0",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/2104.00298",
    example={"input_shape": (224, 224, 3), "num_outputs": 1000},
    hparams={"variant": "EfficientNetV2B0"},
    space={"dropout": [0.0, 0.2, 0.5]},
    check=at_least(32),
    pretrained=pretrained,
)
def efficientnet_v2(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    variant: Literal[
        "EfficientNetV2B0",
        "EfficientNetV2B1",
        "EfficientNetV2B2",
        "EfficientNetV2B3",
        "EfficientNetV2S",
        "EfficientNetV2M",
        "EfficientNetV2L",
    ],
    head: Head = None,
    dropout: Fraction = 0.2,
    resize: Side = None,
    feature_maps: Maps = (),
) -> keras.Model:
    """EfficientNet v2 (Tan & Le 2021, https://arxiv.org/abs/2104.00298).

        image -> 3x3 conv, halved -> stages of [3x3 -> 1x1, added], then of [1x1 -> depthwise -> squeeze and excite -> 1x1, added]
              -> 1x1 conv, 1280 -> mean -> dropout -> logits

    The network is that of keras.applications, as in the paper.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; at least 32x32, usually 224x224.
        num_outputs: logits or values; 0 gives the features.
        variant: the name in keras.applications.
        head: `pooled` and `paper` are the same here: the mean of the last maps.
        dropout: fraction of the features that is dropped in training.
        resize: side to which images are brought inside; None takes them as they are.
        feature_maps: give these maps in place of an answer: `P2` to `P5` (strides 4 to 32), or layers of the network by name.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), or a dict of feature maps; float32.

    Raises:
        ZooError: the image is too small, or the network has no such map.
    """
    image, x = pixels(input_shape, resize)
    x = normalised(x, "torch" if "V2B" in variant else "tf_128")
    x = backbone(application(variant, x.shape[1:], include_preprocessing=False), x, feature_maps)
    return Model(image, x if feature_maps else answer_of(x, num_outputs, dropout))


for family, variants in ((efficientnet, V1), (efficientnet_v2, V2)):
    for name, (called, side, rate) in variants.items():
        example = {"input_shape": (side, side, 3), "num_outputs": 1000}
        register_model(name, example=example, hparams={"variant": called, "dropout": rate})(family)


@keras.saving.register_keras_serializable("zoo")
class Standardization(layers.Layer):
    """`(x - mean) / sqrt(variance)` by channel, of statistics that are weights and never trained.

    Keras's Normalization keeps a copy of its weights, which `set_weights` does not reach, and its ONNX file wants them as inputs.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = input_shape[-1]
        assert channels is not None
        mean, std = by_channel(IMAGENET_MEAN, channels), by_channel(IMAGENET_STD, channels)
        self.mean = self._statistic("mean", mean)
        self.variance = self._statistic("variance", [one**2 for one in std])
        self.count = self._statistic("count", [0.0])  # of examples seen, in Keras's files

    def _statistic(self, name: str, values: list[float]) -> Any:
        shape = () if name == "count" else (len(values),)
        start = keras.initializers.Constant(ops.reshape(ops.convert_to_tensor(values, "float32"), shape))
        return self.add_weight(name=name, shape=shape, initializer=start, trainable=False)

    def call(self, x: Any) -> Any:
        return (x - ops.cast(self.mean, x.dtype)) / ops.cast(ops.maximum(ops.sqrt(ops.maximum(self.variance, 0.0)), 1e-7), x.dtype)

    def take_deviation_for_variance(self) -> None:
        """Mends Keras's own files, for which Keras puts a second division into the network that it builds for them."""
        if (
            self.variance.shape == (3,)
            and keras.ops.convert_to_numpy(abs(self.variance - ops.convert_to_tensor(IMAGENET_STD))).max() < 1e-3
        ):
            self.variance.assign(self.variance**2)


def standardising(layer: Any) -> Any:
    """The same layer, but the one that normalises."""
    if isinstance(layer, layers.Normalization):
        return Standardization(name=layer.name, dtype="float32")
    return layer.__class__.from_config(layer.get_config())
