"""A model's page: its settings and its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.jobs.pages.page import Page, Section
from zoo.registry import Entry

if TYPE_CHECKING:
    import keras


def of_model(entry: Entry) -> Page:
    from zoo import registry

    model = registry.create_model(entry.name, **entry.example)
    facts = [
        ("paper", entry.paper or "-"),
        ("parameters", f"{model.count_params():,}"),
        ("FLOPs", f"{entry.flops:,}" if entry.flops else "-"),
        ("tasks", ", ".join(entry.tasks)),
        ("exports", ", ".join(entry.exports)),
        ("built with", ", ".join(f"{key} = {value}" for key, value in entry.example.items())),
    ]
    hparams = [(name, str(value), ", ".join(map(str, entry.space.get(name, [])))) for name, value in entry.hparams.items()]
    layers = [(layer.name, type(layer).__name__, _inputs(layer), _shape(layer.output), layer.count_params()) for layer in model.layers]
    sections = [
        Section("Settings", columns=("hparam", "default", "search space"), rows=hparams),
        Section(f"{len(layers)} layers", columns=("layer", "kind", "takes", "output", "parameters"), rows=layers),
    ]
    return Page(entry.name, entry.summary, facts, sections)


def _inputs(layer: keras.Layer) -> str:
    """The names of the layers before a layer."""
    nodes = layer._inbound_nodes[:1]
    return ", ".join(tensor._keras_history.operation.name for node in nodes for tensor in node.input_tensors)


def _shape(output: Any) -> str:
    outputs = output if isinstance(output, (list, tuple)) else [output]
    return "; ".join("x".join("batch" if size is None else str(size) for size in one.shape) for one in outputs)
