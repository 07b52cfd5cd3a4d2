"""The audit: what may be wrong with data, found on the data that a model would learn from. Each check is a function of a Dataset."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from zoo import shelf
from zoo.data.audit import classes, columns, drift, images, rows
from zoo.data.audit.finding import SEVERITIES, Finding
from zoo.data.mapped import release

if TYPE_CHECKING:
    from zoo.data.dataset import Dataset

__all__ = ["SEVERITIES", "Finding", "audit", "glance", "tell"]

log = logging.getLogger("zoo")

Check = Callable[["Dataset"], list[Finding]]
CHEAP: tuple[Check, ...] = (rows.broken, rows.torn_groups, rows.equal_rows, classes.missing, columns.missing, columns.constant)
CHECKS: tuple[Check, ...] = (*CHEAP, columns.giveaway, images.alike, drift.drift, classes.counts)
SMALL = 1 << 30  # bytes that a glance reads, and makes of the rows:
ROW = 160  # bytes a row


def audit(data: Dataset) -> list[Finding]:
    """Everything that the checks find, the worst first."""
    return _sorted([finding for check in CHECKS for finding in check(data)])


def glance(data: Dataset) -> list[Finding]:
    """Errors and warnings of the cheap checks, for who trains; of much data none, as reading it would take a while."""
    if ROW * len(data.raw) + sum(getattr(values, "nbytes", 0) for values in data.raw.features.values()) > SMALL:
        return []
    found = [finding for check in CHEAP for finding in check(data) if finding.severity != "note"]
    for values in data.raw.features.values():
        release(values)
    return _sorted(found)


def tell(data: Dataset) -> None:
    """Says what a glance finds, a line each. It stops nobody, whatever happens to it."""
    try:
        findings = glance(data)
    except Exception as error:  # who trains did not ask for a check, and must not pay for a bug of it
        log.warning("note: the data could not be checked: %s: %s", type(error).__name__, error)
        return
    for finding in findings:
        log.warning("%s in the data: %s", finding.severity, finding.what)
    if findings and data.card.name in shelf.names("datasets"):
        log.warning("  more of it: zoo check %s", data.card.name)


def _sorted(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
