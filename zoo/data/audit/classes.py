"""Classes: those that cannot be learned, and how many examples each has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zoo.data import preprocess
from zoo.data.audit.finding import Finding, percent, some
from zoo.data.windows import pick

if TYPE_CHECKING:
    from zoo.data.dataset import Dataset

UNEVEN = 10  # times as many examples in the largest class as in the smallest: worth a word


def missing(data: Dataset) -> list[Finding]:
    """Classes without an example in train. An autoencoder learns the normal ones alone."""
    if not data.classes or data.card.task != "classification":
        return []
    counts = _counts(data, data.rows["train"])
    gone = [name for name, count in zip(data.classes, counts, strict=True) if not count]
    if not gone:
        return []
    if data.card.multilabel:
        what = f"{len(gone):,} of {len(data.classes):,} labels hold in no example of train: they cannot be learned"
        return [Finding("error", "missing labels", what, some(gone), "add examples, or leave these labels out")]
    what = f"{len(gone):,} of {len(data.classes):,} classes have no example in train: they cannot be learned"
    return [Finding("error", "missing classes", what, some(gone), "add examples, use split: {kind: stratified}, or mend target.classes")]


def counts(data: Dataset) -> list[Finding]:
    """How many examples a class has, and whether the largest dwarfs the smallest."""
    if not data.classes:
        return []
    found = _counts(data, np.arange(len(data.raw)))
    if data.card.multilabel:
        listed = some(f"{name} {count:,} ({percent(count, len(data.raw))})" for name, count in zip(data.classes, found, strict=True))
        return [Finding("note", "label counts", f"{len(found):,} labels hold in {found.min():,} to {found.max():,} examples", listed)]
    order = np.argsort(-found, kind="stable")
    listed = some(f"{data.classes[place]} {found[place]:,} ({percent(found[place], found.sum())})" for place in order)
    sizes = f"{found.min():,} to {found.max():,}" if found.min() < found.max() else f"{found.min():,}"
    notes = [Finding("note", "class counts", f"{len(found):,} classes of {sizes} examples", listed)]
    least = found[found > 0].min()
    if found.max() >= UNEVEN * least:
        what = f"the largest class has {found.max() / least:,.0f} times as many examples as the smallest"
        advice = "accuracy hides the small one: look at balanced_accuracy; an experiment may say imbalance: class_weight"
        notes.append(Finding("note", "uneven classes", what, (), advice))
    return notes


def _counts(data: Dataset, rows: np.ndarray) -> np.ndarray:
    y = preprocess.encode_target(data.spec, pick(data.raw.target, rows))
    return np.bincount(y, minlength=len(data.classes or ())) if y.ndim == 1 else y.sum(0).astype(int)
