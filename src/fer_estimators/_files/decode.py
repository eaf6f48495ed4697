"""Encoded bytes to pixels: Pillow is the only decoder, so that equal files give equal pixels."""

import io
import os
import threading
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from fer_estimators._files.kinds import find_stand_in
from fer_estimators._files.orientation import turn_upright
from fer_estimators._files.resizing import RESIZE_FILTER
from fer_estimators._files.whole import (
    RowBelow,
    check_jpeg,
    check_png_stream,
    choose_filling,
    ends_with_block,
    find_scan,
    has_hole,
    is_plain_jpeg,
    read_png_stream,
)
from fer_estimators.exceptions import ImageReadError

#: Most pixels that an image may claim; checked before any pixel is decoded. The largest photos of
#: most phones have 108 million.
MAX_PIXELS = 2**27

#: Largest image file that is read, in bytes.
MAX_FILE_BYTES = 64 * 2**20

#: Transparent pixels are laid over this grey level (black).
BACKGROUND = 0


class _JpegFile(JpegImageFile):
    """Pillow's JPEG files, whose EXIF data no other parser than ours reads."""

    def getexif(self):
        """Return nothing: Pillow asks while it opens the file, to find a resolution."""
        return Image.Exif()


_MAGIC = ((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"BM", "BMP"))

#: Extensions of the formats that are read.
EXTENSIONS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".dib": "BMP",
}

# Of most files; splitting a name takes longer.
_USUAL_ENDINGS = {"JPEG": (".jpg", ".jpeg"), "PNG": ".png", "BMP": ".bmp"}

_ACCEPTED = ", ".join(name for _, name in _MAGIC)

_OTHER_CONTENT = (
    (b"%!PS", "format EPS is not allowed"),
    (b"\xc5\xd0\xd3\xc6", "format EPS is not allowed"),
    (b"%PDF", "format PDF is not allowed"),
    (b"8BPS", "format PSD is not allowed"),
    (b"GIF8", "format GIF is not allowed"),
    (b"II*\0", "format TIFF is not allowed"),
    (b"MM\0*", "format TIFF is not allowed"),
    (b"#?RADIANCE", "format HDR is not allowed"),
    (b"RIFF", "format WebP is not allowed"),
    (b"PK\3\4", "a zip archive, not an image"),
    (b"\x1f\x8b", "a gzip archive, not an image"),
)


class Decoded(NamedTuple):
    """Pixels of one image in C order, its size, and what was done to it."""

    pixels: bytes
    size: tuple  # (height, width)
    notes: tuple


