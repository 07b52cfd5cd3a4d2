"""The store: a folder is whole or not there, whatever stands in the way."""

from __future__ import annotations

import errno
import os
import threading

import numpy as np
import pytest
from made import card_of
from PIL import Image

from zoo.data import prepare, store
from zoo.data.sources import read
from zoo.errors import ZooError


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Where the store is."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/store"


@pytest.fixture
def full(monkeypatch):
    """A disk without space: taking some fails, and a write into a map would be the end of the process."""

    def fails(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", fails, raising=False)


def test_an_array_is_a_file_of_its_whole_size(tmp_path):
    made = store.array(tmp_path / "a.npy", "float32", (3000, 100))
    taken = (tmp_path / "a.npy").stat()
    assert taken.st_blocks * 512 >= taken.st_size > 3000 * 100 * 4
    made[:] = np.arange(100)
    made.flush()
    np.testing.assert_array_equal(store.mapped(tmp_path / "a.npy")[2999], np.arange(100))


def test_a_file_system_that_takes_no_space_beforehand_will_do(tmp_path, monkeypatch):
    def fails(*_):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", fails, raising=False)
    assert store.array(tmp_path / "a.npy", "uint8", (3,)).tolist() == [0, 0, 0]


@pytest.mark.usefixtures("full")
def test_decoding_onto_a_full_disk_is_refused(root, tmp_path):
    for number in range(4):
        folder = tmp_path / "data" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    with pytest.raises(ZooError, match=r"(?s)No space left.*the disk is full"):
        read(card_of({"kind": "image_folder", "folder": str(tmp_path / "data")}, image={"shape": [8, 8, 3]}))
    assert list(root.iterdir()) == []


@pytest.mark.usefixtures("full")
def test_encoding_onto_a_full_disk_is_refused(root, tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{n},{'pq'[n % 2]}\n" for n in range(40)))
    data = prepare(card_of({"kind": "csv", "file": str(tmp_path / "t.csv")}, columns={"a": "number"}))
    monkeypatch.setenv("ZOO_MEMORY", "1")
    with pytest.raises(ZooError, match="the disk is full"):
        data.encoded  # noqa: B018
    assert not [one for one in root.iterdir() if one.name.startswith(".")]


def test_what_was_left_half_made_is_in_nobodys_way(root):
    key = "a" * 64
    (root / f".{os.getpid()}-{key[:32]}").mkdir(parents=True)  # in containers every process may have this number
    folder = store.made(key, lambda half: (half / "x").write_text("1"))
    assert (folder / "x").read_text() == "1"


def test_two_threads_may_build_one_folder(root):
    together, found = threading.Barrier(2, timeout=20), []

    def build(half):
        together.wait()
        (half / "x").write_text("1")

    def work():
        try:
            found.append(store.made("b" * 64, build))
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [root / ("b" * 32)] * 2
    assert [one.name for one in root.iterdir()] == ["b" * 32]


def test_a_cache_that_cannot_be_written_is_told(root, monkeypatch):
    root.mkdir(parents=True)
    mkdir = os.mkdir

    def fails(path, *more, **named):
        if os.path.basename(path).startswith("."):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        mkdir(path, *more, **named)

    monkeypatch.setattr(os, "mkdir", fails)
    with pytest.raises(ZooError, match=r"(?s)cannot write into .*store: Read-only.*the file system is read-only"):
        store.made("c" * 64, lambda _: None)
    assert list(root.iterdir()) == []


def test_what_cannot_be_moved_is_no_folder(root, monkeypatch):
    def fails(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(ZooError, match="the disk is full"):
        store.made("d" * 64, lambda _: None)
    assert list(root.iterdir()) == []
