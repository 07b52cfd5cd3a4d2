"""MobileNets: convolutions split in two, for small devices."""

from __future__ import annotations

from typing import Literal

import keras
from keras import Model, layers
from pydantic import PositiveFloat

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs
from zoo.layers.backbone import Head, Maps, Side, answer_of, application, at_least, backbone, is_paper, normalised, pixels
from zoo.layers.pretrained import pretrained
from zoo.registry import register_model

V2 = "https://arxiv.org/abs/1801.04381"
LAST = {"MobileNetV3Small": 1024, "MobileNetV3Large": 1280}  # width of the last layer before the classes


@register_model("mobilenet_v2_035", paper=V2, hparams={"variant": "MobileNetV2", "alpha": 0.35})
@register_model("mobilenet_v2", paper=V2, hparams={"variant": "MobileNetV2", "dropout": 0.0})
@register_model(
    "mobilenet",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1704.04861",
    example={"input_shape": (224, 224, 3), "num_outputs": 1000},
    hparams={"variant": "MobileNet", "dropout": 0.001},
    space={"alpha": [0.35, 0.5, 0.75, 1.0], "dropout": [0.0, 0.2, 0.5]},
    check=at_least(32),
    pretrained=pretrained,
)
def mobilenet(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    variant: Literal["MobileNet", "MobileNetV2"],
    alpha: PositiveFloat = 1.0,
    head: Head = None,
    dropout: Fraction = 0.0,
    resize: Side = None,
    feature_maps: Maps = (),
) -> keras.Model:
    """MobileNet (Howard et al. 2017, https://arxiv.org/abs/1704.04861; v2: Sandler et al. 2018, https://arxiv.org/abs/1801.04381).

        v1: image -> 3x3 conv, 32, halved -> 13 of [depthwise 3x3 -> 1x1] -> mean -> dropout -> logits
        v2: image -> 3x3 conv, 32, halved -> 17 of [1x1, 6 times as wide -> depthwise 3x3 -> 1x1, added] -> 1x1, 1280 -> mean -> logits

    The networks are those of keras.applications. Unlike theirs, v1's last convolution, over one place, is the dense layer that it
    equals.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; at least 32x32, usually 224x224.
        num_outputs: logits or values; 0 gives the features.
        variant: the name in keras.applications.
        alpha: how many times as wide all layers are. ImageNet weights: v1 0.25, 0.5, 0.75, 1; v2 0.35, 0.5, 0.75, 1, 1.3, 1.4.
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
    x = normalised(x, "tf")
    x = backbone(application(variant, x.shape[1:], alpha=alpha), x, feature_maps)
    return Model(image, x if feature_maps else answer_of(x, num_outputs, dropout))


@register_model("mobilenet_v3_large", hparams={"variant": "MobileNetV3Large"})
@register_model(
    "mobilenet_v3_small",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1905.02244",
    example={"input_shape": (224, 224, 3), "num_outputs": 1000},
    hparams={"variant": "MobileNetV3Small"},
    space={"alpha": [0.75, 1.0], "head": ["pooled", "paper"], "dropout": [0.0, 0.2, 0.5]},
    check=at_least(32),
    pretrained=pretrained,
)
def mobilenet_v3(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    variant: Literal["MobileNetV3Small", "MobileNetV3Large"],
    alpha: PositiveFloat = 1.0,
    head: Head = None,
    dropout: Fraction = 0.2,
    resize: Side = None,
    feature_maps: Maps = (),
) -> keras.Model:
    """MobileNet v3 (Howard et al. 2019, https://arxiv.org/abs/1905.02244).

        image -> 3x3 conv, 16, halved -> blocks of [1x1 -> depthwise -> squeeze and excite -> 1x1, added] -> 1x1 conv -> mean
              -> dense, hard swish? -> dropout -> logits

    The network is that of keras.applications. Unlike the paper, the dense layer before the logits is left out unless there are
    1,000 outputs or `head` asks for it; the paper and Keras write it as a convolution over one place, which is the same.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; at least 32x32, usually 224x224.
        num_outputs: logits or values; 0 gives the features.
        variant: the name in keras.applications.
        alpha: how many times as wide all layers are. There are ImageNet weights of 0.75 and 1.
        head: `pooled`, the mean of the last maps, or `paper`, a dense layer over it; None is paper for 1,000 outputs.
        dropout: fraction of the features that is dropped in training.
        resize: side to which images are brought inside; None takes them as they are.
        feature_maps: give these maps in place of an answer: `P2` to `P5` (strides 4 to 32), or layers of the network by name.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), or a dict of feature maps; float32.

    Raises:
        ZooError: the image is too small, or the network has no such map.
    """
    image, x = pixels(input_shape, resize)
    x = normalised(x, "tf")
    x = backbone(application(variant, x.shape[1:], alpha=alpha, include_preprocessing=False), x, feature_maps)
    if feature_maps:
        return Model(image, x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    if is_paper(head, num_outputs):
        x = layers.Dense(widened(LAST[variant], alpha), "hard_swish", name="last_dense")(x)
    return Model(image, answer_of(x, num_outputs, dropout))


def widened(width: int, alpha: float) -> int:
    """More for a wider network, never less; a multiple of 8."""
    return int(width * max(alpha, 1.0) + 4) // 8 * 8
