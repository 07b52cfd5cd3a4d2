"""VQ-VAE: an autoencoder whose code is a grid of whole numbers, each the place of a vector in a learned book."""

from __future__ import annotations

from typing import Any

import keras
from keras import Input, Model, layers, ops
from pydantic import NonNegativeFloat, PositiveInt

from zoo.layers import ImageShape, Sizes, conv_decode, conv_encode, example_input, nats
from zoo.registry import register_model


@register_model(
    "vq_vae",
    modality="image",
    tasks=("reconstruction",),
    paper="https://arxiv.org/abs/1711.00937",
    example={"input_shape": (28, 28, 1)},
    space={"filters": [(16, 32), (32, 64)], "latent_dim": [8, 16, 32], "codes": [32, 64, 128], "commitment": [0.25, 1.0]},
)
def vq_vae(
    input_shape: ImageShape,
    *,
    filters: Sizes = (32, 64),
    latent_dim: PositiveInt = 16,
    codes: PositiveInt = 64,
    commitment: NonNegativeFloat = 0.25,
) -> keras.Model:
    """VQ-VAE (van den Oord et al. 2017, https://arxiv.org/abs/1711.00937), the network of Keras's example.

        image -> [conv, halved -> ReLU] per filters -> 1x1 conv -> the nearest vector of the book, at each place
              -> [transposed conv -> ReLU] backwards -> conv -> reconstruction

    Unlike the paper: no residual blocks, pixels / 255 that are Bernoulli, and no prior over the codes is learned, without which a
    VQ-VAE reconstructs but does not generate.

    Args:
        input_shape: (height, width, channels) of the float32 input `image`, pixels 0..255; any size.
        filters: maps of the encoder's convolutions, each of which halves the image; the decoder's are the same backwards.
        latent_dim: length of a vector of the book.
        codes: vectors in the book.
        commitment: how much the encoder's distance from the book counts (the paper's beta).

    Returns:
        (batch, height, width, channels) -> the same, float32, pixels 0..255. `model.quantizer(model.encoder(x))` gives the vectors and
        their places in the book, int32 (batch, rows, columns); `model.decoder` takes vectors. Compile it with an optimizer only.
    """
    image = example_input(input_shape)
    encoded = layers.Conv2D(latent_dim, 1, dtype="float32")(conv_encode(image, filters, 3))
    vectors = Input(encoded.shape[1:], name="z")
    decoder = Model(vectors, conv_decode(vectors, filters, 3, input_shape), name="decoder")
    return QuantizedAutoencoder(Model(image, encoded, name="encoder"), decoder, codes, commitment)


@keras.saving.register_keras_serializable("zoo")
class QuantizedAutoencoder(keras.Model):
    """An encoder and a decoder with a book of vectors between them.

    `fit(x)` is all it takes; a `y` and a loss given to `compile` are ignored. Its history says `reconstruction` (nats an example, see
    `zoo.layers.likelihood`), `distance` (squared, of the encoder's vectors from the book's, summed over an example), `perplexity`
    (of how often each code is used: as many codes as are in use, were they used alike) and `loss`.

    Args:
        encoder: from an image to vectors (batch, rows, columns, latent_dim).
        decoder: from such vectors to an image, pixels 0..255.
        codes: vectors in the book.
        commitment: how much the encoder's distance from the book counts.
    """

    def __init__(self, encoder: keras.Model, decoder: keras.Model, codes: int, commitment: float = 0.25, **options: Any) -> None:
        quantizer = Quantizer(codes, dtype="float32", name="quantizer")
        super().__init__(encoder.input, decoder(quantizer(encoder(encoder.input))[0]), **options)
        self.encoder, self.quantizer, self.decoder = encoder, quantizer, decoder
        self.codes, self.commitment = codes, commitment
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("reconstruction", "distance")}
        self.perplexity = Perplexity(codes, name="perplexity")

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True) -> Any:
        """The mean loss of a batch: the decoder's, what draws the book to the encoder, and what draws the encoder to the book.

        `y_pred` is not needed, as gradients would not pass through it: a compiled step leaves it out.
        """
        encoded = self.encoder(x)
        vectors, codes = self.quantizer(encoded)
        straight_through = encoded + ops.stop_gradient(vectors - encoded)
        reconstruction = nats(x, self.decoder(straight_through))
        book = _distance(vectors, ops.stop_gradient(encoded))
        losses = reconstruction + book + self.commitment * _distance(encoded, ops.stop_gradient(vectors))
        self.trackers["reconstruction"].update_state(reconstruction, sample_weight)
        self.trackers["distance"].update_state(book, sample_weight)
        self.perplexity.update_state(codes)
        return ops.mean(losses if sample_weight is None else losses * sample_weight)

    def get_config(self) -> dict[str, Any]:
        parts = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in ("encoder", "decoder")}
        return {"name": self.name, **parts, "codes": self.codes, "commitment": self.commitment}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> QuantizedAutoencoder:
        parts = {name: keras.saving.deserialize_keras_object(config[name], custom_objects) for name in ("encoder", "decoder")}
        return cls(**{**config, **parts})


def _distance(one: Any, other: Any) -> Any:
    return ops.sum(ops.square(one - other), axis=(1, 2, 3))


@keras.saving.register_keras_serializable("zoo")
class Quantizer(keras.Layer):
    """Vectors to the nearest of a learned book, and where these stand in it.

    Args:
        codes: vectors in the book.
    """

    def __init__(self, codes: int, **options: Any) -> None:
        super().__init__(**options)
        self.codes = codes

    def build(self, input_shape: tuple[Any, ...]) -> None:
        near = keras.initializers.RandomNormal(stddev=0.1)  # where an untrained encoder ends: farther or nearer, fewer codes come into use
        self.book = self.add_weight(shape=(self.codes, input_shape[-1]), initializer=near, name="book")

    def call(self, x: Any) -> tuple[Any, Any]:
        nearness = 2 * ops.matmul(x, ops.transpose(self.book)) - ops.sum(ops.square(self.book), axis=-1)  # the vector's square is left out
        places = ops.top_k(nearness, 1)[1][..., 0]  # Keras's argmax takes an operation that ONNX lacks
        vectors = ops.matmul(ops.one_hot(places, self.codes), self.book)
        return ops.reshape(vectors, (-1, *x.shape[1:])), places  # the shape is said again: ONNX loses it, and decodes wrongly

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "codes": self.codes}


@keras.saving.register_keras_serializable("zoo")
class Perplexity(keras.Metric):
    """exp of the entropy of how often each code was used.

    Args:
        codes: how many there are.
    """

    def __init__(self, codes: int, name: str = "perplexity", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.codes = codes
        self.counts = self.add_weight(shape=(codes,), initializer="zeros", name="counts")

    def update_state(self, codes: Any, sample_weight: Any = None) -> None:
        self.counts.assign_add(ops.sum(ops.one_hot(ops.reshape(codes, (-1,)), self.codes), axis=0))

    def result(self) -> Any:
        share = self.counts / ops.maximum(ops.sum(self.counts), 1.0)
        return ops.exp(-ops.sum(share * ops.log(ops.maximum(share, 1e-12))))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "codes": self.codes}
