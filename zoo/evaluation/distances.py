"""How far generated examples are from real ones: distances between two sets of features, float64 (n, width) each."""

from __future__ import annotations

import numpy as np

SUBSETS, SUBSET = 50, 1000  # of which KID is the mean, and of at most so many examples
PAIRS = 5000  # of examples, whose mean distance says how various they are


def fid(real: np.ndarray, drawn: np.ndarray) -> float:
    """The Frechet distance between normal distributions of these means and covariances (Heusel et al. 2017,
    https://arxiv.org/abs/1706.08500); 0 for equal ones. Few examples make it larger: compare only what has as many."""
    means, covariances = ([one.mean(0) for one in (real, drawn)], [np.cov(one, rowvar=False) for one in (real, drawn)])
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ covariances[1] @ root)  # those of the product, which is not symmetric itself
    shared = np.sqrt(np.maximum(inner, 0)).sum()
    return float(max(0.0, np.square(means[0] - means[1]).sum() + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * shared))


def kid(real: np.ndarray, drawn: np.ndarray) -> float:
    """The squared maximum mean discrepancy by the kernel (x y / width + 1)^3, unbiased: around 0, and below, for equal distributions
    (Binkowski et al. 2018, https://arxiv.org/abs/1801.01401). The mean over subsets, which are always the same."""
    rng, size = np.random.default_rng(0), min(SUBSET, len(real), len(drawn))
    found = []
    for _ in range(SUBSETS):
        x, y = (one[rng.choice(len(one), size, replace=False)] for one in (real, drawn))
        found.append(_within(x) + _within(y) - 2 * _kernel(x, y).mean())
    return float(np.mean(found))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    values: np.ndarray = x @ y.T / x.shape[1] + 1
    return values * values * values  # a power would take ten times as long


def _within(x: np.ndarray) -> float:
    """The mean over pairs of two different examples."""
    values = _kernel(x, x)
    return float((values.sum() - np.trace(values)) / (len(x) * (len(x) - 1)))


def variety(values: np.ndarray) -> float:
    """The mean distance between two different examples, (n, width) of any kind, by pairs that are always the same."""
    if len(values) < 2:
        return 0.0
    rng = np.random.default_rng(0)
    first = rng.integers(0, len(values), PAIRS)
    second = (first + rng.integers(1, len(values), PAIRS)) % len(values)
    apart = values[first].astype(np.float64) - values[second]
    return float(np.sqrt(np.square(apart).sum(-1)).mean())
