"""Tell whether an image file holds all of its pixels, where its decoder does not say.

Pillow asks its decoders whether they could continue, not whether they had to make up what was
missing: libjpeg fills with grey, and the end of a PNG stream is taken for the end of the image.
"""

import re
import zlib

from fer_estimators.exceptions import ImageReadError

_END = b"\xff\xd9"
# What a sector that was never written leaves; entropy-coded data hardly ever do.
_HOLE = bytes(32)
_PROGRESSIVE = b"\xff\xc2"
# The next marker in a scan: neither a stuffed byte, nor a restart, nor padding.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_START_OF_SCAN = 0xDA
_CODE_TABLES = 0xC4
# Two continuations of a scan that no code table reads alike.
_CONTINUATIONS = (b"\x55" * 64, b"\xaa" * 64)
_LAST_BYTES = 8

# As many bytes as libjpeg reads ahead. In the usual code tables for grey, and whichever bit comes
# first, the first ones mean at most seven coefficients and never the end of a block; the others are
# for tables that end blocks with zeros, as those for colour do. Found by trying.
_FILLING = b"\x12\x7c\x49\xf1\x27\xc4\x9f\x12"
_FILLING_WITHOUT_ZEROS = b"\x49\x24\x92\x49\x24\x92\x49\x24"


def is_plain_jpeg(data, start):
    """Tell whether a JPEG's first scan ends the file, with an end marker, and has no holes.

    Parameters
    ----------
    data : bytes
        The whole file.
    start : int
        Where the scan's data begin.

    Returns
    -------
    bool
        False calls for the second look of `check_jpeg`.
    """
    marker = _MARKER.search(data, start)
    ends_there = marker and marker.start() == len(data) - 2 and data.endswith(_END)
    return bool(ends_there) and data[-3] != 0xFF and _HOLE not in data


def find_scan(data):
    """Find the first scan of a JPEG, and the code that mostly ends its last block.

    Parameters
    ----------
    data : bytes
        The file, at least up to the scan's data.

    Returns
    -------
    start : int
        Where the scan's data begin.
    block_end : tuple of (int, int), or None
        The code and its length in bits; None if there is no such code, or one of many passes.
    """
    ends, position = {}, 2
    while position + 4 < len(data):
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4])
        segment = data[position + 4 : position + 2 + length]
        position += 2 + length
        if marker == _START_OF_SCAN:
            # Of the last channel: its number, its tables, and three bytes of progressive scans.
            odd = len(segment) < 4 or _PROGRESSIVE in data[:position]
            return position, None if odd else ends.get(segment[-4] & 0x0F)
        if marker == _CODE_TABLES:
            ends.update(_read_block_ends(segment))
    return len(data), None


def _read_block_ends(segment):
    """Yield the number of each code table, and its code for "no more coefficients"."""
    while segment:
        table, counts = segment[0], segment[1:17]
        symbols = segment[17 : 17 + sum(counts)]
        code = first = 0
        for length, count in enumerate(counts, start=1):
            place = symbols.find(b"\0", first, first + count)
            if place >= 0 and table & 0x10:
                yield table & 0x0F, (code + place - first, length)
            code, first = (code + count) << 1, first + count
        segment = segment[17 + len(symbols) :]


def choose_filling(block_end):
    """Choose what to put in the place of a JPEG's end marker.

    Behind the end marker, libjpeg makes up what is missing; without it, the decoder fails.

    Parameters
    ----------
    block_end : tuple of (int, int), or None
        From `find_scan`.

    Returns
    -------
    bytes
        With which blocks do not end, unless they lack a few coefficients only.
    """
    return _FILLING_WITHOUT_ZEROS if block_end and block_end[0] == 0 else _FILLING


def ends_with_block(data, block_end):
    """Tell whether the last bits before the end marker are those that end a block.

    Of cut files, one in eight does so by chance; of whole ones, those do not whose last block has
    its very last coefficient.

    Parameters
    ----------
    data : bytes
        The whole file.
    block_end : tuple of (int, int), or None
        From `find_scan`.

    Returns
    -------
    bool
    """
    if block_end is None:
        return False
    code, length = block_end
    # Without the zeros that keep 0xFF from looking like a marker.
    tail = int.from_bytes(data[-12:-2].replace(b"\xff\0", b"\xff"))
    # The last byte is filled up with ones.
    padding = _count_last_ones(tail) - _count_last_ones(code)
    return 0 <= padding < 8 and tail >> padding & (1 << length) - 1 == code


def _count_last_ones(number):
    return (number ^ (number + 1)).bit_length() - 1


