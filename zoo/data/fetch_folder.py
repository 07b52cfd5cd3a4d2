"""Finding a source's folder: the user's own path, `ZOO_DATA_DIR` or the cache by its fingerprint, or one download of an archive."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from zoo.config.sources import File, Folder
from zoo.data.fetch import Unfetched, at_hand, cache_folder, data_dir, fetched, sha256_of
from zoo.errors import ZooError
from zoo.runs import make_folder, sweep, write_atomically

TOGETHER = 256  # files that a thread hashes at once
GUESSED = 1 << 30  # bytes of folders of another name that are hashed in search of one


def locate_folder(folder: Folder, base: Path, suffixes: tuple[str, ...]) -> Path:
    """The path of a folder of a card.

    Args:
        folder: its name, and where it is fetched its fingerprint and the url of an archive that holds it.
        base: where a path of the user's own starts.
        suffixes: of the files that its fingerprint is made of, in lower case; none: all files.

    Raises:
        ZooError: it is nowhere and cannot be fetched, or no archive.
    """
    if folder.sha256 is None:
        where = folder.beside(base)
        if where.is_dir():
            return where
        raise ZooError(f"{where} is a file, where a folder is expected" if where.exists() else f"no data folder {where}")
    found = _known_folder(folder, suffixes)
    if found:
        return found
    try:
        return _unpacked(folder, suffixes)
    except Unfetched as error:
        archive = f", or the archive {_archive(folder).name} (sha256 {folder.url_sha256})" if folder.url else ""
        raise ZooError(
            error.what,
            *error.details,
            f"put the folder {folder.name}{archive} into a folder",
            "and name that folder, or one above it, in the environment variable ZOO_DATA_DIR",
            f"the fingerprint of {folder.name}, the sha256 of its sorted 'sha256  path' lines, is {folder.sha256}",
        ) from None


def folder_files(path: Path, folder: Folder, suffixes: tuple[str, ...] = ()) -> list[str]:
    """The files of a folder that a source reads, sorted: paths inside it, with `/`. Hidden ones are not there.

    Args:
        path: where the folder is.
        folder: whose `files` and `exclude` are patterns (`*` stands for `/` too) of such paths, or folders inside it.
        suffixes: of the files, in lower case; none: all.
    """
    return [name for name, is_file in entries(path, folder).items() if is_file and (not suffixes or name.lower().endswith(suffixes))]


def entries(path: Path, folder: Folder) -> dict[str, bool]:
    """Everything in a folder that its patterns leave, sorted, and whether it is a file: a link that leads nowhere is none."""

    def fits(name: str, patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern.rstrip('/')}/*") for pattern in patterns)

    found = sorted(_walk(path, "", ()))
    return {name: it for name, it in found if (folder.files is None or fits(name, folder.files)) and not fits(name, folder.exclude)}


def _walk(path: Path, inside: str, above: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Every file below; a link that leads back to a folder above is not followed."""
    real = os.path.realpath(path)
    if real in above:
        return
    try:
        entries = list(os.scandir(path))
    except OSError as error:
        raise ZooError(f"{path} cannot be read: {error.strerror}") from None
    for entry in entries:
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            continue
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:  # a link that leads to itself
            is_folder = is_file = False
        if is_folder:
            yield from _walk(path / entry.name, f"{inside}{entry.name}/", (*above, real))
        else:
            yield inside + entry.name, is_file


def fingerprint(path: Path, files: Sequence[str]) -> str:
    """The sha256 of the "sha256  path" lines of a folder's files, sorted by path, as `sha256sum` prints them.

    The lines are kept in the cache, so that `changed` can say what became different.
    """
    lines = _lines(path, files)
    digest = hashlib.sha256(lines).hexdigest()

    def write(temporary: Path) -> None:
        temporary.write_bytes(lines)

    with contextlib.suppress(ZooError):  # a cache that cannot be written costs the name of a changed file, no more
        make_folder(_manifest(digest).parent)
        if not _manifest(digest).is_file():
            write_atomically(_manifest(digest), write)
    return digest


