"""The catalogue: what is measured of each of the zoo's own models, so that `zoo models` answers without Keras."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import registry
from zoo.errors import ZooError
from zoo.exporting.proof import TOLERANCE
from zoo.registry import Entry, known
from zoo.runs import write_text

if TYPE_CHECKING:
    import keras

BATCHES = (1, 3)  # an export that works at one size only has baked it in

Exporter = Callable[["keras.Model", Path], Callable[[np.ndarray], np.ndarray]]


def write_catalogue() -> list[str]:
    """Measures the zoo's own models and writes `zoo/catalogue.json`; gives the names that were measured anew.

    A model whose file and registration are as they were is kept.
    """
    kept = _written()
    entries, renewed = [], []
    for name, entry in sorted(_own().items()):
        if not _same(kept.get(name), entry):
            entry = measured(entry)
            renewed.append(name)
        else:
            entry = kept[name]
        entries.append(entry)
    lines = ",\n".join(json.dumps(one.as_json(), ensure_ascii=False) for one in entries)
    write_text(known.CATALOGUE, f'{{"format": 1, "models": [\n{lines}\n]}}\n')
    registry.catalogue.cache_clear()
    return renewed


def stale() -> list[str]:
    """Names that the catalogue lacks, has too many, or describes otherwise than the models now are."""
    written, own = _written(), _own()
    differing = set(written) ^ set(own)
    for name in set(written) & set(own):
        if not _same(written[name], own[name]) or written[name].params != _build(own[name]).count_params():
            differing.add(name)
    return sorted(differing)


def _own() -> dict[str, Entry]:
    """The zoo's own registrations as JSON gives them back, with the hashes of their files."""
    own = {}
    for name, one in registry.load_all().items():
        if one.entry.module.startswith("zoo.models."):
            entry = replace(one.entry, source_sha256=registry.source_sha256(one.entry.module))
            own[name] = registry.entry_from_json(json.loads(json.dumps(entry.as_json())))
    return own


def _written() -> dict[str, Entry]:
    registry.catalogue.cache_clear()
    return dict(registry.catalogue())


def _same(written: Entry | None, now: Entry) -> bool:
    """Whether the file and the registration are as they were when `written` was measured."""
    return written is not None and replace(written, params=None, flops=None, exports=()) == now


def _build(entry: Entry) -> keras.Model:
    return registry.create_model(entry.name, **entry.example)


def measured(entry: Entry) -> Entry:
    """The entry with its parameters, FLOPs and the exports that pass, at its example's size."""
    model = _build(entry)
    return replace(entry, params=model.count_params(), flops=flops(model), exports=passing_exports(model))


def flops(model: keras.Model) -> int:
    """Floating-point operations of one example's answer: two a multiply-add of a convolution or a matrix product.

    Element-wise work (biases, activations, pooling, normalisation, which folds into its convolution) is not counted.

    Raises:
        ZooError: a layer with weights has no rule here.
    """
    return sum(_layer_flops(layer) for layer in model.layers)


def _layer_flops(layer: keras.Layer) -> int:
    from keras import layers

    if not layer.weights or isinstance(layer, (layers.BatchNormalization, layers.Embedding)):
        return 0
    if isinstance(layer, (layers.Conv1D, layers.Conv2D, layers.Dense)) and not isinstance(layer, layers.DepthwiseConv2D):
        places = int(np.prod(layer.output.shape[1:-1]))  # of each place's output, every weight is used once
        return 2 * places * int(np.prod(layer.kernel.shape))
    raise ZooError(f"no rule for the FLOPs of {type(layer).__name__} '{layer.name}'; write one in {__name__}")


def passing_exports(model: keras.Model) -> tuple[str, ...]:
    """The formats in which `model` answers, reloaded at two batch sizes, as it does in Keras."""
    return tuple(kind for kind in EXPORTERS if export_error(model, kind) is None)


def export_error(model: keras.Model, kind: str) -> str | None:
    """Why the export of `model` in the format `kind` is not to be trusted, or None where it is."""
    exporter, tolerance = EXPORTERS[kind], TOLERANCE[kind]
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        try:
            answer = exporter(model, Path(folder))
            for batch in BATCHES:
                inputs = _inputs(model, rng, batch)
                expected = np.asarray(model(inputs, training=False))
                difference = np.abs(answer(inputs) - expected).max() / max(1.0, np.abs(expected).max())
                if not difference <= tolerance:  # so written, NaN fails too
                    return f"differs by {difference:.2g} of the largest answer at batch {batch}"
        except ImportError:  # a package that is missing says nothing of the model
            raise
        except Exception as error:  # the converters and runtimes raise many kinds; each means that this format does not pass
            return f"{type(error).__name__}: {error}"
    return None


def _inputs(model: keras.Model, rng: np.random.Generator, batch: int) -> np.ndarray:
    """Drawn inputs of a model: pixels 0..255, tokens that it knows, padding at their end, or numbers 0..1."""
    shape = (batch, *model.input_shape[1:])
    if model.input.name == "tokens":
        known = min(layer.input_dim for layer in model.layers if hasattr(layer, "input_dim"))
        tokens = rng.integers(1, known, shape, dtype="int32")
        tokens[:, shape[1] // 2 :] = 0
        return tokens
    return rng.uniform(0, 255 if model.input.name == "image" else 1, shape).astype("float32")


def saved_model(model: keras.Model, folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Writes a SavedModel as a release does, and gives the function that it serves when loaded again."""
    import tensorflow as tf

    from zoo.exporting import proof
    from zoo.exporting.saved_model import save

    def served(features: Any) -> dict[str, Any]:
        return {"outputs": model(features, training=False)}

    features = tf.TensorSpec(model.input_shape, model.input.dtype, name="features")
    save({"serving_default": tf.function(served, autograph=False).get_concrete_function(features=features)}, folder)
    answer = proof.saved_model(folder)["serving_default"]
    return lambda inputs: answer({"features": inputs})["outputs"].numpy()


def onnx(model: keras.Model, folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Writes an ONNX file as a release does, and gives the function that onnxruntime makes of it."""
    from zoo.exporting import onnx_file, proof

    path = folder / "model.onnx"
    onnx_file.convert(lambda features: {"outputs": model(features, training=False)}, onnx_file.features_of(model), path)
    answer = proof.onnx_session(path)
    return lambda inputs: answer({"features": inputs})["outputs"]


EXPORTERS: dict[str, Exporter] = {"saved_model": saved_model, "onnx": onnx}
