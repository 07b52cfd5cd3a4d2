"""Who learns and who judges: rows to train, val and test, the same rows every time."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.config.card import Card
from zoo.config.features import DatetimeFeature
from zoo.config.splits import CrossValidation, FixedSplit, FoldSplit, GivenSplit, GroupSplit, HashSplit, ShuffledSplit, TimeSplit, by_group
from zoo.data.cuts import by_steps, by_time, cut, cut_groups, dealt, every_row, fractions, last_rows, shared_steps, spans
from zoo.data.mapped import blocks, places, release
from zoo.data.sources import Raw
from zoo.data.windows import SERIES, pick
from zoo.errors import ZooError

log = logging.getLogger("zoo")

SPLITS = ("train", "val", "test")
LISTED = 100_000  # rows whose numbers the manifest lists; of more it holds the hash
IN_POOL = " in train and val"
Rows = dict[str, np.ndarray]


def split(card: Card, raw: Raw) -> Rows:
    """Rising row numbers for `train`, `val` and `test`; they share no row, and windows no step that is asked for: val's and test's
    are not in train's histories either.

    The seed is the card's. Where it asks for cross-validation, train and val are one fold of what the split made of them.
    """
    rows = KINDS[type(card.split)](card, raw, card.split)
    mixed = raw.given is not None and not isinstance(card.split, GivenSplit)
    if mixed and any((pick(raw.given, rows[name]) == "test").any() for name in ("train", "val")):
        log.warning("note: split: %s mixes the source's own test part into what is learned; kind: given keeps it apart", card.split.kind)
    empty = [name for name in SPLITS if len(rows[name]) == 0]
    if empty:
        if isinstance(card.split, TimeSplit):
            _refuse_horizon(card, raw, card.split, empty[0])
        raise ZooError(f"the split of '{card.name}' leaves no rows for {empty[0]}")
    wrong = shared_steps(raw, rows)
    if wrong:
        raise ZooError(
            f"split: {card.split.kind} {wrong}: the dataset '{card.name}'",
            "use split: {kind: time}, fixed ranges with train before val and test, a given test part of its own,",
            "or where one table holds several series {kind: group}, which keeps each of them whole",
        )
    rows = {name: np.sort(rows[name]) for name in SPLITS}
    return rows if card.cross_validation is None else _crossed(card, raw, rows, card.cross_validation)


def _refuse_horizon(card: Card, raw: Raw, plan: TimeSplit, name: str) -> None:
    """Raises ZooError where the horizon is longer than a split of the longest series."""
    asked, horizon = spans(raw), card.series and card.series.horizon
    if asked is None or not horizon:
        return
    series = np.unique(raw.beside.get(SERIES, np.zeros(len(raw), int)), return_inverse=True)[1]
    longest = max(int(np.ptp(np.concatenate([edges[series == one] for edges in asked]))) for one in range(series.max() + 1))
    steps = int({"train": 1 - plan.val - plan.test, "val": plan.val, "test": plan.test}[name] * longest)
    if steps < horizon:
        raise ZooError(
            f"a horizon of {horizon} steps is longer than the {name} split of '{card.name}', which has {steps}",
            f"use a shorter task.horizon, or a larger share for {name} in the card's split",
        )


def _shuffled(card: Card, raw: Raw, plan: ShuffledSplit) -> Rows:
    labels = raw.target if plan.kind == "stratified" else None
    rest, test = cut(card, every_row(raw), plan.test, labels, plan.seed)
    train, val = cut(card, rest, plan.val * len(raw) / len(rest), labels, plan.seed)
    return {"train": train, "val": val, "test": test}


def _fixed(card: Card, raw: Raw, plan: FixedSplit) -> Rows:
    ranges = {name: getattr(plan, name) for name in SPLITS}
    if max(high for _, high in ranges.values()) > raw.source_rows:
        raise ZooError(f"the fixed split of '{card.name}' goes past its {raw.source_rows} rows")
    ends = [raw.ids] if spans(raw) is None else [raw.ids, last_rows(raw)]
    return {name: np.flatnonzero(np.all([(low <= ids) & (ids < high) for ids in ends], 0)) for name, (low, high) in ranges.items()}


def _given(card: Card, raw: Raw, plan: GivenSplit) -> Rows:
    given = _given_parts(card, raw, plan)
    labels = raw.target if card.task == "classification" and not card.multilabel else None
    if labels is not None:
        _refuse_unseen(card, labels, given)
    rows = {name: places(given == name) for name in SPLITS}
    if not len(rows["val"]):
        rows["train"], rows["val"] = _val_of(card, raw, plan, rows, labels)
    return rows


def _given_parts(card: Card, raw: Raw, plan: GivenSplit) -> np.ndarray:
    if plan.column is not None:
        words = column_of(card, raw, plan.column)
        judges = np.isin(_words(words), _words(np.array(plan.test, object)))
        if not judges.any():
            known = ", ".join(f"'{word}'" for word in np.unique(_words(words))[:10])
            raise ZooError(f"split: no row of '{card.name}' has {plan.column}: {' or '.join(plan.test or ())}", f"it holds: {known}")
        return np.where(judges, "test", "train")
    if raw.given is None:
        raise ZooError(f"split: given, but the source of '{card.name}' has no test part of its own", "use kind: stratified or random")
    if (raw.given == "test").any():
        return raw.given
    return np.where(raw.given == "val", "test", raw.given)  # with train and val alone, val judges


def _words(values: np.ndarray) -> np.ndarray:
    """Values as people write them in a card: 3.0 is 3."""
    if values.dtype.kind == "f":
        return np.array([f"{value:g}" for value in values], object)
    return values.astype(str).astype(object)


def _val_of(card: Card, raw: Raw, plan: GivenSplit, rows: Rows, labels: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """What learns and what is val, both from the training part: as whole groups, where the test part holds whole ones."""
    train = rows["train"]
    if spans(raw) is not None:
        kept, val = by_steps(raw, train, [1 - plan.val], 0)
        return kept, val
    groups = _whole_groups(card, raw, train, rows["test"])
    if groups is None:
        return cut(card, train, plan.val, labels, plan.seed)
    part = cut_groups(card, groups[train], [plan.val * len(train)], plan.seed)
    return train[part == 1], train[part == 0]


def _whole_groups(card: Card, raw: Raw, rows: np.ndarray, test: np.ndarray) -> np.ndarray | None:
    """The group of each row of the source, where the card names one and none of these rows is of a group of the test part."""
    groups = _words(column_of(card, raw, card.group)) if card.group else None
    return None if groups is None or np.isin(groups[rows], groups[test]).any() else groups


def _refuse_unseen(card: Card, labels: np.ndarray, given: np.ndarray) -> None:
    """Raises ZooError where the test part holds labels that the training part lacks: nothing could learn them."""
    known, asked = (np.unique(pick(labels, places(given == name))) for name in ("train", "test"))
    unseen = [f"'{label}'" for label in asked if label not in known]
    if unseen:
        raise ZooError(
            f"the test part of '{card.name}' holds labels that its training part lacks: {', '.join(unseen[:10])}",
            f"the training part has: {', '.join(str(label) for label in known[:10])}",
            "write them alike in both parts, or use split: {kind: stratified}",
        )


def _grouped(card: Card, raw: Raw, plan: GroupSplit) -> Rows:
    part = cut_groups(card, groups_of(card, raw), [plan.test * len(raw), plan.val * len(raw)], plan.seed)
    return {name: np.flatnonzero(part == number) for number, name in enumerate(("test", "val", "train"))}


def _timed(card: Card, raw: Raw, plan: TimeSplit) -> Rows:
    ends = [1 - plan.val - plan.test, 1 - plan.test]
    if spans(raw) is not None:
        if plan.column and plan.column != (card.series and card.series.time):
            raise ZooError(
                f"split: windows of '{card.name}' stand in the order of their series, not of '{plan.column}'", "leave column out"
            )
        parts = by_steps(raw, np.arange(len(raw)), ends, plan.gap)
    else:
        times = np.arange(len(raw)) if plan.column is None else _moments(card, raw, plan.column)
        parts = by_time(times, ends, plan.gap)
    return dict(zip(SPLITS, parts, strict=True))


def _moments(card: Card, raw: Raw, name: str) -> np.ndarray:
    """A column of numbers or ISO text as numbers that rise with time."""
    import pandas as pd

    values = column_of(card, raw, name)
    found: Any = pd.to_numeric(pd.Series(values), errors="coerce") if values.dtype.kind != "M" else pd.Series(values)
    texts = pd.Series(values).astype(str).str.strip()
    blank = pd.isna(values) | texts.isin(("", "nan", "NaT")).to_numpy(bool)
    if (found.isna() & ~blank).any():
        column = (card.columns or {}).get(name)
        shape = column.format if isinstance(column, DatetimeFeature) and column.format else "ISO8601"
        found = pd.to_datetime(pd.Series(values.astype(str)), format=shape, errors="coerce", utc=True)
        found = found.where(~blank)
    bad = np.flatnonzero(found.isna())
    if len(bad):
        raise ZooError(
            f"split: the column '{name}' of '{card.name}' is blank in row {raw.ids[bad[0]] + 1}"
            if blank[bad[0]]
            else f"split: '{values[bad[0]]}' in the column '{name}' of '{card.name}' is no time, in row {raw.ids[bad[0]] + 1}",
            f"{len(bad):,} of {len(raw):,} rows have none" if len(bad) > 1 else None,
            "numbers, ISO 8601 (2026-11-21T10:00), or the format that the card's datetime column names",
        )
    times: np.ndarray = found.to_numpy()
    return times if times.dtype.kind != "M" else times.astype(np.int64)


def _hashed(card: Card, raw: Raw, plan: HashSplit) -> Rows:
    part = np.searchsorted([plan.test, plan.test + plan.val], _hashes(card, raw, plan), side="right")
    return {name: np.flatnonzero(part == number) for number, name in enumerate(("test", "val", "train"))}


def _hashes(card: Card, raw: Raw, plan: HashSplit) -> np.ndarray:
    columns = {name: column_of(card, raw, name) for name in plan.columns} if plan.columns else raw.features
    return fractions(columns, len(raw), plan.seed, plain=bool(plan.columns))


def _folded(card: Card, raw: Raw, plan: FoldSplit) -> Rows:
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

    by = {"stratified": StratifiedKFold, "random": KFold, "group": GroupKFold}[plan.by]
    kinds = groups_of(card, raw) if plan.by == "group" else np.asarray(raw.target if plan.by == "stratified" else every_row(raw))
    _refuse_few(card, plan.by, kinds, plan.folds)
    folds = by(n_splits=plan.folds, shuffle=True, random_state=plan.seed)
    rest, test = list(folds.split(np.zeros(len(raw)), kinds, kinds if plan.by == "group" else None))[plan.fold]
    if plan.by == "group":
        part = cut_groups(card, kinds[rest], [plan.val * len(rest)], plan.seed)
        return {"train": rest[part == 1], "val": rest[part == 0], "test": test}
    train, val = cut(card, rest, plan.val, kinds if plan.by == "stratified" else None, plan.seed)
    return {"train": train, "val": val, "test": test}


def _refuse_few(card: Card, by: str, kinds: Any, folds: int, where: str = "") -> None:
    """Raises ZooError where there is not one for each fold of what is drawn: rows of each class, rows, or groups."""
    fewest = np.unique(kinds, return_counts=True)[1].min() if by == "stratified" else len(np.unique(kinds))
    if fewest < folds:
        what = {"stratified": "rows in its rarest class", "random": "rows", "group": "groups"}[by]
        raise ZooError(f"the dataset '{card.name}' has {fewest} {what}{where}, too few for {folds} folds")


def _crossed(card: Card, raw: Raw, rows: Rows, plan: CrossValidation) -> Rows:
    windows = spans(raw) is not None
    if windows or isinstance(card.split, TimeSplit):
        raise ZooError(
            f"'{card.name}' {'holds windows of a series' if windows else 'is split by time'}: folds of it would learn from the future",
            "leave out search.folds (of a card cross_validation): what comes after train is val",
        )
    pool = np.sort(np.concatenate([rows["train"], rows["val"]]))
    part = _fold_of(card, raw, pool, rows["test"], plan.folds)
    return {"train": pool[part != plan.fold], "val": pool[part == plan.fold], "test": rows["test"]}


def _fold_of(card: Card, raw: Raw, pool: np.ndarray, test: np.ndarray, folds: int) -> np.ndarray:
    """Which fold each row of a pool is in, drawn as the card's split draws: by its hash, in whole groups, by label, or at random."""
    plan, seed = card.split, getattr(card.split, "seed", 0)
    if isinstance(plan, HashSplit):
        part = ((_hashes(card, raw, plan)[pool] - plan.test) / (1 - plan.test) * folds).astype(int)
        if len(np.unique(part)) < folds:
            raise ZooError(
                f"the hashes of '{card.name}' leave no rows for one of {folds} folds", "ask for fewer, or split by something else"
            )
        return part
    given = isinstance(plan, GivenSplit)
    groups = groups_of(card, raw) if by_group(plan) else _whole_groups(card, raw, pool, test) if given else None
    if groups is not None:
        _refuse_few(card, "group", groups[pool], folds, IN_POOL)
        return cut_groups(card, groups[pool], [len(pool) / folds] * (folds - 1), seed)
    classes = given and card.task == "classification" and not card.multilabel
    labels = np.asarray(pick(raw.target, pool)) if classes or "stratified" in (plan.kind, getattr(plan, "by", "")) else None
    _refuse_few(card, "random" if labels is None else "stratified", pool if labels is None else labels, folds, IN_POOL)
    return dealt(len(pool), labels, folds, seed)


