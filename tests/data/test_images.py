"""Image files to pixels, beside Pillow: kinds, colours, EXIF, sizes; what cannot be decoded says why."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from zoo.data import images

HEIGHT, WIDTH = 30, 40


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return Image.fromarray(np.stack([x * 6, y * 8, (x + y) * 3], -1).astype(np.uint8))


@pytest.fixture(scope="module")
def decode():
    """A function from a file to its pixels, traced once a shape."""
    traced = {}

    def call(file: bytes, shape=(HEIGHT, WIDTH, 3), fit="stretch") -> np.ndarray:
        if (shape, fit) not in traced:
            traced[shape, fit] = tf.function(lambda one: images.pixels(one, list(shape), fit), autograph=False)
        return traced[shape, fit](tf.constant(file)).numpy()

    return call


def file_of(image: Image.Image, kind: str, mode: str | None = None, **more) -> bytes:
    out = io.BytesIO()
    (image.convert(mode) if mode else image).save(out, kind, **more)
    return out.getvalue()


def half_seen(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


KINDS = [
    ("PNG", None, {}, 0),
    ("PNG", "L", {}, 0),
    ("PNG", "LA", {}, 0),
    ("PNG", "RGBA", {}, 0),
    ("PNG", "P", {}, 0),
    ("PNG", "1", {}, 0),
    ("BMP", None, {}, 0),
    ("BMP", "L", {}, 0),
    ("BMP", "P", {}, 0),
    ("GIF", "P", {}, 0),
    ("WEBP", None, {"lossless": True}, 0),
    ("WEBP", None, {"quality": 90}, 0),
    ("WEBP", "RGBA", {"lossless": True, "exif": b"Exif\0\0"}, 0),
    ("WEBP", "alpha", {"lossless": True, "exact": True}, 0),
    ("WEBP", "alpha", {"quality": 90, "exact": True}, 0),
    ("PNG", "alpha", {}, 0),
    ("JPEG", None, {"quality": 95}, 6),
    ("JPEG", None, {"progressive": True}, 6),
    ("JPEG", "L", {}, 3),
    ("JPEG", "CMYK", {"quality": 95}, 6),
]


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize(("kind", "mode", "more", "off"), KINDS, ids=lambda one: str(one))
def test_a_file_of_any_kind_is_what_pillow_sees(picture, decode, kind, mode, more, off, channels):
    file = file_of(half_seen(picture), kind, **more) if mode == "alpha" else file_of(picture, kind, mode, **more)
    seen = Image.open(io.BytesIO(file)).convert("RGB").convert("RGB" if channels == 3 else "L")
    found = decode(file, (HEIGHT, WIDTH, channels))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.asarray(seen).reshape(found.shape), atol=off + (channels == 1))


def test_sixteen_bits_become_eight(picture, decode):
    grey = np.asarray(picture.convert("L"))
    file = file_of(Image.fromarray(grey.astype(np.uint16) * 257), "PNG")
    np.testing.assert_array_equal(decode(file, (HEIGHT, WIDTH, 1))[..., 0], grey)


def test_of_a_moving_gif_the_first_frame_is_taken(picture, decode):
    still, moving = (
        file_of(picture, "GIF", **more) for more in ({}, {"save_all": True, "append_images": [picture.rotate(180), picture.rotate(90)]})
    )
    np.testing.assert_array_equal(decode(moving), decode(still))


def exif(orientation: int, order: str, before: int) -> bytes:
    """A TIFF header with some entries before the orientation's, in either byte order."""
    sign = "<" if order == "II" else ">"
    entries = [struct.pack(sign + "HHII", 0x100 + number, 4, 1, 7) for number in range(before)]
    entries.append(struct.pack(sign + "HHIHH", 0x112, 3, 1, orientation, 0))
    return b"Exif\0\0" + order.encode() + struct.pack(sign + "HIH", 42, 8, len(entries)) + b"".join(entries) + b"\0" * 4


@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize("orientation", range(10))
def test_a_jpeg_is_turned_as_its_exif_says(picture, decode, orientation, order):
    file = file_of(picture, "JPEG", quality=95, subsampling=0, exif=exif(orientation, order, before=orientation))
    seen = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file))))
    assert seen.shape[:2] == ((WIDTH, HEIGHT) if 5 <= orientation <= 8 else (HEIGHT, WIDTH))
    np.testing.assert_allclose(decode(file, seen.shape), seen, atol=6)


@pytest.mark.parametrize("cut", [b"Exif\0\0", b"Exif\0\0II", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b""])
def test_exif_that_is_broken_turns_nothing(picture, decode, cut):
    file = file_of(picture, "JPEG", quality=95, subsampling=0)
    broken = file[:2] + b"\xff\xe1" + struct.pack(">H", len(cut) + 2) + cut + file[2:]
    np.testing.assert_array_equal(decode(broken), decode(file))


