"""WAV files to waveforms, in TensorFlow: the same in the store that is trained on, in a run's answers and in its bundle.

TensorFlow's own `decode_wav` takes PCM of 16 bits only; here are PCM of 8, 16, 24 and 32 bits and floats of 32 and 64.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

CHUNKS = 64  # before the samples, that are looked at
ZEROS = 16  # of the sinc on each side: the longer, the steeper its filter
STREAMED = 0xFFFFFFFF  # the length that a file says that was written to a pipe
RATES = (1_000, 384_000)
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


def waveforms_of(files: Any, sampling_rate: int, samples: int) -> Any:
    """WAV files, string (batch,), as `waveform` gives each: float32 (batch, samples)."""
    spec = tf.TensorSpec((samples,), tf.float32)
    return tf.map_fn(lambda file: waveform(file, sampling_rate, samples), files, fn_output_signature=spec)


def waveform(file: Any, sampling_rate: int, samples: int) -> Any:
    """A WAV file, string (), as mono sound, float32 (samples,), -1..1: the mean of its channels, resampled where its rate is
    another, cut or filled up with silence at its end. What cannot be decoded is an InvalidArgument."""
    with tf.device("CPU:0"):
        head, start, size = _chunks(file)
        kind, channels, rate, bits = _format(head)
        rate = _checked(rate, (rate >= RATES[0]) & (rate <= RATES[1]), f"has a rate that is not {RATES[0]:,}..{RATES[1]:,} Hz")
        step = channels * bits // 8
        size = _checked(size, size >= step, "holds no sound")
        wanted = tf.cast(samples, tf.int64) * rate // sampling_rate + 1 + _reach(rate, sampling_rate)  # the rest is cut off anyway
        size = tf.minimum(size // step, wanted) * step
        values = _numbers(tf.strings.substr(file, start, size), kind, bits)
        wave = tf.reduce_mean(tf.reshape(values, (-1, channels)), 1)
        same = tf.equal(rate, sampling_rate)
        wave = tf.cond(same, lambda: wave, lambda: _resampled(wave, rate, sampling_rate, samples))[:samples]
        return tf.ensure_shape(tf.pad(wave, [[0, samples - tf.size(wave)]]), (samples,))


def _checked(value: Any, holds: Any, otherwise: str) -> Any:
    """The value, where something holds; `otherwise` is what is wrong with the file."""
    with tf.control_dependencies([tf.debugging.Assert(holds, [otherwise])]):
        return tf.identity(value)


def _little(file: Any, at: Any, dtype: Any) -> Any:
    """A number without a sign at a place, int64 (); 0 behind the end."""
    at = tf.minimum(tf.cast(at, tf.int64), tf.cast(tf.strings.length(file), tf.int64))
    part = tf.io.decode_raw(tf.strings.substr(file, at, dtype.size), dtype, fixed_length=dtype.size)
    return tf.cast(part[0], tf.int64) & ((1 << 8 * dtype.size) - 1)


def _chunks(file: Any) -> tuple[Any, Any, Any]:
    """The format's bytes, and where the samples start and how many bytes they are."""
    first = tf.strings.join([tf.strings.substr(file, 0, 12), " " * 12])  # of a shorter file too
    is_wav = tf.equal(tf.strings.substr(first, 0, 4), "RIFF") & tf.equal(tf.strings.substr(first, 8, 4), "WAVE")
    file = _checked(file, is_wav, "is no WAV file")
    length = tf.cast(tf.strings.length(file), tf.int64)
    none = tf.constant(-1, tf.int64)

    def step(at: Any, head: Any, start: Any) -> tuple[Any, Any, Any]:
        name, size = tf.strings.substr(file, at, 4), _little(file, at + 4, tf.int32)
        head = tf.where(tf.equal(name, "fmt "), at + 8, head)
        start = tf.where(tf.equal(name, "data"), at + 8, start)
        return at + 8 + size + size % 2, head, start

    begin = (tf.constant(12, tf.int64), none, none)
    loop = tf.while_loop(lambda at, _, start: (at + 8 <= length) & (start < 0), step, begin, maximum_iterations=CHUNKS)
    head = _checked(loop[1], loop[1] > 0, "is truncated or damaged: it has no format chunk")
    start = _checked(loop[2], loop[2] > 0, "is truncated or damaged: it has no samples")
    size, there = _little(file, start - 4, tf.int32), length - start
    size = tf.where(tf.equal(size, STREAMED), there, size)
    size = _checked(size, size <= there, "is truncated: it ends before the samples that its header says")
    return tf.strings.substr(file, head, 26), start, size


