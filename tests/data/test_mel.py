"""Sound becomes a log-mel spectrogram: as written down in NumPy, whatever the batch, and the same when it is served."""

from __future__ import annotations

import json
import os
import wave
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.config import Card
from zoo.data import preprocess
from zoo.data.preprocess import audio
from zoo.errors import ZooError
from zoo.exporting.saved_model import save

RATE, SECONDS = 4000, 0.5
MODALITIES = ("sequence", "image", "vector")


def card_of_sound(seconds: float = SECONDS, rate: int = RATE, **way: Any) -> Card:
    source = {"kind": "audio_folder", "folder": "sounds"}
    plain = {"title": "t", "licence": "none", "task": "classification", "target": {"name": "y"}, "source": source}
    return Card.model_validate({**plain, "audio": {"sampling_rate": rate, "seconds": seconds}, "preprocess": {"audio": way}})


@pytest.fixture(scope="module")
def sounds() -> np.ndarray:
    """Tones of other heights and loudness, in noise; the last is silence."""
    rng, time = np.random.default_rng(1), np.arange(round(RATE * SECONDS)) / RATE
    tones = [10.0 ** -rng.uniform(0, 3) * np.sin(2 * np.pi * rng.uniform(100, 1900) * time) for _ in range(300)]
    made = np.stack(tones) + 1e-4 * rng.normal(size=(300, len(time)))
    made[-1] = 0
    return made.astype(np.float32)


def fitted(sounds: np.ndarray, modality: str = "sequence", **way: Any) -> dict[str, Any]:
    return audio.fit(card_of_sound(**way), {"audio": sounds}, modality)


def encoded(spec: dict[str, Any], sounds: np.ndarray, graph: keras.Model | None = None, batch: int = 4096) -> np.ndarray:
    return preprocess.encode(graph or audio.graph(spec), {"audio": sounds}, audio.names(spec), batch)