KINDS: dict[type, Callable[[Card, Raw, Any], Rows]] = {
    ShuffledSplit: _shuffled,
    GivenSplit: _given,
    FixedSplit: _fixed,
    GroupSplit: _grouped,
    TimeSplit: _timed,
    HashSplit: _hashed,
    FoldSplit: _folded,
}


def column_of(card: Card, raw: Raw, name: str) -> np.ndarray:
    """A column that a split or an audit looks at, (n,). Raises ZooError where the source gives none of that name."""
    found = raw.beside.get(name, raw.features.get(name))
    if getattr(found, "ndim", None) != 1:
        raise ZooError(f"the source of '{card.name}' gives no column '{name}' to split by")
    return np.asarray(found)


def groups_of(card: Card, raw: Raw, column: str | None = None) -> np.ndarray:
    """The group of each row, as text: by the split's column, else the card's group, else the series that a window is of."""
    name = column or getattr(card.split, "column", None) or card.group or (card.series and card.series.id)
    if not name:
        raise ZooError(f"split: the card '{card.name}' names no groups", "name their column: split: {kind: group, column: …}")
    return column_of(card, raw, name).astype(str)


def manifest(card: Card, raw: Raw, rows: Rows) -> dict[str, Any]:
    """What is written down of a split: how it was made, and for each part its size, the hash of its ids, and few ids themselves."""
    parts: dict[str, dict[str, Any]] = {}
    listed = sum(map(len, rows.values())) <= LISTED
    for name in SPLITS:
        digest = hashlib.sha256()
        for part in blocks(len(rows[name])):
            digest.update(raw.ids[rows[name][part]].astype("<i8").tobytes())
            release(raw.ids)
        parts[name] = {"rows": len(rows[name]), "ids_sha256": digest.hexdigest()}
        if listed:
            parts[name]["ids"] = raw.ids[rows[name]].tolist()
    crossed = {"cross_validation": card.cross_validation.model_dump()} if card.cross_validation else {}
    return {"split": card.split.model_dump(mode="json"), **crossed, "parts": parts}
