"""Builders of TensorFlow Datasets: found by name, prepared once, and never waited for where there is no network."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import shutil
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from zoo.config.sources import TfdsSource
from zoo.data.fetch import Unfetched, cache_folder
from zoo.errors import ZooError, did_you_mean

log = logging.getLogger("zoo")

PATIENCE = 2.0  # seconds for a host to answer: TFDS itself tries for more than three minutes
OWN_HOST = "storage.googleapis.com"  # where the builders of TFDS that name no files look


def find(source: TfdsSource, folder: Path) -> Any:
    """The builder of a source, prepared or not; a prepared one is looked for in every place.

    Args:
        source: name, config, data_dir.
        folder: where a relative data_dir starts.

    Raises:
        ZooError: TFDS knows no such dataset or config.
    """
    if re.match(r"\w+:[^\d]", source.name):
        raise ZooError(
            f"tfds: '{source.name}' is a community's dataset, which is not read here", "prepare it, and name its folder: data_dir"
        )
    first, error = None, None
    for root in places(source, folder):
        try:
            with _quiet():
                builder = _opened(source, root)
        except ZooError as one:
            error = error or one
            continue
        if is_prepared(builder):
            return builder
        first = first or builder
    if first is None:
        assert error is not None
        raise error
    return first


def is_prepared(builder: Any) -> bool:
    """Whether its files are there; TFDS's own question warns where they are not."""
    return bool(builder.info.splits) or Path(builder.data_path, "dataset_info.json").is_file()


def places(source: TfdsSource, folder: Path) -> list[Path]:
    """Folders that may hold prepared datasets; into the first one it is prepared."""
    if source.data_dir:
        return [_path(source.data_dir, folder)]
    own = os.environ.get("TFDS_DATA_DIR")
    given = os.environ.get("ZOO_DATA_DIR")
    further = [Path(given), Path(given) / "tensorflow_datasets"] if given else []
    return [Path(own).expanduser() if own else cache_folder() / "tfds", *further, Path("~/tensorflow_datasets").expanduser()]


def _path(name: str, folder: Path) -> Path:
    path = Path(name).expanduser()  # a file's path is looked for in the same two places
    return folder / path if (folder / path).exists() else path.absolute()


def _opened(source: TfdsSource, root: Path) -> Any:
    """The builder of one place: by its code, or where there is none (or its version is not prepared) by its files."""
    import tensorflow_datasets as tfds

    name = f"{source.name}/{source.config}" if source.config else source.name
    if (root / "dataset_info.json").is_file():
        return _checked(lambda: tfds.builder_from_directory(root), root)
    try:
        builder = tfds.builder(name, data_dir=root)
    except tfds.core.DatasetNotFoundError:
        raise _unknown(source.name, root) from None
    except Exception as error:  # builders are anybody's code, and raise whatever they like
        raise _refused(name, root, error) from None
    if is_prepared(builder):
        return builder
    older = sorted(path.parent for path in Path(builder.data_path).parent.glob("*/dataset_info.json"))
    return _checked(lambda: tfds.builder_from_directory(older[-1]), older[-1]) if older else builder


def _checked(open_: Any, root: Path) -> Any:
    try:
        return open_()
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        raise ZooError(f"tfds: {root} is no prepared dataset: {_first_line(error)}") from None


def _unknown(name: str, root: Path) -> ZooError:
    import tensorflow_datasets as tfds

    plain = re.split(r"[/:]", name)[0]
    if (root / plain).is_dir():
        found = sorted(path.parent.relative_to(root).as_posix() for path in (root / plain).rglob("dataset_info.json"))
        return ZooError(f"tfds: {root / plain} holds no such prepared version", f"it holds: {', '.join(found) or 'none'}")
    return ZooError(
        f"TensorFlow Datasets knows no '{plain}', and {root} holds no prepared folder of that name",
        did_you_mean(plain, tfds.list_builders(with_community_datasets=False)),
        "a folder of images or sounds is a source of its own: kind: image_folder, audio_folder",
    )


def _refused(name: str, root: Path, error: Exception) -> ZooError:
    import tensorflow_datasets as tfds

    plain, _, config = name.partition("/")
    try:
        configs = list(tfds.builder_cls(plain).builder_configs)
    except (tfds.core.DatasetNotFoundError, ValueError, RuntimeError):
        configs = []
    if config and config not in configs:
        return ZooError(f"tfds: {plain} has no config '{config}'", did_you_mean(config, configs) if configs else "it has none at all")
    return ZooError(f"tfds: {name} cannot be opened in {root}: {_first_line(error)}")


