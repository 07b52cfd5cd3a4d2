"""The served graph, through TensorFlow's C++ loader: what a server does with right and with wrong requests."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from zoo.assembly import open_run
from zoo.bundles import GOLDEN, Bundle
from zoo.exporting import saved_model
from zoo.exporting.golden import Golden
from zoo.runs import Run

INVALID = 3


def encoded(kind: str, pixels: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("which", ["digits", "table", "diabetes"])
def test_the_cpp_loader_answers_as_the_trained_model(which: str, request: pytest.FixtureRequest, cpp: Callable) -> None:
    bundle: Bundle = request.getfixturevalue(which)
    golden = Golden.load(bundle.path / GOLDEN)
    for signature, columns in golden.inputs.items():
        said = cpp(bundle.path, signature, **columns)
        assert said.code == 0, said
        for name, right in golden.answers[signature].items():
            if right.dtype.kind == "U":
                assert said.answers[name] == right.tolist()
            else:
                np.testing.assert_allclose(said.answers[name], right, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(8, 8, 1), (64,), (2, 8, 8), (2, 7, 8, 1), (2, 8, 8, 3), (1, 2, 8, 8, 1), ()])
def test_a_wrong_shape_answers_an_error(digits: Bundle, cpp: Callable, shape: tuple[int, ...]) -> None:
    said = cpp(digits.path, image=np.zeros(shape, np.float32))
    assert (said.exit, said.code) == (0, INVALID), said


def test_without_the_check_the_process_dies(digits_run: Run, cpp: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above would prove nothing: the loader does not check requests itself."""
    monkeypatch.setattr(saved_model.tf, "ensure_shape", lambda value, shape: value)
    saved_model.write(open_run(digits_run), tmp_path / "unchecked")
    assert cpp(tmp_path / "unchecked", image=np.zeros((8, 8, 1), np.float32)).exit < 0


def test_no_rows_do_not_kill_the_process(digits: Bundle, table: Bundle, cpp: Callable) -> None:
    """oneDNN refuses an empty batch normalisation, with an error."""
    none = {name: values[:0] for name, values in Golden.load(table.path / GOLDEN).inputs["serving_default"].items()}
    assert cpp(table.path, **none).answers["label"] == []
    for said in (cpp(digits.path, image=np.zeros((0, 8, 8, 1))), cpp(digits.path, "serving_bytes", bytes=np.zeros(0, object))):
        assert (said.exit, said.code) in {(0, 0), (0, INVALID)}


def test_columns_of_wrong_rank_or_different_length_answer_an_error(table: Bundle, cpp: Callable) -> None:
    columns = Golden.load(table.path / GOLDEN).inputs["serving_default"]
    for name in ("emp_var_rate", "class_"):
        assert cpp(table.path, **{**columns, name: columns[name][:3]}).code == INVALID
        assert cpp(table.path, **{**columns, name: columns[name][:, None]}).code == INVALID


@pytest.mark.parametrize("files", [[b""], [b"no image"], ["half"], [b"GIF89a"], [b"\xff\xd8\xff"], [b"BM"], [b"\x89PNG\r\n\x1a\n"]])
def test_a_broken_image_answers_an_error(digits: Bundle, cpp: Callable, files: list) -> None:
    half = encoded("PNG", np.full((8, 8, 1), 7, np.uint8))[:-30]
    said = cpp(digits.path, "serving_bytes", bytes=np.array([half if file == "half" else file for file in files], object))
    assert (said.exit, said.code) == (0, INVALID), said


def test_image_files_of_a_wrong_rank_answer_an_error(digits: Bundle, cpp: Callable) -> None:
    file = encoded("PNG", np.zeros((8, 8, 1), np.uint8))
    assert cpp(digits.path, "serving_bytes", bytes=np.array([[file]], object)).code == INVALID
    assert cpp(digits.path, "serving_bytes", bytes=np.array(file, object)).code == INVALID


def from_pixels(run: Run, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """The trained Keras model's answer to pixels 0..255, by way of the source's own units."""
    opened = open_run(run)
    return opened.answer(((pixels - opened.spec["offset"]) / opened.spec["scale"]).astype(np.float32))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_files_that_lose_nothing_are_read_as_their_pixels(bundle_and_run: tuple[Bundle, Run], kind: str) -> None:
    bundle, run = bundle_and_run
    if "serving_bytes" not in bundle.manifest["signatures"]:
        assert "image" not in bundle.manifest["inputs"]
        return
    shape = bundle.manifest["inputs"]["image"]["shape"]
    grey = np.random.default_rng(3).integers(0, 256, (5, *shape[:2], 1), np.uint8)  # a GIF has too few colours for others
    pixels = np.repeat(grey, shape[2], -1)
    files = [encoded(kind, np.repeat(one, 3, -1) if kind == "BMP" else one) for one in grey]
    answers, right = bundle.predict(files), from_pixels(run, pixels)
    np.testing.assert_allclose(answers["scores"], right["scores"], atol=1e-5)
    assert answers["label"].tolist() == right["label"].tolist()


def test_jpeg_and_other_sizes_are_decoded_and_resized(colour: Bundle, colour_run: Run) -> None:
    rng = np.random.default_rng(4)
    smooth = np.asarray(Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8)).resize((40, 30), Image.Resampling.BILINEAR))
    files = [encoded("JPEG", smooth, quality=95), encoded("PNG", smooth), encoded("PNG", smooth[:12, :10])]
    pixels = [tf.image.resize(tf.io.decode_image(file, channels=3), (12, 10), antialias=True).numpy().round() for file in files]
    right = from_pixels(colour_run, np.stack(pixels))
    np.testing.assert_allclose(colour.predict(files)["scores"], right["scores"], atol=1e-5)
    by_pillow = np.asarray(Image.fromarray(smooth).resize((10, 12), Image.Resampling.BILINEAR), np.float32)
    assert np.abs(pixels[1] - by_pillow).max() < 1.5  # another library's antialiased bilinear, rounded
