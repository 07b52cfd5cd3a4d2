"""Which keys the scores of a search depend on: what a forest that has learned the scores loses when a key's values are shuffled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from zoo.config.space import Space
from zoo.tuning.scales import Scale, scales, scored
from zoo.tuning.trials import Trial

FEWEST = 8  # completed trials
TREES = 100
SHUFFLED = 2000  # examples that a key's importance is measured on: so many shuffles of few trials
ABSENT = -1.0  # of a key that does not count at a point; all others lie from 0 to 1


@dataclass(frozen=True)
class Importance:
    """What each key explains.

    Attributes:
        shares: dotted key -> its share, all together 1, the largest first; empty where nothing can be said.
        explained: how much of the order of the scores the keys tell of trials that were not learned from, at most 1.
        why: in words, why nothing can be said; else None.
    """

    shares: dict[str, float] = field(default_factory=dict)
    explained: float = 0.0
    why: str | None = None


def importance(space: Space, trials: Sequence[Trial]) -> Importance:
    """What each key of a space explains of the order of the scores. The same trials give the same answer.

    The forest learns ranks, not scores: one trial that diverged would else outweigh all others.
    """
    from scipy.stats import rankdata

    known = scored(trials)
    if len(known) < FEWEST:
        return Importance(why=f"{len(known)} of the trials are completed; from {FEWEST} on there is something to say")
    scores = [trial.score for trial in known]
    if len(set(scores)) == 1:
        return Importance(why="all scores are equal")
    places = scales(space)
    blocks = [_encoded(scale, known) for scale in places]
    lost, explained = _lost(blocks, rankdata(scores) / len(scores))
    if lost.sum() <= 0:
        return Importance(why="no key tells better trials from worse ones")
    order = np.argsort(-lost, kind="stable")
    return Importance({places[one].key: float(lost[one] / lost.sum()) for one in order}, explained)


def _encoded(scale: Scale, trials: Sequence[Trial]) -> np.ndarray:
    """Columns of a key: one of places from 0 to 1, or one a choice where choices have no order."""
    if scale.ordered:
        return np.array([[scale.place(trial.values[scale.key]) if scale.key in trial.values else ABSENT] for trial in trials])
    said = [json.dumps(trial.values[scale.key]) if scale.key in trial.values else "" for trial in trials]
    return np.array([[float(one == json.dumps(choice)) for choice in scale.choices] for one in said])


def _lost(blocks: list[np.ndarray], y: np.ndarray) -> tuple[np.ndarray, float]:
    """By how much the forest errs more when a key's columns are shuffled together; and its r2 on what each tree has not seen."""
    from sklearn.ensemble import RandomForestRegressor

    x = np.concatenate(blocks, axis=1)
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, oob_score=True, random_state=0, n_jobs=1).fit(x, y)
    chance, error = np.random.default_rng(0), np.mean((forest.predict(x) - y) ** 2)
    ends = np.cumsum([block.shape[1] for block in blocks])
    lost, shuffles = [], max(1, min(8, SHUFFLED // len(x)))
    for block, end in zip(blocks, ends, strict=True):
        shuffled = np.tile(x, (shuffles, 1))
        order = np.concatenate([chance.permutation(len(x)) for _ in range(shuffles)])
        shuffled[:, end - block.shape[1] : end] = block[order]
        lost.append(np.mean((forest.predict(shuffled) - np.tile(y, shuffles)) ** 2) - error)
    return np.maximum(lost, 0.0), float(forest.oob_score_)
