"""Files of images or sound become one array: decoded once, in parallel, by the graph that is served, and kept in the store."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.config.card import Card
from zoo.config.sources import OnError
from zoo.data import store
from zoo.errors import ZooError

log = logging.getLogger("zoo")

VERSION = 2  # of what the decoders make of a file: count it up, and stored arrays are made anew
BATCH = 64
ASSERTED = re.compile(r"assertion failed:(( \[[^][]*\])+)")


@dataclass(frozen=True)
class Decoder:
    """What files of a kind become.

    Attributes:
        name: of the feature, `image` or `audio`.
        suffixes: of such files, in lower case.
        kinds: their names, for messages.
        shape, dtype: of what a file becomes.
        decode: string () -> a tensor of that shape; its assertions say what is wrong with a file.
        facts: what the result depends on beside the file, plain.
    """

    name: str
    suffixes: tuple[str, ...]
    kinds: str
    shape: tuple[int, ...]
    dtype: str
    decode: Callable[[Any], Any]
    facts: dict[str, Any]


def decoder_of(card: Card) -> Decoder:
    """The decoder of a card of images or sound. Raises ZooError for a range that no file has."""
    if card.image:
        from zoo.data import images

        shape, fit = card.image.shape, card.image.fit
        if card.image.range != (0.0, 255.0):
            raise ZooError(f"image.range of '{card.name}' is {list(card.image.range)}, but pixels of files are 0..255", "leave range out")
        decode = lambda file: images.pixels(file, list(shape), fit)  # noqa: E731
        return Decoder("image", images.SUFFIXES, images.KINDS, shape, "uint8", decode, {"shape": list(shape), "fit": fit})
    from zoo.data import sounds

    assert card.audio is not None
    rate, samples = card.audio.sampling_rate, card.audio.samples
    facts = {"sampling_rate": rate, "samples": samples}
    return Decoder("audio", (".wav",), "WAV", (samples,), "float32", lambda file: sounds.waveform(file, rate, samples), facts)


def decoded(
    decoder: Decoder, root: Path, files: Sequence[str], digest: str, on_error: OnError, told: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Every file's array, from the store where it stands there.

    Args:
        decoder: of the files.
        root, files: a folder, and paths inside it.
        digest: the fingerprint of these files.
        on_error: `refuse` a bad file, or `skip` it.
        told: what messages call the files; default: their paths.

    Returns:
        The arrays (kept, …), in memory or memory-mapped; the positions that are kept, rising; a line for each that is not.

    Raises:
        ZooError: a file that cannot be decoded, with the reason; or none of them can.
    """
    order = hashlib.sha256("\n".join(files).encode("utf-8", "surrogateescape")).hexdigest()
    key = store.key_of({"decoded": decoder.name, **decoder.facts, "files": digest, "order": order, "version": VERSION})
    told = told or files

    def build(folder: Path) -> None:
        why = _decode_into(folder / f"{decoder.name}.npy", decoder, [root / file for file in files])
        if why and on_error == "refuse":
            _refuse(root, [f"{told[place]}: {one}" for place, one in why.items()])
        if len(why) == len(files):
            raise ZooError(f"none of {len(files):,} files is {decoder.kinds}", *(f"{told[place]}: {why[place]}" for place in [*why][:3]))
        (folder / "rejected.json").write_text(json.dumps({str(place): one for place, one in why.items()}))

    folder = store.made(key, build)
    why = {int(place): one for place, one in json.loads((folder / "rejected.json").read_text()).items()}
    rejected = [f"{told[place]}: {one}" for place, one in why.items()]
    if rejected and on_error == "refuse":
        _refuse(root, rejected)
    if rejected:
        log.warning("note: %d of %d files are left out, as %s", len(rejected), len(files), rejected[0])
    kept = np.setdiff1d(np.arange(len(files)), np.array([*why], np.int64))
    return store.opened(folder / f"{decoder.name}.npy"), kept, rejected


def _refuse(root: Path, rejected: list[str]) -> None:
    more = [f"and {len(rejected) - 3:,} more files"] if len(rejected) > 3 else []
    raise ZooError(
        rejected[0], *rejected[1:3], *more, f"the folder is {root}", "mend or remove what is bad, or leave it out: source: {on_error: skip}"
    )


def _decode_into(target: Path, decoder: Decoder, paths: list[Path]) -> dict[int, str]:
    """Writes the array of all files that can be decoded; the others' places and reasons are returned."""
    log.info("decoding %s files, once", f"{len(paths):,}")
    values = store.array(target, decoder.dtype, (len(paths), *decoder.shape))
    done = np.zeros(len(paths), bool)
    for places, arrays in _decoded_batches(decoder, paths):
        values[places] = arrays
        done[places] = True
    why = {int(place): _why_not(decoder, paths[place]) for place in np.flatnonzero(~done)}
    values.flush()
    if why and done.any():
        _leave_out(target, values, np.flatnonzero(done))
    return why


def _decoded_batches(decoder: Decoder, paths: list[Path]) -> Any:
    """(places, arrays) in any order, without those that raise."""

    def one(place: Any, path: Any) -> tuple[Any, Any]:
        return place, tf.ensure_shape(tf.cast(decoder.decode(tf.io.read_file(path)), decoder.dtype), decoder.shape)

    data = tf.data.Dataset.from_tensor_slices((np.arange(len(paths)), [os.fsencode(path) for path in paths]))
    data = data.map(one, num_parallel_calls=tf.data.AUTOTUNE, deterministic=False)
    data = data.ignore_errors(log_warning=False)  # which ones is seen by the places that are missing
    return data.batch(BATCH).prefetch(2).as_numpy_iterator()


def _leave_out(target: Path, values: np.ndarray, kept: np.ndarray) -> None:
    whole = target.with_suffix(".all")
    target.rename(whole)
    fewer = store.array(target, values.dtype, (len(kept), *values.shape[1:]))
    for start in range(0, len(kept), BATCH):
        fewer[start : start + BATCH] = values[kept[start : start + BATCH]]
    fewer.flush()
    whole.unlink()


def _why_not(decoder: Decoder, path: Path) -> str:
    """Why a file cannot be decoded, in words."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return error.strerror or str(error)
    if not content:
        return "is empty (0 bytes)"
    try:
        tf.function(decoder.decode, autograph=False)(tf.constant(content))
    except tf.errors.OpError as error:
        said = ASSERTED.search(str(error))
        return (
            re.sub(r"\]? \[|\]", " ", said[1]).strip()
            if said
            else f"cannot be decoded: it is truncated, damaged, or no {decoder.kinds} file"
        )
    return "could not be read"
