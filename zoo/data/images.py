"""Encoded image files to pixels, in TensorFlow: the same in the store that is trained on, in a run's answers and in its bundle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from zoo.data.preprocess import Spec

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp")
KINDS = "JPEG, PNG, BMP, GIF or WebP"
PNG = b"\x89PNG\r\n\x1a\n"
MOST = 50_000_000  # pixels of a file; more are refused by its header, before memory is taken for them
SEGMENTS = 64  # of a JPEG, before its pixels, that are looked at
TIFF = 4096  # bytes of EXIF that are looked at


def after_pixels(graph: Any, spec: Spec) -> Callable[[Any], Any]:
    """The part of a saved preprocessing behind the source's own scaling: from pixels 0..255 to what the model takes."""
    if spec["modality"] == "image":
        return lambda pixels: pixels
    part: Callable[[Any], Any] = graph.get_layer("vector")
    return part


def pixels_of(files: Any, shape: list[int], fit: str = "stretch") -> Any:
    """Encoded files, string (batch,), as `pixels` gives each: float32 (batch, H, W, C)."""
    return tf.map_fn(lambda file: pixels(file, shape, fit), files, fn_output_signature=tf.TensorSpec(shape, tf.float32))


def pixels(file: Any, shape: list[int], fit: str = "stretch") -> Any:
    """An encoded JPEG, PNG, BMP, GIF (its first frame) or WebP file, string (), as float32 (H, W, C), whole numbers 0..255.

    It is turned as its EXIF says. A file of another size is resized (bilinear, antialiased), as the card's `fit` says. One that
    cannot be decoded is an InvalidArgument. Alpha is dropped.
    """
    with tf.device("CPU:0"):  # another kernel would round otherwise
        image = _decoded(file, shape[2])
        fits = tf.reduce_all(tf.equal(tf.shape(image)[:2], shape[:2]))
        image = tf.cond(fits, lambda: tf.cast(image, tf.float32), lambda: _resized(image, shape[0], shape[1], fit))
        return tf.ensure_shape(tf.clip_by_value(tf.round(image), 0, 255), shape)


def _decoded(file: Any, channels: int) -> Any:
    """uint8 (height, width, channels). TensorFlow turns only PNG and JPEG to grey itself, but no JPEG of four inks."""

    def decode(wanted: int, size: Any) -> Any:
        image = tf.io.decode_image(_small(file, size), channels=wanted, expand_animations=False)
        image.set_shape((None, None, wanted))
        return image

    def grey(image: Any) -> Any:
        return tf.image.rgb_to_grayscale(image) if channels == 1 else image

    def jpeg() -> Any:
        size = tf.image.extract_jpeg_shape(file)
        inks = tf.cond(size[2] < 4, lambda: decode(1, size[:2]), lambda: grey(decode(3, size[:2]))) if channels == 1 else None
        return _turned(decode(3, size[:2]) if inks is None else inks, _orientation(file))

    def bmp() -> Any:
        bits = _raw(file, 28, 1, tf.uint16)[0]
        told = ["is a BMP of", bits, "bits a pixel, where 8, 24 or 32 are read: save it as PNG"]
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(tf.not_equal(bits, [1, 2, 4, 16])), told)]):
            image = decode(3, _raw(file, 18, 2, tf.int32))
        return grey(tf.cond(tf.equal(bits, 8), lambda: _from_palette(file, image), lambda: image))

    def webp() -> Any:
        moving = tf.equal(_raw(file, 15, 1)[0], ord("X")) & tf.not_equal(_raw(file, 20, 1)[0] & 2, 0)
        told = ["is an animated WebP, which is not read: save one frame of it"]  # TensorFlow spoils its memory on some of them
        with tf.control_dependencies([tf.debugging.Assert(~moving, told)]):
            image = tf.io.decode_image(_small(file, _webp_size(file)), channels=0, expand_animations=False)
        image.set_shape((None, None, None))
        return grey(tf.ensure_shape(image[..., :3], (None, None, 3)))  # it has 4 channels where there is alpha, and takes no other wish

    kinds = [  # by their first two bytes
        (b"\xff\xd8", jpeg),
        (PNG[:2], lambda: decode(channels, _raw(file, 16, 2, tf.int32, little=False))),
        (b"GI", lambda: grey(decode(3, _raw(file, 6, 2, tf.uint16)))),
        (b"BM", bmp),
        (b"RI", webp),
    ]
    known = tf.equal(tf.strings.substr(file, 0, 2), [first for first, _ in kinds])
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_any(known), [f"is no {KINDS} file"])]):
        return tf.switch_case(tf.argmax(known, output_type=tf.int32), [branch for _, branch in kinds])


def _small(file: Any, size: Any) -> Any:
    """The file, if its header, whose two sizes these are, asks for no more pixels than are decoded."""
    count = tf.reduce_prod(tf.abs(tf.cast(size, tf.int64)))
    with tf.control_dependencies([tf.debugging.Assert(count <= MOST, ["holds", count, f"pixels, more than {MOST:,}"])]):
        return tf.identity(file)


def _from_palette(file: Any, indices: Any) -> Any:
    """The colours of a BMP of 8 bits, which TensorFlow takes for grey: uint8 (height, width, 3)."""
    place = 14 + tf.cast(_raw(file, 14, 1, tf.int32)[0], tf.int32)
    with tf.control_dependencies([tf.debugging.Assert(tf.equal(_raw(file, 30, 1, tf.int32)[0], 0), ["is a compressed BMP"])]):
        colours = tf.reshape(_raw(file, place, 1024), (256, 4))[:, 2::-1]
    return tf.gather(tf.cast(colours, tf.uint8), tf.cast(indices[..., 0], tf.int32))


