"""A search's tuner becomes an oracle. Keras Tuner and Optuna are imported for theirs only."""

from __future__ import annotations

from zoo.config.search import OPTUNA, Search
from zoo.config.space import Space
from zoo.tuning.oracles.base import Grid, Oracle


def make(search: Search, space: Space, sign: int, epochs: int) -> Oracle:
    """The oracle of a search.

    Args:
        search: its settings.
        space: what is searched.
        sign: 1 where a higher score is better, else -1.
        epochs: of a whole training, which hyperband gives out.

    Raises:
        ZooError: the tuner needs a package that is not installed.
    """
    if search.tuner == "grid":
        return Grid(space)
    if search.tuner in OPTUNA:
        from zoo.tuning.oracles.with_optuna import WithOptuna

        return WithOptuna(space, search.seed, sign, search.tuner)
    if search.tuner == "hyperband":
        from zoo.tuning.oracles.hyperband import Hyperband

        budget = search.trials or search.time or search.epochs
        return Hyperband(space, search.seed, sign, epochs, sweeps=None if budget else 1)
    if search.tuner == "bayesian":
        from zoo.tuning.oracles.bayesian import Bayesian

        return Bayesian(space, search.seed, sign)
    from zoo.tuning.oracles.with_keras_tuner import Random

    return Random(space, search.seed, sign)
