"""How fast examples come out of the data room, beside what people write without it. Ratios of examples a second, in one run.

    python benchmarks/input.py [memory] [jpegs] [csv] [reviews] [windows] [tfds] [large] [augment] [--quick] [--json FILE]

The two of a row take turns, so that a machine whose speed drifts drifts for both; the median of the turns counts. Both shuffle and
give batches of the same size. What zoo does once (decoding, encoding) is done before, as it is in a run from its second epoch on;
its seconds are told beside. A stream is counted from its first batch on. Files are made in a temporary folder, the same every time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from zoo import registry
from zoo.config import Card
from zoo.data import batches, prepare

BATCH = 128
ROW = 148  # bytes of a line of the made tables
NEAR = 1_024  # examples of a shuffle buffer: one as large as the set would decode all of it before the first batch, which is not counted
LEARNT = 3_000  # batches of the large one that a model learns from
CARD = {"title": "made", "licence": "none", "task": "classification", "target": {"name": "label"}}
GOALS = {
    "memory": 1 / 1.05,
    "jpegs": 3.0,
    "jpegs, torch": 1.0,
    "csv, make_csv_dataset": 10.0,
    "csv, pandas": 0.95,
    "reviews": 4.0,
    "windows": 4.0,
    "tfds": 3.0,
    "tfds, cached": 1.0,
    "augment": 1.0,
}


def card(**parts: Any) -> Card:
    return Card.model_validate({**CARD, **parts})


class Given:
    """How long and how large: the whole thing, or --quick, which only shows that it works."""

    def __init__(self, folder: Path, quick: bool) -> None:
        self.folder, self.quick = folder, quick
        self.turns, self.seconds = (2, 0.7) if quick else (5, 3.0)

    def size(self, whole: int, quick: int) -> int:
        return quick if self.quick else whole


def size_of(batch: Any) -> int:
    first = batch[0] if isinstance(batch, (tuple, list)) else batch
    return len(next(iter(first.values())) if isinstance(first, dict) else first)


def rate(data: Iterable[Any], seconds: float) -> float:
    """Examples a second; as many epochs as go into the time, at least one batch behind the first."""
    seen, spent = 0, 0.0
    while spent < seconds:
        stream, begun = iter(data), 0.0
        for number, batch in enumerate(stream):
            if number == 0:
                begun = time.perf_counter()
                continue
            seen += size_of(batch)
            if spent + time.perf_counter() - begun > seconds:
                break
        spent += time.perf_counter() - begun
    return seen / spent


def beside(given: Given, name: str, mine: Callable[[], float], other: Callable[[], float]) -> dict[str, Any]:
    """The two in turn: a line of the table."""
    turns: list[tuple[float, float]] = []
    for turn in range(given.turns):
        pair = (mine(), other()) if turn % 2 else tuple(reversed((other(), mine())))
        turns.append(pair)
    ratios = [one / two for one, two in turns]
    line = {
        "row": name,
        "zoo": statistics.median(one for one, _ in turns),
        "other": statistics.median(two for _, two in turns),
        "ratio": statistics.median(ratios),
        "low": min(ratios),
        "high": max(ratios),
        "goal": GOALS[name],
    }
    print(f"  {name}: {line['zoo']:,.0f} beside {line['other']:,.0f} examples/s, {_ratio(line)}", flush=True)
    return line


def _ratio(line: dict[str, Any]) -> str:
    met = "met" if line["ratio"] >= line["goal"] else "MISSED"
    return f"ratio {line['ratio']:.2f} ({line['low']:.2f}, {line['high']:.2f}), goal {line['goal']:.2f}: {met}"


def prepared(what: Card, modality: str | None = None) -> Any:
    """A dataset, encoded, with the seconds that it took said."""
    begun = time.perf_counter()
    data = prepare(what, modality, batch_size=BATCH)
    _ = data.encoded
    print(f"  read, fitted and encoded once in {time.perf_counter() - begun:.1f} s: {data.describe()}", flush=True)
    return data


def one_fit(model: keras.Model, *data: Any, **settings: Any) -> float:
    begun = time.perf_counter()
    model.fit(*data, epochs=1, verbose=0, shuffle=len(data) > 1, **settings)  # a pipeline has shuffled already
    return time.perf_counter() - begun


def small_cnn(shape: tuple[int, ...]) -> keras.Model:
    model = registry.create_model("cnn_small", input_shape=shape, num_classes=10)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), steps_per_execution=16)
    return model


def memory(given: Given) -> list[dict[str, Any]]:
    """Images in memory into `fit`, beside plain arrays into `fit`: one epoch of a small CNN."""
    rng, size = np.random.default_rng(0), given.size(24_000, 3_000)
    path = given.folder / "images.npz"
    np.savez(path, x_train=rng.integers(0, 256, (size, 28, 28, 1), np.uint8), y_train=rng.integers(0, 10, size))
    data = prepared(card(source={"kind": "npz", "file": str(path)}, image={"shape": [28, 28, 1]}))
    train, model = data.encoded["train"], small_cnn((28, 28, 1))
    plain = (np.asarray(train.x, np.float32), train.y)
    epoch = tf.Variable(0, dtype=tf.int64)
    mine = batches(train, BATCH, seed=1, epoch=epoch)
    one_fit(model, mine), one_fit(model, *plain, batch_size=BATCH)
    zoo, other = (lambda: len(train) / one_fit(model, mine)), (lambda: len(train) / one_fit(model, *plain, batch_size=BATCH))
    return [beside(given, "memory", zoo, other)]


def write_jpegs(folder: Path, size: int) -> Path:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (size, 12, 16, 3)).astype(np.uint8)
    for number, image in enumerate(coarse):
        path = folder / f"class_{number % 10}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = tf.cast(tf.image.resize(image, (192, 256), "bicubic"), tf.uint8)
        path.write_bytes(tf.io.encode_jpeg(whole, quality=90).numpy())
    return folder


def jpegs(given: Given) -> list[dict[str, Any]]:
    """JPEGs of 256 x 192 in folders, read at 96 x 96."""
    folder = write_jpegs(given.folder / "jpegs", given.size(5_000, 300))
    data = prepared(card(source={"kind": "image_folder", "folder": str(folder)}, image={"shape": [96, 96, 3]}))
    plain = keras.utils.image_dataset_from_directory(folder, image_size=(96, 96), batch_size=BATCH, seed=1, verbose=False).prefetch(2)
    lines = [beside(given, "jpegs", lambda: rate(data.train, given.seconds), lambda: rate(plain, given.seconds))]
    loader = torch_loader(folder)
    return [
        *lines,
        *([beside(given, "jpegs, torch", lambda: rate(data.train, given.seconds), lambda: rate(loader, given.seconds))] if loader else []),
    ]


def torch_loader(folder: Path) -> Any:
    """torch's DataLoader with a worker a core; None where torch is not installed."""
    try:
        from torch.utils.data import DataLoader
        from torchvision import datasets, transforms
    except ImportError:
        print("  torch or torchvision is not installed: its row is left out", flush=True)
        return None
    change = transforms.Compose([transforms.Resize((96, 96)), transforms.ToTensor()])
    return DataLoader(datasets.ImageFolder(folder, change), BATCH, shuffle=True, num_workers=os.cpu_count() or 1, persistent_workers=True)