def by_numpy(spec: dict[str, Any], sound: np.ndarray) -> np.ndarray:
    """Decibels of one sound (frames, bins): windows by Hann, HTK's mel triangles, 80 decibels below the loudest place."""
    fft, window, bins = spec["fft"], spec["window"], spec["mel_bins"]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    left = (fft - window) // 2
    padded = np.pad(sound.astype(np.float64), fft // 2, mode="reflect")
    frames = np.stack([padded[at : at + fft] for at in range(0, len(padded) - fft + 1, spec["stride"])])
    power = np.abs(np.fft.rfft(frames * np.pad(hann, (left, fft - window - left)))) ** 2

    def mel(hertz):
        return 1127.0 * np.log(1 + hertz / 700.0)

    edges = np.linspace(mel(20.0), mel(spec["sampling_rate"] / 2), bins + 2)
    at = mel(np.linspace(0, spec["sampling_rate"] / 2, fft // 2 + 1))[:, None]
    rising, falling = (at - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - at) / np.diff(edges)[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    triangles[0] = 0
    decibels = 10 * np.log10(np.maximum(power @ triangles, 1e-10))
    return np.maximum(decibels, decibels.max() - 80)


def test_frames_are_cut_as_it_is_said(sounds):
    spec = fitted(sounds)
    assert (spec["window"], spec["stride"], spec["fft"], spec["mel_bins"]) == (100, 40, 128, 40)
    assert audio.inputs(spec) == {"audio": ((2000,), "float32")}
    assert audio.graph(spec).output_shape == (None, 51, 40)
    spec = fitted(sounds, "image", window=0.064, stride=0.032, mel_bins=20)
    assert (spec["window"], spec["stride"], spec["fft"]) == (256, 128, 256)
    assert audio.graph(spec).output_shape == (None, 16, 20, 1)
    assert audio.graph(fitted(sounds, "vector", mel_bins=8)).output_shape == (None, 51 * 8)


def test_the_spectrogram_is_numpys(sounds):
    spec = fitted(sounds, mel_bins=16)
    found = encoded(spec, sounds[:20]) * np.array(spec["std"]) + np.array(spec["mean"])
    expected = np.stack([by_numpy(spec, sound) for sound in sounds[:20]])
    loud = expected > expected.max((1, 2), keepdims=True) - 60  # float32 leaks into what is quieter
    np.testing.assert_allclose(found[loud], expected[loud], atol=0.02)


def test_training_is_standardised_a_bin(sounds, monkeypatch):
    expected = fitted(sounds)
    found = encoded(expected, sounds).astype(np.float64).reshape(-1, 40)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(0), 1, atol=1e-5)
    monkeypatch.setattr(audio, "BATCH", 7)
    again = fitted(sounds)
    for key in ("mean", "std"):
        np.testing.assert_allclose(again[key], expected[key], rtol=1e-6)


def test_a_picture_is_grey_and_within_its_range(sounds):
    frames, picture = encoded(fitted(sounds), sounds), encoded(fitted(sounds, "image"), sounds)[..., 0]
    np.testing.assert_allclose(picture, np.clip((frames + 3) * 42.5, 0, 255), atol=1e-3)
    assert 120 < picture.mean() < 135
    np.testing.assert_array_equal(encoded(fitted(sounds, "vector"), sounds), frames.reshape(300, -1))


@pytest.mark.parametrize("modality", MODALITIES)
def test_it_does_not_depend_on_what_is_heard_beside_it(sounds, modality):
    """Keras's own decibels are cut below the loudest sound of the batch."""
    spec = fitted(sounds, modality)
    graph = audio.graph(spec)
    together = encoded(spec, np.stack([sounds[0], 1000 * sounds[1], sounds[-1]]), graph)
    np.testing.assert_allclose(encoded(spec, sounds[:1], graph), together[:1], atol=1e-4)
    assert np.isfinite(together).all()


@pytest.mark.parametrize("modality", MODALITIES)
def test_it_is_the_same_saved_and_served(sounds, modality, tmp_path):
    spec = fitted(sounds, modality)
    graph = audio.graph(spec)
    expected = encoded(spec, sounds, graph)
    assert expected.dtype == np.float32
    graph.save(tmp_path / "graph.keras")
    again = keras.saving.load_model(tmp_path / "graph.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(encoded(spec, sounds, again), expected)
    np.testing.assert_array_equal(encoded(json.loads(json.dumps(spec)), sounds), expected)
    served = tf.function(lambda audio: {"features": graph({"audio": audio})}, autograph=False)
    save({"serving_default": served.get_concrete_function(audio=tf.TensorSpec((None, 2000), tf.float32))}, tmp_path / "saved")
    answer = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    np.testing.assert_allclose(answer(audio=tf.constant(sounds))["features"], expected, rtol=0, atol=1e-6)


def test_preprocessing_is_float32_whatever_the_models_precision(sounds):
    expected = encoded(fitted(sounds), sounds)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        found = encoded(fitted(sounds), sounds)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    np.testing.assert_array_equal(found, expected)


def test_silence_alone_is_no_division_by_zero(sounds):
    silent = np.zeros_like(sounds[:4])
    spec = fitted(silent)
    assert spec["std"] == [1.0] * 40
    assert not encoded(spec, silent).any()


def test_a_sound_shorter_than_half_a_window_is_refused(sounds):
    with pytest.raises(ZooError, match=r"has 40 samples, too few for a window of 100\n.*window"):
        audio.fit(card_of_sound(seconds=0.01), {"audio": sounds[:, :40]}, "image")


@pytest.mark.skipif("ZOO_DATA_DIR" not in os.environ, reason="ZOO_DATA_DIR is not set")
def test_spoken_digits_become_pictures():
    heard = []
    for path in sorted(Path(os.environ["ZOO_DATA_DIR"]).rglob("spoken_digits/recordings/*.wav"))[::20]:
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")[:8000] / np.float32(32768)
        heard.append(np.pad(samples, (0, 8000 - len(samples))))
    spec = audio.fit(card_of_sound(1.0, 8000), {"audio": np.stack(heard)}, "image")
    pictures = encoded(spec, np.stack(heard))
    assert pictures.shape == (100, 101, 40, 1)
    assert 30 < pictures.std() < 60
