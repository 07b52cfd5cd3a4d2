"""The catalogue: what is measured of each of the zoo's own models, so that `zoo models` answers without Keras."""

from __future__ import annotations

import gc
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import registry
from zoo.exporting.proof import TOLERANCE
from zoo.jobs import drawn
from zoo.jobs.flops import flops
from zoo.registry import Entry, known
from zoo.runs import write_text

if TYPE_CHECKING:
    import keras

BATCHES = (1, 3)  # an export that works at one size only has baked it in

LARGE = 5_000_000  # parameters from which the smallest model of the file answers for the exports

Exporter = Callable[["keras.Model", Path], Callable[[Any], np.ndarray]]


def write_catalogue() -> list[str]:
    """Measures the zoo's own models and writes `zoo/catalogue.json`; gives the names that were measured anew.

    A model whose file and registration are as they were is kept. What is measured is written at once: it takes minutes.
    """
    own, written = _own(), _written()
    done = {name: written[name] for name, entry in own.items() if _same(written.get(name), entry)}
    renewed = sorted(set(own) - set(done))
    sizes = {name: _count(own[name]) for name in renewed}
    for name in sorted(renewed, key=lambda name: sizes[name]):
        of_file = [one for one in done.values() if one.module == own[name].module and one.params]
        smallest = min(of_file, key=lambda one: one.params or 0, default=None)
        done[name] = measured(own[name], smallest if sizes[name] > LARGE else None)
        gc.collect()
        _write(done)
    if set(done) != set(written):
        _write(done)
    return renewed


def _write(done: Mapping[str, Entry]) -> None:
    lines = ",\n".join(json.dumps(done[name].as_json(), ensure_ascii=False) for name in sorted(done))
    write_text(known.CATALOGUE, f'{{"format": 1, "models": [\n{lines}\n]}}\n')
    registry.catalogue.cache_clear()


def stale(largest: int | None = None) -> list[str]:
    """Names that the catalogue lacks, has too many, or describes otherwise than the models now are.

    Each is built and counted; with `largest` only those of at most so many parameters, the others by what is registered of them.
    """
    written, own = _written(), _own()
    differing = set(written) ^ set(own)
    for name in set(written) & set(own):
        counted = largest is None or (written[name].params or 0) <= largest
        if not _same(written[name], own[name]) or (counted and written[name].params != _count(own[name])):
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
    """Whether the file and the registration are as they were when `written` was measured, all of it."""
    return (
        written is not None
        and written.file_size is not None
        and replace(written, params=None, flops=None, file_size=None, exports=()) == now
    )


def _build(entry: Entry) -> keras.Model:
    return registry.create_model(entry.name, **entry.example)


def _count(entry: Entry) -> int:
    count: int = _build(entry).count_params()
    gc.collect()  # a model is a circle of references: dozens of large ones would fill the memory
    return count


def measured(entry: Entry, smallest: Entry | None = None) -> Entry:
    """The entry with its parameters, FLOPs and file size at its example's size, and the exports that pass.

    Those of a large model are the `smallest` one's of its file, which has the same layers.
    """
    model = _build(entry)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        size = path.stat().st_size
    exports = smallest.exports if smallest else passing_exports(entry)
    return replace(entry, params=model.count_params(), flops=flops(model), file_size=size, exports=exports)


def passing_exports(entry: Entry) -> tuple[str, ...]:
    """The formats in which a small model of the name, reloaded at two batch sizes, answers as in Keras, of every modality that it takes."""
    models = []
    for modality in entry.modalities:
        task = next(task for one, task in drawn.learned(entry) if one == modality)
        facts = drawn.small_facts(entry, modality, task)
        models.append((registry.create_model(entry.name, **facts), facts))
    return tuple(kind for kind in EXPORTERS if all(export_error(model, facts, kind) is None for model, facts in models))


def export_error(model: keras.Model, facts: Mapping[str, Any], kind: str) -> str | None:
    """Why the export of `model`, built from `facts`, in the format `kind` is not to be trusted, or None where it is."""
    exporter, tolerance = EXPORTERS[kind], TOLERANCE[kind]
    with tempfile.TemporaryDirectory() as folder:
        try:
            answer = exporter(model, Path(folder))
            for batch in BATCHES:
                inputs = drawn.inputs_of(model, facts, batch)
                expected = np.asarray(model(inputs, training=False))
                difference = np.abs(answer(inputs) - expected).max() / max(1.0, np.abs(expected).max())
                if not difference <= tolerance:  # so written, NaN fails too
                    return f"differs by {difference:.2g} of the largest answer at batch {batch}"
        except ImportError:  # a package that is missing says nothing of the model
            raise
        except Exception as error:  # the converters and runtimes raise many kinds; each means that this format does not pass
            return f"{type(error).__name__}: {error}"
    return None


def _named(inputs: Any) -> dict[str, np.ndarray]:
    return dict(inputs) if isinstance(inputs, Mapping) else {"features": inputs}


def saved_model(model: keras.Model, folder: Path) -> Callable[[Any], np.ndarray]:
    """Writes a SavedModel as a release does, and gives the function that it serves when loaded again."""
    import tensorflow as tf

    from zoo.exporting import onnx_file, proof
    from zoo.exporting.saved_model import save

    features = onnx_file.features_of(model)
    specs = list(_named(features).values())

    def served(*parts: Any) -> dict[str, Any]:
        return {"outputs": model(dict(zip(features, parts, strict=True)) if isinstance(features, dict) else parts[0], training=False)}

    save({"serving_default": tf.function(served, autograph=False, input_signature=specs).get_concrete_function()}, folder)
    answer = proof.saved_model(folder)["serving_default"]
    return lambda inputs: answer(_named(inputs))["outputs"].numpy()


def onnx(model: keras.Model, folder: Path) -> Callable[[Any], np.ndarray]:
    """Writes an ONNX file as a release does, and gives the function that onnxruntime makes of it."""
    from zoo.exporting import onnx_file, proof

    path = folder / "model.onnx"
    onnx_file.convert(lambda features: {"outputs": model(features, training=False)}, onnx_file.features_of(model), path)
    answer = proof.onnx_session(path)
    return lambda inputs: answer(_named(inputs))["outputs"]


EXPORTERS: dict[str, Exporter] = {"saved_model": saved_model, "onnx": onnx}
