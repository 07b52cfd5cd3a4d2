"""Who stops a hopeless trial: Optuna's median pruner (Golovin et al. 2017, section 3.2.2, https://doi.org/10.1145/3097983.3098043)."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any

from zoo.config.search import OPTUNA, Search
from zoo.errors import ZooError

SPARED_TRIALS = 4  # whole trials before any is stopped: a median of fewer says little
SPARED_EPOCHS = 1  # the first epoch of a trial says least


class Pruner:
    """Whether a trial is worse at an epoch than the median of the earlier ones there: a pure function of the curves.

    Args:
        sign: 1 where a higher value of the objective is better, else -1.
        past: the objective after each epoch of the trials that were completed; not of pruned ones, as in Optuna.
    """

    def __init__(self, sign: int, past: Sequence[Sequence[float]]) -> None:
        optuna = load_optuna("search.pruner: median")
        self.pruner = optuna.pruners.MedianPruner(n_startup_trials=SPARED_TRIALS, n_warmup_steps=SPARED_EPOCHS)
        self.study = optuna.create_study(direction="maximize" if sign > 0 else "minimize", pruner=self.pruner)
        for curve in past:
            known = {epoch: value for epoch, value in _by_epoch(curve).items() if math.isfinite(value)}
            if known:
                best = max(known.values(), key=lambda value: sign * value)
                self.study.add_trial(optuna.trial.create_trial(value=best, intermediate_values=known))

    def hopeless(self, curve: Sequence[float]) -> bool:
        """Whether a trial should end, by its objective after each epoch so far."""
        if not curve or math.isnan(curve[-1]):
            return False  # of an epoch that cannot be compared
        optuna = load_optuna("search.pruner: median")
        running = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, intermediate_values=_by_epoch(curve))
        return bool(self.pruner.prune(self.study, running))


def _by_epoch(curve: Sequence[float]) -> dict[int, float]:
    return {epoch: float(value) for epoch, value in enumerate(curve) if not math.isnan(value)}


def needs_optuna(search: Search) -> None:
    """Raises ZooError where a search needs Optuna, or PyTorch for its Gaussian process, and it is not installed."""
    if search.tuner in OPTUNA:
        load_optuna(f"search.tuner: {search.tuner}")
    if search.tuner == "gp":
        _load("torch", "search.tuner: gp needs PyTorch, too", "pip install torch      a build for the processor alone is enough")
    if search.pruner:
        load_optuna(f"search.pruner: {search.pruner}")


def load_optuna(what: str) -> Any:
    """Optuna, made silent. Raises ZooError, which names `what` needs it, where it is not installed."""
    optuna = _load("optuna", f"{what} needs Optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _load(package: str, what: str, how: str = 'pip install "keras-zoo[optuna]"') -> Any:
    try:
        return importlib.import_module(package)
    except (ImportError, OSError) as error:  # PyTorch without its libraries is an OSError
        raise ZooError(f"{what}: {error}", how) from error
