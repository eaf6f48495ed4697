"""Load mutated JPEG, PNG and BMP files: each must raise ImageReadError or give pixels.

    python tests/fuzz/fuzz_images.py --inputs 10000 --seed 0 [--kind jpeg]

Besides damage to the bytes, parts of the format are changed as by a careful attacker: segments of
JPEG files, chunks of PNG files with their checksums recomputed, and headers of BMP files.
"""

import io
import struct
import zlib

import numpy as np
from _fuzzing import Target, main
from _mutations import DAMAGE, blank, cut, extremes, flip, truncate
from PIL import Image, PngImagePlugin

from fer_estimators._files.decode import MAX_PIXELS
from fer_estimators.datasets import load_image_folder, make_faces
from fer_estimators.exceptions import DatasetError
from fer_estimators.preprocessing import ImageReader

_DIMENSIONS = (0, 1, 7, 48, 255, 4096, 4097, 65_535, 2**31, 2**32 - 1)


def _encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _exif():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a face"
    exif[0x011A] = 72.0
    return exif.tobytes()


def jpeg_files():
    """Encode one face as grey, colour, progressive, turned and CMYK JPEG files."""
    face = Image.fromarray(make_faces(1, random_state=0).images[0])
    return [
        _encode(face, "JPEG"),
        _encode(face, "JPEG", progressive=True),
        _encode(face, "JPEG", exif=_exif()),
        _encode(face.convert("RGB"), "JPEG", quality=40, comment=b"c"),
        _encode(face.convert("RGB"), "JPEG", exif=_exif(), icc_profile=bytes(200)),
        _encode(face.convert("CMYK"), "JPEG"),
    ]


def png_files():
    """Encode one face as PNG files of every mode, with text, EXIF data and a second frame."""
    face = Image.fromarray(make_faces(1, random_state=0).images[0])
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 99, zip=True)
    text.add_itxt("XML:com.adobe.xmp", "<tiff:Orientation>6</tiff:Orientation>")
    deep = Image.fromarray(np.asarray(face).astype(np.uint16) * 257)
    files = [_encode(face.convert(mode), "PNG") for mode in ("L", "1", "P", "LA", "RGB", "RGBA")]
    files += [
        _encode(deep, "PNG"),
        _encode(face, "PNG", exif=_exif()),
        _encode(face, "PNG", pnginfo=text, transparency=3),
        _encode(face.convert("P"), "PNG", transparency=bytes(9), icc_profile=bytes(200)),
        _encode(face, "PNG", save_all=True, append_images=[face.rotate(90)]),
    ]
    return files


def bmp_files():
    """Encode one face as BMP files of every mode."""
    face = Image.fromarray(make_faces(1, random_state=0).images[0])
    return [_encode(face.convert(mode), "BMP") for mode in ("L", "1", "P", "RGB", "RGBA")]


def _segments(data):
    """Split a JPEG file into its head, ``(marker, content)`` pairs, and the rest from the scan."""
    position, segments = 2, []
    while data[position + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, position + 2)
        segments.append((data[position + 1], data[position + 4 : position + 2 + length]))
        position += 2 + length
    return data[:2], segments, data[position:]


def _edit_segments(data, rng):
    head, segments, rest = _segments(data)
    index = rng.randrange(len(segments))
    marker, content = segments[index]
    change = rng.choice(("content", "marker", "drop", "twice", "size", "length", "swap", "exif"))
    length = None
    if change == "content" and content:
        content = rng.choice((flip, truncate, cut, blank, extremes))(content, rng)
    elif change == "marker":
        marker = rng.randrange(0xC0, 0x100)
    elif change == "size":
        index = next(i for i, (m, _) in enumerate(segments) if 0xC0 <= m <= 0xC2)
        marker, content = segments[index]
        sides = [rng.choice(_DIMENSIONS) & 0xFFFF for _ in "hw"]
        content = content[:1] + struct.pack(">HH", *sides) + content[5:]
    elif change == "length":
        length = rng.choice((0, 1, 2, 3, 255, 65_535))
    elif change == "exif":
        marker, content = 0xE1, b"Exif\0\0" + _strange_exif(rng)
    segments[index] = (marker, content)
    if change == "drop":
        del segments[index]
    elif change == "twice":
        segments.insert(rng.randrange(len(segments)), (marker, content))
    elif change == "swap":
        rng.shuffle(segments)
    packed = [struct.pack(">BBH", 0xFF, m, (len(c) + 2) & 0xFFFF) + c for m, c in segments]
    if length is not None:
        packed[index] = struct.pack(">BBH", 0xFF, marker, length) + content
    return head + b"".join(packed) + rest


def _strange_exif(rng):
    if rng.random() < 0.3:
        return flip(_exif()[6:], rng)
    order = rng.choice("<>")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(
        order + "L", rng.choice((8, 0, 99))
    )
    entries = [
        struct.pack(
            order + "HHLL",
            rng.choice((0x0112, 0x011A, 0x8769, 0x8825, 0x0111)),
            rng.randrange(20),
            rng.choice((0, 1, 2, 1000, 2**32 - 1)),
            rng.choice((0, 1, 6, 8, 9, 2**32 - 1)),
        )
        for _ in range(rng.randrange(5))
    ]
    count = rng.choice((len(entries), 0, 65_535))
    return head + struct.pack(order + "H", count) + b"".join(entries)