def sniff(data):
    """Return ``"JPEG"``, ``"PNG"`` or ``"BMP"`` by the first bytes, or raise ImageReadError."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    raise ImageReadError(_diagnose(data))


def _diagnose(data):
    """Say what `data` is, given that it is not an image of an accepted format."""
    if not data:
        return "empty file"
    if stand_in := find_stand_in(data[:512]):
        return f"not an image but {stand_in}"
    for magic, message in _OTHER_CONTENT:
        if data.startswith(magic):
            return f"{message} (accepted: {_ACCEPTED})"
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<svg", b"<?xml")):
        return f"format SVG is not allowed (accepted: {_ACCEPTED})"
    if head and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        return f"not an image (text: {data[:32]!r})"
    return f"not an image (it begins with {data[:8]!r}; accepted: {_ACCEPTED})"


def decode(data, *, color=False, image_size=None, name=""):
    """Decode one image file, given as bytes, to grey or RGB pixels.

    `image_size` is the height and width in pixels to resize to, None keeps the size. An extension
    of `name` that contradicts the content is noted. Raises ImageReadError if the file is damaged,
    too large, or of a format or mode that is not accepted.
    """
    kind = sniff(data)
    notes = _note_extension(name, kind)
    is_plain = False
    if kind == "JPEG" and not color:
        pixels, size, is_upright = _decode_grey_jpeg(data)
        is_plain = bool(pixels) and is_upright
    if is_plain and image_size in (None, size):
        return Decoded(pixels, size, notes)
    if is_plain:
        image = Image.frombytes("L", size[::-1], pixels)
    else:
        image, more = _open_any(data, kind, color)
        notes = (*notes, *more)
    width, height = image.size
    if image_size is not None and image_size != (height, width):
        image = image.resize((image_size[1], image_size[0]), RESIZE_FILTER)
        notes = (*notes, f"resized from {height}x{width}")
        height, width = image_size
    return Decoded(image.tobytes(), (height, width), notes)


def _note_extension(name, kind):
    if name.endswith(_USUAL_ENDINGS[kind]):
        return ()
    extension = os.path.splitext(name)[1].lower()
    matches = not extension or EXTENSIONS.get(extension) == kind
    return () if matches else (f"format mismatch: content is {kind}",)


def _decode_grey_jpeg(data):
    """Return pixels, size, and whether the header has no EXIF data, of a whole, plain grey JPEG.

    Pillow's header parser, written in Python, takes two thirds of the time for a small image.
    This hands the bytes straight to Pillow's JPEG decoder; on any doubt or error, three times None
    sends the file down the full path, which has the same decoder and gives the diagnosis.
    """
    # The files of a set mostly begin alike.
    kept = getattr(_threads, "kept", None)
    if kept is None or not data.startswith(kept.header):
        kept = _threads.kept = _prepare(data, kept)
    if kept is None or not is_plain_jpeg(data, len(kept.header)):
        return None, None, None
    header, row_below, canvas = kept
    height, width = size = row_below.size
    canvas = canvas or Image.new("L", row_below.longer_size)
    for longer in row_below.lengthen(data):
        try:
            canvas.frombytes(longer, "jpeg", "L", "")
        except (ValueError, OSError):
            continue
        pixels = canvas.tobytes()
        row = pixels[-8 * width :]
        if row == row[:1] * len(row):
            return pixels[: width * height], size, _EXIF not in header
    return None, None, None


def _prepare(data, kept):
    """Return what is kept of a plain grey JPEG for others with its header; else None."""
    header, place = _grey_jpeg_header(data)
    try:
        row_below = RowBelow(header, place)
    except ValueError:
        return None
    width, height = row_below.longer_size
    if width * height > MAX_PIXELS:
        return None
    if kept and kept.canvas and kept.canvas.size == (width, height):
        return _Kept(header, row_below, kept.canvas)
    is_small = width * height <= _LARGEST_CANVAS
    return _Kept(header, row_below, Image.new("L", (width, height)) if is_small else None)


class _Kept(NamedTuple):
    header: bytes
    row_below: RowBelow
    canvas: Image.Image | None


# A new image for each file would cost a fifth of the time of decoding it. What is kept is small.
_threads = threading.local()
_LARGEST_CANVAS = 2**20
# SOF0 and SOF1, not the progressive SOF2; then markers whose segments cannot change how the
# pixels are to be read: Huffman and quantisation tables, metadata, comments. Restart intervals
# are not among them.
_FRAME_MARKERS = frozenset((0xC0, 0xC1))
_PLAIN_MARKERS = frozenset((0xC4, 0xDB, *range(0xE0, 0xF0), 0xFE))
_START_OF_SCAN = 0xDA
_EXIF = b"\xff\xe1"


def _grey_jpeg_header(data):
    """Return all before the data of a plain 8-bit one-channel JPEG, and where its height stands."""
    position, place, end = 2, None, len(data) - 9
    while position < end and data[position] == 0xFF:
        marker = data[position + 1]
        next_one = position + 2 + (data[position + 2] << 8 | data[position + 3])
        if marker == _START_OF_SCAN and place:
            return data[:next_one], place
        if marker in _FRAME_MARKERS:
            # length(2) precision(1) height(2) width(2) channels(1)
            if place or data[position + 4] != 8 or data[position + 9] != 1:
                break
            place = position + 5
        elif marker not in _PLAIN_MARKERS:
            break
        position = next_one
    return b"", 0


def _open_any(data, kind, color):
    """Open any accepted file; return the image in mode L or RGB, and notes on what was done."""
    try:
        image = _LOADERS[kind](data)
        notes = _note_frames(image)
        image, turned = turn_upright(image)
        return _convert(image, (*notes, *turned), color)
    except ImageReadError:
        raise
    except Exception as error:
        # Damaged bytes reach deep into Pillow's parsers, which then raise about any class there
        # is (OSError, SyntaxError, ValueError, struct.error, zlib.error, OverflowError ...).
        raise ImageReadError(f"damaged {kind}: {error or type(error).__name__}") from error


def _load_jpeg(data):
    """Load a JPEG file, and see that none of its pixels is made up."""
    image = _JpegFile(io.BytesIO(data))
    pixels, size, _ = _decode_grey_jpeg(data)
    if pixels:
        grey = Image.frombytes("L", size[::-1], pixels)
        grey.info = image.info
        return grey
    start, _, block_end = find_scan(data)
    filling = choose_filling(block_end)
    # Of grey files, only special ones come here: whole ones that end with a block do not.
    is_plain = image.mode != "L" and is_plain_jpeg(data, start) and not has_hole(data)
    if filling and is_plain and ends_with_block(data, block_end):
        with suppress(OSError):
            return _load(_JpegFile(io.BytesIO(data[:-2] + filling)))
    _load(image)
    check_jpeg(data, image.tobytes(), _decode_again)
    return image


def _load_png(data):
    stream = read_png_stream(data)
    image = PngImageFile(io.BytesIO(data))
    _check_pixels(image.size)
    check_png_stream(stream, data)
    _mend_transparency(image, depth=data[24])
    return _load(image)


def _load_bmp(data):
    # Whether JPEG and PNG are whole is seen without Pillow's decoder.
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ImageReadError(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set to True, so that a cut BMP cannot be told "
            "from a whole one; set it to False"
        )
    return _load(BmpImageFile(io.BytesIO(data)))


def _load(image):
    _check_pixels(image.size)
    image.load()
    return image


def _decode_again(data):
    """Return the pixels of a JPEG file as they are stored, None if it cannot be decoded."""
    try:
        return _JpegFile(io.BytesIO(data)).tobytes()
    except Exception:
        return None


# The plugin classes are called directly: Image.open would offer the bytes to every parser there
# is, and warn about large images before their size can be refused here.
_LOADERS = {"JPEG": _load_jpeg, "PNG": _load_png, "BMP": _load_bmp}


def to_upright_rgb(image):
    """Return a loaded Pillow `image` in mode RGB, turned as its metadata says."""
    image, _ = turn_upright(image)
    return _convert(image, (), True)[0]


def _check_pixels(size):
    width, height = size
    if width * height > MAX_PIXELS:
        raise ImageReadError(
            f"claims {height}x{width} pixels ({height * width / 1e6:.0f} Mpx); the limit is "
            f"{MAX_PIXELS / 1e6:.0f} Mpx, so make it smaller"
        )


def _note_frames(image):
    frames = getattr(image, "n_frames", 1)
    return () if frames == 1 else (f"animated: first of {frames} frames",)


def _mend_transparency(image, depth):
    """Bring the transparent colour of a PNG to the scale of its pixels, which Pillow leaves out."""
    level = image.info.get("transparency")
    if isinstance(level, tuple) and depth == 16:
        raise ImageReadError(
            "16-bit colour with a transparent colour, which 8 bits cannot tell from its "
            "neighbours; save it with an alpha channel"
        )
    if isinstance(level, int) and image.mode == "L":
        image.info["transparency"] = level * 255 // (2**depth - 1)


def _convert(image, notes, color):
    """Convert to L or RGB without losing grey levels and without showing hidden pixels."""
    mode, wanted = image.mode, "RGB" if color else "L"
    if mode.startswith("I;16"):
        image, more = _convert_deep(image)
        notes = (*notes, *more)
    elif mode in ("I", "F"):
        raise ImageReadError(f"pixel mode {mode!r} has no known range; save as 8- or 16-bit")
    elif image.has_transparency_data:
        below = Image.new("RGBA", image.size, (BACKGROUND,) * 3 + (255,))
        image = Image.alpha_composite(below, image.convert("RGBA")).convert("RGB")
        notes = (*notes, f"{mode} laid over grey level {BACKGROUND}")
    elif mode != wanted:
        notes = (*notes, f"mode {mode} to {wanted}")
    return (image if image.mode == wanted else image.convert(wanted)), notes


def _convert_deep(image):
    """Scale 16-bit grey levels to 8 bits; Pillow's convert("L") would cut them off at 255."""
    levels = np.asarray(image).astype(np.uint32)
    highest = int(levels.max())
    if 0 < highest <= 255:
        raise ImageReadError(
            f"16-bit levels of at most {highest}, which would come out black (8-bit levels in a "
            "16-bit file?); save it as 8-bit"
        )
    notes = ["16-bit levels scaled to 8-bit"]
    if 0 < highest < 4096:
        notes.append("16-bit levels below 4096: dark, or levels of 10 or 12 bits")
    transparent = image.info.get("transparency")
    grey = ((levels + 128) // 257).astype(np.uint8)
    if transparent is not None:
        grey[levels == transparent] = BACKGROUND
        notes.append(f"{image.mode} laid over grey level {BACKGROUND}")
    return Image.fromarray(grey), notes
