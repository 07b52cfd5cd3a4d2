"""Fashion-MNIST's real files, where `ZOO_DATA_DIR` holds them."""

from __future__ import annotations

import os

import numpy as np
import pytest

from zoo.config import load_card
from zoo.data import fetch, prepare
from zoo.data.sources import read


@pytest.fixture(scope="module")
def card():
    card = load_card("fashion_mnist")
    if not os.environ.get("ZOO_DATA_DIR"):
        pytest.skip("ZOO_DATA_DIR names no folder with real data")
    files = [card.source.images, card.source.labels, card.source.test_images, card.source.test_labels]
    if not all(fetch._in_data_dir(file) for file in files):
        pytest.skip("ZOO_DATA_DIR does not hold Fashion-MNIST's four files")
    return card


def test_it_is_70000_images_in_balance(card):
    raw = read(card)
    assert (raw.features["image"].shape, raw.features["image"].dtype) == ((70_000, 28, 28, 1), np.uint8)
    assert np.bincount(raw.target[raw.given == "train"]).tolist() == [6000] * 10
    assert np.bincount(raw.target[raw.given == "test"]).tolist() == [1000] * 10


def test_it_is_split_and_handed_out(card):
    data = prepare(card, batch_size=256)
    assert data.describe() == "70,000 images 28x28 in 10 classes (54,000 / 6,000 / 10,000)"
    assert np.bincount(data.encoded["val"].y).tolist() == [600] * 10
    assert data.encoded["train"].x.dtype == np.uint8
    x, _ = next(iter(data.train))
    assert (x.shape, float(x.numpy().max())) == ((256, 28, 28, 1), 255.0)
