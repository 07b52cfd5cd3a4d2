"""ConvNeXt: a convolutional network, modernised step by step towards a vision transformer."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import Model, layers, ops

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs
from zoo.layers.backbone import Head, Maps, Side, answer_of, application, at_least, backbone, normalised, pixels
from zoo.layers.pretrained import pretrained
from zoo.registry import register_model


@register_model("convnext_xlarge", hparams={"variant": "ConvNeXtXLarge"})
@register_model("convnext_large", hparams={"variant": "ConvNeXtLarge"})
@register_model("convnext_base", hparams={"variant": "ConvNeXtBase"})
@register_model("convnext_small", hparams={"variant": "ConvNeXtSmall"})
@register_model(
    "convnext_tiny",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/2201.03545",
    example={"input_shape": (224, 224, 3), "num_outputs": 1000},
    hparams={"variant": "ConvNeXtTiny"},
    space={"dropout": [0.0, 0.2, 0.5]},
    check=at_least(32),
    pretrained=pretrained,
)
def convnext(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    variant: Literal["ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge"],
    head: Head = None,
    dropout: Fraction = 0.0,
    resize: Side = None,
    feature_maps: Maps = (),
) -> keras.Model:
    """ConvNeXt (Liu et al. 2022, https://arxiv.org/abs/2201.03545).

        image -> 4x4 conv, stride 4 -> 4 stages of [depthwise 7x7 -> norm -> dense, 4 times as wide, gelu -> dense, scaled, added],
              halved between -> mean -> norm -> dropout? -> logits

    The network is that of keras.applications, with two of its layers written otherwise for the same numbers: the 7x7 convolutions
    are depthwise instead of of a group a channel, and the gelu is of `erf`, which ONNX runtimes take. Unlike the paper, no path is
    dropped in training.

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
    x = normalised(x, "torch")
    network = keras.models.clone_model(application(variant, x.shape[1:], include_preprocessing=False), clone_function=plainer)
    x = backbone(network, x, feature_maps, end=network.layers[-1].input)  # Keras normalises the last maps here, and their mean elsewhere
    if feature_maps:
        return Model(image, x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
    return Model(image, answer_of(x, num_outputs, dropout))


def plainer(layer: Any) -> Any:
    """The same layer, in the form that every runtime takes and that a CPU is fast at."""
    config = layer.get_config()
    if isinstance(layer, layers.Conv2D) and layer.groups == layer.filters:
        same = ("name", "kernel_size", "strides", "padding", "use_bias", "dtype")
        return layers.DepthwiseConv2D(**{key: config[key] for key in same}, depthwise_initializer="glorot_uniform")
    if isinstance(layer, layers.Activation) and config["activation"] == "gelu":
        return layers.Activation(exact_gelu, name=layer.name, dtype=config["dtype"])
    return layer.__class__.from_config(config)


@keras.saving.register_keras_serializable("zoo")
def exact_gelu(x: Any) -> Any:
    """GELU as it is defined; Keras's own goes by `erfc`, which onnxruntime refuses."""
    return 0.5 * x * (1.0 + ops.erf(x / 2**0.5))
