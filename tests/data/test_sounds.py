"""WAV files to waveforms: every width of a sample, channels, rates, lengths; what cannot be decoded says why."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from scipy.io import wavfile
from scipy.signal import resample_poly

from zoo.data import sounds

RATE = 16_000


def tone(rate: int, seconds: float = 0.5, pitch: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(rate * seconds)) / rate)


def wav(values: np.ndarray, rate: int = RATE) -> bytes:
    out = io.BytesIO()
    wavfile.write(out, rate, values)
    return out.getvalue()


def whole(values: np.ndarray, bits: int = 16) -> np.ndarray:
    return np.round(values * (2 ** (bits - 1) - 1)).astype(f"int{bits}")


def three_bytes(values: np.ndarray, extensible: bool = False) -> bytes:
    """PCM of 24 bits, which SciPy does not write; as an extensible format too."""
    data = np.round(values * (2**23 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    head = struct.pack("<HHIIHH", 0xFFFE if extensible else 1, 1, RATE, RATE * 3, 3, 24)
    head += struct.pack("<HHIH", 22, 24, 0, 1) + bytes(14) if extensible else b""
    chunks = b"LIST" + struct.pack("<I", 3) + b"abc\0" + b"fmt " + struct.pack("<I", len(head)) + head
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.fixture(scope="module")
def decode():
    traced = {}

    def call(file: bytes, rate: int = RATE, samples: int = 8000) -> np.ndarray:
        if (rate, samples) not in traced:
            traced[rate, samples] = tf.function(lambda one: sounds.waveform(one, rate, samples), autograph=False)
        return traced[rate, samples](tf.constant(file)).numpy()

    return call


@pytest.mark.parametrize(
    ("file", "off"),
    [
        (wav(whole(tone(RATE))), 1e-4),
        (wav(whole(tone(RATE), 32)), 1e-6),
        (wav((tone(RATE) * 127 + 128).astype(np.uint8)), 0.012),
        (wav(tone(RATE).astype(np.float32)), 1e-6),
        (wav(tone(RATE)), 1e-6),
        (three_bytes(tone(RATE)), 1e-6),
        (three_bytes(tone(RATE), extensible=True), 1e-6),
    ],
    ids=["16", "32", "8", "float32", "float64", "24", "24 extensible"],
)
def test_a_sample_of_any_width_is_read(decode, file, off):
    found = decode(file)
    assert (found.dtype, found.shape) == (np.float32, (8000,))
    np.testing.assert_allclose(found, tone(RATE), atol=off)


def test_sixteen_bits_are_what_tensorflow_decodes(decode):
    file = wav(whole(tone(RATE)))
    np.testing.assert_array_equal(decode(file), tf.audio.decode_wav(file)[0].numpy()[:, 0])


def test_channels_become_their_mean(decode):
    left, right = tone(RATE), tone(RATE, pitch=1000)
    np.testing.assert_allclose(decode(wav(whole(np.stack([left, right], 1)))), (left + right) / 2, atol=1e-4)


def test_it_is_trimmed_or_filled_up_at_its_end(decode):
    file = wav(whole(tone(RATE)))
    np.testing.assert_array_equal(decode(file, samples=100), decode(file)[:100])
    longer = decode(file, samples=9000)
    np.testing.assert_array_equal(longer[:8000], decode(file))
    assert not longer[8000:].any()


@pytest.mark.parametrize(("before", "after"), [(44_100, 16_000), (48_000, 16_000), (8_000, 16_000), (16_000, 8_000), (22_051, 16_000)])
def test_another_rate_is_resampled(decode, before, after):
    """A tone stays that tone, and what the new rate cannot hold is gone."""
    found = decode(wav(tone(before).astype(np.float32), before), after, after // 2)
    np.testing.assert_allclose(found[200:-200], tone(after)[200:-200], atol=1e-4)
    if after < before:
        high = decode(wav(tone(before, pitch=before * 0.45).astype(np.float32), before), after, after // 2)
        assert np.abs(high[200:-200]).max() < 0.005


def test_resampled_noise_is_what_scipy_makes_of_it(decode):
    noise = np.convolve(np.random.default_rng(0).normal(0, 0.1, 8000), np.ones(8) / 8, "same").astype(np.float32)
    found, theirs = decode(wav(noise, 8000), RATE, 16_000), resample_poly(noise, 2, 1, window=("kaiser", 8.0))
    assert np.corrcoef(found, theirs)[0, 1] > 0.999


def test_a_stream_whose_length_is_unknown_is_read(decode):
    file = bytearray(wav(whole(tone(RATE))))
    file[file.index(b"data") + 4 : file.index(b"data") + 8] = b"\xff" * 4
    np.testing.assert_array_equal(decode(bytes(file)), decode(wav(whole(tone(RATE)))))


GOOD = wav(whole(tone(RATE)))
BAD = {
    "is no WAV file": [b"", b"RIFF", b"<html></html>", b"RIFF0000AVI LIST"],
    "is truncated": [GOOD[:9000], GOOD[:44], GOOD[:30], b"RIFF0000WAVE"],
    "holds no sound": [wav(np.zeros(0, np.int16))],
    "is compressed": [GOOD[:20] + b"\x55\0" + GOOD[22:]],
    "has a rate": [wav(whole(tone(RATE)), 10), wav(whole(tone(RATE)), 1_000_000)],
    "not finite": [wav(np.array([0, np.nan], np.float32))],
}


@pytest.mark.parametrize(("says", "file"), [(says, file) for says, files in BAD.items() for file in files])
def test_what_is_no_sound_says_why(decode, says, file):
    with pytest.raises(tf.errors.InvalidArgumentError, match=says):
        decode(file)


def test_a_batch_is_what_each_file_is(decode):
    files = [GOOD, wav(tone(44_100).astype(np.float32), 44_100)]
    found = tf.function(lambda batch: sounds.waveforms_of(batch, RATE, 8000), autograph=False)(tf.constant(files)).numpy()
    for one, file in zip(found, files, strict=True):
        np.testing.assert_allclose(one, decode(file), atol=1e-6)
