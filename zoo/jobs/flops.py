"""Floating-point operations of one example's answer, by a rule for each kind of layer.

Two are counted for a multiply-add of a convolution, a matrix product or a recurrence, as the papers' tables and TensorFlow's profiler
do (which counts nothing inside the loop of an LSTM, so that rules are needed). Element-wise work (biases, activations, pooling,
normalisation, which folds into its convolution) is not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]  # without the batch
FREE = {  # layers with weights whose work is element by element, or a look-up
    "BatchNormalization",
    "CategoryTokens",
    "ClassToken",
    "ColumnNames",
    "Embedding",
    "GroupNormalization",
    "LayerNormalization",
    "LayerScale",
    "Normalization",
    "NumberTokens",
    "PReLU",
    "PositionEmbedding",
    "RMSNormalization",
    "Standardization",
}


def flops(model: keras.Model) -> int:
    """FLOPs of one example.

    Raises:
        ZooError: a layer with weights has no rule here.
    """
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes if not node.is_input]
    return sum(_of_call(node.operation, _shapes(node.input_tensors), _shapes(node.outputs)) for node in nodes)


def _shapes(tensors: Any) -> list[Shape]:
    return [tuple(one.shape[1:]) for one in tensors]


def _of_call(layer: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    """One call of a layer, which may be called at several places."""
    layer = getattr(layer, "_functional", None) or layer  # what a Sequential is made of
    if hasattr(layer, "_nodes_by_depth"):  # a model inside
        return flops(layer)
    rule = next((RULES[one.__name__] for one in type(layer).__mro__ if one.__name__ in RULES), None)
    if rule is not None:
        return rule(layer, inputs, outputs)
    if getattr(layer, "weights", None) and type(layer).__name__ not in FREE:
        raise ZooError(f"no rule for the FLOPs of {type(layer).__name__} '{layer.name}'; write one in {__name__}")
    return 0


def _kernel(layer: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    """Of each place of the output, every weight is used once."""
    return 2 * prod(outputs[0][:-1]) * prod(layer.kernel.shape)


def _transposed(layer: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    """Of each place of the input, every weight is used once."""
    return 2 * prod(inputs[0][:-1]) * prod(layer.kernel.shape)


def _separable(layer: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    return 2 * prod(outputs[0][:-1]) * (prod(layer.depthwise_kernel.shape) + prod(layer.pointwise_kernel.shape))


def _recurrent(layer: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    """At each step the kernels of all gates once."""
    return 2 * inputs[0][0] * (prod(layer.cell.kernel.shape) + prod(layer.cell.recurrent_kernel.shape))


def _bidirectional(layer: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    return sum(_recurrent(one, inputs, outputs) for one in (layer.forward_layer, layer.backward_layer))


def _attention(layer: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    """Four projections of every step, and two products of every pair of steps."""
    (asking, width), (known, other) = inputs[0], inputs[1] if len(inputs) > 1 else inputs[0]
    heads, key, value = layer.num_heads, layer.key_dim, layer.value_dim
    projections = asking * (width * key + value * outputs[0][-1]) + known * other * (key + value)
    return 2 * heads * (projections + asking * known * (key + value))


def _causal_block(layer: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    """Twelve squares of the width a step (attention's four, then 4 + 4), and two products of every pair of steps."""
    steps, width = inputs[0]
    return 2 * steps * width * (12 * width + 2 * steps)


def _look_up_or_head(layer: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    """An embedding that is the head too, where vectors and not numbers go in."""
    return 2 * prod(inputs[0]) * layer.input_dim if len(inputs[0]) > 1 else 0


Rule = Callable[[Any, list[Shape], list[Shape]], int]
RULES: dict[str, Rule] = {  # by the class, or one that it is derived from
    "AttentionOverSteps": lambda layer, inputs, outputs: 4 * prod(inputs[0]),  # two products with each step
    "BaseConv": _kernel,
    "BaseConvTranspose": _transposed,
    "BaseDepthwiseConv": _kernel,
    "BaseSeparableConv": _separable,
    "Basis": lambda layer, inputs, outputs: 2 * prod(inputs[0]) * layer.length,  # a product with fixed curves
    "Bidirectional": _bidirectional,
    "CausalBlock": _causal_block,
    "Dense": _kernel,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "MultiHeadAttention": _attention,
    "Quantizer": lambda layer, inputs, outputs: 4 * prod(inputs[0][:-1]) * prod(layer.book.shape),  # two products with the book
    "ReversibleEmbedding": _look_up_or_head,
    "SimpleRNN": _recurrent,
}
