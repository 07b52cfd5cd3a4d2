"""Files are found by name and hash, or fetched once; what is wrong leaves nothing behind and says what to do by hand."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pytest

from zoo.config.sources import File, Folder
from zoo.data import fetch, fetch_folder
from zoo.errors import ZooError

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ELSEWHERE = Path("no folder of a card")
REAL = os.environ.get("ZOO_DATA_DIR")  # before a fixture takes it away


class Server(http.server.ThreadingHTTPServer):
    """Gives CONTENT at /whole, less than it promises at /short, nothing at /silent, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.stop = threading.Event()
        super().__init__(("127.0.0.1", 0), Answers)

    def file(self, path: str, sha256: str = SHA256, name: str = "data.bin") -> File:
        return File(name=name, sha256=sha256, url=f"http://127.0.0.1:{self.server_port}{path}")


class Answers(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == "/silent":
            self.server.stop.wait(20)
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/whole" else CONTENT[:100_000])
        if self.path == "/slow":
            self.server.stop.wait(20)

    def log_message(self, *args: object) -> None:
        """Nothing: the tests' output is for failures."""


@pytest.fixture(scope="module")
def running():
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.stop.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(running):
    running.asked.clear()
    return running


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZOO_DATA_DIR", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("ZOO_DATA_DIR", str(folder))
    return folder


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_is_fetched_once_and_checked(server, cache, capfd):
    first = fetch.locate(server.file("/whole"), ELSEWHERE)
    assert first.read_bytes() == CONTENT
    assert files_in(cache) == [first]
    assert fetch.locate(server.file("/whole"), ELSEWHERE) == first
    assert server.asked == ["/whole"]
    assert capfd.readouterr() == ("", "")  # quiet where there is no terminal


def test_equal_names_of_different_files_live_side_by_side(server, cache):
    put(cache / ("0" * 16) / "data.bin", b"another set's")
    fetch.locate(server.file("/whole"), ELSEWHERE)
    assert len(files_in(cache)) == 2


def test_a_spoilt_copy_in_the_cache_is_fetched_again(server):
    path = fetch.locate(server.file("/whole"), ELSEWHERE)
    put(path, CONTENT[:-1])
    assert fetch.locate(server.file("/whole"), ELSEWHERE).read_bytes() == CONTENT
    assert server.asked == ["/whole", "/whole"]


def test_below_the_data_folder_name_and_hash_are_looked_for(server, cache, data_dir):
    put(data_dir / "data.bin", b"a namesake")
    put(data_dir / "a/other.bin")
    put(data_dir / "a/b/data.bin", CONTENT[::-1])
    (data_dir / "c").mkdir()
    (data_dir / "c/data.bin").symlink_to(data_dir / "nowhere")
    right = put(data_dir / "d/e/data.bin")
    assert fetch.locate(server.file("/whole"), ELSEWHERE) == right
    assert fetch.locate(File(name="data.bin", sha256=SHA256), ELSEWHERE) == right
    assert (server.asked, files_in(cache)) == ([], [])


def test_a_namesake_with_another_hash_is_passed_over(server, cache, data_dir):
    put(data_dir / "data.bin", b"a namesake")
    assert fetch.locate(server.file("/whole"), ELSEWHERE).is_relative_to(cache)
    assert server.asked == ["/whole"]


def test_a_file_that_changes_is_read_again(data_dir):
    path = put(data_dir / "data.bin")
    assert fetch.locate(File(name="data.bin", sha256=SHA256), ELSEWHERE) == path
    put(path, CONTENT[::-1])
    os.utime(path, ns=(1, 1))
    with pytest.raises(ZooError, match=r"no file data\.bin"):
        fetch.locate(File(name="data.bin", sha256=SHA256), ELSEWHERE)


def test_a_data_folder_that_is_none_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "mistyped"))
    with pytest.raises(ZooError, match=r"ZOO_DATA_DIR is .*mistyped"):
        fetch.locate(File(name="data.bin", sha256=SHA256), ELSEWHERE)


