"""Damaged images that a decoder would fill in are distinguished from whole ones."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from fer_estimators._files.decode import decode
from fer_estimators.exceptions import ImageReadError


def draw(seed, channels=1, size=(120, 90)):
    shape = (8, 6, 3) if channels == 3 else (8, 6)
    coarse = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR)


def encode(image, kind="JPEG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\3\0\0\0\0\0\0"
KINDS = {
    "grey": lambda seed: encode(draw(seed)),
    "small grey": lambda seed: encode(draw(seed, size=(48, 48))),
    "grey with EXIF": lambda seed: encode(draw(seed), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
    "rgb": lambda seed: encode(draw(seed, 3)),
    "rgb, own tables": lambda seed: encode(draw(seed, 3), optimize=True, subsampling=0),
    "progressive": lambda seed: encode(draw(seed, 3), progressive=True),
    "progressive grey": lambda seed: encode(draw(seed), progressive=True),
    "cmyk": lambda seed: encode(draw(seed, 3).convert("CMYK")),
    "restarts": lambda seed: encode(draw(seed, 3), restart_marker_blocks=8),
    "png": lambda seed: encode(draw(seed), "PNG"),
}


PASSES_OR_NONE = ("progressive", "progressive grey", "png")


@pytest.fixture(params=KINDS, ids=str)
def files(request):
    return [KINDS[request.param](seed) for seed in range(8)]


def cut_and_closed(data, share):
    return data[: int(len(data) * share)] + b"\xff\xd9"


def zeros_to_the_end(data, share):
    kept = int(len(data) * share)
    return data[:kept] + bytes(len(data) - kept)


def zeros_to_the_end_marker(data, share):
    kept = int(len(data) * share)
    return data[:kept] + bytes(len(data) - kept - 2) + data[-2:]


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize("damage", [cut_and_closed, zeros_to_the_end, zeros_to_the_end_marker])
def test_file_that_lost_its_end_is_refused(files, damage, share, color):
    for data in files:
        decode(data, color=color)
        with pytest.raises(ImageReadError, match="damaged"):
            decode(damage(data, share), color=color)


@pytest.mark.parametrize("n_bytes", [1, 2, 3, 5, 10, 100])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in PASSES_OR_NONE])
def test_last_bytes_of_a_jpeg_are_missed(kind, n_bytes):
    color = kind.startswith("rgb") or kind == "cmyk"
    for seed in range(20):
        with pytest.raises(ImageReadError, match="damaged JPEG"):
            decode(KINDS[kind](seed)[: -2 - n_bytes] + b"\xff\xd9", color=color)


@pytest.mark.parametrize("n_bytes", [10, 20, 40, 100])
@pytest.mark.parametrize("kind", ["progressive", "progressive grey"])
def test_last_bytes_of_the_last_pass_are_missed(kind, n_bytes):
    for seed in range(20):
        with pytest.raises(ImageReadError, match="damaged JPEG"):
            decode(KINDS[kind](seed)[: -2 - n_bytes] + b"\xff\xd9", color=True)


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"exif": b"Exif\0\0"}], ids=str)
def test_no_byte_of_a_sharp_grey_jpeg_may_be_missing(options, color):
    # With coefficients up to the last one, so that few of them complete a block.
    noise = np.random.default_rng(0).integers(0, 256, (20, 48, 48), dtype=np.uint8)
    for pixels in noise:
        data = encode(Image.fromarray(pixels), quality=98, **options)
        expected = Image.open(io.BytesIO(data)).convert("RGB" if color else "L").tobytes()
        assert decode(data, color=color).pixels == expected
        for n_bytes in range(1, 6):
            with pytest.raises(ImageReadError, match="damaged JPEG"):
                decode(data[: -2 - n_bytes].rstrip(b"\xff") + b"\xff\xd9", color=color)


def test_grey_jpegs_of_all_shapes_are_read_and_turned():
    for size in ((1, 1), (8, 8), (9, 7), (1, 300), (300, 1), (1100, 1000)):
        upright = encode(draw(0, size=size))
        expected = Image.open(io.BytesIO(upright))
        assert decode(upright).pixels == expected.tobytes()
        turned = decode(encode(draw(0, size=size), exif=TURNED))
        assert turned.pixels == expected.transpose(Image.Transpose.ROTATE_180).tobytes()
        assert turned.notes == ("turned upright (EXIF 3)",)


@pytest.mark.parametrize("height", [65_500, 65_535])
def test_highest_jpegs_are_read_or_refused(height):
    data = encode(draw(0, size=(1, 65_500)))
    changed = data.replace(struct.pack(">H", 65_500), struct.pack(">H", height), 1)
    if height == 65_500:
        assert decode(changed).pixels == Image.open(io.BytesIO(data)).tobytes()
    else:
        with pytest.raises(ImageReadError, match="damaged JPEG"):
            decode(changed)


def test_last_byte_may_be_filled_up_with_zeros():
    data = encode(draw(0))
    n_ones = len(f"{data[-3]:b}") - len(f"{data[-3]:b}".rstrip("1"))
    assert n_ones == 3
    zeros = data[:-3] + bytes([data[-3] >> n_ones << n_ones]) + data[-2:]
    assert decode(zeros).pixels == decode(data).pixels


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "png"])
def test_missing_end_marker_is_named(kind):
    with pytest.raises(ImageReadError, match=r"damaged JPEG: (cut off, it has no end|.*truncated)"):
        decode(KINDS[kind](0)[:-2])


@pytest.mark.parametrize("color", [False, True])
def test_file_cut_before_a_restart_marker_is_refused(color):
    data = encode(draw(0, 3 if color else 1), restart_marker_blocks=8)
    last = max(data.rfind(bytes([0xFF, marker])) for marker in range(0xD0, 0xD8))
    for end in (last, last + 1):
        with pytest.raises(ImageReadError, match="the data end before the image does"):
            decode(data[:end] + b"\xff\xd9", color=color)


@pytest.mark.parametrize("color", [False, True])
def test_whole_files_of_high_quality_are_read(color):
    noise = np.random.default_rng(0).integers(0, 256, (20, 16, 24, 3 if color else 1))
    for pixels in noise.astype(np.uint8):
        data = encode(Image.fromarray(pixels.squeeze()), quality=100, subsampling=0)
        assert decode(data, color=color).pixels == Image.open(io.BytesIO(data)).tobytes()


def test_first_pass_alone_is_refused():
    data = encode(draw(0), progressive=True)
    second_scan = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    end = data.rindex(b"\xff\xc4", 0, second_scan)
    with pytest.raises(ImageReadError, match="passes that refine the image are missing"):
        decode(data[:end] + b"\xff\xd9")


@pytest.mark.parametrize("color", [False, True])
def test_header_of_a_scan_without_content_is_an_error(color):
    data = encode(draw(0))
    scan = data.index(b"\xff\xda")
    with pytest.raises(ImageReadError, match="damaged JPEG"):
        decode(data[:scan] + b"\xff\xda\0\2" + data[scan + 10 :], color=color)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("level", [0, 77, 127, 128, 255])
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}], ids=str)
def test_flat_images_are_whole(mode, level, options):
    flat = Image.new(mode, (300, 200), (level,) * len(mode) if mode == "RGB" else level)
    found = np.frombuffer(decode(encode(flat, **options)).pixels, dtype=np.uint8)
    np.testing.assert_allclose(found.astype(int), level, atol=1)


@pytest.mark.parametrize("options", [{}, {"optimize": True}], ids=str)
def test_images_that_end_in_flat_grey_are_whole(options):
    for level in (77, 128):
        pixels = np.full((90, 120), level, dtype=np.uint8)
        pixels[:40] = np.asarray(draw(0))[:40]
        found = decode(encode(Image.fromarray(pixels), **options), color=False)
        assert abs(int(found.pixels[-1]) - level) <= 1


def test_what_follows_a_whole_jpeg_does_not_matter():
    for more in (bytes(100), encode(draw(1))):
        data = encode(draw(0)) + more
        assert decode(data).pixels == decode(encode(draw(0))).pixels


def test_files_after_a_special_one_are_read_as_before():
    plain, special = encode(draw(0)), encode(draw(1), progressive=True)
    small = encode(draw(2, size=(16, 24)))
    expected = decode(plain)
    for other in (special, small, b"not an image"):
        if other != b"not an image":
            decode(other)
        assert decode(plain) == expected


def chunk(kind, data):
    body = kind + data
    return struct.pack(">L", len(data)) + body + struct.pack(">L", zlib.crc32(body))


def png(width, height, rows, *more, depth=8, color=0, interlace=0):
    header = struct.pack(">LLBBBBB", width, height, depth, color, 0, 0, interlace)
    parts = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize(
    ("depth", "color", "size"),
    [(8, 0, 4), (1, 0, 1), (4, 0, 2), (16, 0, 8), (8, 2, 12), (16, 6, 32), (8, 4, 8)],
)
def test_png_whose_stream_lacks_one_byte_is_refused(depth, color, size):
    rows = (b"\0" + b"\xff" * size) * 3
    decode(png(4, 3, rows, depth=depth, color=color))
    with pytest.raises(ImageReadError, match="the pixel stream ends before the image does"):
        decode(png(4, 3, rows[:-1], depth=depth, color=color))


@pytest.mark.parametrize(("width", "height", "n_rows"), [(8, 8, 15), (1, 1, 1), (3, 5, 10)])
def test_interlaced_png_whose_stream_lacks_one_byte_is_refused(width, height, n_rows):
    rows = bytes(width * height + n_rows)
    decode(png(width, height, rows, interlace=1))
    with pytest.raises(ImageReadError, match="the pixel stream ends before the image does"):
        decode(png(width, height, rows[:-1], interlace=1))


@pytest.mark.parametrize(
    ("depth", "row", "transparent", "expected"),
    [
        (1, b"\x50", 1, [0, 0, 0, 0]),
        (2, b"\x1b", 1, [0, 0, 170, 255]),
        (2, b"\x1b", 3, [0, 85, 170, 0]),
        (4, b"\x05\xaf", 5, [0, 0, 170, 255]),
        (8, b"\0\x05\xaa\xff", 5, [0, 0, 170, 255]),
        (16, struct.pack(">4H", 0, 30000, 30001, 65535), 30000, [0, 0, 117, 255]),
    ],
)
def test_transparent_grey_level_is_laid_over_black(depth, row, transparent, expected):
    level = (b"tRNS", struct.pack(">H", transparent))
    decoded = decode(png(4, 1, b"\0" + row, level, depth=depth))
    assert list(decoded.pixels) == expected
    assert any("laid over grey level 0" in note for note in decoded.notes)


def test_transparent_colour_of_16_bits_is_refused():
    pixels = struct.pack(">6H", 300, 300, 300, 301, 301, 301)
    level = (b"tRNS", struct.pack(">3H", 300, 300, 300))
    with pytest.raises(ImageReadError, match="save it with an alpha channel"):
        decode(png(2, 1, b"\0" + pixels, level, depth=16, color=2))


def test_16_bit_file_of_8_bit_levels_is_refused():
    with pytest.raises(ImageReadError, match=r"16-bit levels of at most 255.*save it as 8-bit"):
        decode(png(2, 1, b"\0" + struct.pack(">2H", 3, 255), depth=16))


@pytest.mark.parametrize(
    ("highest", "noted"), [(0, False), (256, True), (4095, True), (4096, False)]
)
def test_16_bit_file_that_may_hold_fewer_bits_is_noted(highest, noted):
    decoded = decode(png(2, 1, b"\0" + struct.pack(">2H", 0, highest), depth=16))
    assert any("levels of 10 or 12 bits" in note for note in decoded.notes) == noted
