"""`zoo sample`: a run and its bundle draw alike; what cannot be drawn is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo import ZooError
from zoo.jobs.pipeline import Outcome, run_all

EXPERIMENT = {
    "dataset": "digits",
    "model": {"name": "cvae", "filters": [4, 8], "width": 16, "latent_dim": 4},
    "task": "generation",
    "train": {"epochs": 2, "batch_size": 64, "tensorboard": False, "optimizer": {"name": "adam", "learning_rate": 5e-3}},
}


@pytest.fixture(scope="module")
def drawing(tmp_path_factory) -> Outcome:
    """A conditional VAE of digits, exported in both formats."""
    home = tmp_path_factory.mktemp("drawing")
    both = {"export": {"formats": ["saved_model", "onnx"]}}
    return run_all({**EXPERIMENT, **both}, runs=home / "runs", bundles=home / "bundles")


def drawn(zoo, *words: str) -> np.ndarray:
    result = zoo("sample", *words, "-o", "drawn.npy")
    assert result.code == 0, result.err
    return np.load("drawn.npy")


def test_a_run_and_its_bundle_draw_the_same_for_the_same_seed(zoo, drawing):
    by_run, by_bundle = (drawn(zoo, str(one.path), "-n", "12", "--seed", "5") for one in (drawing.run, drawing.bundle))
    assert by_run.shape == (12, 8, 8, 1)
    assert by_run.dtype == np.float32
    assert 0 <= by_run.min() < by_run.max() <= 255
    np.testing.assert_allclose(by_run, by_bundle, atol=1e-2)
    assert np.abs(by_run - drawn(zoo, str(drawing.bundle.path), "-n", "12", "--seed", "6")).max() > 1


def test_a_grid_says_what_was_written_and_what_comes_next(zoo, drawing):
    result = zoo("sample", str(drawing.bundle.path), "-n", "10")
    assert result.code == 0, result.err
    assert f"samples.png      10 samples of {drawing.bundle.path}, seed 1" in result.out
    assert "docker compose" in result.out
    assert Image.open("samples.png").size == (4 * 9 + 1, 3 * 9 + 1)


def test_a_class_is_drawn_by_its_name_or_number_and_a_folder_is_filled(zoo, drawing):
    result = zoo("sample", str(drawing.bundle.path), "-n", "3", "--class", "7", "-o", "sevens")
    assert result.code == 0, result.err
    assert "3 samples of 7 of" in result.out
    assert sorted(path.name for path in Path("sevens").iterdir()) == ["0000_7.png", "0001_7.png", "0002_7.png"]
    assert Image.open("sevens/0000_7.png").size == (8, 8)
    z = np.random.default_rng(1).standard_normal((3, 4)).astype("float32")
    asked = drawing.bundle.ask("decoder", {"z": z, "label": np.full(3, 7, np.int32)})["sample"]
    np.testing.assert_allclose(np.asarray(Image.open("sevens/0002_7.png")), np.rint(asked[2, ..., 0]), atol=1)
    assert np.abs(asked - drawing.bundle.ask("decoder", {"z": z, "label": np.full(3, 1, np.int32)})["sample"]).max() > 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--class", "10"), "--class 10: no such class\n"),
        (("--class", "seven"), "classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; or a number from 0 to 9"),
        (("-n", "0"), "-n 0: it should be from 1 to 100,000"),
        (("-o", "samples.jpg"), "samples are written as NAME.png for a grid"),
        (("-o", "no/samples.png"), "there is no folder no"),
        (("--seed", "-1"), "--seed"),
    ],
)
def test_what_cannot_be_drawn_is_refused(refused, drawing, words, said):
    assert said in refused("sample", str(drawing.bundle.path), *words)


def test_a_folder_that_holds_something_is_left_alone(refused, drawing):
    Path("mine").mkdir()
    Path("mine/text").touch()
    assert "is there already" in refused("sample", str(drawing.bundle.path), "-o", "mine")


def test_a_classifier_draws_nothing(refused, trained):
    for one in (trained.run, trained.bundle):
        said = refused("sample", str(one.path))
        assert f"draws no samples: it learned classification\n  ask it for answers: zoo predict {one.path} FILE" in said


def test_what_draws_answers_no_examples(refused, drawing):
    np.save("digits.npy", np.zeros((2, 8, 8, 1), "float32"))
    for one in (drawing.run, drawing.bundle):
        assert f"answers no examples: it draws samples\n  zoo sample {one.path}" in refused("predict", str(one.path), "digits.npy")


def test_a_served_model_answers_nonsense_with_an_error_and_lives_on(drawing):
    z, labels = np.zeros((2, 4), "float32"), np.zeros(2, np.int32)
    good = drawing.bundle.ask("decoder", {"z": z, "label": labels})["sample"]
    for wrong in (-1, 10):
        with pytest.raises(ZooError, match="label: the classes are numbered from 0 to 9"):
            drawing.bundle.ask("decoder", {"z": z, "label": np.array([0, wrong], np.int32)})
    with pytest.raises(ZooError, match=r"input 'z' has shape \(2, 3\), where \(batch, 4\) is expected"):
        drawing.bundle.predict({"z": z[:, :3], "label": labels})
    with pytest.raises(Exception, match="not compatible with expected shape"):
        drawing.bundle.ask("decoder", {"z": z[:, :3], "label": labels})
    np.testing.assert_array_equal(drawing.bundle.predict({"z": z, "label": labels})["sample"], good)
    assert drawing.bundle.manifest["classes"] == [str(one) for one in range(10)]


def test_the_encoder_gives_the_mean_of_the_codes(drawing):
    x, label = np.random.default_rng(0).uniform(0, 255, (3, 8, 8, 1)).astype("float32"), np.array([1, 2, 3], np.int32)
    found = drawing.bundle.ask("encoder", {"image": x, "label": label})["embedding"]
    assert found.shape == (3, 4)
    np.testing.assert_allclose(found, drawing.run.model.encoder({"image": x, "label": label})["mean"], atol=1e-5)
