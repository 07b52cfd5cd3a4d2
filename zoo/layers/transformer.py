"""The block that transformers are stacks of: attention, then a feed-forward network, each with a shortcut and a norm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import initializers, layers, ops

from zoo.errors import ZooError
from zoo.layers.attention import CausalSelfAttention


@keras.saving.register_keras_serializable("zoo")
def gelu(x: Any) -> Any:
    """GELU by tanh, as the code of BERT and GPT-2 has it; onnxruntime refuses the exact one as Keras exports it."""
    return keras.activations.gelu(x, approximate=True)


def encoder_block(
    x: keras.KerasTensor,
    heads: int,
    hidden: int,
    *,
    mask: keras.KerasTensor | None = None,
    dropout: float = 0.0,
    activation: str | Callable[[Any], Any] = gelu,
    pre_norm: bool = False,
    epsilon: float = 1e-6,
    initializer: Any = "glorot_uniform",
    name: str = "block",
) -> keras.KerasTensor:
    """An encoder's block (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762): every step looks at every other.

        x -> attention -> add -> norm -> dense, hidden -> dense, width -> add -> norm

    Args:
        x: (batch, steps, width); the width is a multiple of `heads` (`check_heads`).
        heads: of the attention.
        hidden: width of the feed-forward network.
        mask: bool, (batch, steps), True where a step is real (`real_tokens`); nobody looks at the others.
        dropout: fraction dropped in training, of the attention's weights and of both branches before they are added.
        activation: of the feed-forward network.
        pre_norm: norm each branch's input instead of the sums; the stack's end then needs a norm of its own.
        epsilon: of the norms.
        initializer: of every kernel.
        name: what the names of the block's layers begin with: `NAME_attention`, `NAME_norm1`, ….

    Returns:
        (batch, steps, width).
    """
    width = x.shape[-1]
    seen = None if mask is None else ops.expand_dims(mask, 1)  # (batch, 1, steps): the same for every step that looks
    initial = initializers.get(initializer).clone  # one that is asked twice says the same twice
    attention = layers.MultiHeadAttention(heads, width // heads, dropout=dropout, kernel_initializer=initial(), name=f"{name}_attention")
    widen = layers.Dense(hidden, activation=activation, kernel_initializer=initial(), name=f"{name}_dense1")
    narrow = layers.Dense(width, kernel_initializer=initial(), name=f"{name}_dense2")

    def attend(y: keras.KerasTensor) -> keras.KerasTensor:
        return attention(y, y, attention_mask=seen)

    for place, branch in enumerate((attend, lambda y: narrow(widen(y))), start=1):
        norm = layers.LayerNormalization(epsilon=epsilon, name=f"{name}_norm{place}")
        y = branch(norm(x) if pre_norm else x)
        y = layers.Dropout(dropout, name=f"{name}_dropout{place}")(y) if dropout else y
        x = layers.Add(name=f"{name}_add{place}")([x, y])
        x = x if pre_norm else norm(x)
    return x


@keras.saving.register_keras_serializable("zoo")
class CausalBlock(layers.Layer):
    """A decoder's block (Radford et al. 2019): norm -> causal attention -> add -> norm -> dense, 4 width -> dense, width -> add.

        (batch, steps, width) -> (batch, steps, width)

    Args:
        heads: of the attention; they share the width.
        dropout: fraction dropped in training, of the attention's weights and of both branches before they are added.
        bias: whether maps and norms have one.
    """

    def __init__(self, heads: int, dropout: float = 0.0, bias: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.rate, self.bias = heads, dropout, bias

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = input_shape[-1]
        assert width is not None
        policy, hidden_shape = self.dtype_policy, (*input_shape[:-1], 4 * width)

        def small() -> initializers.Initializer:
            return initializers.RandomNormal(stddev=0.02)

        self.attention = CausalSelfAttention(self.heads, self.rate, self.bias, small(), dtype=policy, name="attention")
        self.dense1 = layers.Dense(4 * width, gelu, self.bias, kernel_initializer=small(), dtype=policy, name="dense1")
        self.dense2 = layers.Dense(width, use_bias=self.bias, kernel_initializer=small(), dtype=policy, name="dense2")
        self.norm1 = layers.LayerNormalization(epsilon=1e-5, center=self.bias, dtype=policy, name="norm1")
        self.norm2 = layers.LayerNormalization(epsilon=1e-5, center=self.bias, dtype=policy, name="norm2")
        self.dropout = layers.Dropout(self.rate, dtype=policy)
        for layer in (self.norm1, self.attention, self.norm2, self.dense1):
            layer.build(input_shape)
        self.dense2.build(hidden_shape)

    def call(self, x: Any, cache: Any = None, position: Any = None, training: bool | None = None) -> Any:
        """The block's output; with a cache (`CausalSelfAttention.empty_cache`) also the cache with these steps from `position` on."""
        seen = self.attention(self.norm1(x), cache=cache, position=position, training=training)
        if cache is not None:
            seen, cache = seen
        x = x + self.dropout(seen, training=training)
        x = x + self.dropout(self.dense2(self.dense1(self.norm2(x))), training=training)
        return x if cache is None else (x, cache)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "dropout": self.rate, "bias": self.bias}


def check_heads(facts: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
    """A `check` for a family with the hparams `width` and `heads`. Raises ZooError unless one divides the other."""
    width, heads = hparams["width"], hparams["heads"]
    if width % heads:
        fitting = [one for one in range(1, width + 1) if width % one == 0]
        raise ZooError(f"width = {width} does not divide among {heads} heads", f"heads may be {', '.join(map(str, fitting))}")
