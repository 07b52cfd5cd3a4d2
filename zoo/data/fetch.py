"""Finding a source's file: the user's own path, `ZOO_DATA_DIR` by name and sha256, the cache, or one download."""

from __future__ import annotations

import glob
import http.client
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from zoo.bundles import file_sha256
from zoo.config.sources import File
from zoo.errors import ZooError
from zoo.runs import make_folder, sweep, write_atomically

TIMEOUT = 10  # seconds without a byte


def cache_folder() -> Path:
    """Where fetched data is kept: `ZOO_CACHE`, else the user's cache folder."""
    import platformdirs

    return Path(os.environ.get("ZOO_CACHE") or platformdirs.user_cache_dir("keras-zoo"))


def locate(file: File, folder: Path) -> Path:
    """The path of a file of a card.

    Args:
        file: its name, and where it is fetched its sha256 and url.
        folder: where a path of the user's own starts.

    Raises:
        ZooError: it is nowhere and cannot be fetched, or it is not the file that the hash names.
    """
    return locate_all([file], folder)[0]


def locate_all(files: Sequence[File], folder: Path) -> list[Path]:
    """The paths of several files, as `locate` gives them; those that cannot be had are told all at once."""
    found, lacking, first = [], [], None
    for file in files:
        path = at_hand(file, folder)
        if path is None and file.url and first is None:  # after a failure no further file is waited for
            try:
                path = fetched(file)
            except Unfetched as error:
                first = error
        if path is None:
            lacking.append(file)
        else:
            found.append(path)
    if lacking:
        raise ZooError(first.what if first else f"no file {lacking[0].name}", *(first.details if first else ()), *_by_hand(lacking))
    return found


def matching(file: File, folder: Path) -> list[Path]:
    """The paths of a file of a card; of a name with wildcards all that it matches, sorted."""
    if not is_pattern(file, folder):
        return [locate(file, folder)]
    found = [Path(one) for one in sorted(glob.glob(str(file.beside(folder)), recursive=True)) if Path(one).is_file()]
    if not found:
        raise ZooError(f"no data file matches {file.beside(folder)}")
    return found


def is_pattern(file: File, folder: Path) -> bool:
    """Whether it is the user's own files by a name with wildcards, and no file of that very name, as `data[1].csv`."""
    return file.sha256 is None and glob.has_magic(file.name) and not file.beside(folder).is_file()


class Unfetched(ZooError):
    """A file that its url does not give."""


def at_hand(file: File, folder: Path) -> Path | None:
    """A file that need not be fetched: the user's own, in `ZOO_DATA_DIR`, or in the cache."""
    if file.sha256 is None:
        where = file.beside(folder)
        if where.is_file():
            return where
        raise ZooError(f"{where} is a folder, where a file is expected" if where.is_dir() else f"no data file {where}")
    found = _in_data_dir(file)
    if found:
        return found
    cached = _cached(file)
    if cached.is_file():
        if sha256_of(cached) == file.sha256:
            return cached
        cached.unlink()
    return None


def _cached(file: File) -> Path:
    return cache_folder() / str(file.sha256)[:16] / file.name


def fetched(file: File) -> Path:
    cached = _cached(file)
    make_folder(cached.parent)
    sweep(cached.parent)
    write_atomically(cached, lambda temporary: _download(file, temporary))
    return cached


def data_dir() -> Path | None:
    root = os.environ.get("ZOO_DATA_DIR")
    if root and not Path(root).is_dir():
        raise ZooError(f"ZOO_DATA_DIR is '{root}', which is no folder")
    return Path(root) if root else None


def _in_data_dir(file: File) -> Path | None:
    root = data_dir()
    for folder, _, names in os.walk(root) if root else ():
        path = Path(folder, file.name)
        if file.name in names and _is(path, file):
            return path
    return None


def _is(path: Path, file: File) -> bool:
    try:
        return sha256_of(path) == file.sha256
    except OSError:  # a link that leads nowhere, or a file of somebody else
        return False


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1 << 20)
def _sha256(path: Path, size: int, changed: int) -> str:
    return file_sha256(path)


def _download(file: File, target: Path) -> None:
    from rich.console import Console
    from rich.progress import wrap_file

    console = Console(stderr=True)
    try:
        with urllib.request.urlopen(str(file.url), timeout=TIMEOUT) as answer, target.open("wb") as out:
            total = int(answer.headers.get("Content-Length") or 0)
            with wrap_file(answer, total, description=f"fetching {file.name}", console=console, disable=not console.is_terminal) as body:
                while block := body.read(1 << 16):
                    out.write(block)
            if out.tell() < total:
                raise ConnectionError(f"the transfer broke off after {out.tell():,} of {total:,} bytes")
    except (urllib.error.URLError, TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unfetched(f"cannot fetch {file.name} from {file.url}: {reason}") from None
    got = sha256_of(target)
    if got != file.sha256:
        raise Unfetched(f"{file.url} gave another file than the card names", f"sha256 {got}", f"expected {file.sha256}")


def _by_hand(files: list[File]) -> tuple[str, ...]:
    named = [f"{file.name} (sha256 {file.sha256})" for file in files]
    return (
        *([f"put {named[0]} into a folder"] if len(named) == 1 else ["put into a folder:", *(f"  {name}" for name in named)]),
        "and name that folder, or one above it, in the environment variable ZOO_DATA_DIR",
    )
