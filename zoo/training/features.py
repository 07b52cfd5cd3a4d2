"""The features of a frozen trunk, computed once: what is learned above it is fitted on them alone, with the same weights."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.assembly import Assembled, compile_model
from zoo.data import Encoded, batches, store
from zoo.layers import trunk
from zoo.tasks import Task

BATCH = 256


def assembled(whole: Assembled, frozen: Sequence[Any]) -> Assembled | None:
    """The head on the features of the frozen layers in place of the model on its examples.

    None where they change from epoch to epoch, where a layer stands before them that learns, or where the loss needs more than them:
    then the whole model is fitted.
    """
    model, learning = whole.model, whole.learning
    plain = type(model).compute_loss is keras.Model.compute_loss and hasattr(model, "operations")
    if not plain or learning["train"].augment or type(whole.task).pair is not Task.pair:
        return None
    cut = _frontier(model, frozen)
    if cut is None:
        return None
    below, above = keras.Model(model.inputs, cut), keras.Model(cut, model.output, name=model.name)
    compile_model(whole, above, epochs=1)
    above.optimizer = model.optimizer  # one and the same: its state is the whole model's
    kept = {name: Encoded(_computed(whole, below, name), split.y) for name, split in learning.items()}
    return replace(whole, model=above, learning=kept)


def heeds_training(layer: Any) -> bool:
    """Whether a layer does another thing in training than in inference."""
    return "training" in inspect.signature(layer.call).parameters


def _frontier(model: keras.Model, frozen: Sequence[Any]) -> Any:
    """The tensors that all layers which are not frozen are computed from; None where there are none such, or frozen layers after them."""
    fixed = {id(one) for one in frozen}
    known: dict[int, Any] = {}
    reached: set[int] = set()
    used: dict[int, Any] = {}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            taken = node.input_tensors
            if node.is_input or (all(id(one) in known for one in taken) and _is_fixed(node.operation, fixed)):
                known |= {id(one): one for one in node.output_tensors}
                reached |= {id(one) for one in _leaves(node.operation)}
            else:
                used |= {id(one): one for one in taken if id(one) in known}
    beside = any(id(one) in known for one in model.outputs)
    if not used or beside or any(id(one) not in reached for one in frozen if one.weights):
        return None
    if any(getattr(one, "_keras_mask", None) is not None for one in used.values()):
        return None  # a mask would be lost
    tensors = list(used.values())
    return tensors[0] if len(tensors) == 1 else {f"features_{place}": one for place, one in enumerate(tensors)}


def _is_fixed(operation: Any, fixed: set[int]) -> bool:
    return all(id(one) in fixed or not (one.variables or heeds_training(one)) for one in _leaves(operation))


def _leaves(operation: Any) -> list[Any]:
    """The layers of a node; none of a plain function."""
    return trunk.leaves(operation) if trunk.is_network(operation) else [operation] * isinstance(operation, keras.layers.Layer)


def _computed(whole: Assembled, below: keras.Model, name: str) -> Any:
    """The features of a split: in memory where they fit, else in the store, memory-mapped."""
    split, out = whole.learning[name], below.output
    size = sum(4 * len(split) * int(np.prod(one.shape[1:])) for one in (out.values() if isinstance(out, dict) else [out]))
    if store.fits(size):
        arrays = {key: np.empty(shape, dtype) for key, (shape, dtype) in _shapes(below, len(split)).items()}
        _fill(below, split, arrays)
        return arrays if isinstance(out, dict) else arrays["x"]
    facts = [whole.data.raw.fingerprint, whole.data.spec, _digest(split.y), _digest(*below.get_weights()), below.to_json()]
    folder = store.made(store.key_of([name, *facts]), lambda into: _write(below, split, into))
    found = {key: store.mapped(folder / f"{key}.npy") for key in _shapes(below, 0)}
    return found if isinstance(out, dict) else found["x"]


def _write(below: keras.Model, split: Encoded, folder: Path) -> None:
    shapes = _shapes(below, len(split))
    arrays = {key: store.array(folder / f"{key}.npy", dtype, shape) for key, (shape, dtype) in shapes.items()}
    _fill(below, split, arrays)


def _shapes(below: keras.Model, rows: int) -> dict[str, tuple[tuple[int, ...], Any]]:
    out = below.output if isinstance(below.output, dict) else {"x": below.output}
    whole = {key: (rows, *one.shape[1:]) for key, one in out.items()}
    return {key: (shape, np.int32 if out[key].dtype.startswith("int") else np.float32) for key, shape in whole.items()}


def _fill(below: keras.Model, split: Encoded, arrays: Mapping[str, np.ndarray]) -> None:
    start = 0
    for x, *_ in batches(split, BATCH):
        found = below.predict_on_batch(x)
        for key, values in (found if isinstance(found, dict) else {"x": found}).items():
            arrays[key][start : start + len(values)] = values
        start += len(values)


def _digest(*arrays: Any) -> str:
    digest = hashlib.sha256()
    for one in arrays:
        digest.update(np.ascontiguousarray(one).tobytes())
    return digest.hexdigest()