def _raw(file: Any, at: Any, count: int, dtype: Any = tf.uint8, little: bool = True) -> Any:
    """Numbers from the place `at` on: int64 (count,); what lies behind the file's end is 0."""
    length = count * dtype.size
    at = tf.minimum(tf.cast(at, tf.int32), tf.strings.length(file))  # an error would quote the bytes, which are no text
    part = tf.strings.substr(file, at, length)
    return tf.cast(tf.io.decode_raw(part, dtype, little_endian=little, fixed_length=length), tf.int64)


def _webp_size(file: Any) -> Any:
    """https://developers.google.com/speed/webp/docs/riff_container: lossy, lossless and extended files."""
    wide = tf.constant(0x3FFF, tf.int64)

    def packed() -> Any:
        bits = _raw(file, 21, 1, tf.int32)[0]
        return tf.stack([bits & wide, tf.bitwise.right_shift(bits, 14) & wide]) + 1

    def extended() -> Any:
        cells = tf.reshape(_raw(file, 24, 6), (2, 3))
        return tf.reduce_sum(cells * tf.constant([1, 1 << 8, 1 << 16], tf.int64), 1) + 1

    plain = lambda: _raw(file, 26, 2, tf.uint16) & wide  # noqa: E731
    kind = _raw(file, 15, 1)[0]
    return tf.cond(tf.equal(kind, ord("L")), packed, lambda: tf.cond(tf.equal(kind, ord("X")), extended, plain))


def _resized(image: Any, height: int, width: int, fit: str) -> Any:
    """uint8 of any size to float32 (height, width, channels)."""
    had = tf.shape(image)
    if fit == "crop":
        size = tf.minimum(had[:2], _rounded(tf.stack([had[1] * height / width, had[0] * width / height])))
        start = (had[:2] - size) // 2
        image = image[start[0] : start[0] + size[0], start[1] : start[1] + size[1]]
    if fit != "pad":
        return tf.image.resize(image, (height, width), antialias=True)
    scale = tf.minimum(height / had[0], width / had[1])
    size = tf.minimum(_rounded(tf.cast(had[:2], tf.float64) * scale), [height, width])
    small = tf.image.resize(image, size, antialias=True)
    start = ([height, width] - size) // 2
    return tf.image.pad_to_bounding_box(small, start[0], start[1], height, width)


def _rounded(size: Any) -> Any:
    return tf.maximum(tf.cast(tf.round(size), tf.int32), 1)


def _turned(image: Any, orientation: Any) -> Any:
    """The image as it was seen: EXIF's orientations 2 to 8 mirror, turn, or both."""

    def turned() -> Any:
        seen = tf.cond(orientation > 4, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
        upside_down = tf.reduce_any(tf.equal(orientation, [3, 4, 7, 8]))
        mirrored = tf.reduce_any(tf.equal(orientation, [2, 3, 6, 7]))
        return tf.reverse(seen, tf.boolean_mask([0, 1], tf.stack([upside_down, mirrored])))

    return tf.cond(orientation > 1, turned, lambda: image)


def _orientation(file: Any) -> Any:
    """The orientation that a JPEG's EXIF names, 1 where it names none: int32 ()."""
    length = tf.strings.length(file)
    end = length + 1

    def step(at: Any, found: Any) -> tuple[Any, Any]:
        head = tf.cast(_raw(file, at, 4), tf.int32)
        is_exif = tf.logical_and(tf.equal(head[1], 0xE1), tf.equal(tf.strings.substr(file, at + 4, 6), b"Exif\0\0"))
        over = is_exif | (head[0] != 0xFF) | (head[1] < 0xE0) | (head[1] == 0xFF)  # EXIF stands before the tables
        after = at + 2 + tf.maximum(head[2] * 256 + head[3], 2)
        return tf.where(over, end, after), tf.where(is_exif, at + 10, found)

    loop = tf.while_loop(lambda at, _: at + 10 <= length, step, (tf.constant(2), tf.constant(0)), maximum_iterations=SEGMENTS)
    return tf.cond(loop[1] > 0, lambda: _from_tiff(_raw(file, loop[1], TIFF)), lambda: 1)


def _from_tiff(block: Any) -> Any:
    """The orientation that the first directory of a TIFF header names (tag 0x112), 1 where it names none: int32 ()."""
    little = tf.equal(block[0], ord("I"))

    def number(at: Any) -> Any:
        """Two bytes at each place."""
        first, second = (tf.gather(block, tf.clip_by_value(at + more, 0, TIFF - 1)) for more in (0, 1))
        return tf.where(little, first + 256 * second, 256 * first + second)

    two = number(tf.constant([4, 6], tf.int64))
    start = tf.where(little, two[0] + 65536 * two[1], 65536 * two[0] + two[1])
    entries = start + 2 + 12 * tf.range((TIFF - 16) // 12, dtype=tf.int64)
    real = (tf.range((TIFF - 16) // 12, dtype=tf.int64) < number(start)) & (entries + 12 <= TIFF)
    value = tf.reduce_max(tf.where(real & tf.equal(number(entries), 0x112), number(entries + 8), 0))
    return tf.cast(tf.where((value >= 1) & (value <= 8), value, 1), tf.int32)
