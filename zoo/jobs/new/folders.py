"""A card of a folder of images, sounds, texts or tables, and of a `.ts` file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoo.data.guess import folders as guess
from zoo.data.guess.words import counted
from zoo.errors import ZooError
from zoo.jobs.new.draft import Draft, first_experiment, relative

NOUN = {"image": "image", "audio": "sound", "text": "text"}
SHOWN, NAMED = 5, 2  # names of files in a line, words of a part of them


def draft(path: Path, target: str | None, task: str | None) -> Draft:
    """The draft of a folder. Raises ZooError where it holds nothing, or no labels are to be seen."""
    found = guess.held(path)
    if found.kind == "table":
        return _of_tables(path, found, target, task)
    if target is not None or task not in (None, "classification"):
        raise ZooError(f"{path} is a folder of files: their labels are the target", "leave --target and --task out")
    features, said = about(path, found)
    source: dict[str, Any] = {"kind": f"{found.kind}_folder", "folder": {"name": relative(path)}}
    if found.pattern:
        source["pattern"] = found.pattern
    strange = sorted(file for why, files in found.odd.items() if why != "of another kind" for file in files)
    if strange:
        source["folder"]["exclude"] = strange
    split = {"kind": "given", "val": 0.15} if found.parts else {"kind": "stratified", "val": 0.15, "test": 0.15, "seed": 0}
    card = {
        "title": path.resolve().name,
        "source": source,
        "licence": "unknown",
        "task": "classification",
        found.kind: features,
        "target": {"name": "label"},
        "split": split,
    }
    guessed = [_labels(found), said, *(f"its folders {', '.join(found.parts)} are the splits" for _ in found.parts[:1])]
    guessed += [f"{counted(len(files), 'file')} {why}: left out, as {', '.join(files[:SHOWN])}" for why, files in found.odd.items()]
    unsure = dict.fromkeys(found.notes, "all right?")
    if found.pattern:
        unsure["label"] = "the first part of a file's name: is it the label? source.pattern"
    for part, words in found.named.items():
        asked = f"{part} ({', '.join(words[:NAMED])}{', …' if len(words) > NAMED else ''})"
        unsure[asked] = f"{'a speaker' if found.kind == 'audio' else 'an entity'}? group: {part}, split: {{kind: group}}"
    read = f"{counted(len(found.files), NOUN[found.kind])} in {len(found.classes)} classes"
    comments = {"licence": "say whose data it is"}
    left = {file: why for why, files in found.odd.items() for file in files}
    return Draft(read, guessed, unsure, card, experiment(found.kind, len(found.files)), comments, left)


def _labels(found: guess.Held) -> str:
    most, least = found.classes.most_common(1)[0], found.classes.most_common()[-1]
    each = f"{least[1]:,}" if least[1] == most[1] else f"{least[1]:,} to {most[1]:,}"
    where = "the files' names" if found.pattern else "the sub-folders"
    return f"{where} are the labels: {len(found.classes)} classes of {each} files        task classification"


def about(path: Path, found: guess.Held) -> tuple[dict[str, Any], str]:
    """What a card says of the files below a path, and a line on it."""
    if found.kind == "image":
        one = guess.pixels(path, found)
        return {"shape": list(one.shape), "fit": one.fit}, _pixels(one)
    if found.kind == "audio":
        sound = guess.sound(path, found)
        cut = f"; the longest, {sound.longest:.1f} s, is cut" if sound.longest > sound.seconds + 0.01 else ""
        return {"sampling_rate": sound.sampling_rate, "seconds": sound.seconds}, f"{sound.sampling_rate:,} Hz, {sound.seconds:g} s{cut}"
    return {}, "UTF-8 text, a file an example"


def _pixels(one: guess.Pixels) -> str:
    height, width, channels = one.shape
    read = f"read at {height}x{width} (height x width) in {'grey' if channels == 1 else 'colour'}"
    if len(one.sizes) == 1:
        return read
    (wide, high), count = one.sizes.most_common(1)[0]
    what = f"{len(one.sizes):,} sizes, most often {high}x{wide} ({count:,} of {one.sizes.total():,} images)"
    return f"{what}: all are {read}, {'edges filled with black' if one.fit == 'pad' else 'stretched to it'} (image.fit: {one.fit})"


def experiment(kind: str, files: int) -> dict[str, Any]:
    """A first experiment on so many files."""
    made = first_experiment(kind, files)
    if kind == "image":
        made["augment"] = [{"name": "crop", "padding": 4}]
    return made


def _of_tables(path: Path, found: guess.Held, target: str | None, task: str | None) -> Draft:
    """Several tables of the same columns as one, by a wildcard."""
    from zoo.jobs.new import tables

    suffixes = {Path(file).suffix for file in found.files}
    if len(suffixes) > 1 or any("/" in file for file in found.files):
        raise ZooError(f"{path} holds tables of several kinds or in sub-folders", "name one of them: zoo new " + str(path / found.files[0]))
    made = tables.draft(path / found.files[0], target, task)
    if len(found.files) > 1:
        made.card["source"]["file"] = relative(path / f"*{suffixes.pop()}")
        made.read = f"{len(found.files)} tables; of the first: {made.read}"
    return made


def of_ts(path: Path) -> Draft:
    """The draft of a `.ts` file; its `_TEST` neighbour is the test part."""
    from zoo.data.sources import ts

    test = path.with_name(path.name.replace("_TRAIN", "_TEST"))
    parts = [path, *([test] if test != path and test.is_file() else [])]
    shapes: list[tuple[int, int]] = []
    classes: set[str] = set()
    size = 0
    for part in parts:
        for _, (channels, label) in ts.examples_of(part):
            shapes.append((max(map(len, channels)), len(channels)))
            classes.add(label)
            size += 1
    if not shapes:
        raise ZooError(f"{path} holds no series")
    length, width = max(shape[0] for shape in shapes), shapes[0][1]
    source = {"kind": "ts", "file": relative(path), **({"test_file": relative(test)} if len(parts) > 1 else {})}
    card: dict[str, Any] = {
        "title": path.stem,
        "source": source,
        "licence": "unknown",
        "task": "classification",
        "series": {"length": length, "channels": width},
        "target": {"name": "label"},
        "split": {"kind": "given", "val": 0.2} if len(parts) > 1 else {"kind": "stratified", "val": 0.15, "test": 0.15, "seed": 0},
    }
    guessed = [f"the label of each series is the target: {len(classes)} classes        task classification"]
    guessed += [f"{test.name} is the test part"] if len(parts) > 1 else []
    read = f"{size:,} series of up to {length} steps, {width} channel{'s' * (width > 1)}"
    return Draft(read, guessed, {}, card, first_experiment("sequence", size), {"licence": "say whose data it is"})
