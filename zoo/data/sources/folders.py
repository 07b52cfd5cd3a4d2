"""Folders of files, an example a file: which files there are, what their labels are, and which part each belongs to."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.config.card import Card
from zoo.config.sources import PARTS, FolderSource
from zoo.data import decoding, fetch_folder, store
from zoo.data.sources.raw import FILE, Raw
from zoo.errors import ZooError

log = logging.getLogger("zoo")


@dataclass
class Found:
    """The files of a folder that are examples, sorted.

    Attributes:
        path: where the folder is.
        digest: its fingerprint.
        files: paths inside it.
        labels: of each.
        given: the part of each, where there are sub-folders of parts.
        beside: what else `pattern` finds, by the groups' names.
    """

    path: Path
    digest: str
    files: list[str]
    labels: np.ndarray
    given: np.ndarray | None
    beside: dict[str, np.ndarray]

    def raw(self, source: FolderSource, values: np.ndarray, kept: np.ndarray, rejected: list[str], name: str, how: dict) -> Raw:
        """The examples, whose `name` are `values`; `kept` are their places among the files, `how` says how they were read."""
        facts = {"folder": self.digest, "pattern": source.pattern, "kept": len(kept), "of": len(self.files), **how}
        return Raw(
            features={name: values},
            target=self.labels[kept],
            ids=kept,
            given=None if self.given is None else self.given[kept],
            beside={FILE: np.array(self.files, object)[kept], **{key: found[kept] for key, found in self.beside.items()}},
            files={self.path.resolve().name: self.digest},
            source_rows=len(self.files),
            rejected=rejected,
            stamp=store.key_of(facts),
        )


def read_decoded(card: Card, source: FolderSource) -> Raw:
    """A folder of images or sound."""
    decoder = decoding.decoder_of(card)
    found = find(card, source, decoder.suffixes)
    values, kept, rejected = decoding.decoded(decoder, found.path, found.files, found.digest, source.on_error)
    return found.raw(source, values, kept, rejected, decoder.name, {**decoder.facts, "version": decoding.VERSION})


def find(card: Card, source: FolderSource, suffixes: tuple[str, ...]) -> Found:
    """The examples of a folder; what is not like the rest is told in one note.

    Raises:
        ZooError: no such folder, no such files in it, no labels, or one class only.
    """
    path = fetch_folder.locate_folder(source.folder, card.folder, suffixes)
    everything = fetch_folder.entries(path, source.folder)
    files = [name for name, is_file in everything.items() if is_file and name.lower().endswith(suffixes)]
    if not files:
        endings = ", ".join(sorted({Path(name).suffix for name in everything})[:10])
        raise ZooError(f"{path} holds no files that end in {', '.join(suffixes)}", f"it holds: {endings}" if endings else "it is empty")
    digest = fetch_folder.fingerprint(path, files)
    parts = _parts(files)
    rows = [(name, groups) for name in files if (groups := _groups(card, source, name, bool(parts))) is not None]
    if not rows:
        where = "whose path fits the pattern" if source.pattern else "in a sub-folder, whose name would be its label"
        raise ZooError(f"{path} holds no file {where}", f"the first is {files[0]}")
    kept = [name for name, _ in rows]
    labels = np.array([groups["label"] for _, groups in rows])
    _note(path, everything, kept, None if source.pattern else _classes(path, bool(parts)) - set(labels.tolist()))
    if card.task == "classification" and len(set(labels.tolist())) == 1:
        raise ZooError(f"{path} holds one class only: '{labels[0]}'", "there is nothing to tell apart; a class is a sub-folder")
    more = [name for name in rows[0][1] if name != "label"]
    beside = {name: np.array([groups[name] for _, groups in rows]) for name in more}
    given = np.array([parts[name.partition("/")[0]] for name in kept]) if parts else None
    return Found(path, digest, kept, labels, given, beside)


def _parts(files: list[str]) -> dict[str, str]:
    """The part that each first sub-folder is, where they are parts: with train and val only, val judges."""
    first = {name.partition("/")[0] for name in files if "/" in name}
    parts = {name: PARTS[name.lower()] for name in first if name.lower() in PARTS}
    if "train" not in parts.values() or len(set(parts.values())) < 2:
        return {}
    if "test" not in parts.values():
        return {name: "test" if part == "val" else part for name, part in parts.items()}
    return parts


def _groups(card: Card, source: FolderSource, name: str, has_parts: bool) -> dict[str, str] | None:
    """The label of a file, and what else its path says; None where it is not like the rest."""
    folders = name.split("/")[:-1]
    if has_parts and (not folders or folders[0].lower() not in PARTS):
        return None
    if source.pattern:
        found = re.search(source.pattern, name)
        return {key: value or "" for key, value in found.groupdict().items()} if found else None
    folders = folders[1:] if has_parts else folders
    if not folders:
        return {"label": ""} if card.task == "reconstruction" else None
    return {"label": folders[0]}


def _classes(path: Path, has_parts: bool) -> set[str]:
    """The sub-folders that are classes."""
    above = [one for one in path.iterdir() if one.is_dir() and one.name.lower() in PARTS] if has_parts else [path]
    return {one.name for folder in above for one in folder.iterdir() if one.is_dir() and not one.name.startswith((".", "__MACOSX"))}


def _note(path: Path, everything: Iterable[str], kept: list[str], empty: set[str] | None) -> None:
    """One line on what in the folder is not like the rest."""
    others = sorted(set(everything) - set(kept))
    kinds = Counter(Path(name).suffix.lower() or "no ending" for name in others)
    counted = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common(5))
    said = [f"{len(others):,} files are left out ({counted}), as {others[0]}"] if others else []
    if empty:
        said.append(f"{len(empty)} sub-folders hold no examples, as {min(empty)}")
    if said:
        log.warning("note: %s: %s", path, "; ".join(said))
