"""Open untrusted zip archives, and refuse unsafe ones before a single member is read."""

import io
import itertools
import os
import re
import stat
import struct
import zipfile
import zlib

from fer_estimators._files.reading import open_stream
from fer_estimators._messages import name_some
from fer_estimators.exceptions import DatasetError, UnsafeArchiveError

#: Most members an archive may list.
MAX_MEMBERS = 500_000

#: Largest table of contents, in bytes; checked before the table is parsed into memory.
MAX_DIRECTORY_BYTES = 64 * 2**20

#: Longest name of a member, in characters, and most folders that it may lie in, one in the other.
#: Each level of each name costs memory: a single name can hold 30,000.
MAX_NAME = 1024
MAX_DEPTH = 32

#: Most bytes all members may unpack to.
MAX_TOTAL_BYTES = 16 * 2**30

#: Highest ratio of unpacked to packed bytes, for a member of more than `RATIO_FREE_BYTES` and
#: for the archive as a whole. Faces compress 1 to 10 times; a bomb reaches 1,000.
MAX_RATIO = 100
RATIO_FREE_BYTES = 2**20

_READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1
# Patches to other files, and a second kind of encryption: zipfile does not read them.
_UNREADABLE = 0x20 | 0x40
# Signature, version, flags, method, time and date, checksum, packed and unpacked size, lengths of
# name and extra field.
_LOCAL_HEADER = struct.Struct("<4s2xHH4xLLLHH")
# Of each member: offset, packed and unpacked size, checksum, method.
_NUMBERS = struct.Struct("<QQQLH")
_SIGNATURE = b"PK\3\4"
# Sizes and checksum stand behind the member, or (for the sizes) in the extra field.
_STREAMED = 0x8
_WIDE = 0xFFFFFFFF
_UTF8 = 0x800
_DRIVE = re.compile(r"[A-Za-z]:")


class Archive:
    """Members of a zip archive, read in memory; `names` lists them, folders ending in ``"/"``.

    ``zipfile`` reads the table of contents; after that only five numbers per member are kept,
    and the header in front of each member is compared with them.
    Its own records would weigh a third as much as the images of FER2013.

    Raises DatasetError if the archive is damaged, encrypted, or packed by a method other than
    stored and deflated; UnsafeArchiveError if it exceeds a limit of this module, or a member is a
    link, leaves the archive (``..``, absolute, drive letter, backslash), or occurs twice.
    """

    def __init__(self, path):
        self._path = path
        self._file = open_stream(path)
        try:
            self._index(self._file)
        except BaseException:
            self.close()
            raise

    def _index(self, file):
        members = _list_members(self._path, file)
        _check_members(os.path.basename(self._path), members, os.fstat(file.fileno()).st_size)
        numbers = [
            (m.header_offset, m.compress_size, m.file_size, m.CRC, m.compress_type) for m in members
        ]
        self._numbers = b"".join(itertools.starmap(_NUMBERS.pack, numbers))
        # Fresh strings: the old ones lie among the records and would hold their memory.
        names = "\0".join([member.filename for member in members])
        # Names that zipfile takes from an extra field, and not from where they stand first.
        self._renamed = {
            m.filename: m.orig_filename for m in members if m.filename != m.orig_filename
        }
        del members, numbers
        self.names = names.split("\0") if names else []
        self._rows = {name: row for row, name in enumerate(self.names)}

    def read(self, name, *, limit):
        """Return the bytes of one member.

        Raises OverflowError, with the size as its message, if the table of contents lists more than
        `limit` bytes; zipfile.BadZipFile or zlib.error if the member is damaged.
        """
        numbers = _NUMBERS.unpack_from(self._numbers, self._rows[name] * _NUMBERS.size)
        offset, packed_size, size, checksum, listed_method = numbers
        if size > limit:
            raise OverflowError(size)
        self._file.seek(offset)
        header = self._file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or not header.startswith(_SIGNATURE):
            raise zipfile.BadZipFile("there is no member where the table of contents lists one")
        _, flags, method, *said, name_length, more = _LOCAL_HEADER.unpack(header)
        # In one go, as each read costs as much as the checks.
        data = self._file.read(name_length + more + packed_size)
        # Most names are ASCII, which is the same in both encodings.
        if not (data.startswith(name.encode()) and name_length == len(name) and name.isascii()):
            found = data[:name_length].decode("utf-8" if flags & _UTF8 else "cp437", "replace")
            if found != name and found != self._renamed.get(name):
                raise zipfile.BadZipFile(f"the member there is named {found!r}")
        if said != [checksum, packed_size, size] and not flags & _STREAMED and _WIDE not in said:
            raise zipfile.BadZipFile("sizes or checksum are not those of the table of contents")
        if method != listed_method:
            raise zipfile.BadZipFile("method is not that of the table of contents")
        data = data[name_length + more :]
        if method == zipfile.ZIP_DEFLATED:
            # One byte more than promised is asked for, to see that there is none.
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
        if len(data) != size or zlib.crc32(data) != checksum:
            raise zipfile.BadZipFile("length or checksum is not that of the table of contents")
        return data

    def open(self, name):
        """Open one member as a stream, for those that are too large to hold."""
        return io.BufferedReader(zipfile.ZipFile(self._file).open(name))

    def close(self):
        """Close the archive."""
        self._file.close()


def _list_members(path, file):
    try:
        _check_directory_size(path, file)
        return zipfile.ZipFile(file).infolist()
    except UnsafeArchiveError:
        raise
    except Exception as error:
        # Damaged tables of contents raise BadZipFile, but also struct.error, ValueError,
        # NotImplementedError, UnicodeDecodeError and more, by what the damaged field meant.
        raise DatasetError(
            f"{os.path.basename(path)!r} is a damaged or incomplete zip archive ({error}); fetch "
            "it again"
        ) from error


