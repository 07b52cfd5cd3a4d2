"""The store: what was decoded or encoded once, under a fingerprint, in memory where it fits and memory-mapped where not."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.fetch import cache_folder
from zoo.errors import ZooError
from zoo.runs import make_folder, reason, sweep

SHARE = 0.25  # of the machine's memory that one array may take,
LIMIT = 1 << 30  # and bytes: of more nothing is gained, the system's cache holds what is read
CANNOT = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)  # of a file system that takes no space before it is written to


def key_of(facts: Any) -> str:
    """The name of what is made of these facts (JSON): sha256 in hexadecimal. Put into them whatever changes the result."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def made(key: str, build: Callable[[Path], None]) -> Path:
    """The folder of a key, built once: `build` fills a folder under another name, which is renamed when it is whole."""
    root = cache_folder() / "store"
    folder = root / key[:32]
    if folder.is_dir():
        return folder
    make_folder(root)
    sweep(root)
    half = root / f".{os.getpid()}-{uuid.uuid4().hex}"  # two threads may build one, and in containers all processes have one number
    try:
        half.mkdir()
        build(half)
        try:
            os.replace(half, folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster: what it made is the same
                raise
    except OSError as error:
        raise ZooError(f"cannot write into {root}: {error.strerror or error}", reason(error)) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return folder


def fits(size: int) -> bool:
    """Whether an array of so many bytes is kept in memory; `ZOO_MEMORY` (bytes) sets the limit."""
    limit = os.environ.get("ZOO_MEMORY")
    return size <= (int(limit) if limit else min(LIMIT, SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))


def array(path: Path, dtype: Any, shape: tuple[int, ...]) -> np.memmap:
    """A new `.npy` to be filled, memory-mapped. Its space is taken now: a full disk is an OSError here, where a write into the map
    would end the process."""
    made: np.memmap = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            except OSError as error:
                if error.errno not in CANNOT:
                    raise
    return made


def mapped(path: Path) -> np.ndarray:
    """A `.npy` of the store, memory-mapped; one without rows cannot be."""
    array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def opened(path: Path) -> np.ndarray:
    """A `.npy` of the store: in memory where it fits, else memory-mapped."""
    array: np.ndarray = np.load(path, mmap_mode=None if fits(path.stat().st_size) else "r", allow_pickle=False)
    return array
