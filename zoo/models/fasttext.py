"""A bag of n-grams and a line: the thing to beat on text, which trains in seconds."""

from __future__ import annotations

from typing import Annotated, Any

import keras
from keras import Input, Model, layers, ops
from pydantic import Field, PositiveInt

from zoo.config.card import Fraction
from zoo.layers import MeanOverSteps, Outputs, TokensShape, logits
from zoo.registry import register_model

FACTORS = (2039, 1973)  # both below 2**11, so that their product with a bucket stays below 2**31
MOST_BUCKETS = 2**20


@register_model(
    "fasttext",
    modality="tokens",
    tasks=("classification", "regression"),
    paper="https://arxiv.org/abs/1607.01759",
    example={"input_shape": (400,), "vocabulary_size": 20000, "num_outputs": 2},
    space={"width": [10, 16, 64], "ngrams": [1, 2, 3], "buckets": [2**16, 2**18], "dropout": [0.0, 0.3]},
)
def fasttext(
    input_shape: TokensShape,
    vocabulary_size: PositiveInt,
    num_outputs: Outputs,
    *,
    width: PositiveInt = 16,
    ngrams: Annotated[int, Field(ge=1, le=3)] = 2,
    buckets: Annotated[int, Field(ge=1, le=MOST_BUCKETS)] = 2**18,
    dropout: Fraction = 0.0,
) -> keras.Model:
    """fastText's classifier (Joulin et al. 2016, https://arxiv.org/abs/1607.01759).

        tokens -> tokens and their n-grams, hashed into buckets -> embedding -> mean over the text -> dropout -> logits

    Unlike the paper: a plain softmax instead of a hierarchical one, trained in batches by any optimizer; dropout if asked for.

    Args:
        input_shape: (length,) of the int32 input `tokens`; 0 is padding.
        vocabulary_size: token numbers are below it.
        num_outputs: logits or values; 0 gives the features.
        width: of an embedding.
        ngrams: longest run of tokens that has an embedding of its own; 1 is a plain bag of words.
        buckets: places that all runs of two and more tokens share; runs of one bucket share an embedding.
        dropout: fraction of the mean embedding that is dropped in training.

    Returns:
        (batch, length) -> (batch, num_outputs), float32.
    """
    tokens = Input(input_shape, dtype="int32", name="tokens")
    x = HashedNgrams(vocabulary_size, ngrams, buckets)(tokens) if ngrams > 1 else tokens  # (batch, all n-grams)
    rows = vocabulary_size + (buckets if ngrams > 1 else 0)
    x = layers.Embedding(rows, width, mask_zero=True)(x)
    x = MeanOverSteps()(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return Model(tokens, logits(x, num_outputs))


@keras.saving.register_keras_serializable("zoo")
class HashedNgrams(layers.Layer):
    """Tokens, and after them the numbers of their runs of 2 to `ngrams`: int32 (batch, length) -> (batch, about length * ngrams).

    A run's number is `vocabulary_size` + its bucket; 0 where it holds padding. As in fastText's own code the hash is a polynomial of
    the run's tokens, modulo the buckets; its factor comes in two halves, so that nothing overflows and every runtime agrees.
    """

    def __init__(self, vocabulary_size: int, ngrams: int, buckets: int, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "int32"})
        self.vocabulary_size, self.ngrams, self.buckets = vocabulary_size, ngrams, buckets

    def call(self, tokens: Any) -> Any:
        found, hashed, there = [tokens], tokens % self.buckets, ops.not_equal(tokens, 0)
        for length in range(2, min(self.ngrams, tokens.shape[1]) + 1):
            last = tokens[:, length - 1 :]
            hashed = self._added(hashed[:, :-1], last)
            there = ops.logical_and(there[:, :-1], ops.not_equal(last, 0))
            found.append(ops.where(there, hashed + self.vocabulary_size, 0))
        return ops.concatenate(found, axis=1)

    def _added(self, hashed: Any, tokens: Any) -> Any:
        """The hash of runs that are one token longer."""
        first, second = FACTORS
        return (hashed * first % self.buckets * second + tokens % self.buckets) % self.buckets

    def compute_output_shape(self, shape: tuple[int | None, int]) -> tuple[int | None, int]:
        lengths = range(min(self.ngrams, shape[1]))
        return (shape[0], sum(shape[1] - shorter for shorter in lengths))

    def get_config(self) -> dict[str, Any]:
        own = {"vocabulary_size": self.vocabulary_size, "ngrams": self.ngrams, "buckets": self.buckets}
        return {**super().get_config(), **own}
