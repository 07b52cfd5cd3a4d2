"""Cards: the shelf's own, the short forms, what is refused, and the page that documents every field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from zoo import shelf
from zoo.config import Card, Experiment, card, features, load_card, preparing, sources, splits, yamls
from zoo.errors import ZooError

SHELF = Path(__file__).parents[2] / "datasets"
PLAIN = {
    "title": "t",
    "licence": "none",
    "task": "classification",
    "source": {"kind": "csv", "file": "t.csv"},
    "columns": {"a": "number"},
    "target": {"name": "y"},
}
IMAGE = {"type": "image", "shape": [8, 8, 1]}
SECTIONS: dict[str, type[BaseModel]] = {
    "The card": card.Card,
    "A file": sources.File,
    "A folder": sources.Folder,
    "source: image_folder": sources.ImageFolderSource,
    "source: audio_folder": sources.AudioFolderSource,
    "source: text_folder": sources.TextFolderSource,
    "source: sklearn": sources.SklearnSource,
    "source: idx": sources.IdxSource,
    "source: npz": sources.NpzSource,
    "source: csv": sources.CsvSource,
    "source: parquet": sources.ParquetSource,
    "source: jsonl": sources.JsonlSource,
    "source: tfrecord": sources.TfrecordSource,
    "image": features.ImageFeature,
    "columns: number": features.NumberFeature,
    "columns: category": features.CategoryFeature,
    "columns: boolean": features.BooleanFeature,
    "columns: datetime": features.DatetimeFeature,
    "columns: text": features.TextColumn,
    "preprocess": preparing.Preprocess,
    "preprocess: number": preparing.NumberWay,
    "preprocess: category": preparing.CategoryWay,
    "preprocess: datetime": preparing.DatetimeWay,
    "preprocess: target": preparing.TargetWay,
    "source: text_file": sources.TextFileSource,
    "text": features.TextFeature,
    "audio": features.AudioFeature,
    "source: ts": sources.TsSource,
    "source: tfds": sources.TfdsSource,
    "series": features.SeriesFeature,
    "preprocess: series": preparing.SeriesWay,
    "preprocess: series: rolling": preparing.Rolling,
    "preprocess: text": preparing.TextWay,
    "preprocess: audio": preparing.AudioWay,
    "augment": preparing.Augmentation,
    "target": card.Target,
    "split: stratified or random": splits.ShuffledSplit,
    "split: given": splits.GivenSplit,
    "split: fixed": splits.FixedSplit,
    "split: group": splits.GroupSplit,
    "split: time": splits.TimeSplit,
    "split: hash": splits.HashSplit,
    "split: fold": splits.FoldSplit,
    "cross_validation": splits.CrossValidation,
}


@pytest.mark.parametrize("path", sorted(SHELF.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_card_of_the_shelf_is_whole(path):
    one = load_card(path)
    assert one.name == path.stem
    assert one.licence
    assert one.citation
    assert one.homepage.startswith("http")
    assert path.read_text().startswith("# ")  # where it comes from
    for file in one.source.files():
        assert file.sha256
        assert file.url is None or file.url.endswith(file.name)
    for folder in one.source.folders():
        assert folder.sha256


def test_the_shelf_holds_what_it_should():
    assert {"digits", "iris", "wine", "breast_cancer", "diabetes", "fashion_mnist", "mnist"} <= set(shelf.names("datasets"))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_hashes_are_those_of_tensorflow_datasets(name):
    resources = pytest.importorskip("importlib.resources")
    try:
        text = (resources.files("tensorflow_datasets") / "url_checksums" / f"{name}.txt").read_text()
    except ModuleNotFoundError:
        pytest.skip("tensorflow-datasets is not installed")
    known = {line.split("\t")[3]: tuple(line.split("\t")[i] for i in (2, 0)) for line in text.splitlines()}
    source = load_card(name).source
    for file in (source.images, source.labels, source.test_images, source.test_labels):
        assert (file.sha256, file.url) == known[file.name]


@pytest.mark.parametrize("path", sorted(SHELF.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_card_that_is_written_is_read_equal(path):
    one = load_card(path)
    for more in ({}, {"exclude_none": True}):
        text = yamls.dump(one.model_dump(mode="json", **more))
        assert Card.model_validate(yamls.parse(text, "a test").value).model_dump() == one.model_dump()


def test_short_forms_are_the_long_ones():
    short = Card.model_validate(PLAIN)
    long = Card.model_validate(
        {
            **PLAIN,
            "source": {"kind": "csv", "file": {"name": "t.csv"}},
            "columns": {"a": {"type": "number"}},
            "split": {"kind": "stratified", "val": 0.15, "test": 0.15, "seed": 0},
        }
    )
    assert short == long
    assert Card.model_validate({**PLAIN, "task": "regression"}).split.kind == "random"


@pytest.mark.parametrize(
    "change",
    [
        {"nmae": 3},
        {"task": "clasification"},
        {"image": IMAGE},
        {"columns": None},
        {"columns": {}},
        {"columns": {"a": "numbr"}},
        {"columns": {"a": "number", "y": "number"}},
        {"columns": {"a": {"type": "number", "fill": "mode"}}},
        {"target": {"name": "y", "classes": ["a", "a"]}},
        {"target": {}},
        {"task": "regression", "split": {"kind": "stratified"}},
        {"split": {"val": 0.5, "test": 0.5}},
        {"split": {"val": 0}},
        {"split": {"seed": -1}},
        {"split": {"kind": "given", "test": 0.1}},
        {"source": {"kind": "csv"}},
        {"source": {"kind": "csv", "file": "t.csv", "separator": ";;"}},
        {"source": {"kind": "csv", "file": "t.csv", "separator": "\n"}},
        {"source": {"kind": "csv", "file": "t.csv", "separator": '"'}},
        {"source": {"kind": "feather", "file": "t"}},
        {"source": {"kind": "idx", "images": "i", "labels": "l"}},
        {"source": {"kind": "npz", "file": "a.npz"}, "columns": {"a": "category"}},
        {"source": {"kind": "npz", "file": "a.npz", "test_features": "x"}},
        {"source": {"kind": "idx", "images": "i", "labels": "l", "test_labels": "t"}, "columns": None, "image": IMAGE},
        {"columns": None, "image": IMAGE},
        {"source": {"kind": "npz", "file": "a.npz"}, "columns": None, "image": {**IMAGE, "range": [255, 0]}},
        {"source": {"kind": "npz", "file": "a.npz"}, "columns": None, "image": {**IMAGE, "shape": [8, 8]}},
        {"source": {"kind": "npz", "file": "a.npz"}, "columns": None, "image": {**IMAGE, "shape": [8, 8, 2]}},
    ],
    ids=str,
)
def test_what_no_card_may_say(change):
    Card.model_validate(PLAIN)
    with pytest.raises(ValidationError):
        Card.model_validate({**PLAIN, **change})


def test_a_card_is_frozen():
    with pytest.raises(ValidationError):
        load_card("iris").task = "regression"


def sections() -> dict[str, str]:
    text = (SHELF / "README.md").read_text("utf-8")
    return {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}


def parts(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}.union(*(parts(info.annotation) for info in annotation.model_fields.values()))
    return set().union(*(parts(inner) for inner in getattr(annotation, "__args__", ())))


def test_the_page_has_a_section_for_every_part():
    assert set(sections()) == set(SECTIONS)
    assert set(SECTIONS.values()) == parts(Card)


@pytest.mark.parametrize("title", SECTIONS)
def test_the_page_names_every_field_with_its_default(title):
    rows = [line.split(" | ") for line in sections()[title].splitlines() if line.startswith("| `")]
    told = {row[0].strip("| `"): row[1] for row in rows}
    fields = SECTIONS[title].model_fields
    assert sorted(told) == sorted(fields)  # a part that others share stands behind their own
    for name, info in fields.items():
        if info.is_required():
            assert told[name] == "required", name
        else:
            default = json.loads(json.dumps(info.default, default=lambda part: part.model_dump(exclude_unset=True)))
            assert yamls.parse(told[name].strip("`"), "README").value == default, name


def test_the_pages_example_is_a_card():
    text = (SHELF / "README.md").read_text("utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    assert Card.model_validate(yamls.parse(example, "README").value).target.classes == ("No", "Yes")


def resolved(schema: dict[str, Any], node: Any) -> Any:
    return schema["$defs"][node["$ref"].rpartition("/")[2]] if isinstance(node, dict) and "$ref" in node else node


def fits(schema: dict[str, Any], node: Any, value: Any) -> bool:
    """As much of JSON Schema as pydantic writes for cards and experiments."""
    node = resolved(schema, node)
    for several in ("anyOf", "oneOf"):
        if several in node and not any(fits(schema, one, value) for one in node[several]):
            return False
    if "const" in node and value != node["const"]:
        return False
    if "enum" in node and value not in node["enum"]:
        return False
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}
    if "type" in node and not isinstance(value, kinds[node["type"]]):
        return False
    if isinstance(value, list):
        items = (
            [*node.get("prefixItems", []), *[node.get("items", {})] * len(value)]
            if "prefixItems" in node or "items" in node
            else [{}] * len(value)
        )
        return all(fits(schema, item, one) for item, one in zip(items, value, strict=False))
    if isinstance(value, dict) and "properties" in node:
        more = node.get("additionalProperties", True)
        known = node["properties"]
        return (
            set(node.get("required", [])) <= set(value)
            and (more is not False or set(value) <= set(known))
            and all(fits(schema, known.get(key, more if isinstance(more, dict) else {}), one) for key, one in value.items())
        )
    if isinstance(value, dict) and isinstance(node.get("additionalProperties"), dict):
        return all(fits(schema, node["additionalProperties"], one) for one in value.values())
    return True


@pytest.mark.parametrize("kind", [Card, Experiment])
def test_the_json_schema_takes_our_own_files_and_short_forms(kind):
    schema = kind.model_json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert set(schema["properties"]) == set(kind.model_fields)
    for path in shelf.names("datasets" if kind is Card else "experiments").values():
        value = yamls.read(path).value
        assert fits(schema, schema, value), path
        assert not fits(schema, schema, {**value, "nmae": 3})
    if kind is Card:
        assert fits(schema, schema, PLAIN)
        assert not fits(schema, schema, {**PLAIN, "columns": {"a": "numbr"}})
        assert not fits(schema, schema, {**PLAIN, "source": {"kind": "csv"}})
    else:
        short = {"dataset": "iris", "model": "mlp", "task": "classification", "train": {"optimizer": "adam", "schedule": "cosine"}}
        assert fits(schema, schema, short)
        assert not fits(schema, schema, {**short, "train": {"epochs": "three"}})


def test_every_reference_of_a_schema_leads_somewhere():
    for kind in (Card, Experiment):
        schema = kind.model_json_schema()
        names = [one.split('"')[0] for one in json.dumps(schema).split('"$ref": "#/$defs/')[1:]]
        assert names
        assert set(names) <= set(schema["$defs"])


TEST_PARTS = [
    ({"kind": "csv", "file": "t.csv", "test_file": "u.csv"}, {}),
    ({"kind": "npz", "file": "a.npz", "test_features": "x", "test_target": "y"}, {}),
    (
        {"kind": "idx", "images": "i", "labels": "l", "test_images": "u", "test_labels": "v"},
        {"columns": None, "image": {"shape": [8, 8, 1]}},
    ),
]


@pytest.mark.parametrize(("source", "more"), TEST_PARTS, ids=["csv", "npz", "idx"])
def test_a_source_with_a_test_part_is_split_by_it(source, more):
    """A split that nobody chose must not put the official test part into training."""
    one = Card.model_validate({**PLAIN, **more, "source": source})
    assert one.split == splits.GivenSplit(kind="given")
    assert Card.model_validate({**PLAIN, **more, "source": source, "split": {"val": 0.2}}).split.val == 0.2
    assert Card.model_validate({**PLAIN, **more, "source": source, "split": {"kind": "random"}}).split.kind == "random"
    files = [value for key, value in source.items() if "." in value or key in ("images", "labels", "test_images", "test_labels")]
    assert [file.name for file in one.source.files()] == files


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_is_what_numpy_takes(seed):
    assert Card.model_validate({**PLAIN, "split": {"seed": 2**32 - 1}}).split.seed == 2**32 - 1
    with pytest.raises(ValidationError, match="seed"):
        Card.model_validate({**PLAIN, "split": {"seed": seed}})


@pytest.mark.parametrize("name", ["", ".", "..", "../escaped", "a/b", "/etc", "a\0b"])
def test_a_name_that_leads_elsewhere_is_refused(name):
    assert shelf.check_name("a.b-c", "here") == "a.b-c"
    with pytest.raises(ZooError, match=r"here: .* cannot be a name"):
        shelf.check_name(name, "here")


def test_a_file_whose_stem_is_no_name_is_no_card(tmp_path):
    (tmp_path / "...yaml").write_text((SHELF / "iris.yaml").read_text())
    with pytest.raises(ZooError, match=r"'\.\.' cannot be a name"):
        load_card(tmp_path / "...yaml")
