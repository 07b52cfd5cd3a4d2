"""Tables of any format to examples: the columns that a card needs, typed, part by part.

Each format is a module with `table(path, source)`: an object with the columns' `names`, the `unit` its rows are counted in
(`line` or `row`), and `typed(wanted, rejected, target)`, which yields Parts. What becomes of them is the same for all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zoo.config.card import Card
from zoo.config.sources import CsvSource, TableSource
from zoo.data import fetch, store
from zoo.data.sources import gathered
from zoo.data.sources.cells import Part, Rejected, Stumble
from zoo.data.sources.gathered import Columns
from zoo.data.sources.plan import IDS, LINES, WHOLE, Plan, key_of, kind_of, planned, target_of
from zoo.data.sources.raw import FILE, Raw
from zoo.data.sources.words import Words

log = logging.getLogger("zoo")

BIG = 1 << 28  # bytes of all files from which on the columns are files of the store, on every machine
READER = 1  # raised whenever the same file would be read otherwise


@dataclass
class Told:
    """What is said of the rows: how many each file holds, what was left out."""

    sizes: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


def read(card: Card, source: TableSource) -> Raw:
    """Examples of a card's tables, in the form that every source gives.

    Raises:
        ZooError: a file that is missing or broken, a column that is not there, a cell that is none of its type, with file and line.
    """
    files = located(card, source)
    hashes = {name: fetch.sha256_of(path) for _, name, path in files}
    plan = planned(card, source)
    if card.kind == "series":
        return _series(plan, files, hashes)
    columns, told, stamp = _columns(plan, files, hashes)
    for note in told.notes:
        log.warning("note: %s", note)
    raw = Raw(
        features=_features(plan, columns),
        target=target_of(plan, columns),
        ids=columns[IDS],
        given=_given(files, told.kept, bool(stamp)),
        beside={name: np.asarray(columns.get(WHOLE + name, columns[name])) for name in plan.beside},
        files=hashes,
        source_rows=sum(told.sizes),
        rejected=told.rejected,
        stamp=stamp,
    )
    raw = _decoded(plan, raw, columns, files, told) if source.paths else raw
    _tell_rejected(card, raw)
    return raw


def _tell_rejected(card: Card, raw: Raw) -> None:
    if raw.rejected:
        log.warning("note: %s: %d broken rows are left out, first: %s", card.name, len(raw.rejected), raw.rejected[0])


def located(card: Card, source: TableSource) -> list[tuple[str, str, Path]]:
    """Its files: `train` or `test`, the name it goes by in records, the path."""
    found = []
    for part, files in (("train", source.file), ("test", source.test_file)):
        for file in files if isinstance(files, tuple) else filter(None, (files,)):
            paths = fetch.matching(file, card.folder)
            found += [(part, file.name if len(paths) == 1 else str(path), path) for path in paths]
    return found


def _columns(plan: Plan, files: list[tuple[str, str, Path]], hashes: dict[str, str]) -> tuple[dict[str, Any], Told, str | None]:
    """What is kept, in memory or as files of the store; and the stamp of large files."""
    sizes = [path.stat().st_size * (4 if _is_packed(path) else 1) for _, _, path in files]
    if sum(sizes) < BIG and store.fits(4 * sum(sizes)):
        told = Told()
        return _filled(plan, files, lambda: Columns(plan.kinds), told).done(), told, None
    source = plan.source.model_dump(mode="json", exclude={"file", "test_file", "folder"})
    wanted = {name: vars(one) for name, one in plan.wanted.items()}
    parts = [(part, hashes[name]) for part, name, _ in files]
    key = store.key_of({"table": READER, "parts": parts, "source": source, "wanted": wanted, "target": plan.target, "kinds": plan.kinds})

    def build(folder: Path) -> None:
        told = Told()
        _filled(plan, files, lambda: Columns(plan.kinds, folder), told).close({"told": vars(told)})

    found, facts = gathered.opened(store.made(key, build))
    return found, Told(**facts["told"]), key


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in (b"\x1f\x8b", b"PK")


def _filled(plan: Plan, files: list[tuple[str, str, Path]], make: Callable[[], Columns], told: Told) -> Columns:
    """Columns with all rows of all files: by the fast reader, or where that stumbles by the careful one."""
    for fast in (True, False) if isinstance(plan.source, CsvSource) else (False,):
        columns = make()
        try:
            for _, _, path in files:
                _fill(plan, path, columns, told, fast)
            break
        except Stumble:
            for one in vars(told).values():
                one.clear()
    return columns


def _fill(plan: Plan, path: Path, columns: Columns, told: Told, fast: bool) -> None:
    size, kept, rejected = 0, 0, Rejected(plan.source.on_error == "skip")
    first = sum(told.sizes)
    for part in parts_of(plan, path, rejected, fast):
        values, rows, lines = dict(part.columns), part.rows, part.lines
        known = np.all([_is_known(values[name]) for name in plan.needed], 0)
        if not known.all():
            values, rows, lines = {name: one[known] for name, one in values.items()}, rows[known], lines[known]
        values |= {key_of(name, len(plan.targets) > 1): values[name] for name in plan.targets}
        if plan.card.text:
            values["text"] = _joined([values[name] for name in plan.card.text.columns])
        values |= {name: values[name.removeprefix(WHOLE)] for name in plan.kinds if name.startswith(WHOLE)}
        columns.add({**values, IDS: rows + (first + size), LINES: lines})
        size, kept = size + part.size, kept + len(rows)
    lacking = size - kept - len(rejected.told)
    if lacking:
        told.notes.append(f"{path.name}: {lacking} of {size} rows have no {' or no '.join(plan.needed)}: left out")
    told.sizes.append(size)
    told.kept.append(kept)
    told.rejected += rejected.told


def parts_of(plan: Plan, path: Path, rejected: Rejected, fast: bool) -> Iterator[Part]:
    """A file's typed columns in parts."""
    table = import_module(f"zoo.data.sources.{plan.source.kind}").table(path, plan.source)  # type: ignore[attr-defined]
    if fast:
        from zoo.data.sources import csv_fast

        places = table.places([(name,) for name in plan.wanted], plan.target)
        yield from csv_fast.parts(table, plan.wanted, places, lines=plan.source.paths is not None or plan.card.kind == "series")
    else:
        yield from table.typed(plan.wanted, rejected, plan.target)


