"""Oracles: who proposes the next point, as a pure function of the seed, the number and what is known.

Nothing of an oracle is kept: it is made anew of the trials' files whenever it is asked. So a killed search goes on as if
nothing had happened, and no state can disagree with the trials.
"""

from zoo.tuning.oracles.base import Oracle, Proposal, Wait
from zoo.tuning.oracles.making import make

__all__ = ["Oracle", "Proposal", "Wait", "make"]