def prepared(source: TfdsSource, folder: Path) -> Any:
    """The builder of a source, its data on this machine: at hand, from files that lie somewhere, or fetched.

    Raises:
        ZooError: there is no such dataset, no network, or TFDS cannot prepare it. Nothing half-made is left.
    """
    builder = find(source, folder)
    if not is_prepared(builder):
        _prepare(builder, source, folder)
    if not builder.info.splits:
        raise ZooError(
            f"tfds: {builder.info.full_name} at {builder.data_dir} has no splits",
            "an image folder of TFDS needs a folder a split above those of the classes; source: {kind: image_folder} needs none",
        )
    return builder


def _prepare(builder: Any, source: TfdsSource, folder: Path) -> None:
    import tensorflow_datasets as tfds

    manual = _path(source.manual_dir, folder) if source.manual_dir else _by_hand(builder)
    _refuse_what_must_be_fetched_by_hand(builder, manual)
    _refuse_without_network(builder, manual)
    log.info("tfds: preparing %s in %s", builder.info.full_name, builder.data_dir)
    downloads = Path(builder.data_dir_root) / "downloads"
    before = set(downloads.glob("*.tmp.*"))
    try:
        with _quiet():
            builder.download_and_prepare(download_dir=downloads, download_config=tfds.download.DownloadConfig(manual_dir=manual))
    except Exception as error:  # anybody's code again
        raise ZooError(
            f"tfds: {builder.info.full_name} cannot be prepared: {type(error).__name__}: {_first_line(error)}", *_where_to_put(builder)
        ) from error
    finally:
        for path in set(downloads.glob("*.tmp.*")) - before:
            shutil.rmtree(path, ignore_errors=True)


def _by_hand(builder: Any) -> Path | None:
    """The folder below `ZOO_DATA_DIR` that holds all the files that a builder would fetch; TFDS checks them itself."""
    root, wanted = os.environ.get("ZOO_DATA_DIR"), _file_names(builder)
    if not root or not wanted:
        return None
    return next((Path(folder) for folder, _, names in os.walk(root) if wanted <= set(names)), None)


def _file_names(builder: Any) -> set[str]:
    return {info.filename for info in (builder.url_infos or {}).values()}


def _refuse_what_must_be_fetched_by_hand(builder: Any, manual: Path | None) -> None:
    wanted = builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    if wanted and (manual is None or not manual.is_dir()):
        how = [line.strip() for line in wanted.strip().splitlines() if line.strip()][:4]
        raise Unfetched(
            f"tfds: {builder.info.full_name} is fetched by hand" + (f", and {manual} is no folder" if manual else ""),
            *how,
            "then name that folder: source: {manual_dir: …}",
        )


def _refuse_without_network(builder: Any, manual: Path | None) -> None:
    """Raises Unfetched where files are to be fetched and none of their hosts answers."""
    urls = builder.url_infos or {}
    at_hand = set(os.listdir(manual)) if manual and manual.is_dir() else set()
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS or (urls and at_hand & _file_names(builder)):
        return  # what was put there is what is needed: of many configs' files only its own
    theirs = type(builder).__module__.startswith("tensorflow_datasets.")
    hosts = {urlsplit(url)[1].rpartition("@")[2] for url in urls} or ({OWN_HOST} if theirs else set())
    proxy = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")
    if hosts and not reachable({urlsplit(proxy)[1].rpartition("@")[2]} if proxy else hosts):
        raise Unfetched(
            f"tfds: {builder.info.full_name} is not prepared, and cannot be fetched: no answer from {', '.join(sorted(hosts)[:3])}",
            *_where_to_put(builder),
        )


def reachable(hosts: set[str]) -> bool:
    """Whether one of the hosts (`name` or `name:port`) answers within PATIENCE; finding its address is waited for no longer either."""
    answered = threading.Event()

    def ask(host: str) -> None:
        name, _, port = host.partition(":")
        with contextlib.suppress(OSError, ValueError):
            socket.create_connection((name, int(port or 443)), PATIENCE).close()
            answered.set()

    asking = [threading.Thread(target=ask, args=(host,), daemon=True) for host in sorted(hosts)[:8]]
    for one in asking:
        one.start()
    for _ in range(int(PATIENCE * 20)):
        if answered.wait(0.05) or not any(one.is_alive() for one in asking):
            break
    return answered.is_set()


def _where_to_put(builder: Any) -> tuple[str, ...]:
    names = sorted(_file_names(builder))
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    place = Path(builder.data_dir).relative_to(builder.data_dir_root)
    return (
        f"prepare it on a machine with a network, and copy its folder to {builder.data_dir}",
        f"or put {place} into a folder of your own, and name it: TFDS_DATA_DIR, or source: {{data_dir: …}}",
        *([f"or put the files to be fetched ({shown}) into one folder below ZOO_DATA_DIR"] if names else []),
    )


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TFDS without its warnings, and without its bars where nobody watches."""
    import tensorflow_datasets as tfds

    absl = logging.getLogger("absl")
    level = absl.level
    absl.setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # it prints, where a --json may be expected
            warnings.simplefilter("ignore")
            yield
    finally:
        absl.setLevel(level)
