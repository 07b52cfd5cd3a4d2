"""Bayesian optimization on Keras Tuner's oracle: a Gaussian process over the trials, and the point of the best confidence bound.

Keras Tuner descends its bound from fifty places by finite differences, which takes half a second, and rounds afterwards to points
that it knows already. Here the bound is looked at on many points of the space at once, and nearer and nearer around the best.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import keras_tuner
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from threadpoolctl import threadpool_limits

from zoo.config.space import Point, Space, same
from zoo.tuning.oracles.base import Suggesting, usable
from zoo.tuning.oracles.with_keras_tuner import Random, common, point_of, put
from zoo.tuning.trials import Trial

INITIAL = 5  # random points before the process is asked; Keras Tuner's 3 a dimension leave nothing of a usual budget
LOOKED_AT = 2000  # points all over the space
NEARER = (0.1, 0.03, 0.01)  # spreads of those around the best
BETA = 1.5  # deviations below the mean: less daring than Keras Tuner's 2.6, which does not come to its end in 25 trials
FAR = 1.0  # times that the worst may be as far from the middle as the best is


class Bayesian(Suggesting):
    """Random points first, then Keras Tuner's process."""

    def suggest(self, trials: Sequence[Trial], seed: int) -> Point:
        known = [trial for trial in trials if usable(trial)]
        if len(known) < INITIAL:
            return Random(self.space, self.seed, self.sign).suggest(trials, seed)
        oracle = Process(self.space, self.sign, seed)
        with warnings.catch_warnings(), threadpool_limits(1):  # of so small matrices more threads only get in each other's way
            warnings.simplefilter("ignore", ConvergenceWarning)
            for trial in known:
                put(oracle, self.space, trial, str(trial.number))
            oracle.learn()
            for trial in trials:
                if not trial.ended:
                    put(oracle, self.space, trial, str(trial.number))
            if oracle.ongoing_trials:
                oracle.learn()  # of running ones the process guesses the scores itself
            return oracle.best({same(trial.values) for trial in trials})


class Process(keras_tuner.oracles.BayesianOptimizationOracle):
    """Keras Tuner's oracle with a length of its own for each axis, and its bound looked at on whole points only."""

    def __init__(self, space: Space, sign: int, seed: int) -> None:
        self.axes = space  # before Keras Tuner makes the process
        super().__init__(seed=seed, beta=BETA, **common(space, sign))

    def _make_gpr(self) -> GaussianProcessRegressor:
        lengths = Matern(np.full(len(self.axes.axes), 0.5), (0.05, 20.0), nu=2.5)
        kernel = ConstantKernel(1.0, (0.05, 20.0)) * lengths + WhiteKernel(1e-3, (1e-6, 0.3))
        return GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=self.seed)

    def learn(self) -> None:
        """Fits the process to the trials. What is far worse than the middle is bad enough: a few diverged ones would flatten all others."""
        vectors, scores = self._vectorize_trials()  # of scores the least is the best
        middle = np.median(scores)
        worst = middle + FAR * (middle - scores.min())
        self.gpr.fit(vectors, np.minimum(scores, worst) if worst > middle else scores)

    def best(self, tried: set[str]) -> Point:
        """The untried point of the best bound; where all that was looked at were tried, the best of them."""
        vectors = self._whole(self._random_state.uniform(size=(LOOKED_AT, len(self.axes.axes))))
        bounds = self._bounds(vectors)
        for spread in NEARER:
            around = vectors[bounds.argmin()] + self._random_state.normal(0, spread, (LOOKED_AT // 4, vectors.shape[1]))
            nearer = self._whole(around.clip(0, 1))
            vectors, bounds = np.concatenate([vectors, nearer]), np.concatenate([bounds, self._bounds(nearer)])
        _, first = np.unique(vectors, axis=0, return_index=True)
        for place in first[np.argsort(bounds[first])]:
            point = point_of(self.axes, self._vector_to_values(vectors[place]))
            if same(point) not in tried:
                return point
        return point_of(self.axes, self._vector_to_values(vectors[bounds.argmin()]))

    def _bounds(self, vectors: np.ndarray) -> np.ndarray:
        mean, deviation = self.gpr.predict(vectors, return_std=True)
        lower: np.ndarray = mean - self.beta * deviation
        return lower

    def _whole(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors as those of points: at a value where values can be counted, at the default where an axis does not count."""
        known: dict[str, Any] = {}
        for place, (axis, declared) in enumerate(zip(self.axes.axes, self._nonfixed_space(), strict=True)):
            if axis.count is not None:
                known[axis.name] = np.minimum(np.floor(vectors[:, place] * axis.count), axis.count - 1)
                vectors[:, place] = (known[axis.name] + 0.5) / axis.count
            if axis.when is not None:
                above, value = axis.when
                counts = known[above] == self.axes.named[above].place(value)
                vectors[~counts, place] = declared.value_to_prob(declared.default)
        return vectors
