"""Hyperband (Li et al. 2018, https://jmlr.org/papers/v18/16-558.html) on Keras Tuner's oracle.

Its brackets follow from the trials: they are played again in the order of their numbers, each with what was known when it was
proposed. A trial that failed is the worst of its round; who would go on with it fails at once, unseen, and so does a first
round's trial where no untried point is left. So every bracket comes to its end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial as KerasTrial

from zoo.config.space import Space
from zoo.tuning.oracles.base import Proposal, Wait, usable
from zoo.tuning.oracles.with_keras_tuner import Random, common
from zoo.tuning.trials import Trial

FACTOR = 3


class Hyperband:
    """Sweeps of brackets, from the one that stops most trials early to the one that stops none.

    Args:
        space: what is searched.
        seed: of the points.
        sign: 1 where a higher score is better, else -1.
        epochs: of a whole training.
        sweeps: how many; None: without end.
    """

    def __init__(self, space: Space, seed: int, sign: int, epochs: int, sweeps: int | None) -> None:
        self.space, self.seed, self.sign, self.epochs, self.sweeps = space, seed, sign, epochs, sweeps
        self.points = Random(space, seed, sign)

    def ask(self, number: int, trials: Sequence[Trial]) -> Proposal | None:
        others = {trial.number: trial for trial in trials if trial.number != number}
        brackets = Brackets(self.space, self.sign, self.epochs, self.sweeps)
        known: tuple[int, ...] = ()
        for one in range(1, number):  # of one whose folder was removed the place is kept
            known = others[one].knows if one in others else known
            brackets.tell(others, known)
            brackets.place(one, fresh=one not in others or others[one].continues is None)
        brackets.tell(others, [one for one, trial in others.items() if trial.ended])
        new = self.points.ask(number, list(others.values()))
        epochs, continues = brackets.place(number, fresh=new is not None)
        if continues is not None:
            return Proposal(dict(others[continues].values), epochs, continues)
        if epochs is not None and new is not None:
            return Proposal(new.values, epochs)
        if all(trial.ended for trial in others.values()):
            return None
        raise Wait


class Brackets(keras_tuner.oracles.HyperbandOracle):
    """Keras Tuner's book of brackets, with the paper's sizes, without values: a trial in it is a number of ours, or one unseen."""

    def __init__(self, space: Space, sign: int, epochs: int, sweeps: int | None) -> None:
        super().__init__(max_epochs=epochs, factor=FACTOR, hyperband_iterations=sweeps, seed=1, **common(space, sign))
        self.worst = -sign * math.inf
        self.numbers: dict[int, KerasTrial] = {}

    def tell(self, trials: Mapping[int, Trial], known: Sequence[int]) -> None:
        """Says which trials have ended; one that failed is the worst."""
        for one in known:
            if one in self.numbers and one in trials and trials[one].ended:
                self.numbers[one].status = "COMPLETED"
                self.numbers[one].score = trials[one].score if usable(trials[one]) else self.worst

    def place(self, number: int, fresh: bool) -> tuple[int | None, int | None]:
        """Finds a trial's place: until which epoch it trains, and which trial it goes on with; (None, None): there is none now.

        Args:
            number: of the trial.
            fresh: whether there is an untried point for it, should it be one of a first round.
        """
        while True:
            name = str(len(self.trials))
            answer = self.populate_space(name)
            if answer["status"] != "RUNNING":
                return None, None
            values = answer["values"]
            before = self.trials[values["tuner/trial_id"]] if "tuner/trial_id" in values else None
            lost = before is not None and before.score == self.worst
            if before is None and not fresh:
                if not self._begun():
                    return None, None
                lost = True
            told = self.trials[name] = self._named(name, None if lost else number)
            if lost:
                told.status, told.score = "COMPLETED", self.worst
                continue
            self.numbers[number] = told
            return values["tuner/epochs"], None if before is None else before.hyperparameters.values["number"]

    def _begun(self) -> bool:
        """Whether a trial of ours is in the bracket whose first round is being filled."""
        filling = next(one for one in self._brackets if len(one["rounds"][0]) <= self._get_size(one["bracket_num"], 0))
        return any(self.trials[info["id"]].hyperparameters.values["number"] for info in filling["rounds"][0][:-1])

    def _named(self, name: str, number: int | None) -> KerasTrial:
        book = keras_tuner.HyperParameters()
        book.values = {"number": number}
        return KerasTrial(book, trial_id=name, status="RUNNING")

    def _random_values(self) -> dict[str, Any]:
        return {"number": None}  # the point comes from elsewhere

    def _get_size(self, bracket_num: int, round_num: int) -> int:
        """As in the paper; Keras Tuner's own keeps two of five where the paper keeps one."""
        whole = math.ceil(self._get_num_brackets() / (bracket_num + 1) * self.factor**bracket_num)
        return int(whole // self.factor**round_num)
