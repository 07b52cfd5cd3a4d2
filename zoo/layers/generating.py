"""Writing on, token by token, with a cache of keys and values: each new token costs one step, not a whole text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from zoo.errors import ZooError
from zoo.layers.transformer import CausalBlock


def generate(
    model: keras.Model,
    prompt: Any,
    max_new_tokens: Any,
    *,
    temperature: Any = 1.0,
    top_k: Any = None,
    top_p: Any = 1.0,
    seed: Any = 0,
    first: int = 0,
    cached: bool | None = None,
) -> Any:
    """What a causal model writes after a prompt.

    It runs as it is, and inside a traced function, where every setting may be a tensor and the prompts' number and length
    unknown. A text that outgrows the model's context goes on with the newer half of it.

    Args:
        model: of `zoo/models/gpt.py`, or any other whose places look back only; such a one reads all of its context for each token.
        prompt: int32 (batch, length), all real tokens; of more than the context the end counts.
        max_new_tokens: how many each prompt gets.
        temperature: of the softmax that a token is drawn from; at 0 the likeliest is taken.
        top_k: draw among so many likeliest tokens only; None, or a tensor of 0, for all.
        top_p: draw among the likeliest tokens only that together have this probability.
        seed: a draw follows from the seed, the row and the place alone; from a seed a row, (batch,), and the place.
        first: tokens below it, as padding, are never written.
        cached: whether keys and values are kept; default: where the model's blocks can keep them.

    Returns:
        int32 (batch, max_new_tokens).

    Raises:
        ZooError: an empty prompt, or a setting that means nothing.
    """
    prompt = ops.convert_to_tensor(prompt, "int32")
    _check(prompt, max_new_tokens, temperature, top_k, top_p)
    cached = bool(_blocks(model)) if cached is None else cached

    def draw(logits: Any, place: Any) -> Any:
        return first + choose(logits[:, first:], temperature, top_k, top_p, uniform(seed, place, ops.shape(logits)[0]))

    return _written(model, prompt, max_new_tokens, draw, cached)


def _written(model: keras.Model, prompt: Any, max_new_tokens: Any, draw: Callable[[Any, Any], Any], cached: bool) -> Any:
    """`draw` takes the logits of the next token, float32 (batch, vocabulary), and the place of the one before it."""
    context, (batch, length) = model.input_shape[1], ops.shape(prompt)
    places = ops.arange(context, dtype="int32")

    def draw_next(last: Any, start: Any, texts: Any, *caches: Any) -> tuple[Any, ...]:
        """`last` is the newest token's place in the texts, `start` that of the first one that the model looks at."""
        full = last - start >= context
        start = ops.where(full, last - context // 2, start)
        if cached:
            caches = ops.cond(full, lambda: read(texts, start), lambda: caches)
            logits, caches = step(model, ops.take(texts, last, axis=1)[:, None], caches, last - start)
            logits = logits[:, 0]
        else:
            logits = ops.take(ops.cast(model(window(texts, start), training=False), "float32"), last - start, axis=1)
        return last + 1, start, ops.slice_update(texts, (0, last + 1), draw(logits, last)[:, None]), *caches

    def window(texts: Any, start: Any) -> Any:
        return ops.take(texts, start + places, axis=1)

    def read(texts: Any, start: Any) -> tuple[Any, ...]:
        """Caches of a whole context; what stands behind the newest token is overwritten before anything looks at it."""
        return _run(model, window(texts, start), _empty(model, batch), 0)[1]

    texts = ops.concatenate([prompt, ops.zeros((batch, max_new_tokens + context), "int32")], axis=1)
    start = ops.maximum(length - context, 0)
    begin = (ops.convert_to_tensor(length - 1, "int32"), ops.convert_to_tensor(start, "int32"), texts)
    begin += read(texts, start) if cached else ()
    texts = ops.while_loop(lambda last, *_: last < length - 1 + max_new_tokens, draw_next, begin)[2]
    return ops.reshape(ops.take(texts, length + ops.arange(max_new_tokens, dtype="int32"), axis=1), (-1, max_new_tokens))


def step(model: keras.Model, tokens: Any, caches: tuple[Any, ...], position: Any) -> tuple[Any, tuple[Any, ...]]:
    """Logits of the next token after each of these: float32 (batch, steps, vocabulary), and the caches with them from `position` on."""
    x, caches = _run(model, tokens, caches, position)
    return model.get_layer("head")(model.get_layer("embedding")(x, reverse=True)), caches


def _run(model: keras.Model, tokens: Any, caches: tuple[Any, ...], position: Any) -> tuple[Any, tuple[Any, ...]]:
    x, written = model.get_layer("positions")(model.get_layer("embedding")(tokens), position=position), []
    for block, cache in zip(_blocks(model), caches, strict=True):
        x, cache = block(x, cache=cache, position=position)
        written.append(cache)
    return model.get_layer("norm")(x), tuple(written)


def _blocks(model: keras.Model) -> list[CausalBlock]:
    return [layer for layer in model.layers if isinstance(layer, CausalBlock)]


def _empty(model: keras.Model, batch: Any) -> tuple[Any, ...]:
    return tuple(block.attention.empty_cache(batch, model.input_shape[1]) for block in _blocks(model))


def choose(logits: Any, temperature: Any, top_k: Any, top_p: Any, chance: Any) -> Any:
    """A token a row, int32 (batch,): the first at which the probabilities, from the likeliest down, add up to more than `chance`."""
    size = logits.shape[-1]
    hottest = ops.maximum(ops.cast(temperature, "float32"), 1e-6)
    values, tokens = ops.top_k(logits, min(top_k or size, size) if _is_plain(top_k) else size)
    likely = ops.exp((values - values[:, :1]) / hottest)  # the likeliest comes first
    if not _is_plain(top_k):
        likely = ops.where((ops.arange(size) < top_k) | (top_k == 0), likely, 0.0)
    before = ops.cumsum(likely, -1) - likely
    likely = ops.where(before < top_p * ops.sum(likely, -1, keepdims=True), likely, 0.0)
    summed = ops.cumsum(likely, -1)
    place = ops.sum(ops.cast(summed <= chance[:, None] * summed[:, -1:], "int32"), -1)
    last = ops.sum(ops.cast(likely > 0, "int32"), -1) - 1  # rounding may reach the sum of all
    place = ops.where(ops.cast(temperature, "float32") > 0, ops.minimum(place, last), 0)
    return ops.cast(ops.take_along_axis(tokens, place[:, None], axis=-1)[:, 0], "int32")


def uniform(seed: Any, place: Any, rows: Any) -> Any:
    """A number a row, float32 (rows,), 0 <= number < 1, by hashing (lowbias32, Wellons 2018): Keras takes no seed that is a tensor.

    With a seed a row its number follows from that and the place, else from the one seed, the place, and the row's own number.
    """
    numbers = ops.arange(rows, dtype="int32") * (1 if len(ops.shape(seed)) == 0 else 0)
    key = _mixed(ops.cast(seed, "uint32") + ops.cast(0x9E3779B9, "uint32"))
    key = _mixed(ops.bitwise_xor(key, ops.cast(place, "uint32")))
    key = _mixed(ops.bitwise_xor(key, ops.cast(numbers, "uint32")))
    return ops.cast(ops.cast(_shifted(key, 8), "int32"), "float32") * 2.0**-24


def _mixed(values: Any) -> Any:
    for bits, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        values = ops.bitwise_xor(values, _shifted(values, bits)) * ops.cast(factor, "uint32")
    return ops.bitwise_xor(values, _shifted(values, 16))


def _shifted(values: Any, bits: int) -> Any:
    return ops.bitwise_right_shift(values, ops.cast(bits, "uint32"))


def _is_plain(value: Any) -> bool:
    """Whether a setting is known before anything runs; a tensor's value is not."""
    return value is None or isinstance(value, (int, float))


def _check(prompt: Any, max_new_tokens: Any, temperature: Any, top_k: Any, top_p: Any) -> None:
    if len(prompt.shape) != 2 or prompt.shape[1] == 0:
        raise ZooError(f"a prompt is tokens of the shape (batch, length), not {tuple(prompt.shape)}", "each begins with one token at least")
    if _is_plain(max_new_tokens) and max_new_tokens < 1:
        raise ZooError(f"max_new_tokens = {max_new_tokens}: it should be at least 1")
    if _is_plain(temperature) and not temperature >= 0:
        raise ZooError(f"temperature = {temperature}: it should be at least 0, which takes the likeliest token")
    if _is_plain(top_k) and top_k is not None and top_k < 1:
        raise ZooError(f"top_k = {top_k}: it should be at least 1")
    if _is_plain(top_p) and not 0 < top_p <= 1:
        raise ZooError(f"top_p = {top_p}: it should be above 0, and at most 1")
