"""What a user can mend (`ZooError`: what, where, what to try) and the one table of exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    BUG = 1
    MISTAKE = 2
    CHECK = 3
    GOAL = 4
    PROOF = 5
    DIVERGED = 6
    INTERRUPTED = 130


class ZooError(Exception):
    """A mistake that the user can mend.

    Args:
        what: one line that says what is wrong.
        *details: further lines: where it is, what was looked at, what to try.
    """

    exit_code = Exit.MISTAKE

    def __init__(self, what: str, *details: str | None) -> None:
        self.what = printable(what)
        self.details = tuple(printable(line) for line in details if line)
        super().__init__("\n  ".join((self.what, *self.details)))


class CheckError(ZooError):
    """A check found an error in what it looked at."""

    exit_code = Exit.CHECK


class ProofError(ZooError):
    """An export does not answer as the trained model does."""

    exit_code = Exit.PROOF


class DivergedError(ZooError):
    """The loss became NaN or infinite; the last good weights are kept."""

    exit_code = Exit.DIVERGED


class Interrupted(ZooError):
    """Ctrl-C or SIGTERM; what was done can be resumed."""

    exit_code = Exit.INTERRUPTED


def printable(line: str) -> str:
    """What quotes data may hold half a surrogate pair, which no terminal and no file takes."""
    return line.encode("utf-8", "backslashreplace").decode()


def nearest(name: object, names: Iterable[str], count: int = 3) -> list[str]:
    """The names most like `name`, best first, those that it begins before all; others that it is a part of come in where few are alike."""
    known = sorted(set(names))
    typed = str(name).lower()
    close = get_close_matches(typed, known, n=len(known) or 1, cutoff=0.6)
    close.sort(key=lambda one: not one.lower().startswith(typed))
    part_of = [one for one in known if len(typed) > 2 and (typed in one.lower() or one.lower() in typed)]
    return list(dict.fromkeys([*close[:count], *part_of]))[:count]


def did_you_mean(name: object, names: Iterable[str]) -> str | None:
    """The line `did you mean: …`; where nothing is alike, the names themselves if they are few, else None."""
    known = sorted(set(names))
    close = nearest(name, known)
    if close:
        return f"did you mean: {', '.join(close)}"
    return f"known: {', '.join(known)}" if 0 < len(known) <= 12 else None
