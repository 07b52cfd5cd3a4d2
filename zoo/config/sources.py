"""Where a dataset's bytes come from: the files and folders of a card, and the kinds of sources."""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from zoo.config.parts import Encoding, Named, Part

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Url = Annotated[str, Field(pattern=r"^https?://")]


class File(Named):
    """A file of a source: fetched by name and sha256, or, without a hash, a path of the user's own, which may hold wildcards."""

    name: Annotated[str, Field(min_length=1, description="file name; without sha256, a path relative to the card")]
    sha256: Sha256 | None = None
    url: Url | None = None

    @model_validator(mode="after")
    def _fetched_whole(self) -> File:
        if self.url and not self.sha256:
            raise ValueError(f"{self.name} has a url but no sha256; what is fetched is checked")
        if self.sha256 and (Path(self.name).name != self.name):
            raise ValueError(f"{self.name} is a path; a file with a sha256 is found by its name alone")
        return self

    def beside(self, folder: Path) -> Path:
        """The path of a user's own file: relative to the card's folder, or where it is not there, to the working folder."""
        return _beside(self.name, folder)


class Folder(Named):
    """A folder of files. With a sha256 it is found by the hash of its sorted "sha256  path" lines, else it is the user's own.

    `files` and `exclude` are patterns of paths inside it: what they leave out is neither read nor part of the hash.
    """

    name: Annotated[str, Field(min_length=1, description="a path relative to the card; with sha256 the folder's plain name")]
    sha256: Sha256 | None = None
    files: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    url: Url | None = None
    url_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _fetched_whole(self) -> Folder:
        if self.url and not (self.sha256 and self.url_sha256):
            raise ValueError(f"{self.name} has a url: it needs url_sha256 of the archive, and sha256 of the folder in it")
        if self.sha256 and (Path(self.name).name != self.name or self.name == ".."):
            raise ValueError(f"{self.name} is a path; a folder with a sha256 is found by its name alone")
        return self

    def beside(self, folder: Path) -> Path:
        """The path of a user's own folder: relative to the card's folder, or where it is not there, to the working folder."""
        return _beside(self.name, folder)


def _beside(name: str, folder: Path) -> Path:
    near, here = folder / name, Path(name)
    return near if _there(near) or not _there(here) else here


def _there(path: Path) -> bool:
    return path.exists() or (glob.has_magic(str(path)) and any(glob.iglob(str(path), recursive=True)))


class Files(Part):
    """A source: what its examples are read from."""

    def files(self) -> tuple[File, ...]:
        """Its files, in the card's order; none where it ships inside a library."""
        several = (value if isinstance(value, tuple) else (value,) for value in vars(self).values())
        return tuple(one for values in several for one in values if isinstance(one, File))

    def folders(self) -> tuple[Folder, ...]:
        """Its folders, in the card's order."""
        return tuple(value for value in vars(self).values() if isinstance(value, Folder))

    def absolute(self, folder: Path) -> Self:
        """The same with the user's own paths made absolute; `folder` is the card's."""

        def moved(one: Any) -> Any:
            if isinstance(one, tuple):
                return tuple(map(moved, one))
            own = isinstance(one, (File, Folder)) and not one.sha256
            return one.model_copy(update={"name": str(one.beside(folder).resolve())}) if own else one

        return self.model_copy(update={key: moved(one) for key, one in vars(self).items() if isinstance(one, (File, Folder, tuple))})


class SklearnSource(Files):
    """A set that ships inside scikit-learn: no network."""

    kind: Literal["sklearn"]
    name: Literal["digits", "iris", "wine", "breast_cancer", "diabetes"]


class IdxSource(Files):
    """The idx.gz files of the MNIST family: images and labels, train and, if there are any, test."""

    kind: Literal["idx"]
    images: File
    labels: File
    test_images: File | None = None
    test_labels: File | None = None

    @model_validator(mode="after")
    def _test_is_whole(self) -> IdxSource:
        if (self.test_images is None) != (self.test_labels is None):
            raise ValueError("test_images and test_labels go together")
        return self


class NpzSource(Files):
    """NumPy arrays by name: `features` (n, height, width[, channels]), (n, columns) or (n, steps, channels), `target` (n,)."""

    kind: Literal["npz"]
    file: File
    features: str = "x_train"
    target: str = "y_train"
    test_features: str | None = None
    test_target: str | None = None

    @model_validator(mode="after")
    def _test_is_whole(self) -> NpzSource:
        if (self.test_features is None) != (self.test_target is None):
            raise ValueError("test_features and test_target go together")
        return self


USUAL_MISSING = ("", "NA", "?")
OnError = Literal["refuse", "skip"]
PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}  # sub-folders by part


