"""Archives whose parts contradict each other, or unpack to more than they hold."""

import os
import struct
import zipfile
import zlib

import pytest

from fer_estimators._files.archive import Archive
from fer_estimators.exceptions import DatasetError, UnsafeArchiveError

MEMBERS = {"happy/1.txt": b"happy" * 20, "sad/1.txt": b"sad is longer" * 20}


@pytest.fixture(params=[zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def path(tmp_path, request):
    with zipfile.ZipFile(tmp_path / "set.zip", "w", request.param) as archive:
        for name, data in MEMBERS.items():
            archive.writestr(name, data)
    return tmp_path / "set.zip"


def entries(data):
    """Where the entries of the table of contents begin."""
    found, position = [], data.index(b"PK\1\2")
    while data[position : position + 4] == b"PK\1\2":
        found.append(position)
        position += 46 + sum(struct.unpack_from("<HHH", data, position + 28))
    return found


def read_all(path):
    archive = Archive(path)
    try:
        return {name: archive.read(name, limit=2**24) for name in archive.names}
    finally:
        archive.close()


def test_members_are_read(path):
    assert read_all(path) == MEMBERS


def swap(data, start, size):
    """Exchange a field of the two entries of the table of contents."""
    first, second = (entry + start for entry in entries(data))
    one, other = data[first : first + size], data[second : second + size]
    data[first : first + size], data[second : second + size] = other, one


def test_names_that_are_swapped_in_the_table_of_contents_are_refused(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("happy", b"1")
        archive.writestr("angry", b"2")
    data = bytearray(path.read_bytes())
    swap(data, 46, 5)
    path.write_bytes(data)
    with pytest.raises(zipfile.BadZipFile, match="the member there is named 'happy'"):
        read_all(path)


def test_offsets_sizes_and_checksums_that_are_swapped_are_refused(path):
    data = bytearray(path.read_bytes())
    for start, size in ((42, 4), (20, 4), (24, 4), (16, 4)):
        swap(data, start, size)
    path.write_bytes(data)
    with pytest.raises((zipfile.BadZipFile, UnsafeArchiveError)):
        read_all(path)


@pytest.mark.parametrize("field", [14, 18, 22], ids=["checksum", "packed size", "size"])
def test_member_that_says_other_than_the_table_of_contents_is_refused(path, field):
    data = bytearray(path.read_bytes())
    data[field] ^= 1
    path.write_bytes(data)
    with pytest.raises(zipfile.BadZipFile, match="sizes or checksum are not those"):
        read_all(path)


def test_method_that_is_not_that_of_the_table_of_contents_is_refused(path):
    data = bytearray(path.read_bytes())
    data[8] ^= 8
    path.write_bytes(data)
    with pytest.raises(zipfile.BadZipFile, match="method"):
        read_all(path)


def test_members_that_share_bytes_are_refused(path):
    data = bytearray(path.read_bytes())
    first, second = entries(data)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    path.write_bytes(data)
    with pytest.raises(UnsafeArchiveError, match=r"members overlap.*sad/1\.txt"):
        Archive(path)


def test_member_that_reaches_into_the_next_is_refused(path):
    data = bytearray(path.read_bytes())
    (first, second) = entries(data)
    (offset,) = struct.unpack_from("<L", data, second + 42)
    struct.pack_into("<L", data, first + 20, offset - 30 - len("happy/1.txt") + 1)
    path.write_bytes(data)
    with pytest.raises(UnsafeArchiveError, match="members overlap"):
        Archive(path)


def test_streamed_and_unicode_members_are_read(tmp_path):
    class Unseekable:
        def __init__(self, file):
            self.write, self.flush = file.write, file.flush

    members = {"fröhlich/1.txt": b"1", "plain": b"2" * 100}
    with (
        open(tmp_path / "set.zip", "wb") as file,
        zipfile.ZipFile(Unseekable(file), "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, data in members.items():
            archive.writestr(name, data)
    assert read_all(tmp_path / "set.zip") == members


def test_wide_members_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        with archive.open("wide", "w", force_zip64=True) as member:
            member.write(b"1" * 100)
        archive.writestr("plain", b"2")
    assert read_all(tmp_path / "set.zip") == {"wide": b"1" * 100, "plain": b"2"}


def test_pipe_in_place_of_an_archive_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "set.zip")
    with pytest.raises(OSError, match="not a regular file"):
        Archive(tmp_path / "set.zip")


def test_archive_cut_anywhere_is_refused(path):
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(DatasetError, match="damaged or incomplete"):
            Archive(path)


def write(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_one_bomb_among_members_that_are_packed_little_is_refused(tmp_path):
    write(tmp_path / "set.zip", {"a": os.urandom(100_000), "bomb": bytes(3 * 2**20)})
    with pytest.raises(UnsafeArchiveError, match=r"'bomb' unpacks 3,\d+ bytes to 3,145,728"):
        Archive(tmp_path / "set.zip")


def test_many_small_bombs_are_refused_as_a_whole(tmp_path):
    write(tmp_path / "set.zip", {str(number): bytes(2**20) for number in range(3)})
    with pytest.raises(UnsafeArchiveError, match="'the archive' unpacks"):
        Archive(tmp_path / "set.zip")


def test_neither_small_flat_members_nor_large_ones_are_bombs(tmp_path):
    write(tmp_path / "set.zip", {"flat": bytes(2**20)})
    assert read_all(tmp_path / "set.zip") == {"flat": bytes(2**20)}
    large = os.urandom(2**20 + 1)
    write(tmp_path / "set.zip", {"large": large})
    assert read_all(tmp_path / "set.zip") == {"large": large}


def test_names_up_to_the_limits_are_read(tmp_path):
    for name in ("a/" * 32 + "b", "c" * 1024):
        write(tmp_path / "set.zip", {name: b"1"})
        assert read_all(tmp_path / "set.zip") == {name: b"1"}
    for name in ("a/" * 33 + "b", "c" * 1025):
        write(tmp_path / "set.zip", {name: b"1"})
        with pytest.raises(UnsafeArchiveError, match="the limits are 1,024 and 32"):
            Archive(tmp_path / "set.zip")


def test_member_with_a_second_name_in_unicode_is_read(tmp_path):
    # Newer versions of Python give it that name, older ones the first.
    info = zipfile.ZipInfo("frohlich")
    name = b"\1" + struct.pack("<L", zlib.crc32(b"frohlich")) + "fröhlich".encode()
    info.extra = struct.pack("<HH", 0x7075, len(name)) + name
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr(info, b"1")
    assert list(read_all(tmp_path / "set.zip").values()) == [b"1"]


def test_no_other_record_hides_the_size_of_the_table_of_contents(path, monkeypatch):
    """zipfile takes the one at the very end, or that of a wide archive, whatever else is there."""
    data = path.read_bytes()
    end = data.rindex(b"PK\5\6")
    size, offset = struct.unpack_from("<LL", data, end + 12)
    wide = struct.pack("<4sQ4x8xQQQQ", b"PK\6\6", 44, len(MEMBERS), len(MEMBERS), size, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    monkeypatch.setattr("fer_estimators._files.archive.MAX_DIRECTORY_BYTES", size - 1)
    said = struct.pack("<4s8xLL2x", b"PK\5\6", 1, offset)
    inside = data[end : end + 4] + b"PK\5\6" + data[end + 8 :]
    for tail in (wide + locator + said, inside):
        path.write_bytes(data[:end] + tail)
        assert len(zipfile.ZipFile(path).infolist()) == len(MEMBERS)
        with pytest.raises(UnsafeArchiveError, match="table of contents of"):
            Archive(path)


def test_table_of_contents_of_the_largest_size_is_read(path, monkeypatch):
    data = path.read_bytes()
    (size,) = struct.unpack_from("<L", data, data.rindex(b"PK\5\6") + 12)
    monkeypatch.setattr("fer_estimators._files.archive.MAX_DIRECTORY_BYTES", size)
    assert read_all(path) == MEMBERS
    monkeypatch.setattr("fer_estimators._files.archive.MAX_DIRECTORY_BYTES", size - 1)
    with pytest.raises(UnsafeArchiveError, match=f"table of contents of {size:,} bytes"):
        Archive(path)


def test_header_that_begins_at_the_end_of_the_archive_is_refused(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("happy/1.txt", b"")
        archive.comment = b"PK\3\4"
    data = bytearray(path.read_bytes())
    struct.pack_into("<L", data, data.index(b"PK\1\2") + 42, len(data) - 4)
    path.write_bytes(data)
    with pytest.raises(zipfile.BadZipFile, match="no member where the table of contents lists one"):
        read_all(path)
