"""Recognise what kind of file something is by its first bytes."""

import hashlib
import os

from fer_estimators._files.reading import open_stream
from fer_estimators.exceptions import ModelFileError

# What often stands in the place of a file that was not downloaded.
_STAND_INS = {
    b"version https://git-lfs": "a pointer of Git LFS in place of the file; run `git lfs pull`",
    b"<!doctype html": "a web page, so the download went wrong",
    b"<html": "a web page, so the download went wrong",
}
_FILES = {
    b"\x89HDF": "an HDF5 file, perhaps weights or a model of Keras",
    b"\x93NUMPY": "a NumPy array",
    b"\x80": "a pickle; joblib.load or pickle.load read it, and run its code: only from sources "
    "that you trust",
    b"PK\3\4": "a zip archive, perhaps a whole model of Keras or PyTorch",
    b"\x1f\x8b": "gzip data, perhaps a compressed archive or pickle",
    b"x\x9c": "zlib data, perhaps a compressed pickle of joblib",
    b"Rar!": "a RAR archive; unpack it",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it",
}


def find_stand_in(start):
    """Return what a file is that a download left in place of another, or None.

    `start` is its beginning, 64 bytes or more.

    >>> find_stand_in(b"<!DOCTYPE html><title>Not found</title>")
    'a web page, so the download went wrong'
    """
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((what for magic, what in _STAND_INS.items() if text.startswith(magic)), None)


def recognise(start):
    """Return what a file is by its first 262 bytes, or None where they are not known."""
    known = (what for magic, what in _FILES.items() if start.startswith(magic))
    tar = "a tar archive; unpack it" if is_tar(start) else None
    return find_stand_in(start) or next(known, tar)


def is_tar(start):
    """Tell whether a file is a tar archive, by its first 262 bytes."""
    return start[257:262] == b"ustar"


def file_digest(path):
    """Return the SHA-256 digest of a file, in hexadecimal digits."""
    with open_stream(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_bytes(path):
    """Return a file's size and digest, to compare with those of the published file."""
    return f"{os.path.getsize(path):,} bytes, SHA-256 {file_digest(path)}"


def check_published(path, digest):
    """Refuse a file of this package that is missing, or differs from what was published."""
    if not path.exists() or file_digest(path) != digest:
        found = describe_bytes(path) if path.exists() else "missing"
        raise ModelFileError(
            f"{str(path)!r} is not the file that was published: it is {found}, but SHA-256 "
            f"{digest} is expected. Install it again: `pip install --force-reinstall "
            "--no-deps fer-estimators`."
        )
