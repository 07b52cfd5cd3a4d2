"""NASNet: cells that a search found."""

from __future__ import annotations

from typing import Literal

import keras
from keras import Model

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs
from zoo.layers.backbone import Head, Maps, Side, answer_of, application, at_least, backbone, normalised, pixels
from zoo.layers.pretrained import pretrained
from zoo.registry import register_model


@register_model("nasnet_large", example={"input_shape": (331, 331, 3), "num_outputs": 1000}, hparams={"variant": "NASNetLarge"})
@register_model(
    "nasnet_mobile",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1707.07012",
    example={"input_shape": (224, 224, 3), "num_outputs": 1000},
    hparams={"variant": "NASNetMobile"},
    space={"dropout": [0.0, 0.2, 0.5]},
    check=at_least(32),
    pretrained=pretrained,
)
def nasnet(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    variant: Literal["NASNetMobile", "NASNetLarge"],
    head: Head = None,
    dropout: Fraction = 0.0,
    resize: Side = None,
    feature_maps: Maps = (),
) -> keras.Model:
    """NASNet-A (Zoph et al. 2018, https://arxiv.org/abs/1707.07012).

        image -> 3x3 conv, halved -> 2 reduction cells -> [N normal cells -> reduction cell] x 2 -> N normal cells
              -> mean -> dropout? -> logits

    The network is that of keras.applications. Unlike the paper, no path is dropped in training and there is no classifier beside
    the main one. The usual image of `nasnet_large` is 331x331.

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
    x = normalised(x, "tf")
    x = backbone(application(variant, x.shape[1:]), x, feature_maps)
    return Model(image, x if feature_maps else answer_of(x, num_outputs, dropout))
