"""TensorFlow Datasets: taken once from the builder, as arrays, into the store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.config.card import Card
from zoo.config.sources import TfdsSource, names_test
from zoo.data import fetch, store, tfds_builder
from zoo.data.sources.raw import Raw, check_images
from zoo.data.tfds_card import COLUMNS, Leaf, leaves, supervised, target_of
from zoo.data.tfds_card import card_of as card_of
from zoo.errors import ZooError, did_you_mean

BATCH = 256
DRAWN = 0.15  # of the training rows that judge, where the builder has no other part
TARGET = "\0target"  # no feature is called so
VERSION = 1  # of how rows are written into the store


def read(card: Card, source: TfdsSource) -> Raw:
    """What the card names of every example, in the order of the builder's files; its splits are the given parts."""
    builder = tfds_builder.prepared(source, card.folder)
    known = leaves(builder.info.features)
    target = _asked_target(card, builder.info, known)
    beside = {f"beside {name}": known[name] for name in card.beside if name in known}
    taken = {**_asked(card, source, builder.info, known), **beside, TARGET: known[target]}
    parts = _parts(builder, source, known[target])
    files = _files(builder, parts)
    shape = card.image.shape if card.image else card.series.shape if card.series else ()
    fit = card.image.fit if card.image else ""
    facts = {"tfds": builder.info.full_name, "version": VERSION, "files": files, "parts": parts, "shape": shape, "fit": fit}
    key = store.key_of({**facts, "taken": {name: (leaf.path, leaf.place) for name, leaf in taken.items()}})
    folder = store.made(key, lambda path: _write(path, card, builder, parts, taken))
    values = {name: _load(folder, place) for place, name in enumerate(taken)}
    return _raw(card, values, [_size(builder, split) for split in parts.values()], list(parts), files, key, known[target])


def _raw(card: Card, values: dict[str, Any], sizes: list[int], parts: list[str], files: dict[str, str], key: str, leaf: Leaf) -> Raw:
    target, ids = values.pop(TARGET), np.arange(sum(sizes))
    given = np.repeat(parts, sizes) if len(parts) > 1 else None
    if leaf.kind == "label" and (target < 0).any():  # a label that its authors keep to themselves
        ids = np.flatnonzero(target >= 0)
        given = None if given is None else given[ids]
        values, target = {name: one[ids] for name, one in values.items()}, target[ids]
    beside = {name: values.pop(f"beside {name}") for name in card.beside if f"beside {name}" in values}
    if card.text:
        values = {"text": _joined([values[name] for name in card.text.columns])}
    if card.image and values["image"].dtype != np.uint8:
        values = {"image": check_images(card, values["image"], f"tfds: {card.name}")}
    raw = Raw(values, target, ids, given, beside, files, source_rows=sum(sizes), stamp=key)
    if given is None and names_test(card.source):
        raw.given = _drawn(card, target)
    return raw


def _joined(columns: list[np.ndarray]) -> np.ndarray:
    return columns[0] if len(columns) == 1 else np.array([" ".join(one) for one in zip(*columns, strict=True)], object)


def _drawn(card: Card, target: np.ndarray) -> np.ndarray:
    """Which rows judge where the builder has training rows only: drawn by the label, always the same."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(target))
    labels = target if card.task == "classification" and np.unique(target, return_counts=True)[1].min() > 1 else None
    test = train_test_split(rows, test_size=DRAWN, random_state=0, stratify=labels)[1] if len(rows) > 1 else rows
    return np.where(np.isin(rows, test), "test", "train")


def _asked_target(card: Card, info: Any, known: dict[str, Leaf]) -> str:
    """The feature that the card's target means: of its name, else what the builder calls so."""
    return card.target.name if card.target.name in known else target_of(info, known)


