"""Encoded bytes to pixels: Pillow is the only decoder, so that equal files give equal pixels."""

import io
import os
import threading
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from ..exceptions import ImageReadError
from ._orientation import turn_upright

#: Longest side, in pixels, that an image may claim; checked before any pixel is decoded.
MAX_SIDE = 4096

#: Transparent pixels are laid over this grey level (black).
BACKGROUND = 0

#: The one filter of every resize: Pillow's bilinear, which averages when it shrinks.
RESIZE_FILTER = Image.Resampling.BILINEAR


class _JpegFile(JpegImageFile):
    """Pillow's JPEG files, whose EXIF data no other parser than ours reads."""

    def getexif(self):
        """Return nothing: Pillow asks while it opens the file, to find a resolution."""
        return Image.Exif()


# The plugin classes are called directly: Image.open would offer the bytes to every parser there
# is, and warn about large images before their size can be refused here.
_PLUGINS = {"JPEG": _JpegFile, "PNG": PngImageFile, "BMP": BmpImageFile}
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

_OTHER_CONTENT = (
    (b"version https://git-lfs", "a Git LFS pointer, not an image; run `git lfs pull`"),
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
    """Return ``"JPEG"``, ``"PNG"`` or ``"BMP"`` by the first bytes of `data`.

    Raises
    ------
    ImageReadError
        If the bytes are of another kind; the message says which.
    """
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    raise ImageReadError(_diagnose(data))


def _diagnose(data):
    """Say what `data` is, given that it is no image of an accepted format."""
    if not data:
        return "empty file"
    for magic, message in _OTHER_CONTENT:
        if data.startswith(magic):
            return f"{message} (accepted: {', '.join(_PLUGINS)})"
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "not an image (looks like HTML, perhaps a failed download)"
    if head.startswith((b"<svg", b"<?xml")):
        return f"format SVG is not allowed (accepted: {', '.join(_PLUGINS)})"
    if head and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        return f"not an image (text: {data[:32]!r})"
    return f"not an image (it begins with {data[:8]!r}; accepted: {', '.join(_PLUGINS)})"


def decode(data, *, color=False, image_size=None, name="", max_side=MAX_SIDE):
    """Decode one image file.

    Parameters
    ----------
    data : bytes
        The whole file.
    color : bool, default=False
        Give RGB (height, width, 3) rather than grey (height, width) pixels.
    image_size : tuple of (int, int), default=None
        Height and width in pixels to resize to; None keeps the size.
    name : str, default=""
        File name; an extension that contradicts the content is noted.
    max_side : int, default=MAX_SIDE
        Longest side, in pixels, that is accepted.

    Returns
    -------
    Decoded
        Pixels as bytes, values 0-255.

    Raises
    ------
    ImageReadError
        If the file is damaged, too large, or of a format or mode that is not accepted.
    """
    kind = sniff(data)
    notes = _note_extension(name, kind)
    image = None if color else _open_grey_jpeg(data, kind)
    if image is None:
        image, more = _open_any(data, kind, color, max_side)
        notes = (*notes, *more)
    width, height = image.size
    if image_size is not None and image_size != (height, width):
        image = image.resize((image_size[1], image_size[0]), RESIZE_FILTER)
        notes = (*notes, f"resized from {height}x{width}")
        height, width = image_size
    return Decoded(image.tobytes(), (height, width), notes)


def _note_extension(name, kind):
    extension = os.path.splitext(name)[1].lower()
    matches = not extension or EXTENSIONS.get(extension) == kind
    return () if matches else (f"format mismatch: content is {kind}",)


def resize_grey(pixels, size, image_size):
    """Resize raw grey `pixels` (bytes) from `size` to `image_size`, both (height, width)."""
    image = Image.frombytes("L", size[::-1], pixels)
    return image.resize(image_size[::-1], RESIZE_FILTER).tobytes()


def _open_grey_jpeg(data, kind):
    """Return a plain grey JPEG as an image, or None where anything about it is special.

    Pillow's header parser, written in Python, takes two thirds of the time for a small image.
    This hands the bytes straight to Pillow's JPEG decoder; on any doubt or error None sends the
    file down the full path, which has the same decoder and gives the diagnosis. The image is
    written over by the next call in the same thread: `decode` takes its pixels before that.
    """
    size = _grey_jpeg_size(data) if kind == "JPEG" else None
    if size is None:
        return None
    if getattr(_canvas, "size", None) != size:
        _canvas.size, _canvas.image = size, Image.new("L", size)
    try:
        _canvas.image.frombytes(data, "jpeg", "L", "")
    except (ValueError, OSError):
        return None
    return _canvas.image


# A new image for each file would cost a fifth of the time of decoding it.
_canvas = threading.local()

# SOF0-SOF2; then markers whose segments cannot change how the pixels are to be read:
# huffman and quantisation tables, restart interval, JFIF header, comment. EXIF is not among them.
_FRAME_MARKERS = frozenset((0xC0, 0xC1, 0xC2))
_PLAIN_MARKERS = frozenset((0xC4, 0xDB, 0xDD, 0xE0, 0xFE))
_START_OF_SCAN = 0xDA


def _grey_jpeg_size(data):
    """Return (width, height) if `data` opens like a plain 8-bit one-channel JPEG, else None."""
    position, size, end = 2, None, len(data) - 9
    while position < end:
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker in _FRAME_MARKERS:
            # length(2) precision(1) height(2) width(2) channels(1)
            height, width = (
                data[position + 5] << 8 | data[position + 6],
                data[position + 7] << 8 | data[position + 8],
            )
            if size or data[position + 4] != 8 or data[position + 9] != 1:
                return None
            if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
                return None
            size = (width, height)
        elif marker == _START_OF_SCAN:
            return size
        elif marker not in _PLAIN_MARKERS:
            return None
        position += 2 + (data[position + 2] << 8 | data[position + 3])
    return None


def _open_any(data, kind, color, max_side):
    """Open any accepted file; return the image in mode L or RGB, and notes on what was done."""
    try:
        if kind == "PNG":
            _check_chunks(data)
        image = _PLUGINS[kind](io.BytesIO(data))
        _check_side(image.size, max_side)
        notes = _note_frames(image)
        image.load()
        image, turned = turn_upright(image)
        return _convert(image, (*notes, *turned), color)
    except ImageReadError:
        raise
    except Exception as error:
        # Damaged bytes reach deep into Pillow's parsers, which then raise about any class there
        # is (OSError, SyntaxError, ValueError, struct.error, zlib.error, OverflowError ...).
        raise ImageReadError(f"damaged {kind}: {error or type(error).__name__}") from error


def to_upright_rgb(image):
    """Return a loaded Pillow `image` in mode RGB, turned as its metadata says."""
    image, _ = turn_upright(image)
    return _convert(image, (), True)[0]


def _check_side(size, max_side):
    width, height = size
    if max(size) > max_side:
        raise ImageReadError(
            f"claims {height}x{width} pixels ({height * width / 1e6:.0f} Mpx); "
            f"the limit is {max_side} pixels a side"
        )


def _check_chunks(data):
    """Refuse what Pillow lets pass: a PNG cut off behind its last pixel, or a broken animation.

    About the latter Pillow warns without a name, and goes on.
    """
    position, n_animations = 8, 0
    while (kind := data[position + 4 : position + 8]) != b"IEND":
        if len(kind) < 4:
            raise ImageReadError("damaged PNG: image file is truncated")
        if kind == b"acTL":
            n_animations += 1
            n_frames = int.from_bytes(data[position + 8 : position + 12])
            if n_animations > 1 or not 0 < n_frames <= 2**31:
                raise ImageReadError("damaged PNG: broken animation header")
        position += 12 + int.from_bytes(data[position : position + 4])
    # The end has no content, but a length and a checksum.
    if len(data) < position + 12:
        raise ImageReadError("damaged PNG: image file is truncated")


def _note_frames(image):
    frames = getattr(image, "n_frames", 1)
    return () if frames == 1 else (f"animated: first of {frames} frames",)


def _convert(image, notes, color):
    """Convert to L or RGB without losing grey levels and without showing hidden pixels."""
    mode, wanted = image.mode, "RGB" if color else "L"
    if mode.startswith("I;16"):
        # Pillow's convert("L") cuts 16-bit levels off at 255, which gives a white image.
        levels = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
        notes = (*notes, "16-bit levels scaled to 8-bit")
    elif mode in ("I", "F"):
        raise ImageReadError(f"pixel mode {mode!r} has no known range; save as 8- or 16-bit")
    elif image.has_transparency_data:
        below = Image.new("RGBA", image.size, (BACKGROUND,) * 3 + (255,))
        image = Image.alpha_composite(below, image.convert("RGBA")).convert("RGB")
        notes = (*notes, f"{mode} laid over grey level {BACKGROUND}")
    elif mode != wanted:
        notes = (*notes, f"mode {mode} to {wanted}")
    return (image if image.mode == wanted else image.convert(wanted)), notes