def _chunks(data):
    position = 8
    while position < len(data):
        (length,) = struct.unpack_from(">L", data, position)
        yield data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        position += 12 + length


def _write_chunks(chunks):
    packed = [
        struct.pack(">L", len(content)) + kind + content
        + struct.pack(">L", zlib.crc32(kind + content))
        for kind, content in chunks
    ]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def _edit_chunks(data, rng):
    chunks = list(_chunks(data))
    index = rng.randrange(len(chunks))
    kind, content = chunks[index]
    change = rng.choice(("content", "header", "drop", "twice", "insert", "swap", "kind", "pixels"))
    if change == "content" and content:
        chunks[index] = (kind, rng.choice((flip, truncate, cut, blank, extremes))(content, rng))
    elif change == "header":
        chunks[0] = (b"IHDR", _strange_header(chunks[0][1], rng))
    elif change == "drop":
        del chunks[index]
    elif change == "twice":
        chunks.insert(rng.randrange(1, len(chunks)), (kind, content))
    elif change == "insert":
        chunks.insert(rng.randrange(1, len(chunks)), _strange_chunk(rng))
    elif change == "swap":
        rng.shuffle(chunks)
    elif change == "kind":
        kinds = (b"IDAT", b"IHDR", b"PLTE", b"IEND", b"tRNS", b"fdAT", b"acTL", b"fcTL")
        chunks[index] = (rng.choice(kinds), content)
    elif change == "pixels":
        pixels = zlib.compress(rng.randbytes(rng.randrange(4000)) * rng.choice((1, 1, 500)))
        chunks = [(k, pixels if k == b"IDAT" else c) for k, c in chunks]
    return _write_chunks(chunks)


def _strange_header(header, rng):
    width, height, *modes = struct.unpack(">LLBBBBB", header)
    if rng.random() < 0.5:
        width, height = (rng.choice((side, *_DIMENSIONS)) for side in (width, height))
    else:
        modes[rng.randrange(5)] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    return struct.pack(">LLBBBBB", width, height, *modes)


def _strange_chunk(rng):
    bomb = zlib.compress(bytes(rng.choice((10, 2**21))))
    frame = struct.pack(
        ">LLLLLHHBB", rng.choice((0, 1, 2**31)), 48, 48, rng.choice((0, 40, 2**31)), 0, 1, 0, 9, 9
    )
    return rng.choice(
        (
            (b"zTXt", b"key\0\0" + bomb),
            (b"iTXt", b"key\0\1\0\0\0" + bomb),
            (b"iCCP", b"name\0\0" + bomb),
            (b"tEXt", b"Raw profile type exif\0\nexif\n 9\nzz\n"),
            (b"eXIf", _strange_exif(rng)),
            (b"acTL", struct.pack(">LL", rng.choice((0, 1, 2, 2**31 + 1, 2**32 - 1)), 0)),
            (b"fcTL", frame),
            (b"fdAT", rng.randbytes(rng.randrange(9))),
            (b"PLTE", rng.randbytes(rng.choice((0, 3, 4, 768, 999)))),
            (b"tRNS", rng.randbytes(rng.choice((0, 1, 2, 6, 256, 999)))),
            (b"pHYs", rng.randbytes(rng.randrange(12))),
            (b"gAMA", rng.randbytes(rng.randrange(6))),
            (b"IEND", b""),
            (b"IDAT", b""),
        )
    )


def _load(path, rng):
    """Read the file in one of the ways that there are."""
    size = rng.choice((None, 16))
    way = rng.choice(("grey", "color", "raise", "skip"))
    if way in ("grey", "color"):
        reader = ImageReader(size, color=way == "color", root=path.parent)
        return reader.transform([path.name])
    return load_image_folder(path.parents[1], image_size=16, on_error=way).images


def _judge(kind, images):
    assert images.dtype == np.uint8, images.dtype
    assert images.ndim in (3, 4), images.shape
    assert 0 < images.nbytes <= 3 * MAX_PIXELS, images.shape
    return "read"


def _make_target(folder, name, files, edit):
    """Return a Target that mutates `files` by damage and by `edit`, half and half."""
    path = folder / "a" / name
    path.parent.mkdir()
    # Beside a good file the folder is a set, even where the mutated one is skipped.
    (path.parent / f"good_{name}").write_bytes(files[0])
    kinds = (*DAMAGE, *[edit] * len(DAMAGE))
    return Target(path, files, kinds, _load, (DatasetError,), _judge)


def _edit_header(data, rng):
    for _ in range(rng.choice((1, 2, 3))):
        data = extremes(data[:60], rng) + data[60:]
    return data


TARGETS = {
    "jpeg": lambda folder: _make_target(folder, "mutated.jpg", jpeg_files(), _edit_segments),
    "png": lambda folder: _make_target(folder, "mutated.png", png_files(), _edit_chunks),
    "bmp": lambda folder: _make_target(folder, "mutated.bmp", bmp_files(), _edit_header),
}

if __name__ == "__main__":
    main(TARGETS, __doc__)