def _is_known(values: np.ndarray | Words) -> np.ndarray:
    known: np.ndarray = ~np.isnan(values) if values.dtype.kind == "f" else values != ""
    return known


def _joined(columns: Sequence[np.ndarray | Words]) -> np.ndarray | Words:
    """Texts joined by a blank; those that are missing add nothing."""
    if len(columns) == 1:
        return columns[0]
    made = np.empty(len(columns[0]), object)
    made[:] = [" ".join(filter(None, words)) for words in zip(*(one[:] for one in columns), strict=True)]
    return made


def _features(plan: Plan, columns: dict[str, Any]) -> dict[str, Any]:
    names = ["text"] if plan.card.text else list(plan.card.columns or {})
    return {name: columns[name] for name in names}


def _given(files: list[tuple[str, str, Path]], kept: list[int], big: bool) -> Any:
    parts = [part for part, _, _ in files]
    if "test" not in parts:
        return None
    if big:
        codes = np.repeat(np.array([part == "test" for part in parts], np.int8), kept)
        return Words(codes, np.array(["train", "test"], object))
    return np.repeat(parts, kept)


def _decoded(plan: Plan, raw: Raw, columns: dict[str, Any], files: list[tuple[str, str, Path]], told: Told) -> Raw:
    """The same with the files that its rows name as features, without the rows whose files cannot be taken."""
    from zoo.data.sources.paths import read_paths

    names, lines, start = columns[str(plan.source.paths)], columns[LINES], 0
    features: list[dict[str, np.ndarray]] = []
    kept: list[np.ndarray] = []
    for (_, name, path), size in zip(files, told.kept, strict=True):
        rows = slice(start, start + size)
        found, good, why, digest = read_paths(plan.card, plan.source, path.parent, names[rows], lines[rows], str(path))
        features.append(found)
        kept.append(good + start)
        raw.rejected += why
        raw.files[f"files of {name}"] = digest
        start += size
    rows_ = np.concatenate(kept)
    return Raw(
        features={
            key: one if len(features) == 1 else np.concatenate([other[key] for other in features]) for key, one in features[0].items()
        },
        target=raw.target[rows_],
        ids=raw.ids[rows_],
        given=None if raw.given is None else raw.given[rows_],
        beside={FILE: np.asarray(names[rows_]), **{name: values[rows_] for name, values in raw.beside.items()}},
        files=raw.files,
        source_rows=raw.source_rows,
        rejected=raw.rejected,
    )


def _series(plan: Plan, files: list[tuple[str, str, Path]], hashes: dict[str, str]) -> Raw:
    """Windows over the tables."""
    from zoo.data.sources.series import cut

    rejected: list[str] = []
    raw = cut(plan.card, plan.source, ((part, frame(plan, path, rejected)) for part, _, path in files))
    raw.files = {**hashes, **raw.files}
    raw.rejected += rejected
    _tell_rejected(plan.card, raw)
    return raw


def frame(plan: Plan, path: Path, rejected: list[str]) -> pd.DataFrame:
    """A whole table: numbers float64, all else str; the index is the line in the file, `attrs["file"]` its path."""
    kinds = {**{name: kind_of(one.type, wide=True) for name, one in plan.wanted.items()}, LINES: "int64"}
    one = Plan(plan.card, plan.source, plan.wanted, (), kinds)
    told = Told()
    columns = _filled(one, [("train", path.name, path)], lambda: Columns(kinds), told).done()
    rejected += told.rejected
    made = pd.DataFrame({name: columns[name] for name in plan.wanted}, index=columns[LINES])
    made.attrs["file"] = str(path)
    return made
