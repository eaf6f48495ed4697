"""Tell whether an image file holds all of its pixels, where its decoder does not say.

Pillow asks its decoders whether they could continue, not whether they had to make up what was
missing: libjpeg fills with grey, and the end of a PNG stream is taken for the end of the image.
"""

import re
import struct
import zlib

from fer_estimators.exceptions import ImageReadError

_END = b"\xff\xd9"
# Entropy-coded data hardly ever hold as many zeros.
_HOLE = bytes(32)
_PROGRESSIVE = b"\xff\xc2"
# The next marker in a scan: neither a stuffed byte, nor a restart, nor padding.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_START_OF_SCAN = 0xDA
_CODE_TABLES = 0xC4
# Two continuations of a scan that no code table reads alike.
_CONTINUATIONS = (b"\x55" * 64, b"\xaa" * 64)
_LAST_BYTES = 8
# What two bytes hold.
_MAX_HEIGHT = 0xFFFF

# As many bytes as libjpeg reads ahead, to stand behind a scan. In the usual code tables, for grey
# and for colour, and whichever bit comes first, the bits of one of them mean few coefficients and
# never the end of a block. Found by trying.
_FILLINGS = (b"\xd9\xf1\xb3\xe3\x67\xc6\xcf\x8d", b"\xaa" * 8)


def is_plain_jpeg(data, start):
    """Tell whether a JPEG's first scan, whose data begin at `start`, ends the file, with a marker.

    False calls for the second look of `check_jpeg`.
    """
    marker = _MARKER.search(data, start)
    ends_there = marker and marker.start() == len(data) - 2 and data.endswith(_END)
    return bool(ends_there) and data[-3] != 0xFF


def has_hole(data):
    """Tell whether `data` holds as many zeros as in a sector that was never written."""
    return _HOLE in data


def find_scan(data):
    """Find where the data of a JPEG's first scan begin, and two codes of its last channel, as bits.

    `no_change` is the code of a block that is as bright as the one before it, `block_end` the code
    for "no more coefficients", which ends most blocks. Each is None if the tables do not have it,
    or if the scan is one of several passes.
    """
    codes, position = {}, 2
    while position + 4 < len(data):
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4])
        segment = data[position + 4 : position + 2 + length]
        position += 2 + length
        if marker == _START_OF_SCAN:
            # Of the last channel: its number, its tables, and three bytes of progressive scans.
            if len(segment) < 4 or _PROGRESSIVE in data[:position]:
                return position, None, None
            tables = segment[-4]
            return position, codes.get(tables >> 4), codes.get(tables & 0x0F | 0x10)
        if marker == _CODE_TABLES:
            codes.update(_read_zero_codes(segment))
    return len(data), None, None


def _read_zero_codes(segment):
    """Yield the number of each code table, and its code for zero as a string of bits."""
    while segment:
        table, counts = segment[0], segment[1:17]
        symbols = segment[17 : 17 + sum(counts)]
        code = first = 0
        for length, count in enumerate(counts, start=1):
            place = symbols.find(b"\0", first, first + count)
            if place >= 0:
                yield table, f"{code + place - first:0{length}b}"
            code, first = (code + count) << 1, first + count
        segment = segment[17 + len(symbols) :]


def choose_filling(block_end):
    """Choose what to put in the place of a JPEG's end marker, by the `block_end` of `find_scan`.

    Behind the end marker, libjpeg makes up what is missing; without it, the decoder fails. With the
    filling, no block ends that lacks more than a few coefficients. Return None if none is known.
    """
    return next((f for f in _FILLINGS if block_end and _never_ends(block_end, _bits(f))), None)


def _never_ends(block_end, filling):
    # Neither with the last bits of a file nor with the ones that fill up its last byte.
    before = (block_end[1:] + "1" * n_ones for n_ones in range(8))
    return all(block_end not in bits + filling for bits in before)


def _bits(data):
    return f"{int.from_bytes(data):0{8 * len(data)}b}"


def ends_with_block(data, block_end):
    """Tell whether the last bits before the end marker are those that end a block.

    Of cut files, one in eight does so by chance; of whole ones, those do not whose last block has
    its very last coefficient.
    """
    # Without the zeros that keep 0xFF from looking like a marker.
    tail = _bits(data[-12:-2].replace(b"\xff\0", b"\xff"))
    # The last byte is filled up with ones.
    padding = _count_last_ones(tail) - _count_last_ones(block_end)
    return 0 <= padding < 8 and tail[: len(tail) - padding].endswith(block_end)