def check_jpeg(data, decode):
    """Refuse a JPEG whose scan ends before its pixels do, or continues behind them.

    Parameters
    ----------
    data : bytes
        The whole file, which can be decoded.
    decode : callable
        Takes the bytes of a file and returns its pixels as bytes, or None if it fails.

    Raises
    ------
    ImageReadError
        If the file is cut off, with or without an end marker, or has a hole.

    Notes
    -----
    Whether all pixels came from the data is seen by what they depend on: behind a whole scan,
    any bytes may follow without a change; behind one that lacks its last bytes, none.
    """
    start, end, passes = _find_scans(data)
    if _PROGRESSIVE in data[:start] and not _refine_all(passes):
        raise ImageReadError("damaged JPEG: cut off, passes that refine the image are missing")
    # A last 0xFF would make a marker of what follows.
    body = data[:end].rstrip(b"\xff")
    never_ends = len(passes) == 1 and decode(body + _FILLING) is None
    if never_ends or _depends_on_what_follows(body, decode):
        raise ImageReadError("damaged JPEG: the data end before the image does")
    # The code tables of an image of one grey level may leave nothing to depend on.
    if (
        _HOLE in data[start:end]
        and not _depends_on_what_follows(body[:-_LAST_BYTES].rstrip(b"\xff"), decode)
        and _depends_on_what_follows(data[:start], decode)
    ):
        raise ImageReadError("damaged JPEG: the image ends before the data do")


def _find_scans(data):
    """Return where the first scan of a JPEG begins, where the last one ends, and their headers."""
    position, start, headers = 2, None, []
    while position + 4 <= len(data) and data[position : position + 2] != _END:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4])
        header = data[position + 4 : position + 2 + length]
        position += 2 + length
        if marker == _START_OF_SCAN:
            start = start or position
            headers.append(header)
            position = _next_marker(data, position)
    if start is None or data[position : position + 2] != _END:
        raise ImageReadError("damaged JPEG: cut off, it has no end marker")
    return start, position, headers


def _refine_all(passes):
    """Tell whether progressive passes give all coefficients of all channels to their last bit."""
    missing = {}
    for header in passes:
        n_channels = header[0]
        first, last, bits = header[1 + 2 * n_channels : 4 + 2 * n_channels]
        for channel in header[1 : 1 + 2 * n_channels : 2]:
            left = missing.setdefault(channel, set(range(64)))
            if not bits & 0x0F:
                left -= set(range(first, last + 1))
    return not any(missing.values())


def _next_marker(data, position):
    found = _MARKER.search(data, position)
    return found.start() if found else len(data)


def _depends_on_what_follows(body, decode):
    first, second = (decode(body + more + _END) for more in _CONTINUATIONS)
    return first is None or first != second


_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# First column and row, and steps between columns and rows, of Adam7's passes.
_PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)),
    (0, 1, 1, 2),
)


def read_png_stream(data):
    """Return the packed pixels of a PNG; refuse a cut file, and a broken animation.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    bytes

    Raises
    ------
    ImageReadError
        If the file ends before its last chunk, or if Pillow would warn about its animation,
        without a name, and continue.
    """
    position, n_animations, stream = 8, 0, []
    while (kind := data[position + 4 : position + 8]) != b"IEND":
        length = int.from_bytes(data[position : position + 4])
        if len(kind) < 4:
            raise ImageReadError("damaged PNG: image file is truncated")
        if kind == b"acTL":
            n_animations += 1
            n_frames = int.from_bytes(data[position + 8 : position + 12])
            if n_animations > 1 or not 0 < n_frames <= 2**31:
                raise ImageReadError("damaged PNG: broken animation header")
        elif kind == b"IDAT":
            stream.append(data[position + 8 : position + 8 + length])
        position += 12 + length
    # The end has no content, but a length and a checksum.
    if len(data) < position + 12:
        raise ImageReadError("damaged PNG: image file is truncated")
    return b"".join(stream)


def check_png_stream(stream, data):
    """Refuse packed pixels that are fewer than the header of a PNG says.

    Parameters
    ----------
    stream : bytes
        From `read_png_stream`.
    data : bytes
        The whole file, of a size that was checked.

    Raises
    ------
    ImageReadError
        If pixels are missing.
    """
    expected = _png_bytes(data)
    if _unpacked_size(stream, expected) < expected:
        raise ImageReadError("damaged PNG: the pixel stream ends before the image does")


def _unpacked_size(stream, expected):
    """Return how many bytes a zlib stream gives, at most `expected`, without holding them."""
    unpacker, size = zlib.decompressobj(), 0
    while size < expected and not unpacker.eof and stream:
        size += len(unpacker.decompress(stream, min(expected - size, 2**20)))
        stream = unpacker.unconsumed_tail
    return size


def _png_bytes(data):
    """Return how many bytes the pixels of a PNG take before they are packed."""
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    depth, color, interlace = data[24], data[25], data[28]
    bits = depth * _CHANNELS.get(color, 0)
    passes = _PASSES if interlace else ((0, 0, 1, 1),)
    sizes = (
        ((width - left + right_step - 1) // right_step, (height - top + step - 1) // step)
        for left, top, right_step, step in passes
    )
    # Each row begins with a byte that names its filter; a pass without columns has no rows.
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0)