def _check_directory_size(path, file):
    """Refuse by the size in the end record: parsing the table itself may exhaust memory."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - 2**16 - 100))
    tail = file.read()
    # All of them: zipfile has its own rules for which one counts, and a comment may hold others.
    size = max(_directory_sizes(tail), default=0)
    if size > MAX_DIRECTORY_BYTES:
        raise UnsafeArchiveError(
            f"{os.path.basename(path)!r} has a table of contents of {size:,} bytes; "
            f"the limit is {MAX_DIRECTORY_BYTES:,}"
        )


def _directory_sizes(tail):
    """Yield what the end records say; wide archives have two."""
    for record in re.finditer(b"PK(\5\6|\6\6)", tail):
        layout, offset = ("<L", 12) if record[1] == b"\5\6" else ("<Q", 40)
        if record.start() + offset + struct.calcsize(layout) <= len(tail):
            (size,) = struct.unpack_from(layout, tail, record.start() + offset)
            if layout == "<Q" or size != _WIDE:
                yield size


def _check_members(name, members, archive_size):
    if len(members) > MAX_MEMBERS:
        raise UnsafeArchiveError(f"{name!r} lists {len(members):,} members; limit {MAX_MEMBERS:,}")
    _check_names(name, members)
    _check_depths(name, members)
    _check_sizes(name, members)
    _check_places(name, members, archive_size)
    _check_overlaps(name, members)
    locked = [member.filename for member in members if member.flag_bits & _ENCRYPTED]
    if locked:
        raise DatasetError(
            f"{name!r} is encrypted ({name_some(locked, limit=3)}); unpack it with its password "
            "and pass the folder"
        )
    flagged = [member.filename for member in members if member.flag_bits & _UNREADABLE]
    if flagged:
        raise DatasetError(
            f"{name!r} has members that are patches or strongly encrypted "
            f"({name_some(flagged, limit=3)}); unpack it and pass the folder"
        )
    odd = [m for m in members if m.compress_type not in _READABLE]
    if odd:
        raise DatasetError(
            f"{name!r} packs {odd[0].filename!r} by method {odd[0].compress_type}; only stored "
            "and deflated members are read. Pack it again, or unpack it and pass the folder."
        )


def _check_places(name, members, archive_size):
    outside = [
        member.filename
        for member in members
        if not 0 <= member.header_offset <= archive_size - member.compress_size
    ]
    if outside:
        raise DatasetError(
            f"{name!r} is a damaged or incomplete zip archive: of its {archive_size:,} bytes it "
            f"claims more for {name_some(outside, limit=3)}; fetch it again"
        )


def _check_overlaps(name, members):
    """Refuse members that share bytes: they would unpack to more than the archive can hold."""
    ordered = sorted(members, key=lambda member: member.header_offset)
    shared = [
        after.filename
        for before, after in itertools.pairwise(ordered)
        if after.header_offset
        < before.header_offset
        + _LOCAL_HEADER.size
        + len(before.orig_filename)
        + before.compress_size
    ]
    if shared:
        raise UnsafeArchiveError(
            f"{name!r} was not read: members overlap, so that several unpack the same bytes: "
            f"{name_some(shared)}"
        )


def _check_names(name, members):
    leaving = [member.orig_filename for member in members if _leaves(member.orig_filename)]
    links = [m.filename for m in members if stat.S_ISLNK(m.external_attr >> 16)]
    if leaving or links:
        faults = [f"path leaves the archive: {path!r}" for path in leaving]
        faults += [f"link: {path!r}" for path in links]
        raise UnsafeArchiveError(f"{name!r} was not read: {name_some(faults)}")
    if len({member.filename for member in members}) < len(members):
        seen = set()
        twice = [m.filename for m in members if m.filename in seen or seen.add(m.filename)]
        raise UnsafeArchiveError(
            f"{name!r} was not read: it holds more than one member named {name_some(twice)}"
        )


def _check_depths(name, members):
    deep = [
        member.filename
        for member in members
        if len(member.filename) > MAX_NAME or member.filename.count("/") > MAX_DEPTH
    ]
    if deep:
        raise UnsafeArchiveError(
            f"{name!r} was not read: the name {deep[0][:60]!r}... has {len(deep[0]):,} characters "
            f"and {deep[0].count('/'):,} levels; the limits are {MAX_NAME:,} and {MAX_DEPTH}"
        )


def _leaves(path):
    return (
        path.startswith("/")
        or "\\" in path
        or "\0" in path
        or _DRIVE.match(path) is not None
        or (".." in path and ".." in path.split("/"))
    )


def _check_sizes(name, members):
    total = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if total > MAX_TOTAL_BYTES:
        raise UnsafeArchiveError(
            f"{name!r} unpacks to {total:,} bytes; the limit is {MAX_TOTAL_BYTES:,}"
        )
    _check_ratio(name, "the archive", total, packed)
    for member in members:
        if member.file_size > RATIO_FREE_BYTES:
            _check_ratio(name, member.filename, member.file_size, member.compress_size)


def _check_ratio(name, what, size, packed):
    if size > RATIO_FREE_BYTES and size > MAX_RATIO * packed:
        raise UnsafeArchiveError(
            f"{name!r} was not read: {what!r} unpacks {packed:,} bytes to {size:,}; "
            f"the limit is {MAX_RATIO} times"
        )
