"""TensorFlow Datasets: builders made on the spot, prepared folders, real bytes, and no network."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from made import card_of
from PIL import Image

from zoo.config import load_card, load_experiment
from zoo.config.sources import TfdsSource
from zoo.data import images, prepare, tfds_builder
from zoo.data.sources import read
from zoo.errors import ZooError

ROWS = 40
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (ROWS, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(ROWS) % 2


class ZooShapes(tfds.core.GeneratorBasedBuilder):
    """Images of one size, train and test, and a config of grey ones."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="colour", version="1.0.0"), tfds.core.BuilderConfig(name="grey", version="1.0.0")]  # noqa: RUF012

    def _info(self) -> tfds.core.DatasetInfo:
        channels = 3 if self.builder_config.name == "colour" else 1
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {"image": tfds.features.Image(shape=(8, 8, channels)), "label": tfds.features.ClassLabel(names=["square", "round"])}
            ),
            supervised_keys=("image", "label"),
            homepage="https://example.org/shapes",
            redistribution_info={"license": "CC0"},
            citation="@misc{shapes,\n  title={Shapes}\n}",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples(range(30)), "test": self._generate_examples(range(30, ROWS))}

    def _generate_examples(self, rows: range) -> Any:
        channels = 3 if self.builder_config.name == "colour" else 1
        for row in rows:
            yield row, {"image": PIXELS[row, :, :, :channels], "label": int(LABELS[row])}


class ZooByHand(tfds.core.GeneratorBasedBuilder):
    """A set whose files are fetched by hand."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Ask the authors for notes.txt,\nand put it into one folder."

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict({"note": tfds.features.Text(), "label": tfds.features.ClassLabel(num_classes=2)}),
            supervised_keys=("note", "label"),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples(Path(dl_manager.manual_dir, "notes.txt"))}

    def _generate_examples(self, path: Path) -> Any:
        for row, line in enumerate(path.read_text().splitlines()):
            yield row, {"note": line, "label": row % 2}


def png(size: tuple[int, int], row: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(row).integers(0, 256, (*size, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def stored(folder: Path, name: str, features: dict[str, Any], splits: dict[str, dict[str, Any]], **more: Any) -> None:
    """A prepared folder without builder code."""
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        data_dir=folder,
        features=tfds.features.FeaturesDict(features),
        split_datasets={split: tf.data.Dataset.from_tensor_slices(values) for split, values in splits.items()},
        **more,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A TFDS data folder with what the tests read."""
    root = tmp_path_factory.mktemp("tfds")
    words = np.array([f"{'good' if one else 'bad'} film {row}" for row, one in enumerate(LABELS)])
    names = {"label": tfds.features.ClassLabel(names=["no", "yes"])}
    sizes = [(9, 12), (16, 16), (7, 5)]
    files = [png(sizes[row % 3], row) for row in range(ROWS)]
    stored(
        root,
        "zoo_odd",
        {"image": tfds.features.Image(), **names},
        {"train": {"image": files, "label": LABELS}},
    )
    text = {"idx": tfds.features.Scalar(np.int32), "sentence": tfds.features.Text(), **names}
    hidden = {"idx": np.arange(8, dtype=np.int32), "sentence": words[:8], "label": np.full(8, -1)}
    part = {"idx": np.arange(ROWS, dtype=np.int32), "sentence": words, "label": LABELS}
    stored(root, "zoo_glue", text, {"train": part, "validation": {key: one[:10] for key, one in part.items()}, "test": hidden})
    table = {
        "age": np.arange(ROWS, dtype=np.float32), "kind": np.where(LABELS, 1, 0), "town": np.where(LABELS, "Bern", "Rom"),
        "member": LABELS.astype(bool), "measures": RANDOM.normal(size=(ROWS, 2)).astype(np.float32),
        "price": np.arange(ROWS, dtype=np.float32) * 3,
    }  # fmt: skip
    columns = {
        "age": np.float32, "kind": tfds.features.ClassLabel(names=["a", "b"]), "town": tfds.features.Text(), "member": np.bool_,
        "measures": tfds.features.Tensor(shape=(2,), dtype=np.float32), "price": np.float32,
    }  # fmt: skip
    stored(root, "zoo_table", columns, {"train": table})
    steps = {"wave": RANDOM.normal(size=(ROWS, 6, 2)).astype(np.float32), "label": LABELS}
    stored(root, "zoo_wave", {"wave": tfds.features.Tensor(shape=(6, 2), dtype=np.float32), **names}, {"train": steps, "test": steps})
    return root