def changed(before: str | None, now: str) -> str | None:
    """A file by which the folders of two fingerprints differ; None where it is not known any more."""
    if before is None or not (_manifest(before).is_file() and _manifest(now).is_file()):
        return None
    old, new = ({line[66:]: line[:64] for line in _manifest(one).read_bytes().split(b"\n") if line} for one in (before, now))
    different = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    return os.fsdecode(different[0]) if different else None


def _manifest(digest: str) -> Path:
    return cache_folder() / "folders" / digest


def _lines(path: Path, files: Sequence[str]) -> bytes:
    def lines(names: Sequence[str]) -> bytes:
        return b"".join(f"{sha256_of(path / name)}  ".encode() + os.fsencode(name) + b"\n" for name in names)

    ordered = sorted(files)
    try:
        with ThreadPoolExecutor() as pool:
            return b"".join(pool.map(lines, (ordered[start : start + TOGETHER] for start in range(0, len(ordered), TOGETHER))))
    except OSError as error:
        raise ZooError(f"{error.filename or path} cannot be read: {error.strerror or error}") from None


def _is_folder(path: Path, folder: Folder, files: Sequence[str]) -> bool:
    try:
        return bool(files) and hashlib.sha256(_lines(path, files)).hexdigest() == folder.sha256
    except ZooError:  # a link that leads nowhere, or a file of somebody else
        return False


def _known_folder(folder: Folder, suffixes: tuple[str, ...]) -> Path | None:
    """A folder that need not be fetched: in `ZOO_DATA_DIR` by its name, in the cache, or in `ZOO_DATA_DIR` by its files."""
    root, cached = data_dir(), _cached_folder(folder)
    folders = [Path(one) for one, _, _ in os.walk(root)] if root else []
    for path in [*(one for one in folders if one.name == folder.name), cached]:
        if path.is_dir() and _is_folder(path, folder, folder_files(path, folder, suffixes)):
            return path
    shutil.rmtree(cached, ignore_errors=True)  # spoilt, if it is there
    manifest, left = _manifest(str(folder.sha256)), GUESSED
    count = manifest.read_bytes().count(b"\n") if manifest.is_file() else None
    for path in (one for one in folders if one.name != folder.name):
        files = folder_files(path, folder, suffixes)
        size = sum((path / name).stat().st_size for name in files if (path / name).is_file())
        if not files or count not in (None, len(files)) or size > left:
            continue
        left -= size
        if _is_folder(path, folder, files):
            return path
    return None


def _cached_folder(folder: Folder) -> Path:
    return cache_folder() / str(folder.sha256)[:16] / folder.name


def _archive(folder: Folder) -> File:
    name = Path(urlsplit(str(folder.url)).path).name
    return File(name=name if name not in ("", "..") else "archive", sha256=folder.url_sha256, url=folder.url)


def _unpacked(folder: Folder, suffixes: tuple[str, ...]) -> Path:
    """Fetches the archive and unpacks it into the cache. Raises Unfetched."""
    if not folder.url:
        raise Unfetched(f"no folder {folder.name}")
    archive, target = _archive(folder), _cached_folder(folder)
    packed = at_hand(archive, Path()) or fetched(archive)
    half = target.with_name(f".{os.getpid()}-{folder.name}")
    make_folder(half)
    sweep(half.parent)
    try:
        _unpack(packed, half)
        inside = [Path(one) for one, _, _ in os.walk(half)]
        found = next((one for one in inside if _is_folder(one, folder, folder_files(one, folder, suffixes))), None)
        if found is None:
            raise Unfetched(f"{folder.url} holds no folder of the fingerprint that the card names")
        os.replace(found, target)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    if packed.is_relative_to(cache_folder()):
        packed.unlink()
    return target


def _unpack(archive: Path, target: Path) -> None:
    """Unpacks a tar or zip archive. Raises Unfetched where it is none, or where a path of it leads out of the folder."""
    try:
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                tar.extractall(target, filter="data")
            return
        with zipfile.ZipFile(archive) as packed:
            outside = [name for name in packed.namelist() if not (target / name).resolve().is_relative_to(target.resolve())]
            if outside:
                raise Unfetched(f"{archive} holds '{outside[0]}', which leads out of the folder")
            packed.extractall(target)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise Unfetched(f"{archive} cannot be unpacked: {error}") from None
