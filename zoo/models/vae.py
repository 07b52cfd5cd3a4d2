"""Variational autoencoders (Kingma and Welling 2014): codes are drawn, and what is drawn from nothing looks like an example."""

from __future__ import annotations

import keras
from keras import Input, Model, layers, ops
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from zoo.layers import (
    Classes,
    ExampleShape,
    ImageShape,
    Sizes,
    VariationalAutoencoder,
    conv_decode,
    conv_encode,
    dense_decode,
    dense_encode,
    example_input,
    normal,
    unfold,
)
from zoo.registry import register_model


@register_model(
    "vae_dense",
    modality=("image", "vector", "sequence"),
    tasks=("generation", "reconstruction"),
    paper="https://arxiv.org/abs/1312.6114",
    example={"input_shape": (28, 28, 1)},
    space={"hidden": [(256,), (512,), (512, 256)], "latent_dim": [2, 8, 16, 32], "beta": [0.5, 1.0, 2.0]},
)
def vae_dense(
    input_shape: ExampleShape,
    *,
    hidden: tuple[PositiveInt, ...] = (512,),
    latent_dim: PositiveInt = 16,
    beta: NonNegativeFloat = 1.0,
    warmup: NonNegativeInt = 0,
) -> keras.Model:
    """Variational autoencoder of dense layers (Kingma and Welling 2014, https://arxiv.org/abs/1312.6114).

        example -> [dense -> ReLU] per hidden layer -> mean, log variance -> z, drawn in training -> [dense -> ReLU] backwards -> sample

    Unlike the paper: rectifiers instead of tanh. Pixels are Bernoulli, of pixels / 255; the values of vectors and sequences are normal
    with a variance of 1.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; (length,) of `vector` or
            (steps, channels) of `sequence`, which are standardised already; any size.
        hidden: units of the encoder's layers; the decoder's are the same backwards.
        latent_dim: numbers of the code.
        beta: how much the divergence counts in the loss; 1 is the bound itself.
        warmup: training steps over which beta grows from 0.

    Returns:
        (batch, *input_shape) -> the same, float32, decoded from the mean; pixels 0..255 of an image. `model.encoder(x)` gives
        {"mean", "log_variance"}, `model.decoder(z)` of a normal z a sample. Compile it with an optimizer only.
    """
    example = example_input(input_shape)
    encoder = normal(example, dense_encode(example, hidden), latent_dim)
    z = Input((latent_dim,), name="z")
    decoder = Model(z, dense_decode(z, hidden, input_shape), name="decoder")
    return VariationalAutoencoder(encoder, decoder, beta, warmup)


@register_model(
    "beta_vae",
    paper="https://openreview.net/forum?id=Sy2fzU9gl",
    hparams={"beta": 4.0, "latent_dim": 10},
    space={"latent_dim": [2, 10, 16, 32]},
)
@register_model(
    "vae_conv",
    modality="image",
    tasks=("generation", "reconstruction"),
    paper="https://arxiv.org/abs/1312.6114",
    example={"input_shape": (28, 28, 1)},
    space={"filters": [(16, 32), (32, 64)], "width": [16, 64, 128], "latent_dim": [2, 8, 16, 32], "beta": [0.5, 1.0, 2.0, 4.0]},
)
def vae_conv(
    input_shape: ImageShape,
    *,
    filters: Sizes = (32, 64),
    width: PositiveInt = 16,
    latent_dim: PositiveInt = 2,
    beta: NonNegativeFloat = 1.0,
    warmup: NonNegativeInt = 0,
) -> keras.Model:
    """Convolutional VAE (Kingma and Welling 2014, https://arxiv.org/abs/1312.6114), the network of Keras's example.

        image -> [conv, halved -> ReLU] per filters -> dense -> mean, log variance -> z, drawn in training
              -> dense -> [transposed conv -> ReLU] backwards -> conv -> sample

    Unlike the paper: convolutions, of pixels / 255 that are Bernoulli. `beta_vae` (Higgins et al. 2017,
    https://openreview.net/forum?id=Sy2fzU9gl) has a beta of 4 and ten latents, so that each learns a thing of its own.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        filters: maps of the encoder's convolutions, each of which halves the image; the decoder's are the same backwards.
        width: units of the dense layer before the code.
        latent_dim: numbers of the code.
        beta: how much the divergence counts in the loss; 1 is the bound itself.
        warmup: training steps over which beta grows from 0.

    Returns:
        (batch, height, width, channels) -> the same, float32, pixels 0..255, decoded from the mean. `model.encoder(x)` gives
        {"mean", "log_variance"}, `model.decoder(z)` of a normal z a sample. Compile it with an optimizer only.
    """
    image = example_input(input_shape)
    x = layers.Flatten()(conv_encode(image, filters, 3))
    encoder = normal(image, layers.Dense(width, activation="relu")(x), latent_dim)
    z = Input((latent_dim,), name="z")
    decoder = Model(z, conv_decode(unfold(z, filters, input_shape), filters, 3, input_shape), name="decoder")
    return VariationalAutoencoder(encoder, decoder, beta, warmup)


@register_model(
    "cvae",
    modality="image",
    tasks=("generation",),
    paper="https://papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html",
    example={"input_shape": (28, 28, 1), "num_classes": 10},
    space={"filters": [(16, 32), (32, 64)], "width": [16, 64, 128], "latent_dim": [2, 8, 16, 32], "beta": [0.5, 1.0, 2.0]},
)
def cvae(
    input_shape: ImageShape,
    num_classes: Classes,
    *,
    filters: Sizes = (32, 64),
    width: PositiveInt = 64,
    latent_dim: PositiveInt = 8,
    beta: NonNegativeFloat = 1.0,
    warmup: NonNegativeInt = 0,
) -> keras.Model:
    """Conditional VAE (Sohn et al. 2015, https://papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html).

        image -> [conv, halved -> ReLU] per filters; with the label -> dense -> mean, log variance -> z, drawn in training
              -> with the label -> dense -> [transposed conv -> ReLU] backwards -> conv -> sample

    Unlike the paper, whose condition is an image: it is a class, and the prior of z is the same for all (their equation 4, relaxed).

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        num_classes: the int32 input `label` (batch,) is below it.
        filters: maps of the encoder's convolutions, each of which halves the image; the decoder's are the same backwards.
        width: units of the dense layer before the code.
        latent_dim: numbers of the code.
        beta: how much the divergence counts in the loss; 1 is the bound itself.
        warmup: training steps over which beta grows from 0.

    Returns:
        {"image": (batch, height, width, channels), "label": (batch,)} -> an image of the same shape, float32, pixels 0..255, decoded
        from the mean. `model.encoder` takes both and gives {"mean", "log_variance"}, `model.decoder({"z", "label"})` a sample.
        Compile it with an optimizer only.
    """
    image, label = example_input(input_shape), Input((), dtype="int32", name="label")
    x = layers.Flatten()(conv_encode(image, filters, 3))
    x = layers.Concatenate()([x, ops.one_hot(label, num_classes)])
    encoder = normal({"image": image, "label": label}, layers.Dense(width, activation="relu")(x), latent_dim)
    z, label = Input((latent_dim,), name="z"), Input((), dtype="int32", name="label")
    both = layers.Concatenate()([z, ops.one_hot(label, num_classes)])
    decoded = conv_decode(unfold(both, filters, input_shape), filters, 3, input_shape)
    decoder = Model({"z": z, "label": label}, decoded, name="decoder")
    return VariationalAutoencoder(encoder, decoder, beta, warmup)
