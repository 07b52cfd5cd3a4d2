"""Sound: a log-mel spectrogram, as a picture, as a sequence of frames, or as one vector.

audio (samples,) -> mel spectrogram -> decibels -> standardised a bin -> sequence (frames, mel bins)
                                                                      -> image (frames, mel bins, 1), 0..255
                                                                      -> vector
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from zoo.config.card import Card
from zoo.config.preparing import settings
from zoo.data.preprocess.layers import Standardise
from zoo.errors import ZooError

Spec = dict[str, Any]
BATCH = 256  # sounds whose spectrograms are made at once
WIDE = 3.0  # standard deviations from a picture's middle grey to black and to white
STILL = 1e-3  # decibels: a bin that spreads less never changes


def fit(card: Card, train: Mapping[str, Any], modality: str) -> Spec:
    """How frames are cut; of the training split, mean and deviation of each mel bin, in decibels."""
    assert card.audio is not None
    way, rate = settings("audio", card.preprocess.audio), card.audio.sampling_rate
    window, stride = max(1, round(way["window"] * rate)), max(1, round(way["stride"] * rate))
    fft = 2 ** max(1, (window - 1).bit_length())
    if card.audio.samples <= fft // 2:
        raise ZooError(
            f"a sound of '{card.name}' has {card.audio.samples} samples, too few for a window of {window}",
            "a smaller preprocess.audio.window, or more audio.seconds",
        )
    facts = {"samples": card.audio.samples, "sampling_rate": rate, "mel_bins": way["mel_bins"]}
    spec: Spec = {"kind": "audio", "modality": modality, **facts, "window": window, "stride": stride, "fft": fft}
    mean, std = _moments(spec, train["audio"])
    return {**spec, "mean": mean.tolist(), "std": std.tolist()}


def _moments(spec: Spec, sounds: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each mel bin, in one pass: about a first guess, so that nothing cancels."""
    audio = keras.Input((spec["samples"],), dtype="float32")
    decibels = tf.function(keras.Model(audio, _decibels(spec, audio)), reduce_retracing=True, autograph=False)
    count, middle, total, squares = 0, None, np.zeros(spec["mel_bins"]), np.zeros(spec["mel_bins"])
    for start in range(0, len(sounds), BATCH):
        found = decibels(tf.constant(np.asarray(sounds[start : start + BATCH], np.float32))).numpy().reshape(-1, spec["mel_bins"])
        middle = found.mean(0, dtype=np.float64) if middle is None else middle
        apart = found - middle
        count, total, squares = count + len(apart), total + apart.sum(0), squares + (apart**2).sum(0)
    mean, std = total / count, np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))
    return np.asarray(middle) + mean, np.where(std > STILL, std, 1.0)


def _decibels(spec: Spec, audio: Any) -> Any:
    mel = layers.MelSpectrogram(
        fft_length=spec["fft"],
        sequence_length=spec["window"],
        sequence_stride=spec["stride"],
        sampling_rate=spec["sampling_rate"],
        num_mel_bins=spec["mel_bins"],
        power_to_db=False,  # its own decibels are cut relative to the loudest sound of the batch
        dtype="float32",
        name="mel",
    )
    return Decibels(name="decibels")(layers.Permute((2, 1), dtype="float32")(mel(audio)))


@keras.saving.register_keras_serializable("zoo")
class Decibels(layers.Layer):
    """10 log10 of power, at most `depth` below the loudest place of the same sound: float32 (batch, frames, bins) in and out."""

    def __init__(self, depth: float = 80.0, lowest: float = 1e-10, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **{key: value for key, value in kwargs.items() if key != "dtype"})
        self.depth, self.lowest = depth, lowest

    def call(self, power: Any) -> Any:
        found = 10.0 * ops.log10(ops.maximum(power, self.lowest))
        return ops.maximum(found, ops.max(found, axis=(1, 2), keepdims=True) - self.depth)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "depth": self.depth, "lowest": self.lowest}


@keras.saving.register_keras_serializable("zoo")
class Grey(layers.Layer):
    """Standardised values as a grey picture 0..255, `wide` deviations to each side: float32 (batch, h, w) -> (batch, h, w, 1)."""

    def __init__(self, wide: float = WIDE, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **{key: value for key, value in kwargs.items() if key != "dtype"})
        self.wide = wide

    def call(self, x: Any) -> Any:
        return ops.expand_dims(ops.clip((x + self.wide) * (255.0 / (2.0 * self.wide)), 0.0, 255.0), -1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape, 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "wide": self.wide}


def inputs(spec: Spec) -> dict[str, tuple[tuple[int, ...], str]]:
    """`audio`: one fixed number of samples, -1..1."""
    return {"audio": ((spec["samples"],), "float32")}


def names(spec: Spec) -> dict[str, str]:
    """Source name -> served name."""
    return {"audio": "audio"}


def facts(spec: Spec) -> dict[str, Any]:
    """What a builder may ask beside the shape: nothing."""
    return {}


def graph(spec: Spec) -> keras.Model:
    """From `audio` to float32 (batch, frames, mel bins), as a picture with one channel and 0..255, or flat."""
    audio = keras.Input((spec["samples"],), dtype="float32", name="audio")
    frames = Standardise(spec["mean"], spec["std"], name="standardise")(_decibels(spec, audio))
    if spec["modality"] == "image":
        frames = Grey(name="grey")(frames)
    elif spec["modality"] == "vector":
        frames = layers.Flatten(dtype="float32")(frames)
    return keras.Model({"audio": audio}, frames)
