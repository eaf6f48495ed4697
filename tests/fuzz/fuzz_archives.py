"""Load mutated zip archives: each must raise DatasetError or give a set.

    python tests/fuzz/fuzz_archives.py --inputs 10000 --seed 0

Besides damage to the bytes, header fields are set to extremes, and archives are packed again with
members that no valid archive has.
"""

import hashlib
import io
import stat
import struct
import warnings
import zipfile

import numpy as np
from _fuzzing import Target, main
from _mutations import DAMAGE, flip
from PIL import Image

from fer_estimators.datasets import load_fer2013, load_image_folder, make_faces
from fer_estimators.exceptions import DatasetError

_NAMES = (
    "../happy/1.jpg",
    "/happy/1.jpg",
    "C:\\happy\\1.jpg",
    "happy/../../1.jpg",
    "happy//1.jpg",
    "happy",
    "happy/",
    "/",
    ".",
    "happy/1.jpg/2.jpg",
    "happy/\0.jpg",
    "happy/" + "x" * 60_000 + ".jpg",
    "happy/" + "d/" * 20 + "1.jpg",
    "d/" * 30_000 + "1.jpg",
    "happy/日本\u202e.jpg",
    "__MACOSX/._1.jpg",
    "train/happy/1.jpg",
    "contempt/1.jpg",
    "nested.zip",
    "fer2013.csv",
    "SHA256SUMS",
)
_NUMBERS = (0, 1, 8, 99, 2**15, 2**16 - 1, 2**31, 2**32 - 2, 2**32 - 1)
# Fields of a local header and of an entry in the table of contents: offset and length.
_FIELDS = {
    b"PK\3\4": ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    b"PK\1\2": ((6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2),
                (38, 4), (42, 4)),
    b"PK\5\6": ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
}  # fmt: skip


def _members():
    faces = make_faces(4, image_size=16, random_state=0)
    members = {}
    for number, image in enumerate(faces.images):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG" if number == 3 else "JPEG")
        members[f"{('happy', 'sad')[number % 2]}/{number}.jpg"] = buffer.getvalue()
    sums = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in members.items()]
    return {**members, "SHA256SUMS": "".join(sums).encode(), "notes.txt": b"n" * 500}


def _pack(members, compression=zipfile.ZIP_DEFLATED, change=lambda info: None):
    """Pack pairs of name and bytes; `change` may alter each entry of the table of contents."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        # About names that occur twice.
        warnings.simplefilter("ignore")
        for name, data in members:
            archive.writestr(name, data)
        for info in archive.infolist():
            change(info)
    return buffer.getvalue()


def archives():
    """Pack the same images stored, deflated, in wrapping folders, and as a table."""
    members = _members()
    table = "emotion,pixels,Usage\n" + f"3,{'7 ' * 2303}7,Training\n"
    return [
        _pack(members.items()),
        _pack(members.items(), zipfile.ZIP_STORED),
        _pack((f"fer/train/{name}", data) for name, data in members.items()),
        _pack([("data/fer2013.csv", table.encode())]),
    ]


def _unpack(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _set_field(data, rng):
    """Set one or two fields of headers to an extreme value."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2))):
        magic = rng.choice(list(_FIELDS))
        start = data.find(magic, rng.randrange(len(data)))
        start = start if start >= 0 else data.rfind(magic)
        offset, size = rng.choice(_FIELDS[magic])
        value = rng.choice(_NUMBERS) & (256**size - 1)
        changed[start + offset : start + offset + size] = value.to_bytes(size, "little")
    return bytes(changed)


def _change_members(data, rng):
    """Pack again with members added, renamed, doubled, emptied or blown up."""
    members = _unpack(data)
    for _ in range(rng.choice((1, 1, 3))):
        index = rng.randrange(len(members))
        name, content = members[index]
        content = rng.choice((content, content, b"", bytes(2**22), flip(content or b"x", rng)))
        name = rng.choice((name, *_NAMES, *_NAMES))
        if rng.random() < 0.5:
            members[index] = (name, content)
        else:
            members.append((name, content))
    return _pack(members, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def _change_entries(data, rng):
    """Pack again with entries whose attributes, flags and sizes are not those of the data."""

    def change(info):
        if rng.random() < 0.5:
            return
        field = rng.choice(("name", "attribute", "flags", "method", "size", "offset", "extra"))
        if field == "name":
            # Headers before the members keep the old one.
            info.filename = rng.choice((*_NAMES, ""))
        elif field == "attribute":
            kind = rng.choice((stat.S_IFLNK, stat.S_IFIFO, stat.S_IFDIR, stat.S_IFBLK))
            info.external_attr = (kind | 0o777) << 16
        elif field == "flags":
            info.flag_bits ^= 1 << rng.randrange(16)
        elif field == "method":
            info.compress_type = rng.choice((0, 8, 9, 12, 14, 93, 99))
        elif field == "size":
            size = rng.choice((*_NUMBERS, 2**40, 2**63 - 1))
            setattr(info, rng.choice(("file_size", "compress_size")), size)
        elif field == "offset":
            info.header_offset = rng.choice((*_NUMBERS, 2**40))
        else:
            heading = struct.pack("<HH", rng.choice((1, 0x5455, 9)), rng.randrange(40))
            info.extra = heading + bytes(8)
            info.comment = rng.randbytes(rng.randrange(99))

    return _pack(_unpack(data), rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)), change)


def _append(data, rng):
    """Put something before or behind, or two archives into one file."""
    other = rng.choice((bytes(30), data, rng.randbytes(99), b"PK\5\6" + bytes(18)))
    return rng.choice((data + other, other + data))


def _load(path, rng):
    """Load the archive in one of the ways that there are."""
    on_error = rng.choice(("raise", "skip"))
    if rng.random() < 0.5:
        return load_fer2013(path, split="all", image_size=16, on_error=on_error)
    verify = rng.choice((None, None, "sha256"))
    return load_image_folder(path, image_size=16, on_error=on_error, verify=verify)


def judge_set(kind, bunch):
    """Check what was loaded against what the loaders promise."""
    n_images = len(bunch.images)
    assert n_images > 0
    assert bunch.images.dtype == np.uint8, bunch.images.dtype
    lengths = {name: len(bunch[name]) for name in ("target", "filenames", "split", "data")}
    assert set(lengths.values()) == {n_images}, lengths
    assert set(bunch.target) <= set(bunch.target_names), set(bunch.target)
    return "read"


_ATTACKS = (_set_field, _set_field, _change_members, _change_entries, _append)


def make_target(folder):
    """Return the Target for zip archives."""
    kinds = (*DAMAGE, *_ATTACKS, *_ATTACKS)
    return Target(folder / "mutated.zip", archives(), kinds, _load, (DatasetError,), judge_set)


TARGETS = {"zip": make_target}

if __name__ == "__main__":
    main(TARGETS, __doc__)
