"""Images are rotated as their metadata says, and unreadable metadata is reported."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from fer_estimators._files.decode import decode

TILTED = np.arange(6 * 4, dtype=np.uint8).reshape(6, 4) * 10


def exif(order, kind, value, *, count=1):
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}L", 8)
    other = struct.pack(f"{order}HHLL", 0x010E, 2, 4, 0)
    packed = {3: "Hxx"}.get(kind, "L")
    entry = struct.pack(f"{order}HHL{packed}", 0x0112, kind, count, value)
    return b"Exif\0\0" + head + struct.pack(f"{order}H", 2) + other + entry + bytes(4)


def pixels(decoded):
    return np.frombuffer(decoded.pixels, dtype=np.uint8).reshape(decoded.size)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("order", "kind"), [("<", 3), (">", 3), ("<", 4)])
def test_images_are_turned_as_pillow_does(fakes, orientation, order, kind):
    data = fakes.encode(TILTED, "PNG", exif=exif(order, kind, orientation))
    decoded = decode(data)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(pixels(decoded), expected)
    assert decoded.notes == (() if orientation == 1 else (f"turned upright (EXIF {orientation})",))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>'),
        ("XML:com.adobe.xmp", "<tiff:Orientation>6</tiff:Orientation>"),
        ("Raw profile type exif", f"\nexif\n 44\n{exif('<', 3, 6).hex()}\n"),
    ],
)
def test_orientation_is_found_in_text(fakes, key, text):
    info = PngImagePlugin.PngInfo()
    info.add_itxt(key, text)
    decoded = decode(fakes.encode(TILTED, "PNG", pnginfo=info))
    np.testing.assert_array_equal(pixels(decoded), np.rot90(TILTED, -1))


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"Exif\0\0", ()),
        (b"Exif\0\0XX*\0\x08\0\0\0", ("EXIF data damaged: taken as upright",)),
        (exif("<", 3, 6)[:-20], ("EXIF data damaged: taken as upright",)),
        (exif("<", 3, 9), ("EXIF orientation 9 is unknown: taken as upright",)),
        (exif("<", 3, 6, count=2), ()),
        (exif("<", 2, 6), ()),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_metadata_that_cannot_be_read_are_noted_without_a_warning(fakes, data, note, kind):
    decoded = decode(fakes.encode(TILTED, kind, exif=data))
    assert decoded.size == TILTED.shape
    assert decoded.notes == note


def test_invalid_hexadecimal_metadata_are_noted(fakes):
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", "\nexif\n 4\nzz\n")
    decoded = decode(fakes.encode(TILTED, "PNG", pnginfo=info))
    assert decoded.notes == ("EXIF data damaged: taken as upright",)
