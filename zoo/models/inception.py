"""Inception: filters of several sizes side by side."""

from __future__ import annotations

from functools import partial

import keras
from keras import Model

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs
from zoo.layers.backbone import Head, Maps, Side, answer_of, application, at_least, backbone, normalised, pixels
from zoo.layers.pretrained import pretrained
from zoo.registry import register_model


@register_model(
    "inception_v3",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1512.00567",
    example={"input_shape": (299, 299, 3), "num_outputs": 1000},
    space={"dropout": [0.0, 0.2, 0.5]},
    check=at_least(75, "InceptionV3"),
    pretrained=partial(pretrained, variant="InceptionV3"),
)
def inception_v3(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    head: Head = None,
    dropout: Fraction = 0.0,
    resize: Side = None,
    feature_maps: Maps = (),
) -> keras.Model:
    """Inception v3 (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567).

        image -> 3x3 convs -> 11 modules of branches (1x1, 3x3, 5x5 or 1x7 + 7x1, pool), joined -> mean -> dropout? -> logits

    The network is that of keras.applications. Unlike the paper, there is no classifier beside the main one, and nothing is dropped
    before the logits unless asked for.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; at least 75x75, usually 299x299.
        num_outputs: logits or values; 0 gives the features.
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
    x = backbone(application("InceptionV3", x.shape[1:]), x, feature_maps)
    return Model(image, x if feature_maps else answer_of(x, num_outputs, dropout))
