"""The registry: a name leads to a builder, and to what was measured of it without loading Keras."""

from zoo.registry.build import create_model, outputs_for
from zoo.registry.known import (
    CATALOGUE,
    MODELS,
    Entry,
    Registered,
    broken,
    catalogue,
    check_hparams,
    entries,
    entry,
    entry_from_json,
    list_models,
    load_all,
    modules,
    register_model,
    registered,
    signature,
    source_sha256,
)

__all__ = [
    "CATALOGUE",
    "MODELS",
    "Entry",
    "Registered",
    "broken",
    "catalogue",
    "check_hparams",
    "create_model",
    "entries",
    "entry",
    "entry_from_json",
    "list_models",
    "load_all",
    "modules",
    "outputs_for",
    "register_model",
    "registered",
    "signature",
    "source_sha256",
]
