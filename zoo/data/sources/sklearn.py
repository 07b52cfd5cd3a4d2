"""The sets that ship inside scikit-learn: real data without a network."""

from __future__ import annotations

import numpy as np

from zoo.config.card import Card
from zoo.config.sources import SklearnSource
from zoo.data.sources.raw import Raw, check_images
from zoo.errors import ZooError


def read(card: Card, source: SklearnSource) -> Raw:
    """digits as images (1797, 8, 8, 1) of 0..16; the others as float32 columns by scikit-learn's names."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{source.name}")(**({"scaled": False} if source.name == "diabetes" else {}))
    target, ids = np.asarray(bunch.target), np.arange(len(bunch.target))
    if card.image:
        if source.name != "digits":
            raise ZooError(f"scikit-learn's '{source.name}' is a table: the card '{card.name}' needs columns")
        return Raw({"image": check_images(card, bunch.images, "scikit-learn's digits")}, target, ids)
    names = [str(name) for name in bunch.feature_names]
    for name in card.columns or {}:
        if name not in names:
            raise ZooError(f"scikit-learn's '{source.name}' has no column '{name}'", f"it has: {', '.join(names)}")
    columns = {name: bunch.data[:, names.index(name)].astype(np.float32) for name in card.columns or {}}
    return Raw(columns, target, ids)
