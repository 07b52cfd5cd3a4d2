"""What is read of a card's tables: which columns of the file, as what, and what is kept of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.config.card import Card
from zoo.config.sources import TableSource
from zoo.config.splits import HashSplit
from zoo.data.sources.cells import Wanted

IDS, LINES, TARGET = "\0ids", "\0lines", "\0target"
WHOLE = "\0whole "  # before the name of a column of numbers that a split hashes: all of its digits


@dataclass(frozen=True)
class Plan:
    """What is read of a card's tables.

    Attributes:
        wanted: columns of the file, by name.
        targets: the columns that are learned; none where the examples themselves are.
        kinds: what is kept, by name, as `Columns` knows it.
    """

    card: Card
    source: TableSource
    wanted: dict[str, Wanted]
    targets: tuple[str, ...]
    kinds: dict[str, str]

    @property
    def target(self) -> str | None:
        """The column that is learned, where it is one."""
        return self.targets[0] if len(self.targets) == 1 else None

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns whose blank leaves a row out. No label at all is an answer, too."""
        return () if self.card.target.separator else self.targets

    @property
    def beside(self) -> list[str]:
        return [name for name in self.card.beside if name in self.wanted]


def planned(card: Card, source: TableSource) -> Plan:
    """The columns that a card needs, by their types."""
    typed = {name: Wanted(one.type, getattr(one, "format", None)) for name, one in (card.columns or {}).items()}
    wanted, kinds, targets = dict(typed), {name: kind_of(one.type) for name, one in typed.items()}, tuple[str, ...]()
    if card.text:
        wanted |= {name: Wanted("text") for name in card.text.columns}
        kinds["text"] = "texts"
    if card.series:
        series = card.series
        wanted |= {name: Wanted("number") for name in series.columns or ()}
        wanted |= {name: Wanted("category") for name in (series.time, series.id) if name}
    if source.paths:
        wanted[source.paths] = Wanted("category")
        kinds |= {source.paths: "texts", LINES: "int64"}
    for name in card.beside:
        wanted.setdefault(name, Wanted("category"))
        kinds.setdefault(name, kind_of(wanted[name].type, wide=True))
    if isinstance(card.split, HashSplit):
        kinds |= {WHOLE + name: "float64" for name in card.split.columns or () if wanted[name].type == "number"}
    if card.task in ("classification", "regression"):
        targets, several = card.targets, len(card.targets) > 1
        type_ = "number" if card.task == "regression" else "boolean" if several else "text" if card.multilabel else "category"
        wanted |= {name: Wanted(type_) for name in targets}
        kinds |= {key_of(name, several): "words" if type_ in ("category", "text") else "float64" for name in targets}
    return Plan(card, source, wanted, targets, {**kinds, IDS: "int64"})


def key_of(target: str, several: bool) -> str:
    """What is learned, in `Columns`: it may be read otherwise than as the column of that name."""
    return f"{TARGET} {target}" if several else TARGET


def target_of(plan: Plan, columns: dict[str, Any]) -> Any:
    """What is learned: a column, several beside one another (n, targets), or nothing but zeros."""
    if not plan.targets:
        return np.zeros(len(columns[IDS]), np.int64)
    return columns[TARGET] if plan.target else np.stack([columns[key_of(name, True)] for name in plan.targets], 1)


def kind_of(type_: str, wide: bool = False) -> str:
    if type_ in ("number", "boolean"):
        return "float64" if wide else "float32"
    return "texts" if type_ == "text" else "words"