def _asked(card: Card, source: TfdsSource, info: Any, known: dict[str, Leaf]) -> dict[str, Leaf]:
    """What the card's examples are made of, by source name."""
    if card.image or card.series:
        kind = card.kind
        fitting = [name for name, leaf in known.items() if leaf.kind == kind and leaf.place is None]
        name = source.feature or next((one for one in (*supervised(info)[0], *fitting) if one in fitting), kind)
        if name not in fitting:
            raise ZooError(
                f"tfds: {info.full_name} has no {kind} '{name}'", did_you_mean(name, fitting) if fitting else f"it has: {info.features}"
            )
        return {kind: known[name]}
    names = card.text.columns if card.text else tuple(card.columns or {})
    for name in names:
        fitting = [one for one, leaf in known.items() if leaf.kind in (("text",) if card.text else COLUMNS)]
        if name not in fitting:
            raise ZooError(f"tfds: {info.full_name} has no {'text' if card.text else 'column'} '{name}'", did_you_mean(name, fitting))
    return {name: known[name] for name in names}


def _parts(builder: Any, source: TfdsSource, target: Leaf) -> dict[str, str]:
    """Part -> split. `test` may be lacking, or without labels: then the builder's validation split is the test part."""
    splits = list(builder.info.splits)
    spare = next((one for one in ("validation", "valid", "val", "dev") if one in splits), None)
    test = source.test or None
    if test == "test" and ("test" not in splits or _hidden(builder, "test", target)):
        test = spare if spare != source.val else None
    val = source.val or (spare if test and spare != test else None)
    asked = {part: split for part, split in (("train", source.train), ("val", val), ("test", test)) if split}
    for part, split in asked.items():
        name = re.split(r"[\[+]", split)[0]
        if name not in splits and name != "all":
            raise ZooError(f"tfds: {builder.info.full_name} has no split '{name}' ({part})", did_you_mean(name, splits))
        try:
            empty = _size(builder, split) == 0
        except Exception as error:  # TFDS reads the slice, and has errors of its own
            raise ZooError(f"tfds: '{split}' is no slice of {builder.info.full_name}: {error}", "a slice is as train[:80%]") from None
        if empty:
            raise ZooError(f"tfds: the split '{split}' of {builder.info.full_name} is empty")
    return asked


def _size(builder: Any, split: str) -> int:
    return int(sum(builder.info.splits[one.strip()].num_examples for one in split.split("+")))


def _hidden(builder: Any, split: str, target: Leaf) -> bool:
    """Whether a split's labels are kept by its authors: -1 in each of its first rows."""
    if target.kind != "label":
        return False
    first = next(_batches(builder, split, {TARGET: target}, None), None)
    return first is not None and bool((first[TARGET] < 0).all())


def _files(builder: Any, parts: dict[str, str]) -> dict[str, str]:
    """sha256 of the files that hold the splits and say what stands in them, by name."""
    names = {re.split(r"\[", one)[0].strip() for split in parts.values() for one in split.split("+")}
    paths = {Path(path) for name in names for path in builder.info.splits[name].filepaths}
    paths |= {path for pattern in ("features.json", "*.labels.txt") for path in Path(builder.data_path).glob(pattern)}
    return {path.name: fetch.sha256_of(path) for path in sorted(paths) if path.is_file()}


def _write(folder: Path, card: Card, builder: Any, parts: dict[str, str], taken: dict[str, Leaf]) -> None:
    """A file a value: `.npy`, or text as Parquet."""
    sizes = [_size(builder, split) for split in parts.values()]
    arrays: dict[str, Any] = {}
    row = 0
    for split in parts.values():
        for batch in _batches(builder, split, taken, card):
            for place, (name, values) in enumerate(batch.items()):
                if name not in arrays:
                    made = (sum(sizes), *values.shape[1:])
                    arrays[name] = (
                        np.empty(made, object) if values.dtype == object else store.array(folder / f"{place}.npy", values.dtype, made)
                    )
                arrays[name][row : row + len(values)] = values
            row += len(values)
    for place, values in enumerate(arrays.values()):
        if values.dtype == object:
            _write_text(folder / f"{place}.parquet", values)


def _write_text(path: Path, words: np.ndarray) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    pyarrow.parquet.write_table(pa.table({"text": pa.array(words, pa.large_string())}), path)


def _load(folder: Path, place: int) -> np.ndarray:
    import pyarrow.parquet

    if (folder / f"{place}.npy").is_file():
        return store.opened(folder / f"{place}.npy")
    words: np.ndarray = pyarrow.parquet.read_table(folder / f"{place}.parquet").column(0).to_numpy().astype(object)
    return words