def refused(file: File, says: str, cache: Path) -> None:
    """The message says why, and what to put where; nothing is left."""
    with pytest.raises(ZooError, match=says) as caught:
        fetch.locate(file, ELSEWHERE)
    for words in (f"put {file.name} (sha256 {file.sha256}) into a folder", "ZOO_DATA_DIR"):
        assert words in str(caught.value)
    assert files_in(cache) == []


def test_another_file_than_the_hash_names_is_not_kept(server, cache):
    refused(server.file("/whole", "0" * 64), "gave another file than the card names", cache)


def test_a_transfer_that_breaks_off_leaves_nothing(server, cache):
    refused(server.file("/short"), "broke off after 100,000 of 512,000 bytes", cache)


def test_what_the_server_says_is_passed_on(server, cache):
    refused(server.file("/missing"), "cannot fetch data.bin from .*: Not Found", cache)


def test_a_server_that_is_silent_is_not_waited_for(server, cache, monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT", 0.3)
    started = time.monotonic()
    refused(server.file("/silent"), "timed out", cache)
    assert time.monotonic() - started < 5
    monkeypatch.undo()
    assert fetch.TIMEOUT <= 10


def test_without_a_network_it_is_said_at_once(cache):
    with socket.socket() as taken:  # bound and not listening: whoever connects is refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/data.bin"
        started = time.monotonic()
        refused(File(name="data.bin", sha256=SHA256, url=url), "cannot fetch data.bin from .*: .*refused", cache)
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("url", ["http://[", "http://127.0.0.1:99999/x", "http://a b/", "http://é\x80/"])
def test_a_url_that_is_none_is_told(cache, url):
    refused(File(name="data.bin", sha256=SHA256, url=url), "cannot fetch", cache)


def test_a_file_without_a_url_is_asked_for(cache):
    refused(File(name="data.bin", sha256=SHA256), "no file data.bin", cache)


def test_a_cache_that_cannot_be_written_is_told(server, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(put(tmp_path / "a file") / "cache"))
    with pytest.raises(ZooError, match="a file stands where a folder should be"):
        fetch.locate(server.file("/whole"), ELSEWHERE)


FETCH = """
import sys
from pathlib import Path
from zoo.config.sources import File
from zoo.data import fetch
fetch.locate(File(**eval(sys.argv[1])), Path())
"""


def test_a_killed_transfer_leaves_nothing_that_is_taken_for_the_file(server, cache):
    """The process is killed in the middle; the next one fetches anew and sweeps what was left."""
    child = subprocess.Popen([sys.executable, "-c", FETCH, repr(server.file("/slow").model_dump())])
    try:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in files_in(cache)) and time.monotonic() < deadline:
            assert child.poll() is None
            time.sleep(0.02)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    left = files_in(cache)
    assert left
    assert not [path for path in left if path.name == "data.bin"]
    path = fetch.locate(server.file("/whole"), ELSEWHERE)
    assert path.read_bytes() == CONTENT
    assert files_in(cache) == [path]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../data.bin", "sha256": SHA256},
        {"name": "/etc/passwd", "sha256": SHA256},
        {"name": "data.bin", "url": "http://127.0.0.1/x"},
        {"name": "data.bin", "sha256": "abc"},
        {"name": "data.bin", "sha256": SHA256, "url": "file:///etc/passwd"},
        {"name": ""},
    ],
)
def test_what_a_card_may_not_ask_for(wrong):
    with pytest.raises(ValueError):
        File.model_validate(wrong)


def test_all_that_cannot_be_had_is_told_at_once(server, cache):
    files = [server.file("/missing", digit * 64, f"{digit}.bin") for digit in "012"]
    whole = server.file("/whole")
    with pytest.raises(ZooError, match=r"cannot fetch 0\.bin from .*: Not Found") as caught:
        fetch.locate_all([whole, *files], ELSEWHERE)
    assert server.asked == ["/whole", "/missing"]  # after a failure nothing more is waited for
    assert [f"  {file.name} (sha256 {file.sha256})" for file in files] == list(caught.value.details[1:4])
    assert whole.name not in str(caught.value)


