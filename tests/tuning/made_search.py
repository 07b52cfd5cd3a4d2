"""Search folders made by hand: what a search leaves, without a search."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

from zoo.config.tunable import load_tunable
from zoo.tuning.folder import SearchFolder, best_of, create
from zoo.tuning.trials import COMPLETED, FAILED, PRUNED, Trial

RATE = "train.optimizer.learning_rate"
SPACE = {
    "model": {
        "cnn_small": {"width": [16, 32, 64], "dropout": {"float": [0, 0.5]}},
        "mlp": {"hidden": [[32], [64, 64], [256, 128, 64]], "activation": ["relu", "gelu", "tanh"], "batch_norm": [False, True]},
    },
    RATE: {"log": [1e-5, 1e-1]},
    "train.batch_size": {"int": [16, 128], "step": 16},
}
KILLED = "the process was killed by the system: it wanted more memory than there is"


def empty(root: Path, **search: Any) -> SearchFolder:
    """A search without a trial."""
    return create(root, load_tunable("digits_cnn", {"search": {"trials": 40, "space": SPACE, **search}}), 1)


def trials(folder: SearchFolder, count: int) -> list[Trial]:
    """Trials whose score hangs on the learning rate, and on the model a little; some are pruned, some failed."""
    chance, made, space = random.Random(3), [], folder.space
    for number in range(1, count + 1):
        point: dict[str, Any] = {}
        for axis in space.axes:
            if space.counts(axis, point):
                low, high = (math.log(axis.low), math.log(axis.high)) if axis.log else (axis.low, axis.high)
                drawn = chance.uniform(low, high)
                point[axis.key] = chance.choice(axis.values) if axis.values else math.exp(drawn) if axis.log else drawn
        rate = math.log10(point[RATE])
        score = 0.98 - 0.06 * abs(rate + 2.6) - 0.03 * (point["model.name"] == "mlp") + chance.gauss(0, 0.005)
        state, reason = COMPLETED, None
        if rate > -1.4:
            state, reason = FAILED, f"the loss became NaN in epoch {chance.randint(1, 4)}"
        elif number in (9, 23):
            state, reason = FAILED, KILLED
        elif number in (14, 31):
            state, reason = PRUNED, "worse than the median at epoch 3"
        curve = () if state == FAILED else tuple(score - 0.5 / epoch for epoch in range(2, 6))
        facts = {"curve": curve, "trained": len(curve), "seconds": chance.uniform(3, 20), "reason": reason, "attempts": 1}
        made.append(Trial(number, point, state=state, score=None if state == FAILED else score, params=4842, **facts))
    return made


def made(root: Path, count: int = 40, **search: Any) -> SearchFolder:
    """A search of so many trials that still goes on, as far as its file says."""
    folder = empty(root, **search)
    for trial in trials(folder, count):
        folder.write(trial)
    folder.mark(seconds=12.0 * count)
    return folder


def finished(root: Path, count: int = 40) -> SearchFolder:
    """A finished search whose winner was trained again and tested."""
    folder = made(root, count)
    best = best_of(folder.trials(), folder.sign)
    assert best is not None
    assert best.score is not None
    seeds = {"2": best.score - 0.012, "3": best.score - 0.004, "4": best.score - 0.009}
    winner = {"number": best.number, "score": best.score, "seeds": seeds, "seed": 2, "mean": best.score - 0.025 / 3, "std": 0.00404}
    test = {"accuracy": 0.9741, "f1_macro": 0.9735, "log_loss": 0.079, "loss": 0.08}
    base = {"accuracy": 0.1013, "f1_macro": None, "log_loss": 2.303, "loss": 2.303}
    told = {"optimism": 0.025 / 3, "run": "runs/digits_cnn/20261121-120000", "test": test, "baseline": base}
    folder.mark(state="finished", why=f"{count} trials were made", winner={**winner, **told})
    (folder.path / "best.yaml").write_text("dataset: digits\n")
    return folder
