"""The writes and locks that all folders are made with.

A kill at any moment leaves a file as it was or as it shall be, never a half of it. Locks are the operating system's,
so a kill frees them.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.errors import ZooError

FORMAT = 1
TEMPORARY = re.compile(r"\.(?:new-)?(\d+)-")  # a file or folder that is being made, and by which process


def home(kind: str, given: str | Path | None = None) -> Path:
    """The folder `runs` or `bundles`: as given, else under `ZOO_HOME`, else under the working folder."""
    return Path(given) if given else Path(os.environ.get("ZOO_HOME", "")) / kind


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Calls `write(temporary name)`, then moves the file to `path`; the temporary name keeps the suffix."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        fsync_folder(path.parent)
    except OSError as error:
        raise ZooError(f"cannot write {path}: {error.strerror or error}", reason(error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda temporary: _write_text(temporary, text))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


def write_json(path: Path, data: dict[str, Any], indent: int | None = 2) -> None:
    """JSON with `format` first; NaN and infinity become null, which every reader knows."""
    text = json.dumps({"format": FORMAT, **finite(data)}, indent=indent, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def finite(value: Any) -> Any:
    """The same plain data with null for every number that JSON cannot hold."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))) else value


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that we wrote. Raises ZooError where it is missing, truncated or of a later format."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ZooError(f"{path} is missing") from None
    except (ValueError, OSError) as error:
        raise ZooError(f"{path} cannot be read: {error}", "it is truncated or was changed by hand") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else None
        raise ZooError(f"{path}: format {found!r}, where this keras-zoo reads format {FORMAT}")
    return data


def fsync_folder(folder: Path) -> None:
    """Makes renames inside a folder last over a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


WHY = {
    errno.ENOSPC: "the disk is full",
    errno.EACCES: "no permission to write there",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a file stands where a folder should be",
    errno.EEXIST: "a file stands where a folder should be",
}


def reason(error: OSError) -> str | None:
    """What the system's error number means for a user."""
    return WHY.get(error.errno or 0)


def make_folder(folder: Path) -> None:
    """Makes a folder and its parents. Raises ZooError that says why it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ZooError(f"cannot make the folder {folder}: {error.strerror}", reason(error)) from error


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Holds a folder's lock, or raises ZooError where another process holds it."""
    try:
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ZooError(f"cannot write into {folder}: {error.strerror}", reason(error)) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 32, 0).decode() or "another process"
            raise ZooError(f"{what} {folder} is being written by process {holder}", "wait for it, or stop it") from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def held(folder: Path) -> bool:
    """Whether a living process holds the folder's lock."""
    try:
        with locked(folder, "the folder"):
            return False
    except ZooError:
        return True


def alive(pid: str) -> bool:
    """Whether a process of this number runs, ours or somebody else's; False for what is no number."""
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    return True


def sweep(*folders: Path) -> None:
    """Removes the files and folders under temporary names that killed processes left half made."""
    for folder in folders:
        for orphan in folder.glob(".*-*"):
            owner = TEMPORARY.match(orphan.name)
            if owner and not alive(owner[1]):
                if orphan.is_dir():
                    shutil.rmtree(orphan, ignore_errors=True)
                else:
                    orphan.unlink(missing_ok=True)