FILES = {"cat/1.png": b"one", "cat/2.png": b"two", "dog/3.png": b"three"}


def fill(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    for name, content in (files or FILES).items():
        put(folder / name, content)
    return folder


def lines_sha256(files: dict[str, bytes]) -> str:
    return hashlib.sha256("".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode()).hexdigest()


FOLDER_SHA256 = lines_sha256(FILES)


def pets(**more) -> Folder:
    return Folder(**{"name": "pets", "sha256": FOLDER_SHA256, **more})


def located(folder: Folder) -> Path:
    return fetch_folder.locate_folder(folder, ELSEWHERE, (".png",))


def tar_of(files: dict[str, bytes], kind: str = "gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{kind}") as tar:
        for name, content in files.items():
            one = tarfile.TarInfo(name)
            one.size = len(content)
            tar.addfile(one, io.BytesIO(content))
    return out.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def archives():
    """A server of archives: `serve(name, content)` gives the folder's url and hash."""
    given: dict[str, bytes] = {}

    class Gives(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(given[self.path])

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gives)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(name: str, content: bytes) -> dict[str, str]:
        given[f"/{name}"] = content
        return {"url": f"http://127.0.0.1:{server.server_port}/{name}", "url_sha256": hashlib.sha256(content).hexdigest()}

    yield serve
    server.shutdown()
    server.server_close()


def test_a_fingerprint_is_of_the_files_that_are_read(tmp_path):
    folder = fill(tmp_path / "pets", {**FILES, "README.md": b"x", ".hidden/4.png": b"x", "bird/5.png": b"x", "cat/old/6.png": b"x"})
    files = fetch_folder.folder_files(folder, Folder(name="x", exclude=("bird", "cat/old/*")), (".png",))
    assert files == sorted(FILES)
    assert fetch_folder.fingerprint(folder, files) == FOLDER_SHA256
    done = subprocess.run("sha256sum cat/1.png cat/2.png dog/3.png | sha256sum", shell=True, cwd=folder, capture_output=True, text=True)
    assert done.stdout.split()[0] == FOLDER_SHA256
    assert fetch_folder.folder_files(folder, Folder(name="x", files=("cat",))) == ["cat/1.png", "cat/2.png", "cat/old/6.png"]
    assert fetch_folder.folder_files(folder, Folder(name="x", files=("*3.png", "*.md"))) == ["README.md", "dog/3.png"]


def test_a_published_fingerprint_is_found():
    """The hash of its MANIFEST.sha256, over every file but the manifest and its description."""
    root = REAL
    if not root:
        pytest.skip("ZOO_DATA_DIR names no folder with real data")
    path = Path(root) / "sign_digits"
    files = fetch_folder.folder_files(path, Folder(name="sign_digits", exclude=("SOURCE.txt", "MANIFEST.sha256")))
    assert fetch_folder.fingerprint(path, files) == hashlib.sha256((path / "MANIFEST.sha256").read_bytes()).hexdigest()


def test_a_folder_of_ones_own_is_a_path(tmp_path):
    fill(tmp_path / "pets")
    assert fetch_folder.locate_folder(Folder(name="pets"), tmp_path, ()) == tmp_path / "pets"
    with pytest.raises(ZooError, match="no data folder"):
        fetch_folder.locate_folder(Folder(name="pest"), tmp_path, ())
    with pytest.raises(ZooError, match="is a file, where a folder is expected"):
        fetch_folder.locate_folder(Folder(name="pets/cat/1.png"), tmp_path, ())


def test_below_the_data_folder_a_folder_is_found_by_its_fingerprint(data_dir):
    fill(data_dir / "a/pets", {**FILES, "cat/2.png": b"another"})
    fill(data_dir / "more", {"x.png": b"x"})
    with pytest.raises(ZooError, match="no folder pets"):
        located(pets())
    renamed = fill(data_dir / "b/animals", {**FILES, "README.md": b"beside"})
    assert located(pets()) == renamed
    named = fill(data_dir / "c/pets")
    assert located(pets()) == named


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_an_archive_is_fetched_once_and_unpacked(archives, cache, pack):
    served = archives("pets.archive", pack({f"pets-1.0/images/{name}": content for name, content in {**FILES, "LICENCE": b"x"}.items()}))
    path = located(pets(**served))
    assert path.is_relative_to(cache)
    assert {one.relative_to(path).as_posix() for one in files_in(path)} == {*FILES, "LICENCE"}
    assert files_in(cache) == files_in(path)  # the archive is not kept
    assert located(pets(**served)) == path
    put(path / "cat/1.png", b"spoilt, and longer")
    assert located(pets(**served)).joinpath("cat/1.png").read_bytes() == b"one"


def test_an_archive_below_the_data_folder_is_taken(archives, cache, data_dir):
    content = tar_of(FILES, "xz")
    kept = put(data_dir / "packed/pets.tar.xz", content)
    served = archives("pets.tar.xz", b"") | {"url_sha256": hashlib.sha256(content).hexdigest()}
    assert located(pets(**served)).is_relative_to(cache)
    assert kept.is_file()


@pytest.mark.parametrize("pack", [tar_of, zip_of])
@pytest.mark.parametrize("name", ["../escaped.png", "/escaped.png", "a/../../escaped.png"])
def test_an_archive_whose_paths_leave_it_writes_nothing_outside(archives, cache, pack, name):
    with contextlib.suppress(ZooError):  # a leading slash is cut off by tar's filter
        located(pets(**archives("evil", pack({**FILES, name: b"x"}))))
    outside = [one for one in cache.parent.rglob("escaped.png") if not one.is_relative_to(cache)]
    assert outside == []
    assert not Path("/escaped.png").exists()
    assert not list(cache.glob("escaped.png"))


@pytest.mark.parametrize("content", [b"no archive", tar_of({"x.png": b"x"}), tar_of(FILES)[:-60]], ids=["none", "another", "cut"])
def test_an_archive_that_is_none_or_another_leaves_nothing(archives, cache, content):
    with pytest.raises(ZooError, match=r"(?s)cannot be unpacked|holds no folder of the fingerprint") as caught:
        located(pets(**archives("pets.tar.gz", content)))
    assert "ZOO_DATA_DIR" in str(caught.value)
    assert [one for one in files_in(cache) if one.name != "pets.tar.gz"] == []


def test_without_a_network_a_folder_is_asked_for(cache):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1/pets.zip"
        started = time.monotonic()
        with pytest.raises(ZooError, match=r"cannot fetch pets\.zip") as caught:
            located(pets(url=url, url_sha256=SHA256))
    assert time.monotonic() - started < 10
    for words in ("put the folder pets, or the archive pets.zip", SHA256, FOLDER_SHA256, "ZOO_DATA_DIR"):
        assert words in str(caught.value)
    assert files_in(cache) == []


def test_the_file_that_changed_is_named(tmp_path):
    folder = fill(tmp_path / "pets")
    before = fetch_folder.fingerprint(folder, sorted(FILES))
    put(folder / "cat/2.png", b"two, changed")
    after = fetch_folder.fingerprint(folder, sorted(FILES))
    assert fetch_folder.changed(before, after) == "cat/2.png"
    fewer = fetch_folder.fingerprint(folder, sorted(FILES)[:2])
    assert fetch_folder.changed(after, fewer) == "dog/3.png"
    assert fetch_folder.changed(before, before) is None
    assert fetch_folder.changed("0" * 64, after) is None
    assert fetch_folder.changed(None, after) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../pets", "sha256": FOLDER_SHA256},
        {"name": "..", "sha256": FOLDER_SHA256},
        {"name": "pets", "sha256": FOLDER_SHA256, "url": "https://x.org/pets.zip"},
        {"name": "pets", "url": "https://x.org/pets.zip", "url_sha256": SHA256},
    ],
)
def test_a_folder_that_could_not_be_checked_is_refused(wrong):
    with pytest.raises(ValueError, match=r"pets|path"):
        Folder(**wrong)
