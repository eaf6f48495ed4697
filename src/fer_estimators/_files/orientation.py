"""Read from an image's metadata how it is to be turned, without Pillow's TIFF parser.

That parser warns about every oddity without naming the file, and reads far more than the one
number that is wanted here. Warnings cannot be caught safely where other threads decode as well.
"""

import re
import struct

from PIL import Image

_TAG = 0x0112
# Types of an EXIF entry that may hold the number, and how each is unpacked: short and long.
_TYPES = {3: "H", 4: "L"}
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_UPRIGHT = 1

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def turn_upright(image):
    """Return the loaded `image` as its metadata would have it shown, and notes on what was done."""
    try:
        orientation = _read_orientation(image.info)
    except (struct.error, ValueError):
        return image, ("EXIF data damaged: taken as upright",)
    if orientation == _UPRIGHT:
        return image, ()
    if orientation not in _TURNS:
        return image, (f"EXIF orientation {orientation} is unknown: taken as upright",)
    return image.transpose(_TURNS[orientation]), (f"turned upright (EXIF {orientation})",)


def _read_orientation(info):
    exif = info.get("exif")
    if exif is None and "Raw profile type exif" in info:
        # ImageMagick's way: three lines of heading, then hexadecimal digits.
        exif = bytes.fromhex("".join(info["Raw profile type exif"].split("\n")[3:]))
    orientation = None if exif is None else _find_tag(exif)
    if orientation is None:
        text = info.get("XML:com.adobe.xmp") or info.get("xmp") or b""
        found = _XMP.search(text.encode() if isinstance(text, str) else text)
        orientation = int(found[1]) if found else _UPRIGHT
    return orientation


def _find_tag(exif):
    """Return the orientation in the first directory of EXIF data, None if it is not there."""
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    if not exif:
        return None
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise ValueError("no EXIF data")
    (start,) = struct.unpack_from(f"{order}L", exif, 4)
    (n_entries,) = struct.unpack_from(f"{order}H", exif, start)
    for position in range(start + 2, start + 2 + 12 * n_entries, 12):
        tag, kind, count = struct.unpack_from(f"{order}HHL", exif, position)
        if tag == _TAG and kind in _TYPES and count == 1:
            return struct.unpack_from(order + _TYPES[kind], exif, position + 8)[0]
    return None
