"""Text files as they come: packed or not, in any encoding; what is no text is refused with its line."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from zoo.errors import ZooError

CHUNK = 1 << 22  # bytes that are looked at together
PAGE = ("<!doctype html", "<html", "<?xml")


@dataclass(frozen=True)
class Scan:
    """What is known of a whole text: its lines (the last one may lack its end), its double quotes."""

    lines: int
    quotes: int


@contextmanager
def binary(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where they are gzip, or a zip of one file.

    Raises:
        ZooError: it cannot be opened, or its packing is broken, also while it is read.
    """
    with _told(path), path.open("rb") as file:
        head = file.read(4)
        file.seek(0)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(file) as unpacked:
                yield unpacked  # type: ignore[misc]
        elif head in (b"PK\3\4", b"PK\5\6"):
            with zipfile.ZipFile(file) as archive, archive.open(_member(path, archive)) as unpacked:
                yield unpacked
        else:
            yield file


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise ZooError(f"{path} cannot be unpacked: {error}") from None
    except OSError as error:
        raise ZooError(f"{path}: {error.strerror or error}") from None


def _member(path: Path, archive: zipfile.ZipFile) -> str:
    names = [one for one in archive.namelist() if not one.endswith("/") and not one.startswith("__MACOSX/")]
    if len(names) != 1:
        held = f"it holds {', '.join(names[:5])}{' …' * (len(names) > 5)}" if names else "it is empty"
        raise ZooError(f"{path} is a zip of {len(names)} files, where one is expected", held)
    return names[0]


@contextmanager
def text(path: Path, encoding: str = "utf-8") -> Iterator[IO[str]]:
    """The file's text, line ends as they are, a byte order mark taken."""
    with binary(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig" if _is_utf8(encoding) else encoding, newline="") as wrapped:
        yield wrapped


def _is_utf8(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
    except LookupError:
        raise ZooError(f"source.encoding is '{encoding}', which Python does not know", "as utf-8, latin-1, cp1252 or utf-16") from None


def scan(path: Path, encoding: str = "utf-8") -> Scan:
    """Reads a file once. Raises ZooError where it is no text in that encoding, with its line, or a web page."""
    utf8, breaks, quotes, last, begun = _is_utf8(encoding), 0, 0, "", False
    decoder = codecs.getincrementaldecoder("utf-8-sig" if utf8 else encoding)()
    with binary(path) as file:
        while True:
            block = file.read(CHUNK)
            try:
                letters = decoder.decode(block, final=not block)
            except UnicodeError:
                raise _no_text(path, encoding) from None
            if "\0" in letters:
                raise _no_text(path, encoding)
            if not begun and letters.strip():
                _refuse_page(path, letters)
                begun = True
            breaks += letters.count("\n") + letters.count("\r") - letters.count("\r\n") - (last == "\r" and letters[:1] == "\n")
            quotes += letters.count('"')
            last = letters[-1:] or last
            if not block:
                return Scan(breaks + (last not in ("", "\n", "\r")), quotes)


def _refuse_page(path: Path, letters: str) -> None:
    if letters.lstrip()[:64].lower().startswith(PAGE):
        raise ZooError(
            f"{path} is a web page, not a table", "it may be an error page, or the page around the file: download the file itself"
        )


def _no_text(path: Path, encoding: str) -> ZooError:
    """The line at fault, found by reading once more."""
    named = "UTF-8" if _is_utf8(encoding) else encoding
    with binary(path) as file:
        for number, line in enumerate(_lines(file, encoding), 1):
            if "\0" in line[0]:
                return ZooError(f"{path}, line {number}: not {named} text: it holds NUL bytes", f"save it as {named}")
            if line[1]:
                hint = "save it as UTF-8, or name what it is: source.encoding, as latin-1" if named == "UTF-8" else f"it is no {encoding}"
                return ZooError(f"{path}, line {number}: not {named} text (byte {line[1]} of the line)", hint)
    return ZooError(f"{path} is not {named} text", "save it as UTF-8, or name what it is: source.encoding")


def _lines(file: IO[bytes], encoding: str) -> Iterator[tuple[str, int]]:
    """Each line as text, and the place of the first byte of it that is none, from 1, or 0."""
    if not _is_utf8(encoding) and "16" not in encoding and "32" not in encoding:
        yield from ((line.decode(encoding, "replace"), _place(line, encoding)) for line in file)
    elif _is_utf8(encoding):
        yield from ((line.decode("utf-8", "replace"), _place(line, "utf-8")) for line in file)


def _place(line: bytes, encoding: str) -> int:
    try:
        line.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start + 1
    return 0


def as_text(value: Any) -> str:
    """A value of another format as it would stand in a table of text: 3, 0.5, true; a whole float as 3; "" where there is none."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return str(value)
