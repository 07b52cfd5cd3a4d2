"""The audit of a card's data: read, split and fitted as for training, then looked at from all sides."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from zoo.config import Card, load_card
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.data.audit import Finding


@dataclass(frozen=True)
class Audit:
    """What the checks of a card found.

    Attributes:
        card: the card's name.
        described: the dataset in one line; None where it could not be read.
        findings: the worst first.
        seconds: that reading and checking took.
    """

    card: str
    described: str | None
    findings: list[Finding]
    seconds: float

    def count(self, severity: str) -> int:
        """The findings of a severity: `error`, `warning` or `note`."""
        return sum(finding.severity == severity for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        findings = [{**asdict(finding), "where": list(finding.where)} for finding in self.findings]
        counts = {f"{severity}s": self.count(severity) for severity in ("error", "warning", "note")}
        return {"format": 1, "card": self.card, "dataset": self.described, **counts, "findings": findings}


def check(dataset: str | Path | Card) -> Audit:
    """Audits a card's data.

    Args:
        dataset: a card by name, file, `tfds:NAME`, or as `zoo.config.load_card` gives it.

    Returns:
        What was found. Examples that cannot be read are findings, as is data that does not fit its card.

    Raises:
        ZooError: there is no such card, or its data is not here and cannot be fetched.
    """
    card = dataset if isinstance(dataset, Card) else load_card(dataset)
    from zoo.data import prepare
    from zoo.data.audit import Finding, audit
    from zoo.data.fetch import Unfetched, locate_all

    start = monotonic()
    locate_all(card.source.files(), card.folder)  # what is not here is no finding
    try:
        data = prepare(_told_of_all(card))
        return Audit(card.name, data.describe(), audit(data), monotonic() - start)
    except Unfetched:
        raise
    except ZooError as error:
        found = Finding("error", "unreadable", error.what, error.details, "mend the data, or say in the card how it is to be read")
        return Audit(card.name, None, [found], monotonic() - start)


def _told_of_all(card: Card) -> Card:
    """The card that leaves out what is broken, so that all of it is told and not the first alone."""
    if getattr(card.source, "on_error", None) != "refuse":
        return card
    changed = card.model_copy(update={"source": card.source.model_copy(update={"on_error": "skip"})})
    changed._name, changed._folder = card.name, card.folder
    return changed