def _batches(builder: Any, split: str, taken: dict[str, Leaf], card: Card | None) -> Iterator[dict[str, np.ndarray]]:
    """The values taken of a split, a batch at a time: images (n, height, width, channels), text str, numbers float32, labels."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    decoded = [leaf.path for leaf in taken.values() if card and card.image and _is_decoded(builder, leaf, card.image.shape)]

    def pick(example: Any) -> Any:
        return {name: _value(tf, example, leaf, card) for name, leaf in taken.items()}

    decoders: dict[str, Any] = {}
    for leaf in leaves(builder.info.features).values():  # an image that nobody asks for is not decoded
        if leaf.kind == "image" and leaf.path not in decoded:
            place = decoders if len(leaf.path) == 1 else decoders.setdefault(leaf.path[0], {})
            place[leaf.path[-1]] = tfds.decode.SkipDecoding()
    data = _examples(builder, split, decoders).map(pick).batch(BATCH)
    if card and card.image and not decoded:
        shape, fit = list(card.image.shape), card.image.fit
        data = data.map(lambda one: {**one, "image": _pixels(one["image"], shape, fit)}, num_parallel_calls=2)
    for batch in data.as_numpy_iterator():
        yield {name: _typed(values, taken[name], name == TARGET) for name, values in batch.items()}


def _is_decoded(builder: Any, leaf: Leaf, shape: tuple[int, ...]) -> bool:
    """Whether TFDS gives an image's pixels as we would: of its own size, and not by whatever decoder it finds on the machine."""
    return leaf.kind == "image" and leaf.feature.shape == shape and not _is_stepped(builder)


def _pixels(files: Any, shape: list[int], fit: str) -> Any:
    """Encoded images as what is served for them: uint8, for they are whole numbers 0..255."""
    import tensorflow as tf

    from zoo.data import images

    return tf.cast(images.pixels_of(files, shape, fit), tf.uint8)


def _examples(builder: Any, split: str, decoders: dict[str, Any]) -> Any:
    """A split as tf.data, in the order of its files."""
    import tensorflow_datasets as tfds

    if _is_stepped(builder):
        return _stepped(builder, split, decoders)
    config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    return builder.as_dataset(split=split, decoders=decoders or None, read_config=config, shuffle_files=False)


def _is_stepped(builder: Any) -> bool:
    import tensorflow_datasets as tfds

    return bool(builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD)


def _stepped(builder: Any, split: str, decoders: dict[str, Any]) -> Any:
    """The same of a format that TFDS gives an example at a time only."""
    import tensorflow as tf

    try:
        source = builder.as_data_source(split=split, decoders=decoders or None)
    except ImportError as error:
        raise ZooError(f"tfds: {builder.info.full_name} is prepared as array_record: {error}", "pip install array-record") from None
    spec = dict(builder.info.features.get_tensor_spec())
    for name, skipped in decoders.items():
        encoded = tf.TensorSpec((), tf.string)
        spec[name] = {**spec[name], **dict.fromkeys(skipped, encoded)} if isinstance(skipped, dict) else encoded
    return tf.data.Dataset.from_generator(lambda: iter(source), output_signature=spec)


def _value(tf: Any, example: Any, leaf: Leaf, card: Card | None) -> Any:
    for key in leaf.path:
        example = example[key]
    if leaf.place is not None:
        return example[leaf.place]
    if leaf.kind != "series" or card is None or card.series is None:
        return example
    length, channels = card.series.shape
    steps = tf.cast(tf.reshape(example, (-1, channels)), tf.float32)[:length]
    return tf.ensure_shape(tf.pad(steps, ((0, length - tf.shape(steps)[0]), (0, 0)), constant_values=float("nan")), (length, channels))


def _typed(values: np.ndarray, leaf: Leaf, is_target: bool) -> np.ndarray:
    if leaf.kind == "text":
        return np.array([one.decode("utf-8", "replace") for one in values.tolist()], object)
    if leaf.kind == "label" and not is_target:
        names = np.array([*(leaf.feature.names or map(str, range(leaf.feature.num_classes))), ""], object)  # -1 is the last: missing
        return names[values]
    if is_target:
        return values.astype(np.float64 if leaf.kind == "number" else np.int64)
    return values if leaf.kind == "image" else values.astype(np.float32)
