"""ConvMixer: patches of an image, mixed by convolutions only."""

from __future__ import annotations

import keras
from keras import Input, Model, layers
from pydantic import NonNegativeFloat, PositiveInt

from zoo.layers import ImageShape, Outputs, gelu, l2_penalty, logits
from zoo.registry import register_model


@register_model(
    "convmixer",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/2201.09792",
    example={"input_shape": (32, 32, 3), "num_outputs": 10},
    space={"width": [64, 128, 256], "depth": [4, 8], "patch": [1, 2, 4], "kernel": [3, 5, 9], "l2": [0.0, 1e-5]},
)
def convmixer(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    width: PositiveInt = 256,
    depth: PositiveInt = 8,
    patch: PositiveInt = 2,
    kernel: PositiveInt = 5,
    l2: NonNegativeFloat = 0.0,
) -> keras.Model:
    """ConvMixer (Trockman & Kolter 2022, https://arxiv.org/abs/2201.09792).

        image -> patches, width -> depth x [depthwise conv, added -> 1x1 conv] -> mean -> logits

    Each convolution is followed by GELU and batch normalisation. The default is ConvMixer-256/8, which the paper trains on
    CIFAR-10. Where patches do not come out even the image is filled up with grey. Unlike the paper's code GELU is the tanh
    approximation, which ONNX runtimes take.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        num_outputs: logits or values; 0 gives the features.
        width: maps of every layer.
        depth: blocks.
        patch: pixels of a patch's side; 1 takes four times the work of 2.
        kernel: side of the depthwise convolutions.
        l2: penalty on every kernel, `l2 * sum(kernel ** 2)`, the depthwise ones too.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), float32.
    """
    image = Input(input_shape, name="image")  # pixels 0..255
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = gelu_norm(layers.Conv2D(width, patch, patch, "same", kernel_regularizer=l2_penalty(l2))(x))
    for _ in range(depth):
        looked = layers.DepthwiseConv2D(kernel, padding="same", depthwise_regularizer=l2_penalty(l2))(x)
        x = layers.Add()([x, gelu_norm(looked)])
        x = gelu_norm(layers.Conv2D(width, 1, kernel_regularizer=l2_penalty(l2))(x))
    x = layers.GlobalAveragePooling2D()(x)
    return Model(image, logits(x, num_outputs, l2))


def gelu_norm(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.BatchNormalization(momentum=0.9)(layers.Activation(gelu)(x))