def _count_last_ones(bits):
    return len(bits) - len(bits.rstrip("1"))


class RowBelow:
    """Give grey JPEGs one more row of blocks, which is as bright as the last block.

    A file gets just the bits which that row takes. An image that lacks bits takes them from the
    row, of which the last block then cannot be decoded, or is of another brightness.

    `header` is what stands before the data of a file with one scan and one channel, without
    restarts; its height stands at `position`. `size` is the height and width of the images,
    `longer_size` the width and height with the row, and with what fills up the row above it. Raises
    ValueError if the header is empty, the image has no pixels, or the tables have no code for such
    a row.
    """

    def __init__(self, header, position):
        height, width = struct.unpack_from(">HH", header, position) if header else (0, 0)
        self.size = (height, width)
        self.longer_size = (width, height + -height % 8 + 8)
        _, no_change, block_end = find_scan(header)
        filling = choose_filling(block_end)
        is_possible = height and width and self.longer_size[1] <= _MAX_HEIGHT
        if not is_possible or no_change is None or filling is None:
            raise ValueError("not a file that can be lengthened")
        self._row = (no_change + block_end) * -(-width // 8) + _bits(filling)
        new_height = struct.pack(">H", self.longer_size[1])
        self._start = len(header)
        self._header = header[:position] + new_height + header[position + 2 :]
        self._endings = {}

    def lengthen(self, data):
        """Return `data` with the row, once for each bit that may be the last one of the image."""
        last, end = data[-3], -3
        if last == 0 and data[-4] == 0xFF:
            last, end = 0xFF, -4
        endings = self._endings.get(last) or self._list_endings(last)
        body = self._header + data[self._start : end]
        return map(body.__add__, endings)

    def _list_endings(self, last):
        """Put the row behind the last byte, whose last ones may have been added to fill it up."""
        # Mostly, all of them.
        longest = min(7, _count_last_ones(f"{last:08b}"))
        endings = [self._put_behind(last, n_bits) for n_bits in range(8 - longest, 9)]
        self._endings[last] = endings
        return endings

    def _put_behind(self, last, n_bits):
        bits = f"{last:08b}"[:n_bits] + self._row
        n_bytes = len(bits) // 8
        return int(bits[: 8 * n_bytes], 2).to_bytes(n_bytes).replace(b"\xff", b"\xff\0")


def check_jpeg(data, pixels, decode):
    """Refuse a JPEG whose scan ends before its pixels do, or continues behind them.

    Whether all `pixels` came from the data is seen by what they depend on: behind a whole scan, any
    bytes may follow without a change; behind one that lacks its last bytes, none. `decode` takes
    the bytes of a file and returns its pixels as bytes, or None if it fails. Raise an
    ImageReadError if the file is cut off, with or without an end marker, or has a hole.
    """
    start, end, passes = _find_scans(data)
    if _PROGRESSIVE in data[:start] and not _refine_all(passes):
        raise ImageReadError("damaged JPEG: cut off, passes that refine the image are missing")
    # A last 0xFF would make a marker of what follows.
    body = data[:end].rstrip(b"\xff")
    never_ends = len(passes) == 1 and decode(body + _FILLINGS[0]) is None
    if never_ends or _depends_on_what_follows(body, decode, pixels):
        raise ImageReadError("damaged JPEG: the data end before the image does")
    # The code tables of an image of one grey level may leave nothing to depend on.
    if (
        has_hole(data[start:end])
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


def _depends_on_what_follows(body, decode, pixels=None):
    first, second = (decode(body + more + _END) for more in _CONTINUATIONS)
    return first is None or first != second or pixels not in (None, first)


_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# First column and row, and steps between columns and rows, of Adam7's passes.
_PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)),
    (0, 1, 1, 2),
)


def read_png_stream(data):
    """Return the packed pixels of a PNG.

    Raises ImageReadError if the file ends before its last chunk or its animation is broken:
    Pillow would warn about such an animation, without the name of the file, and continue.
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
    """Raise an ImageReadError if `read_png_stream` gave fewer pixels than the PNG's header says."""
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