def _format(head: Any) -> tuple[Any, Any, Any, Any]:
    """Kind (PCM or floats), channels, rate in Hz and bits a sample."""
    kind, channels, bits = (_little(head, at, tf.uint16) for at in (0, 2, 14))
    rate = _little(head, 4, tf.int32)
    kind = tf.where(tf.equal(kind, EXTENSIBLE), _little(head, 24, tf.uint16), kind)
    pcm = tf.equal(kind, PCM) & tf.reduce_any(tf.equal(bits, tf.constant([8, 16, 24, 32], tf.int64)))
    floats = tf.equal(kind, FLOAT) & tf.reduce_any(tf.equal(bits, tf.constant([32, 64], tf.int64)))
    bits = _checked(bits, pcm | floats, "is compressed: only PCM and floats are decoded; save it as PCM of 16 bits")
    return kind, _checked(channels, channels > 0, "is damaged: it has no channels"), rate, bits


def _numbers(data: Any, kind: Any, bits: Any) -> Any:
    """Samples as float32, -1..1."""

    def whole(dtype: Any, scale: float, offset: float = 0.0) -> Any:
        return (tf.cast(tf.io.decode_raw(data, dtype), tf.float32) + offset) / scale

    def three() -> Any:
        cells = tf.cast(tf.reshape(tf.io.decode_raw(data, tf.uint8), (-1, 3)), tf.int32)
        shifted = cells[:, 0] * (1 << 8) + cells[:, 1] * (1 << 16) + cells[:, 2] * (1 << 24)  # so that the sign is the number's
        return tf.cast(shifted, tf.float32) / 2**31

    def floats(dtype: Any) -> Any:
        values = tf.cast(tf.io.decode_raw(data, dtype), tf.float32)
        finite = tf.reduce_all(tf.math.is_finite(values))
        return tf.clip_by_value(_checked(values, finite, "holds samples that are not finite"), -1.0, 1.0)

    branches = [
        lambda: whole(tf.uint8, 128.0, -128.0),
        lambda: whole(tf.int16, 2.0**15),
        three,
        lambda: whole(tf.int32, 2.0**31),
        lambda: floats(tf.float32),
        lambda: floats(tf.float64),
    ]
    which = tf.where(tf.equal(kind, FLOAT), 3 + bits // 32, bits // 8 - 1)
    return tf.switch_case(tf.cast(which, tf.int32), branches)


def _reach(rate: Any, wanted: int) -> Any:
    """Samples of the file on each side that make one sample of the result: int64 ()."""
    return (ZEROS * tf.maximum(rate, wanted) + wanted - 1) // wanted


def _resampled(wave: Any, rate: Any, wanted: int, samples: int) -> Any:
    """At most `samples` samples at another rate, by a windowed sinc (https://ccrma.stanford.edu/~jos/resample/).

    Sample n stands at n * down / up of the file; n % up is its phase, and each phase has a filter of its own. What the new
    rate cannot hold is cut off.
    """
    divisor = tf.while_loop(lambda a, b: b > 0, lambda a, b: (b, a % b), (rate, tf.constant(wanted, tf.int64)))[0]
    up, down, reach = wanted // divisor, rate // divisor, _reach(rate, wanted)
    count = tf.minimum((tf.size(wave, tf.int64) * up + down - 1) // down, samples)
    places, phases = tf.range(count) * down // up, tf.cast(tf.range(count) % up, tf.int32)
    before = tf.cast((tf.range(tf.minimum(up, samples)) * down) % up, tf.float32) / tf.cast(up, tf.float32)
    scale = tf.minimum(tf.cast(wanted, tf.float32) / tf.cast(rate, tf.float32), 1.0)
    padded = tf.pad(wave, [[reach, reach + 1]])

    def add(tap: Any, total: Any) -> tuple[Any, Any]:
        x = (tf.cast(tap - reach, tf.float32) - before) * scale
        window = tf.where(tf.abs(x) < ZEROS, tf.square(tf.cos(x * (math.pi / 2 / ZEROS))), 0.0)
        sinc = tf.math.divide_no_nan(tf.sin(math.pi * x), math.pi * x) + tf.cast(tf.equal(x, 0.0), tf.float32)
        return tap + 1, total + tf.gather(padded, places + tap) * tf.gather(scale * sinc * window, phases)

    total = tf.zeros((count,), tf.float32)
    return tf.while_loop(lambda tap, _: tap <= 2 * reach + 1, add, (tf.constant(0, tf.int64), total))[1]
