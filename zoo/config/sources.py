"""Where a dataset's bytes come from: the files of a card, and the kinds of sources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from zoo.config.parts import Named, Part


class File(Named):
    """A file of a source: fetched by name and sha256, or, without a hash, a path of the user's own."""

    name: Annotated[str, Field(min_length=1, description="file name; without sha256, a path relative to the card")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    url: Annotated[str, Field(pattern=r"^https?://")] | None = None

    @model_validator(mode="after")
    def _fetched_whole(self) -> File:
        if self.url and not self.sha256:
            raise ValueError(f"{self.name} has a url but no sha256; what is fetched is checked")
        if self.sha256 and (Path(self.name).name != self.name):
            raise ValueError(f"{self.name} is a path; a file with a sha256 is found by its name alone")
        return self

    def beside(self, folder: Path) -> Path:
        """The path of a user's own file: relative to the card's folder, or where it is not there, to the working folder."""
        near, here = folder / self.name, Path(self.name)
        return near if near.exists() or not here.is_file() else here


class Files(Part):
    """A source: what its examples are read from."""

    def files(self) -> tuple[File, ...]:
        """Its files, in the card's order; none where it ships inside a library."""
        return tuple(value for value in vars(self).values() if isinstance(value, File))

    def absolute(self, folder: Path) -> Self:
        """The same with the user's own paths made absolute; `folder` is the card's."""
        own = {key: file for key, file in vars(self).items() if isinstance(file, File) and not file.sha256}
        moved = {key: file.model_copy(update={"name": str(file.beside(folder).resolve())}) for key, file in own.items()}
        return self.model_copy(update=moved)


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
    """NumPy arrays by name: `features` (n, height, width[, channels]) or (n, columns), `target` (n,); test arrays if there are any."""

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


class CsvSource(Files):
    """A table with a header line. Columns of the card are read by name, the others are left alone."""

    kind: Literal["csv"]
    file: File
    test_file: File | None = None
    separator: Annotated[str, Field(pattern=r"^[\t !#-~]$", description="one ASCII character, no quote")] = ","
    missing: tuple[str, ...] = USUAL_MISSING


Source = Annotated[SklearnSource | IdxSource | NpzSource | CsvSource, Field(discriminator="kind")]

TEST_PART = ("test_file", "test_images", "test_features")  # a source that names one of these has a test part of its own
