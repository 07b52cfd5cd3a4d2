"""Who learns and who judges: rows to train, val and test, the same rows every time."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

import numpy as np

from zoo.config.card import Card
from zoo.config.splits import FixedSplit, GivenSplit, ShuffledSplit
from zoo.data.sources import Raw
from zoo.errors import ZooError

log = logging.getLogger("zoo")

SPLITS = ("train", "val", "test")


def split(card: Card, raw: Raw) -> dict[str, np.ndarray]:
    """Rising row numbers for `train`, `val` and `test`; they share no row. The seed is the card's."""
    plan = card.split
    everything = np.arange(len(raw))
    if isinstance(plan, FixedSplit):
        spans = {name: getattr(plan, name) for name in SPLITS}
        if max(high for _, high in spans.values()) > raw.source_rows:
            raise ZooError(f"the fixed split of '{card.name}' goes past its {raw.source_rows} rows")
        rows = {name: everything[(raw.ids >= low) & (raw.ids < high)] for name, (low, high) in spans.items()}
    elif isinstance(plan, GivenSplit):
        if raw.given is None:
            raise ZooError(f"split: given, but the source of '{card.name}' has no test part of its own", "use kind: stratified or random")
        labels = raw.target if card.task == "classification" else None
        if labels is not None:
            _refuse_unseen(card, labels, raw.given)
        train, val = _cut(card, everything[raw.given == "train"], plan.val, labels, plan.seed)
        rows = {"train": train, "val": val, "test": everything[raw.given == "test"]}
    else:
        if not isinstance(plan, ShuffledSplit):
            raise ZooError(f"split: {plan.kind} is not there yet")
        labels = raw.target if plan.kind == "stratified" else None
        rest, test = _cut(card, everything, plan.test, labels, plan.seed)
        train, val = _cut(card, rest, plan.val * len(raw) / len(rest), labels, plan.seed)
        rows = {"train": train, "val": val, "test": test}
    if (
        raw.given is not None
        and not isinstance(plan, GivenSplit)
        and (raw.given[np.concatenate([rows["train"], rows["val"]])] == "test").any()
    ):
        log.warning("note: split: %s mixes the source's own test part into what is learned; kind: given keeps it apart", plan.kind)
    empty = [name for name in SPLITS if len(rows[name]) == 0]
    if empty:
        raise ZooError(f"the split of '{card.name}' leaves no rows for {empty[0]}")
    return {name: np.sort(rows[name]) for name in SPLITS}


def _refuse_unseen(card: Card, labels: np.ndarray, given: np.ndarray) -> None:
    """Raises ZooError where the test part holds labels that the training part lacks: nothing could learn them."""
    known = np.unique(labels[given == "train"])
    unseen = [f"'{label}'" for label in np.unique(labels[given == "test"]) if label not in known]
    if unseen:
        raise ZooError(
            f"the test part of '{card.name}' holds labels that its training part lacks: {', '.join(unseen[:10])}",
            f"the training part has: {', '.join(str(label) for label in known[:10])}",
            "write them alike in both parts, or use split: {kind: stratified}",
        )


def _cut(card: Card, rows: np.ndarray, fraction: float, labels: np.ndarray | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split

    if len(rows) < 2:
        raise ZooError(f"the dataset '{card.name}' has too few rows to split")
    size = min(max(1, round(fraction * len(rows))), len(rows) - 1)
    if labels is not None:
        values, counts = np.unique(labels[rows], return_counts=True)
        if counts.min() < 2 or size < len(values) or len(rows) - size < len(values):
            rare = f"'{values[counts.argmin()]}' has {counts.min()} of {len(rows)} rows"
            raise ZooError(
                f"the dataset '{card.name}' cannot be split by class: {rare}"
                if counts.min() < 2
                else f"the dataset '{card.name}' cannot be split by class: {size} and {len(rows) - size} rows for {len(values)} classes",
                "add examples, merge rare classes, or use split: {kind: random}",
            )
    kept, cut = train_test_split(rows, test_size=size, random_state=seed, stratify=None if labels is None else labels[rows])
    return kept, cut


def manifest(card: Card, raw: Raw, rows: dict[str, np.ndarray]) -> dict[str, Any]:
    """What is written down of a split: how it was made, and for each part its size, ids and their hash."""
    parts = {}
    for name in SPLITS:
        ids = raw.ids[rows[name]]
        parts[name] = {"rows": len(ids), "ids_sha256": hashlib.sha256(ids.astype("<i8").tobytes()).hexdigest(), "ids": ids.tolist()}
    return {"split": card.split.model_dump(mode="json"), "parts": parts}
