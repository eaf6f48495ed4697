"""Damaged, strange and hostile image files are named in an error or in the report."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from _fuzzing import Watch
from PIL import Image, ImageFile

from fer_estimators._files.decode import decode
from fer_estimators.datasets import load_image_folder
from fer_estimators.exceptions import BadImageWarning, DatasetError, ImageReadError

GREY = np.arange(48 * 48, dtype=np.uint32).reshape(48, 48)
RAMP = (GREY * 255 // GREY.max()).astype(np.uint8)


def pixels(decoded):
    return np.frombuffer(decoded.pixels, dtype=np.uint8).reshape(*decoded.size, -1).squeeze()


def chunk(kind, data):
    body = kind + data
    return struct.pack(">L", len(data)) + body + struct.pack(">L", zlib.crc32(body))


def png_header(width, height, *more):
    header = struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(more) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty file"),
        (b"<!DOCTYPE html><title>404", "not an image but a web page"),
        (b"\r\n<HTML>", "not an image but a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "run `git lfs pull`"),
        (b"just text", "not an image .text: b'just text'"),
        (b"\x00\x01\x02", r"begins with b'\\x00\\x01\\x02'"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "format EPS is not allowed"),
        (b"%PDF-1.7", "format PDF is not allowed"),
        (b"8BPS\0\1", "format PSD is not allowed"),
        (b"<svg xmlns=''/>", "format SVG is not allowed"),
        (b"GIF89a", "format GIF is not allowed"),
        (b"II*\0", "format TIFF is not allowed"),
        (b"#?RADIANCE\n", "format HDR is not allowed"),
        (b"RIFF\0\0\0\0WEBP", "format WebP is not allowed"),
        (b"\xff\xd8\xff\xe0", "damaged JPEG"),
        (b"\x89PNG\r\n\x1a\n", "damaged PNG"),
        (b"BM", "damaged BMP"),
    ],
)
def test_file_that_is_not_an_image_is_refused_by_its_content(data, message):
    with pytest.raises(ImageReadError, match=message):
        decode(data)


@pytest.mark.parametrize("head", [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"%PDF-1.7\n", b"<svg xmlns=''>"])
def test_document_named_like_an_image_starts_no_program(tmp_path, fakes, head):
    root = one_class(fakes, tmp_path, "1.png", head + b"%%BoundingBox: 0 0 48 48\n")
    with (
        Watch() as watch,
        pytest.raises(ImageReadError, match=r"a/1.png: format \w+ is not allowed"),
    ):
        load_image_folder(root)
    assert watch.seen == []


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_truncated_file_is_refused(fakes, kind):
    data = fakes.encode(RAMP, kind)
    for length in (len(data) - 2, len(data) // 2, 30):
        with pytest.raises(ImageReadError, match=f"damaged {kind}"):
            decode(data[:length])


def test_png_with_a_flipped_bit_is_refused(fakes):
    data = bytearray(fakes.encode(RAMP, "PNG"))
    data[data.index(b"IDAT") + 40] ^= 1
    with pytest.raises(ImageReadError, match="damaged PNG"):
        decode(bytes(data))


def test_png_that_is_cut_off_is_refused_though_its_pixels_spell_the_end(fakes):
    data = png_header(8, 8, chunk(b"tEXt", b"k\0IEND"))
    with pytest.raises(ImageReadError, match="damaged PNG: image file is truncated"):
        decode(data[:-12])


@pytest.mark.parametrize("counts", [(0,), (2**31 + 1,), (2, 2)])
def test_broken_animation_is_refused_without_a_warning(fakes, counts):
    good = fakes.encode(RAMP, "PNG")
    animations = b"".join(chunk(b"acTL", struct.pack(">LL", count, 0)) for count in counts)
    with pytest.raises(ImageReadError, match="damaged PNG: broken animation header"):
        decode(good[:33] + animations + good[33:])


@pytest.mark.parametrize("side", [11_586, 12_000, 30_000])
def test_size_is_refused_before_a_pixel_is_decoded(side):
    with pytest.raises(ImageReadError, match=f"claims {side}x{side} pixels"):
        decode(png_header(side, side))


def test_jpeg_that_claims_to_be_large_is_refused(fakes):
    data = bytearray(fakes.encode(RAMP))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 30_000, 30_000)
    with pytest.raises(ImageReadError, match=r"claims 30000x30000 pixels .900 Mpx"):
        decode(bytes(data))


def test_size_of_zero_is_refused(fakes):
    with pytest.raises(ImageReadError, match="damaged PNG"):
        decode(png_header(0, 0))
    data = bytearray(fakes.encode(RAMP))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = bytes(4)
    with pytest.raises(ImageReadError, match="damaged JPEG"):
        decode(bytes(data))


def test_compressed_text_bomb_is_refused():
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**22)))
    with pytest.raises(ImageReadError, match="damaged PNG: Decompressed data too large"):
        decode(png_header(8, 8, text))


def test_16_bit_levels_are_rounded_to_the_nearest(fakes):
    levels = np.array([[0, 128, 129, 257 + 128, 257 + 129, 65_407, 65_535]], dtype=np.uint16)
    decoded = decode(fakes.encode(Image.fromarray(levels), "PNG"))
    assert pixels(decoded).tolist() == [0, 0, 1, 1, 2, 255, 255]


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA"])
def test_bmp_keeps_its_pixels(fakes, mode):
    decoded = decode(fakes.encode(Image.fromarray(RAMP).convert(mode), "BMP"))
    np.testing.assert_array_equal(pixels(decoded), RAMP)


def test_16_bit_png_keeps_its_grey_levels(fakes):
    deep = Image.fromarray(RAMP.astype(np.uint16) * 257)
    decoded = decode(fakes.encode(deep, "PNG"))
    np.testing.assert_array_equal(pixels(decoded), RAMP)
    assert decoded.notes == ("16-bit levels scaled to 8-bit",)


@pytest.mark.parametrize("mode", ["RGB", "P", "LA", "RGBA", "L"])
def test_every_mode_gives_the_same_grey(fakes, mode):
    image = Image.fromarray(RAMP).convert(mode)
    decoded = decode(fakes.encode(image, "PNG"))
    np.testing.assert_allclose(pixels(decoded).astype(int), RAMP, atol=1)
    assert bool(decoded.notes) == (mode != "L")


def test_1_bit_and_cmyk_images_are_converted(fakes):
    black_and_white = Image.fromarray(RAMP).convert("1")
    decoded = decode(fakes.encode(black_and_white, "PNG"))
    assert set(np.unique(pixels(decoded))) == {0, 255}
    assert decoded.notes == ("mode 1 to L",)
    cmyk = Image.fromarray(RAMP).convert("CMYK")
    assert decode(fakes.encode(cmyk, "JPEG")).notes == ("mode CMYK to L",)


def test_transparent_pixels_show_the_background_not_hidden_colour(fakes):
    hidden = np.full((8, 8, 4), 200, dtype=np.uint8)
    hidden[:4, :, 3] = 0
    hidden[4:, :, 3] = 255
    grey = pixels(decode(fakes.encode(hidden, "PNG")))
    assert (grey[:4] == 0).all()
    assert (grey[4:] == 200).all()
    palette = Image.new("P", (8, 8))
    palette.putpalette([250, 250, 250])
    assert (pixels(decode(fakes.encode(palette, "PNG", transparency=0))) == 0).all()


def test_color_gives_rgb(fakes):
    colours = np.zeros((8, 8, 3), dtype=np.uint8)
    colours[..., 1] = 99
    np.testing.assert_array_equal(pixels(decode(fakes.encode(colours, "PNG"), color=True)), colours)
    assert pixels(decode(fakes.encode(RAMP, "JPEG"), color=True)).shape == (48, 48, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_applied(fakes, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    top_bright = np.zeros((32, 48), dtype=np.uint8)
    top_bright[:16] = 255
    decoded = decode(fakes.encode(top_bright, kind, exif=exif))
    assert decoded.size == (48, 32)
    assert pixels(decoded)[:, 20:].min() > 200
    assert decoded.notes == ("turned upright (EXIF 6)",)


def test_first_frame_of_an_animation_is_taken_and_noted(fakes):
    first, second = Image.fromarray(RAMP), Image.fromarray(255 - RAMP)
    data = fakes.encode(first, "PNG", save_all=True, append_images=[second])
    decoded = decode(data)
    np.testing.assert_array_equal(pixels(decoded), RAMP)
    assert decoded.notes == ("animated: first of 2 frames",)


@pytest.mark.parametrize(
    "options", [{}, {"quality": 10}, {"progressive": True}, {"optimize": True}, {"comment": b"c"}]
)
@pytest.mark.parametrize("shape", [(48, 48), (1, 1), (7, 300)])
def test_short_way_for_grey_jpeg_gives_the_pixels_of_the_long_way(fakes, options, shape):
    data = fakes.encode(fakes.draw(1, shape), **options)
    expected = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(pixels(decode(data)), expected.squeeze())


def one_class(fakes, tmp_path, name, data):
    good = fakes.encode(fakes.draw(0))
    return fakes.folder(tmp_path / "set", {"a/0.jpg": good, f"a/{name}": data})


@pytest.mark.parametrize("name", ["1.jpg", "1.gif", "1.tif"])
def test_content_that_contradicts_the_extension_is_read_and_noted(tmp_path, fakes, name):
    root = one_class(fakes, tmp_path, name, fakes.encode(RAMP, "PNG"))
    faces = load_image_folder(root)
    assert list(faces.report) == [
        (f"a/{name}", "format mismatch: content is PNG", "converted"),
    ]


@pytest.mark.parametrize(
    "name",
    ["1.JPG", "1.jpeg", "1.JPEG", "ünï côdé 日本.jpg", "x" * 251 + ".jpg", "con.jpg", "a\nb.jpg"],
)
def test_names_of_any_kind_are_read(tmp_path, fakes, name):
    root = one_class(fakes, tmp_path, name, fakes.encode(RAMP))
    assert f"a/{name}" in load_image_folder(root).filenames


def test_name_that_is_not_utf8_is_read_and_printable(tmp_path, fakes):
    root = one_class(fakes, tmp_path, "1.jpg", fakes.encode(RAMP))
    name = os.fsencode(root / "a") + b"/\xff.jpg"
    try:
        with open(name, "wb") as file:
            file.write(b"")
    except OSError:
        pytest.skip("the file system takes no such name")
    with pytest.warns(BadImageWarning, match="udcff") as caught:
        faces = load_image_folder(root, on_error="skip", cache=tmp_path / "cache")
    str(caught[0].message).encode("utf-8")
    str(faces.report).encode("utf-8")
    assert faces.report.skipped == ["a/\udcff.jpg"]


@pytest.mark.parametrize("name", ["1.tif", "1.gif", "1.webp", "1.svg"])
def test_image_of_a_format_not_read_is_an_error_not_a_gap(tmp_path, fakes, name):
    root = one_class(fakes, tmp_path, name, b"II*\0" if name == "1.tif" else b"GIF89a")
    with pytest.raises(ImageReadError, match=f"a/{name}: format"):
        load_image_folder(root)


def test_unreadable_file_is_named(tmp_path, fakes, monkeypatch):
    root = one_class(fakes, tmp_path, "1.jpg", fakes.encode(RAMP))

    open_file = os.open

    def refuse(path, flags, *more, **options):
        if str(path).endswith("1.jpg"):
            raise PermissionError(13, "Permission denied")
        return open_file(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ImageReadError, match=r"a/1.jpg: cannot be read \(Permission denied\)"):
        load_image_folder(root)


def test_file_beyond_the_size_limit_is_not_read(tmp_path, fakes, monkeypatch):
    monkeypatch.setattr("fer_estimators.datasets._sources.MAX_FILE_BYTES", 10)
    root = one_class(fakes, tmp_path, "1.jpg", fakes.encode(RAMP))
    with pytest.raises(ImageReadError, match="bytes; the limit for one image is 10"):
        load_image_folder(root)
    with pytest.raises(ImageReadError, match="bytes; the limit for one image is 10"):
        load_image_folder(fakes.zip(tmp_path / "s.zip", {"a/1.jpg": fakes.encode(RAMP)}))


def test_pillow_told_to_accept_truncated_images_is_refused(tmp_path, fakes, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(DatasetError, match="LOAD_TRUNCATED_IMAGES is set"):
        load_image_folder(one_class(fakes, tmp_path, "1.jpg", fakes.encode(RAMP)))