def write_csv(path: Path, rows: int, block: int = 500_000) -> Path:
    """20 columns of numbers and a label; a block of rows again and again, so that a file of any size is written fast."""
    import pandas as pd

    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(min(block, rows), 20)).round(4).astype(np.float32))
    frame.columns = [f"c{number}" for number in range(20)]
    frame["label"] = np.where(frame["c0"] + frame["c1"] > 0, "up", "down")
    header, _, lines = frame.to_csv(index=False).partition("\n")
    with path.open("w") as file:
        file.write(header + "\n")
        for _ in range(max(1, rows // block)):
            file.write(lines)
    return path


def csv_card(path: Path) -> Card:
    return card(source={"kind": "csv", "file": str(path)}, columns={f"c{number}": "number" for number in range(20)})


def csv(given: Given) -> list[dict[str, Any]]:
    """A table of numbers: a batch is (x, y) with x a vector of 20, or for `make_csv_dataset` its columns."""
    import pandas as pd

    path = write_csv(given.folder / "table.csv", given.size(1_000_000, 30_000))
    data = prepared(csv_card(path))
    stream = tf.data.experimental.make_csv_dataset(str(path), BATCH, label_name="label", num_epochs=1, shuffle_seed=1)
    frame = pd.read_csv(path)
    y = (frame.pop("label") == "up").to_numpy(np.int32)
    slices = tf.data.Dataset.from_tensor_slices((frame.to_numpy(np.float32), y)).shuffle(len(y)).batch(BATCH).prefetch(2)
    zoo = lambda: rate(data.train, given.seconds)  # noqa: E731
    return [
        beside(given, "csv, make_csv_dataset", zoo, lambda: rate(stream, given.seconds)),
        beside(given, "csv, pandas", zoo, lambda: rate(slices, given.seconds)),
    ]


def reviews(given: Given) -> list[dict[str, Any]]:
    """Reviews as 256 tokens of 20,000: IMDB where ZOO_DATA_DIR holds it unpacked, else made-up text of its length."""
    texts, y = imdb(given) or made_up(given)
    path = given.folder / "reviews.jsonl"
    path.write_text("\n".join(json.dumps({"text": text, "label": str(label)}) for text, label in zip(texts, y, strict=True)))
    data = prepared(card(source={"kind": "jsonl", "file": str(path)}, text={}, preprocess={"text": {"vocabulary": 20_000, "length": 256}}))
    layer = keras.layers.TextVectorization(20_000, output_sequence_length=256)
    layer.adapt(tf.data.Dataset.from_tensor_slices(texts[:5_000]).batch(512))
    plain = tf.data.Dataset.from_tensor_slices((texts, y)).shuffle(len(y)).batch(BATCH)
    plain = plain.map(lambda text, label: (layer(text), label), num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)
    return [beside(given, "reviews", lambda: rate(data.train, given.seconds), lambda: rate(plain, given.seconds))]


def imdb(given: Given) -> tuple[list[str], np.ndarray] | None:
    root = Path(os.environ.get("ZOO_DATA_DIR", "-"))
    found = [one for one in (root, *root.glob("**/aclImdb")) if (one / "train" / "pos").is_dir()]
    if not found:
        print("  no unpacked IMDB in ZOO_DATA_DIR: the text is made up", flush=True)
        return None
    files = [path for part in ("train", "test") for label in ("neg", "pos") for path in sorted((found[0] / part / label).glob("*.txt"))]
    files = files[:: len(files) // 2_000] if given.quick else files
    return [path.read_text("utf-8") for path in files], np.array([path.parent.name == "pos" for path in files], np.int32)


def made_up(given: Given) -> tuple[list[str], np.ndarray]:
    rng, size = np.random.default_rng(0), given.size(50_000, 2_000)
    words = np.array([f"word{number}" for number in range(40_000)])
    lengths = rng.integers(80, 380, size)
    drawn = words[np.minimum(rng.zipf(1.3, lengths.sum()) - 1, len(words) - 1)]
    return [" ".join(part) for part in np.split(drawn, np.cumsum(lengths)[:-1])], rng.integers(0, 2, size).astype(np.int32)


def windows(given: Given) -> list[dict[str, Any]]:
    """Windows of 336 steps of 7 channels, and the next 24 of one of them."""
    import pandas as pd

    rows = given.size(1_500_000, 30_000)
    values = np.cumsum(np.random.default_rng(0).normal(size=(rows, 7)), 0).round(3).astype(np.float32)
    names, path = [f"c{number}" for number in range(7)], given.folder / "series.csv"
    pd.DataFrame(values, columns=names).to_csv(path, index=False)
    series = {"columns": names, "history": 336, "horizon": 24}
    data = prepared(card(source={"kind": "csv", "file": str(path)}, series=series, task="forecasting", target={"name": "c6"}))
    count = len(data.encoded["train"])
    scaled = (values - values.mean(0)) / values.std(0)
    targets = np.lib.stride_tricks.sliding_window_view(scaled[336:, 6], 24)[:count]
    plain = keras.utils.timeseries_dataset_from_array(scaled[: count + 335], targets, 336, batch_size=BATCH, shuffle=True, seed=1).prefetch(
        2
    )
    return [beside(given, "windows", lambda: rate(data.train, given.seconds), lambda: rate(plain, given.seconds))]


def tfds(given: Given) -> list[dict[str, Any]]:
    """Images of a builder of TensorFlow Datasets, made on the spot (PNG, 64 x 64)."""
    import tensorflow_datasets as library

    size = given.size(10_000, 500)
    rng = np.random.default_rng(0)
    features = library.features.FeaturesDict(
        {"image": library.features.Image(shape=(64, 64, 3)), "label": library.features.ClassLabel(num_classes=10)}
    )
    coarse = rng.integers(0, 256, (size, 8, 8, 3)).astype(np.uint8)
    images = np.concatenate([tf.cast(tf.image.resize(part, (64, 64)), tf.uint8) for part in np.array_split(coarse, 10)])
    examples = tf.data.Dataset.from_tensor_slices({"image": images, "label": np.arange(size) % 10})
    made = {"features": features, "split_datasets": {"train": examples}, "data_dir": str(given.folder / "tfds"), "description": "made"}
    builder = library.dataset_builders.store_as_tfds_dataset("made_images", version="1.0.0", **made)
    source = {"kind": "tfds", "name": "made_images", "data_dir": str(given.folder / "tfds"), "test": False}
    data = prepared(card(source=source, image={"shape": [64, 64, 3]}))

    def plain(cached: bool) -> tf.data.Dataset:
        config = library.ReadConfig(try_autocache=cached)
        read = builder.as_dataset("train", shuffle_files=True, read_config=config)
        batched = read.map(lambda one: (tf.cast(one["image"], tf.float32), one["label"]), tf.data.AUTOTUNE).shuffle(NEAR).batch(BATCH)
        return batched.prefetch(2)

    rows = {"tfds": plain(cached=False), "tfds, cached": plain(cached=True)}  # below 250 MB it keeps what it decoded by itself
    return [
        beside(given, name, lambda: rate(data.train, given.seconds), lambda theirs=theirs: rate(theirs, given.seconds))  # type: ignore[misc]
        for name, theirs in rows.items()
    ]


def large(given: Given) -> list[dict[str, Any]]:
    """A CSV larger than what may be held: the largest resident memory of a process that reads it, gives a shuffled epoch and learns."""
    wanted = given.size(4_000_000_000, 400_000_000)
    path = given.folder / "large.csv"
    write_csv(path, wanted // ROW)
    code = [sys.executable, __file__, "--read-large", str(path)]
    cache = {**os.environ, "ZOO_CACHE": str(given.folder / "cache")}
    found = json.loads(subprocess.run(code, check=True, capture_output=True, text=True, env=cache).stdout.splitlines()[-1])
    line = {"row": "large", "bytes": path.stat().st_size, "goal": 1.5e9, **found}
    path.unlink()
    met = "met" if line["resident"] < line["goal"] else "MISSED"
    print(
        f"  large: {line['bytes'] / 1e9:.1f} GB, {line['rows']:,} rows: {line['resident'] / 1e9:.2f} GB resident, goal 1.5: {met}",
        flush=True,
    )
    print(f"  read and encoded in {line['prepared']:.0f} s, an epoch in {line['epoch']:.0f} s", flush=True)
    return [line]


def read_large(path: Path) -> None:
    begun = time.perf_counter()
    data = prepare(csv_card(path), batch_size=512)
    _ = data.encoded
    ready = time.perf_counter()
    rows = sum(size_of(batch) for batch in data.train)
    read = time.perf_counter()
    model = registry.create_model("mlp", input_shape=data.input_shape, num_outputs=1)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), steps_per_execution=16)
    model.fit(data.train.repeat(), steps_per_epoch=LEARNT, verbose=0)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    told = {"rows": rows, "resident": resident, "prepared": ready - begun, "epoch": read - ready}
    print(json.dumps(told))


def augment(given: Given) -> list[dict[str, Any]]:
    """Augmented images of 32 x 32 beside what a small CNN can learn from in the same time: below 1 augmentation holds it up."""
    rng, size = np.random.default_rng(0), given.size(12_000, 1_500)
    path = given.folder / "colour.npz"
    np.savez(path, x_train=rng.integers(0, 256, (size, 32, 32, 3), np.uint8), y_train=rng.integers(0, 10, size))
    steps = ["flip", "crop", "rotate", "colour", "cutout", "rand_augment"]
    data = prepared(card(source={"kind": "npz", "file": str(path)}, image={"shape": [32, 32, 3]}, augment=steps))
    plain = prepare(data.card.model_copy(update={"augment": ()}), batch_size=BATCH)
    model = small_cnn((32, 32, 3))
    one_fit(model, plain.train)
    learned = lambda: len(plain.rows["train"]) / one_fit(model, plain.train)  # noqa: E731
    return [beside(given, "augment", lambda: rate(data.train, given.seconds), learned)]


ROWS = {one.__name__: one for one in (memory, jpegs, csv, reviews, windows, tfds, large, augment)}


def table(lines: list[dict[str, Any]]) -> str:
    """The lines as Markdown."""
    told = ["| | zoo, examples/s | beside, examples/s | ratio, median (lowest, highest) | goal |", "|---|---|---|---|---|"]
    for one in lines:
        if one["row"] == "large":
            told.append(f"| large ({one['bytes'] / 1e9:.1f} GB) | | | {one['resident'] / 1e9:.2f} GB resident | < 1.5 GB |")
        else:
            measured = f"{one['ratio']:.2f} ({one['low']:.2f}, {one['high']:.2f})"
            told.append(f"| {one['row']} | {one['zoo']:,.0f} | {one['other']:,.0f} | {measured} | {one['goal']:.2f} |")
    return "\n".join(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help=f"default: all of {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="small data: shows that it works")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--read-large", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.read_large:
        return read_large(asked.read_large)
    lines: list[dict[str, Any]] = []
    unknown = set(asked.rows) - set(ROWS)
    if unknown:
        parser.error(f"no row named {', '.join(unknown)}; known: {', '.join(ROWS)}")
    for name in asked.rows or ROWS:
        print(name, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            os.environ["ZOO_CACHE"] = str(Path(folder) / "cache")
            lines += ROWS[name](Given(Path(folder), asked.quick))
    print("\n" + table(lines))
    if asked.json:
        asked.json.write_text(json.dumps(lines, indent=2) + "\n")
    return None


if __name__ == "__main__":
    main()