def test_pixels_are_whole_numbers_after_resizing(picture, decode):
    found = decode(file_of(picture, "PNG"), (7, 9, 3))
    np.testing.assert_array_equal(found, found.astype(np.uint8))
    assert len(np.unique(found)) > 20


def test_fit_keeps_the_aspect_or_not(decode):
    """A red left half and a blue right half, twice as wide as high."""
    wide = np.zeros((20, 40, 3), np.uint8)
    wide[:, :20, 0], wide[:, 20:, 2] = 255, 255
    file = file_of(Image.fromarray(wide), "PNG")
    stretched, padded, cropped = (decode(file, (20, 20, 3), fit) for fit in ("stretch", "pad", "crop"))
    assert stretched[:, :9, 0].min() == stretched[:, 11:, 2].min() == 255
    assert not padded[:5].any()
    assert not padded[15:].any()
    assert padded[5:15, :9, 0].min() == padded[5:15, 11:, 2].min() == 255
    np.testing.assert_array_equal(cropped, wide[:, 10:30])
    tall = file_of(Image.fromarray(wide.swapaxes(0, 1)), "PNG")
    np.testing.assert_array_equal(decode(tall, (20, 20, 3), "crop"), wide.swapaxes(0, 1)[10:30])
    assert not decode(tall, (20, 20, 3), "pad")[:, :5].any()


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("size", [(1, 200), (200, 1), (3, 2)])
def test_odd_sizes_fit_too(decode, size, fit):
    file = file_of(Image.fromarray(np.full((*size, 3), 200, np.uint8)), "PNG")
    assert decode(file, (8, 8, 3), fit).max() == 200


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def huge(kind: str) -> bytes:
    """A few bytes whose header promises 20,000 x 20,000 pixels."""
    if kind == "png":
        header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
        return images.PNG + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99)))
    if kind == "gif":
        return b"GIF89a" + struct.pack("<HH", 20_000, 20_000) + bytes(50)
    if kind == "bmp":
        return b"BM" + bytes(12) + struct.pack("<IiiHH", 40, 20_000, -20_000, 1, 24) + bytes(50)
    if kind == "jpeg":
        small = bytearray(file_of(Image.new("RGB", (8, 8)), "JPEG"))
        place = small.index(b"\xff\xc0")
        small[place + 5 : place + 9] = struct.pack(">HH", 20_000, 20_000)
        return bytes(small)
    size = struct.pack("<I", 15_999 | 15_999 << 14)
    wide = struct.pack("<I", 19_999)[:3]
    bodies = {
        "lossless": b"VP8L" + bytes(4) + b"/" + size,
        "extended": b"VP8X" + bytes(8) + wide * 2,
        "lossy": b"VP8 " + bytes(10) + b"\x20\x3e" * 2,
    }
    return b"RIFF" + bytes(4) + b"WEBP" + bodies[kind] + bytes(50)


@pytest.mark.parametrize("kind", ["png", "gif", "bmp", "jpeg", "lossless", "extended", "lossy"])
def test_a_decompression_bomb_is_refused_by_its_header(decode, kind):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"holds\] \[\d{9}\] \[pixels, more than 50,000,000"):
        decode(huge(kind))


def test_what_is_no_image_is_refused(picture, decode):
    for file in (b"", b"<", b"<html></html>", b"BM", b"\xff\xd8\xff", images.PNG, b"RIFF0000WEBPVP8 "):
        with pytest.raises(tf.errors.InvalidArgumentError):
            decode(file)
    for kind in ("JPEG", "PNG", "BMP", "WEBP"):
        file = file_of(picture, kind)
        with pytest.raises(tf.errors.OpError):
            decode(file[: len(file) * 2 // 3])


def test_what_tensorflow_does_not_read_says_why(picture, decode):
    for mode in ("RGB", "RGBA"):  # moving RGB without a number of channels would spoil the memory of the process
        frames = [picture.rotate(turn).convert(mode) for turn in (0, 90, 180)]
        file = file_of(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
        with pytest.raises(tf.errors.InvalidArgumentError, match="is an animated WebP"):
            decode(file)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"is a BMP of\] \[1\] \[bits a pixel"):
        decode(file_of(picture, "BMP", "1"))


def test_a_batch_is_what_each_file_is(picture, decode):
    files = [file_of(picture, "PNG"), file_of(picture.rotate(90, expand=True), "JPEG"), file_of(picture, "GIF")]
    found = tf.function(lambda batch: images.pixels_of(batch, [16, 16, 3], "pad"), autograph=False)(tf.constant(files)).numpy()
    assert found.shape == (3, 16, 16, 3)
    for one, file in zip(found, files, strict=True):
        np.testing.assert_array_equal(one, decode(file, (16, 16, 3), "pad"))
