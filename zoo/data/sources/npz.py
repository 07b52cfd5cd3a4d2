"""NumPy's `.npz` archives: arrays by name, as `keras.datasets` keeps them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from zoo.config.card import Card
from zoo.config.sources import NpzSource
from zoo.data import fetch
from zoo.data.sources.raw import Raw, check_images, join
from zoo.errors import ZooError, did_you_mean


def read(card: Card, source: NpzSource) -> Raw:
    """Images, series, or a float32 matrix whose columns are the card's in their order, and the target."""
    path = fetch.locate(source.file, card.folder)
    pairs = [(source.features, source.target)]
    if source.test_features and source.test_target:
        pairs.append((source.test_features, source.test_target))
    parts = []
    with _opened(path) as archive:
        for name, target_name in pairs:
            features = _array(archive, name, path.name)
            target = _target(card, _array(archive, target_name, path.name), f"{path.name}: {target_name}")
            if len(features) != len(target):
                raise ZooError(f"{path.name}: {name} has {len(features)} rows, but {target_name} {len(target)}")
            parts.append((_features(card, features, f"{path.name}: {name}"), target))
    return join(parts, {source.file.name: fetch.sha256_of(path)})


def _opened(path: Path) -> np.lib.npyio.NpzFile:
    try:
        with path.open("rb") as file:
            if file.read(2) != b"PK":  # np.load would try to unpickle what is no archive, and refuse with a word of that
                raise ZooError(f"{path} is no .npz archive")
        archive: np.lib.npyio.NpzFile = np.load(path, allow_pickle=False)
        return archive
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ZooError(f"{path} is no .npz archive: {error}") from None


def _array(archive: np.lib.npyio.NpzFile, name: str, where: str) -> np.ndarray:
    if name not in archive:
        raise ZooError(f"{where} has no array '{name}'", did_you_mean(name, archive.files))
    try:
        values = archive[name]
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        why = "holds Python objects, which are never loaded" if "Object arrays" in str(error) else f"cannot be read: {error}"
        raise ZooError(f"{where}: the array '{name}' {why}") from None
    if not isinstance(values, np.ndarray) or values.ndim == 0 or values.dtype.kind not in "biufSU":
        raise ZooError(f"{where}: '{name}' is no array of numbers or words, a row an example")
    return values


def _target(card: Card, values: np.ndarray, where: str) -> np.ndarray:
    """(n,), or (n, targets) where the card names several."""
    if card.task == "forecasting" or card.target.columns is None:
        return values.reshape(-1)
    if values.ndim != 2 or values.shape[1] != len(card.targets):
        raise ZooError(f"{where} has shape {values.shape}, but the card '{card.name}' names {len(card.targets)} targets")
    return values


def _features(card: Card, values: np.ndarray, where: str) -> dict[str, np.ndarray]:
    if values.dtype.kind not in "biuf":
        raise ZooError(f"{where} holds {values.dtype} values, where numbers are expected")
    if card.image:
        return {"image": check_images(card, values, where)}
    if card.series:
        return {"series": _series(card, values, where)}
    names = list(card.columns or {})
    if values.ndim != 2 or values.shape[1] != len(names):
        raise ZooError(f"{where} has shape {values.shape}, but the card '{card.name}' names {len(names)} columns")
    with np.errstate(over="ignore"):
        columns = values.astype(np.float32)
    if np.isinf(columns).any():
        raise ZooError(f"{where} holds numbers that are infinite, or larger than a float32 can be")
    return {name: columns[:, index] for index, name in enumerate(names)}


def _series(card: Card, values: np.ndarray, where: str) -> np.ndarray:
    """float32 (n, length, channels), NaN behind the end of shorter ones; one channel may stand without its axis."""
    assert card.series is not None
    length, channels = card.series.shape
    values = values[..., None] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[1] > length or values.shape[2] != channels:
        raise ZooError(f"{where} has shape {values.shape}, but the card '{card.name}' says length: {length} and channels: {channels}")
    series = np.full((len(values), length, channels), np.nan, np.float32)
    with np.errstate(over="ignore"):
        series[:, : values.shape[1]] = values
    if np.isinf(series).any():
        raise ZooError(f"{where} holds numbers that are infinite, or larger than a float32 can be")
    return series
