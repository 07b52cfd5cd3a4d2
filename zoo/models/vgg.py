"""VGG: small convolutions, one after the other."""

from __future__ import annotations

from typing import Literal

import keras
from keras import Model, layers

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs
from zoo.layers.backbone import Head, Maps, Side, answer_of, application, at_least, backbone, is_paper, normalised, pixels
from zoo.layers.pretrained import pretrained
from zoo.registry import register_model


@register_model("vgg19", hparams={"variant": "VGG19"})
@register_model(
    "vgg16",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1409.1556",
    example={"input_shape": (224, 224, 3), "num_outputs": 1000},
    hparams={"variant": "VGG16"},
    space={"head": ["pooled", "paper"], "dropout": [0.0, 0.2, 0.5]},
    check=at_least(32),
    pretrained=pretrained,
)
def vgg(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    variant: Literal["VGG16", "VGG19"],
    head: Head = None,
    dropout: Fraction = 0.0,
    resize: Side = None,
    feature_maps: Maps = (),
) -> keras.Model:
    """VGG of 16 or 19 layers (Simonyan & Zisserman 2015, https://arxiv.org/abs/1409.1556).

        image -> [3x3 conv x 2 to 4 -> max pool] x 5, 64 to 512 wide -> mean, or two dense layers of 4,096 -> dropout? -> logits

    The network is that of keras.applications. Unlike the paper, the mean of the last maps takes the place of the two dense layers
    unless there are 1,000 outputs, and nothing is dropped unless asked for.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; at least 32x32, usually 224x224.
        num_outputs: logits or values; 0 gives the features.
        variant: the name in keras.applications.
        head: `pooled`, the mean of the last maps, or `paper`, two dense layers of 4,096; None is paper for 1,000 outputs.
        dropout: fraction of the features that is dropped in training.
        resize: side to which images are brought inside; None takes them as they are.
        feature_maps: give these maps in place of an answer: `P2` to `P5` (strides 4 to 32), or layers of the network by name.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), or a dict of feature maps; float32.

    Raises:
        ZooError: the image is too small, or the network has no such map.
    """
    image, x = pixels(input_shape, resize)
    x = normalised(x, "caffe")
    x = backbone(application(variant, x.shape[1:]), x, feature_maps)
    if feature_maps:
        return Model(image, x)
    if is_paper(head, num_outputs):
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(4096, "relu", name="fc1")(x)
        x = layers.Dense(4096, "relu", name="fc2")(x)
    return Model(image, answer_of(x, num_outputs, dropout))
