"""Vision transformer: an image is a text of patches."""

from __future__ import annotations

import keras
from keras import Input, Model, initializers, layers
from pydantic import PositiveInt

from zoo.config.card import Fraction
from zoo.layers import ImageShape, Outputs, PositionEmbedding, check_heads, encoder_block, logits
from zoo.registry import register_model


@register_model(
    "vit_tiny",
    modality="image",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/2010.11929",
    example={"input_shape": (32, 32, 3), "num_outputs": 10},
    hparams={"width": 192, "heads": 3, "depth": 12},
    space={"width": [96, 192], "depth": [4, 6, 12], "patch": [2, 4, 8], "dropout": [0.0, 0.1]},
    check=check_heads,
)
def vit(
    input_shape: ImageShape,
    num_outputs: Outputs,
    *,
    width: PositiveInt,
    heads: PositiveInt,
    depth: PositiveInt,
    patch: PositiveInt = 4,
    dropout: Fraction = 0.0,
) -> keras.Model:
    """ViT (Dosovitskiy et al. 2021, https://arxiv.org/abs/2010.11929) for small images.

        image -> patches, width -> a class token before them -> positions -> depth x [attention -> 2 dense] -> class token -> logits

    Width, heads and depth of `vit_tiny` are those of DeiT-Ti (Touvron et al. 2021), which has 5.7 million parameters on 224x224
    pixels in patches of 16; patches of 4 make as many tokens of a small image as others make of a photograph. Where patches do not
    come out even the image is filled up with grey. Unlike the paper, the class token is its position's vector (their sum is one
    vector), and GELU is the tanh approximation.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        num_outputs: logits or values; 0 gives the features.
        width: of a token; a multiple of `heads`.
        heads: of each attention.
        depth: blocks.
        patch: pixels of a patch's side; half of it makes four times the tokens.
        dropout: fraction that is dropped in training of the tokens, of attention and of what each branch adds.

    Returns:
        (batch, height, width, channels) -> (batch, num_outputs), float32.

    Raises:
        ZooError: the width does not divide among the heads.
    """
    image = Input(input_shape, name="image")  # pixels 0..255
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.Conv2D(width, patch, patch, "same", name="patches")(x)
    x = layers.Reshape((-1, width))(x)  # (batch, patches, width)
    x = layers.ZeroPadding1D((1, 0), name="class_token")(x)
    x = PositionEmbedding(x.shape[1], initializers.TruncatedNormal(stddev=0.02), name="positions")(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    for block in range(depth):
        x = encoder_block(x, heads, 4 * width, dropout=dropout, pre_norm=True, name=f"block{block + 1}")
    x = layers.LayerNormalization(epsilon=1e-6, name="norm")(x[:, 0])
    return Model(image, logits(x, num_outputs))