@pytest.fixture
def by_name(folder, monkeypatch):
    """Cards of names, their data in the folder."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    return lambda name: load_card(f"tfds:{name}")


def test_a_name_is_enough(by_name, folder):
    card = by_name("zoo_shapes")
    assert not (folder / "zoo_shapes").exists()  # a card is made without preparing anything
    assert (card.name, card.licence, card.homepage, card.citation) == (
        "tfds_zoo_shapes", "CC0", "https://example.org/shapes", "@misc{shapes, title={Shapes} }"
    )  # fmt: skip
    data = prepare(card)
    assert data.classes == ("square", "round")
    assert [len(data.rows[part]) for part in ("train", "val", "test")] == [27, 3, 10]
    assert data.raw.features["image"].dtype == np.uint8
    key = {one.tobytes(): label for one, label in zip(PIXELS, LABELS, strict=True)}
    assert [key[one.tobytes()] for one in data.raw.features["image"]] == data.raw.target.tolist()
    assert {one.tobytes() for one in data.raw.features["image"][data.rows["test"]]} == {one.tobytes() for one in PIXELS[30:]}
    assert any("zoo_shapes-train.tfrecord" in name for name in data.raw.files)


def test_a_config_and_slices(by_name, folder):
    assert by_name("zoo_shapes/grey").image.shape == (8, 8, 1)
    source = {"kind": "tfds", "name": "zoo_shapes", "config": "grey", "train": "train[:80%]", "val": "train[80%:]", "data_dir": str(folder)}
    raw = read(card_of(source, image={"shape": [8, 8, 1]}))
    assert [(raw.given == part).sum() for part in ("train", "val", "test")] == [24, 6, 10]


def test_a_run_is_called_after_it(by_name):
    assert load_experiment({"dataset": "tfds:zoo_shapes/grey", "model": "mlp"}).name == "tfds_zoo_shapes_grey_mlp"
    resolved = load_experiment("digits_cnn", ["dataset=tfds:zoo_shapes"])
    assert (resolved.name, resolved.card.name) == ("digits_cnn", "tfds_zoo_shapes")


def test_array_records_are_read_too(by_name, tmp_path, monkeypatch):
    pytest.importorskip("array_record")
    expected = read(by_name("zoo_shapes"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    ZooShapes(data_dir=tmp_path, file_format="array_record").download_and_prepare()
    found = read(load_card("tfds:zoo_shapes"))
    for raw in (expected, found):
        assert [(raw.given == part).sum() for part in ("train", "test")] == [30, 10]
    same = [np.sort(raw.features["image"].reshape(ROWS, -1).astype(int).sum(1) * 2 + raw.target) for raw in (expected, found)]
    np.testing.assert_array_equal(*same)


def test_read_twice_is_taken_once(by_name, monkeypatch):
    first = read(by_name("zoo_shapes"))
    monkeypatch.setattr("zoo.data.sources.tfds._write", lambda *_: pytest.fail("taken again"))
    second = read(by_name("zoo_shapes"))
    assert second.fingerprint == first.fingerprint
    np.testing.assert_array_equal(first.features["image"], second.features["image"])


def test_images_of_any_size_are_what_is_served(by_name):
    card = by_name("zoo_odd")
    assert card.image.shape == (128, 128, 3)
    small = card.model_copy(update={"image": card.image.model_copy(update={"shape": (8, 8, 3)})})
    raw = read(small)
    assert raw.features["image"].shape == (ROWS, 8, 8, 3)
    served = images.pixels_of(tf.constant([png([(9, 12), (16, 16), (7, 5)][row % 3], row) for row in range(ROWS)]), [8, 8, 3]).numpy()
    taken = raw.features["image"].astype(np.float32)
    np.testing.assert_array_equal(taken[np.argsort(taken.sum((1, 2, 3)))], served[np.argsort(served.sum((1, 2, 3)))])
    data = prepare(small)
    assert [len(data.rows[part]) for part in ("train", "val", "test")] == [31, 3, 6]  # it has training rows only
    assert np.bincount(raw.target[data.rows["test"]]).tolist() == [3, 3]


def test_a_prepared_folder_needs_no_code(folder):
    card = card_of(
        {"kind": "tfds", "name": "zoo_wave", "data_dir": str(folder / "zoo_wave" / "1.0.0")}, series={"length": 6, "channels": 2}
    )
    raw = read(card)
    assert raw.features["series"].shape == (2 * ROWS, 6, 2)
    longer = card.model_copy(update={"series": card.series.model_copy(update={"length": 8})})
    padded = read(longer).features["series"]
    assert np.isnan(padded[:, 6:]).all()
    np.testing.assert_array_equal(padded[:, :6], raw.features["series"])


def test_series_by_name(by_name):
    card = by_name("zoo_wave")
    assert card.series.shape == (6, 2)
    assert prepare(card).input_shape == (6, 2)


def test_labels_that_are_kept_back_make_validation_the_test_part(by_name):
    card = by_name("zoo_glue")
    assert card.text.columns == ("sentence",)
    raw = read(card)
    assert [(raw.given == part).sum() for part in ("train", "test")] == [ROWS, 10]
    assert {(text.split()[0], label) for text, label in zip(raw.features["text"], raw.target, strict=True)} == {("bad", 0), ("good", 1)}


def test_a_table_by_name(by_name):
    card = by_name("zoo_table")
    assert {name: column.type for name, column in card.columns.items()} == {
        "age": "number", "town": "category", "member": "boolean", "measures_0": "number", "measures_1": "number", "price": "number"
    }  # fmt: skip
    assert card.target.name == "kind"
    columns = {name: column for name, column in card.model_dump()["columns"].items() if name in ("age", "town", "member", "measures_1")}
    source = {**card.source.model_dump(), "test": False}
    asked = card_of(source, columns={**columns, "kind": "category"}, target={"name": "price"}, task="regression", group="town")
    raw = read(asked)
    assert raw.given is None
    assert raw.target.dtype == np.float64
    assert {*zip(raw.features["kind"], raw.features["town"], raw.features["member"], strict=True)} == {("a", "Rom", 0), ("b", "Bern", 1)}
    np.testing.assert_array_equal(raw.target, raw.features["age"] * 3)
    assert raw.beside["town"].tolist() == raw.features["town"].tolist()
    assert raw.features["age"].dtype == raw.features["member"].dtype == raw.features["measures_1"].dtype == np.float32


def test_what_is_fetched_by_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    card = load_card("tfds:zoo_by_hand")
    with pytest.raises(ZooError, match=r"by hand\n.*notes\.txt") as error:
        read(card)
    assert "manual_dir" in str(error.value)
    (tmp_path / "notes.txt").write_text("\n".join(f"note {row}" for row in range(20)))
    raw = read(card.model_copy(update={"source": card.source.model_copy(update={"manual_dir": str(tmp_path)})}))
    assert sorted(raw.features["text"])[0] == "note 0"
    assert (raw.given == "test").sum() == 3


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cifar11", "did you mean: .*cifar10"),
        ("glue/sst3", "no config 'sst3'\n.*sst2"),
        ("huggingface:cifar10", "community"),
        ("speech_commands", "it holds: audio"),
        ("tiny_shakespeare", "no target"),
        ("zoo_shapes/red", "no config 'red'"),
    ],
)
def test_names_that_lead_nowhere(by_name, name, said):
    with pytest.raises(ZooError, match=said):
        by_name(name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train": "learn"}, "no split 'learn'"),
        ({"train": "train[:0%]"}, "is empty"),
        ({"train": "train[:many]"}, "is no slice"),
        ({"feature": "picture"}, "no image 'picture'\n.*image"),
    ],
)
def test_parts_that_are_not_there(by_name, change, said):
    card = by_name("zoo_odd")
    with pytest.raises(ZooError, match=said):
        read(card.model_copy(update={"source": card.source.model_copy(update=change)}))


def test_columns_that_are_not_there(by_name):
    card = by_name("zoo_table")
    with pytest.raises(ZooError, match=r"no column 'aeg'\n.*did you mean: age"):
        read(card_of(card.source, columns={"aeg": "number"}, target={"name": "kind"}))


def test_changed_files_are_another_fingerprint(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    seen = []
    for version in (0, 1):
        values = {"a": np.arange(20, dtype=np.float32) + version, "label": np.arange(20) % 2}
        stored(tmp_path, f"zoo_change{version}", {"a": np.float32, "label": tfds.features.ClassLabel(num_classes=2)}, {"train": values})
        seen.append(read(load_card(f"tfds:zoo_change{version}")).fingerprint)
    assert seen[0] != seen[1]


def test_no_network_is_one_clear_message_soon(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(tfds_builder, "reachable", lambda hosts: False)
    begun = time.monotonic()
    with pytest.raises(ZooError, match=r"cifar10/.* is not prepared, and cannot be fetched: no answer from www\.cs\.toronto\.edu") as error:
        read(load_card("tfds:cifar10"))
    assert time.monotonic() - begun < 10
    assert "cifar-10-binary.tar.gz" in str(error.value)
    assert "TFDS_DATA_DIR" in str(error.value)
    assert not list(tmp_path.rglob("*"))  # nothing half-made


def test_a_host_that_does_not_answer_is_not_waited_for(monkeypatch):
    def never(*_):
        time.sleep(30)
        raise TimeoutError

    monkeypatch.setattr("socket.create_connection", never)
    begun = time.monotonic()
    assert not tfds_builder.reachable({"example.org"})
    assert time.monotonic() - begun < 2 * tfds_builder.PATIENCE


def test_a_builder_that_breaks_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(ZooShapes, "_generate_examples", lambda *_: (_ for _ in ()).throw(RuntimeError("the moon is full")))
    with pytest.raises(ZooError, match=r"cannot be prepared: .*\n?.*the moon is full"):
        read(load_card("tfds:zoo_shapes"))
    assert not [path for path in tmp_path.rglob("*") if "incomplete" in path.name or ".tmp." in path.name]


def test_a_relative_data_dir_starts_at_the_card(folder, tmp_path, monkeypatch):
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "prepared").symlink_to(folder)
    source = TfdsSource(kind="tfds", name="zoo_wave", data_dir="prepared")
    monkeypatch.chdir(tmp_path)
    assert tfds_builder.find(source, tmp_path / "cards").info.splits["train"].num_examples == ROWS
    assert source.absolute(tmp_path / "cards").data_dir == str((tmp_path / "cards" / "prepared").absolute())


@pytest.mark.skipif("ZOO_DATA_DIR" not in os.environ, reason="ZOO_DATA_DIR is not set")
@pytest.mark.slow
def test_real_fashion_mnist_from_its_files(tmp_path, monkeypatch):
    """The official files below ZOO_DATA_DIR are found and prepared without a network; they are the pictures of our own card."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(tfds_builder, "reachable", lambda hosts: False)
    ours, theirs = read(load_card("fashion_mnist")), read(load_card("tfds:fashion_mnist"))
    for part in ("train", "test"):
        sums = [
            np.sort(raw.features["image"][raw.given == part].reshape(-1, 784).astype(np.int64) @ np.arange(1, 785))
            for raw in (ours, theirs)
        ]
        np.testing.assert_array_equal(*sums)
