"""NumPy's `.npz` archives: arrays by name, as `keras.datasets` keeps them."""

from __future__ import annotations

import zipfile

import numpy as np

from zoo.config.card import Card, NpzSource
from zoo.data import fetch
from zoo.data.sources.raw import Raw, check_images, join
from zoo.errors import ZooError, did_you_mean


def read(card: Card, source: NpzSource) -> Raw:
    """Images, or a float32 matrix whose columns are the card's in their order, and the target."""
    path = fetch.locate(source.file, card.folder)
    try:
        archive = np.load(path, allow_pickle=False)
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise ZooError(f"{path} is no .npz archive: {error}") from None
    pairs = [(source.features, source.target)]
    if source.test_features and source.test_target:
        pairs.append((source.test_features, source.test_target))
    parts = []
    for name, target_name in pairs:
        features, target = _array(archive, name, path.name), _array(archive, target_name, path.name).reshape(-1)
        if len(features) != len(target):
            raise ZooError(f"{path.name}: {name} has {len(features)} rows, but {target_name} {len(target)}")
        parts.append((_features(card, features, f"{path.name}: {name}"), target))
    return join(parts, {source.file.name: fetch.sha256_of(path)})


def _array(archive: np.lib.npyio.NpzFile, name: str, where: str) -> np.ndarray:
    if name not in archive:
        raise ZooError(f"{where} has no array '{name}'", did_you_mean(name, archive.files))
    try:
        return archive[name]
    except ValueError:
        raise ZooError(f"{where}: the array '{name}' holds Python objects, which are never loaded") from None
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise ZooError(f"{where}: the array '{name}' cannot be read: {error}") from None


def _features(card: Card, values: np.ndarray, where: str) -> dict[str, np.ndarray]:
    if card.image:
        return {"image": check_images(card, values, where)}
    names = list(card.columns or {})
    if values.ndim != 2 or values.shape[1] != len(names):
        raise ZooError(f"{where} has shape {values.shape}, but the card '{card.name}' names {len(names)} columns")
    if np.isinf(values).any():
        raise ZooError(f"{where} holds numbers that are not finite")
    return {name: values[:, index].astype(np.float32) for index, name in enumerate(names)}