SeveralFiles = Annotated[tuple[File, ...], Field(min_length=1)]


class TableSource(Files):
    """Rows of named columns. Columns of the card are read by name, the others are left alone.

    `file` and `test_file` may be lists. With `paths` a row's example is the file that this column names, below `folder` (default: the
    table's own).
    """

    file: File | SeveralFiles
    test_file: File | SeveralFiles | None = None
    missing: tuple[str, ...] = USUAL_MISSING
    paths: str | None = None
    folder: Folder | None = None
    on_error: OnError = "refuse"


class CsvSource(TableSource):
    """A table as text, gzipped or zipped or not. `header: false` names the columns "0", "1", …; a list gives them names."""

    kind: Literal["csv"]
    separator: Annotated[str, Field(pattern=r"^[\t !#-~]$", description="one ASCII character, no quote")] = ","
    header: bool | tuple[str, ...] = True
    quoted: bool = True
    decimal: Literal[".", ","] = "."
    encoding: Encoding = "utf-8"
    anomalies: File | None = None


class ParquetSource(TableSource):
    """A table as Parquet."""

    kind: Literal["parquet"]


class JsonlSource(TableSource):
    """A table as JSON lines: an object a line."""

    kind: Literal["jsonl"]


class TfrecordSource(TableSource):
    """Serialised `tf.train.Example`s; `features` says of each what it holds, as `{age: int, name: bytes, embedding: float}`."""

    kind: Literal["tfrecord"]
    features: dict[str, Literal["int", "float", "bytes"]]


class FolderSource(Files):
    """A folder of files: the label is the name of a sub-folder, or what `pattern` finds in the file's name.

    Sub-folders `train`, `val` (or `valid`, `validation`) and `test` above those of the classes are the splits. `pattern` is a
    regular expression over the path inside the folder whose group `label` is the label; its other groups are columns for splits.
    """

    folder: Folder
    pattern: str | None = None
    on_error: OnError = "refuse"

    @model_validator(mode="after")
    def _pattern_holds(self) -> Self:
        if self.pattern is None:
            return self
        try:
            groups = re.compile(self.pattern).groupindex
        except re.error as error:
            raise ValueError(f"pattern is no regular expression: {error}") from None
        if "label" not in groups:
            raise ValueError("pattern has no group (?P<label>…)")
        return self


class ImageFolderSource(FolderSource):
    """JPEG, PNG, BMP, GIF and WebP files."""

    kind: Literal["image_folder"]


class AudioFolderSource(FolderSource):
    """WAV files."""

    kind: Literal["audio_folder"]


class TextFolderSource(FolderSource):
    """UTF-8 text files, an example a file."""

    kind: Literal["text_folder"]


class TextFileSource(Files):
    """One long UTF-8 text, for a language model."""

    kind: Literal["text_file"]
    file: File


class TsSource(Files):
    """Time series in the `.ts` format of the UCR and UEA archives, or UCR's plain text (`label value value …`)."""

    kind: Literal["ts"]
    file: File
    test_file: File | None = None


class TfdsSource(Files):
    """A dataset of TensorFlow Datasets. `train` and `test` are its splits, slices too (`train[:80%]`); `test: false` is none.

    `features` names the feature that is taken where the builder names no supervised keys. `data_dir` is its own folder.
    """

    kind: Literal["tfds"]
    name: str
    config: str | None = None
    data_dir: str | None = None
    manual_dir: str | None = None
    train: str = "train"
    val: str | None = None
    test: str | Literal[False] = "test"
    feature: str | None = None

    def absolute(self, folder: Path) -> Self:
        """The same with its own folders made absolute."""
        own = {key: one for key in ("data_dir", "manual_dir") if (one := getattr(self, key))}
        return self.model_copy(update={key: str(_beside(str(Path(one).expanduser()), folder).absolute()) for key, one in own.items()})


Source = Annotated[
    SklearnSource
    | IdxSource
    | NpzSource
    | CsvSource
    | ParquetSource
    | JsonlSource
    | TfrecordSource
    | ImageFolderSource
    | AudioFolderSource
    | TextFolderSource
    | TextFileSource
    | TsSource
    | TfdsSource,
    Field(discriminator="kind"),
]
TABLES = (CsvSource, ParquetSource, JsonlSource, TfrecordSource)

TEST_PART = ("test_file", "test_images", "test_features", "test")  # a source that names one of these has a test part of its own


def names_test(source: Any) -> bool:
    """Whether what is to become a source, plain or made, names a test part."""
    named = source if isinstance(source, dict) else getattr(source, "__dict__", {})
    if named.get("kind") == "tfds":
        return bool(named.get("test", "test"))
    return any(named.get(key) for key in TEST_PART)
