"""The archive around a model: written whole or not at all, read with suspicion."""

import hashlib
import io
import json
import os
import secrets
import stat
import zipfile
from contextlib import closing, contextmanager, suppress

import numpy as np

from fer_estimators._files.archive import Archive
from fer_estimators._files.kinds import recognise
from fer_estimators.exceptions import ModelFileError, UnsafeArchiveError

MANIFEST = "manifest.json"
FORMAT = "fer-estimators model"
FORMAT_VERSION = 1

# InceptionV3, the largest network by number of weights, has 390 members; 19 million weights,
# those of the largest by size on faces of 48 pixels, are 77 MB.
MAX_MEMBERS = 10_000
MAX_FILE_BYTES = 4 * 2**30
# Python needs some thirty times as much memory for what is parsed.
MAX_JSON_BYTES = 8 * 2**20

_ZIP = b"PK\3\4"


def damaged(path, what):
    """Make the error for a file that is not as ``save`` wrote it."""
    return ModelFileError(
        f"{str(path)!r} is damaged or incomplete: {what}. Copy or download it again, or save the "
        "model anew."
    )


def refused(path, what):
    """Make the error for content that ``save`` does not write and ``load`` does not trust."""
    return ModelFileError(
        f"{str(path)!r} was refused, and nothing in it was run: {what}. Only what "
        "`fer_estimators.save` writes is loaded; do not trust where the file came from."
    )


def dump_json(content):
    """Turn plain objects into the bytes of a member.

    Parameters
    ----------
    content : dict

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If :func:`parse_json` would refuse it for its size.
    """
    data = json.dumps(content, indent=1).encode()
    if len(data) > MAX_JSON_BYTES:
        raise ValueError(
            f"The parameters, labels, history or network take {len(data):,} bytes as JSON, but a "
            f"model file holds {MAX_JSON_BYTES:,} at most. Keep this estimator with joblib."
        )
    return data


def parse_json(path, name, data):
    """Turn the bytes of a member into a dictionary.

    Parameters
    ----------
    path, name : str
        The file and the member, for the errors.
    data : bytes

    Returns
    -------
    dict

    Raises
    ------
    ModelFileError
        If it is too large, or no JSON object.
    """
    if len(data) > MAX_JSON_BYTES:
        raise refused(path, f"{name} has {len(data):,} bytes; the limit is {MAX_JSON_BYTES:,}")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"{name} is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise damaged(path, f"{name} holds a {type(content).__name__}, no JSON object")
    return content


def dump_array(array):
    """Turn an array into the bytes of an ``.npy`` file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(
        buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False
    )
    return buffer.getvalue()


def parse_array(data):
    """View the bytes of an ``.npy`` file as the array that they hold.

    NumPy's own reader allocates the declared shape before it looks at the data.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    ndarray of dtype float16, float32 or float64
        Read-only.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    buffer = io.BytesIO(data)
    if np.lib.format.read_magic(buffer) != (1, 0):
        raise ValueError("no .npy file of version 1.0")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(buffer)
    if fortran_order or dtype not in (np.float16, np.float32, np.float64):
        raise ValueError(f"an array of dtype {dtype}, but floating-point weights are expected")
    return np.frombuffer(data, dtype, offset=buffer.tell()).reshape(shape)


def write_members(path, members, made_by):
    """Write a model file, which takes the place of an older one only when it is whole.

    Parameters
    ----------
    path : str
        Where to.
    members : iterable of (str, bytes)
        Names and contents.
    made_by : dict of str to str
        Versions of the libraries.

    Raises
    ------
    ValueError
        If :func:`read_members` would refuse it for its size.
    OSError
        If it cannot be written.
    """
    checksums = {}
    with _replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, data in members:
            checksums[name] = hashlib.sha256(data).hexdigest()
            if file.tell() + len(data) > MAX_FILE_BYTES or len(checksums) >= MAX_MEMBERS:
                raise ValueError(
                    f"The network takes more than {MAX_FILE_BYTES:,} bytes or {MAX_MEMBERS:,} "
                    "weights, and `load` reads no more. Keep this classifier with joblib."
                )
            # A fixed date: the same model gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name), data)
        manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "made_by": made_by,
            "sha256": checksums,
        }
        archive.writestr(zipfile.ZipInfo(MANIFEST), dump_json(manifest))


@contextmanager
def _replacing(path):
    """Open a temporary file that replaces `path` at the end, or vanishes if anything fails."""
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, f".fer-{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
            if os.path.exists(path):
                # Whoever closed the old file to others wants the new one closed too.
                os.chmod(temporary, stat.S_IMODE(os.stat(path).st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        error.add_note(f"Nothing was saved, and what was at {path!r} before is still there.")
        raise
    _sync_folder(folder)


def _sync_folder(folder):
    """Make the new name last through a power cut; some systems cannot, and need not."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_members(path):
    """Read a model file into memory and check that it is whole.

    Parameters
    ----------
    path : str

    Returns
    -------
    made_by : dict
        Versions of the libraries that wrote it, as it says.
    members : dict of str to bytes
        All but the manifest.

    Raises
    ------
    ModelFileError
        If it is no model file, damaged, newer than this library, or exceeds a limit.
    OSError
        If it cannot be read.
    """
    _check_kind(path)
    try:
        archive = Archive(path)
    except UnsafeArchiveError as error:
        raise refused(path, str(error)) from error
    except Exception as error:
        # Numbers out of any range in a damaged table of contents raise more than DatasetError.
        raise damaged(path, str(error)) from error
    with closing(archive):
        _check_members(path, archive)
        manifest = parse_json(path, MANIFEST, _read(path, archive, MANIFEST))
        checksums = _check_manifest(path, manifest)
        names = [name for name in archive.names if name != MANIFEST]
        if set(names) != set(checksums):
            odd = sorted(set(names) ^ set(checksums))
            raise damaged(path, f"members and checksums differ: {', '.join(odd[:5])}")
        members = {name: _read(path, archive, name) for name in names}
    for name, data in members.items():
        if hashlib.sha256(data).hexdigest() != checksums[name]:
            raise damaged(path, f"the checksum of {name} is not that of the manifest")
    return manifest["made_by"], members


def _check_kind(path):
    """Refuse by size and first bytes; opening a pipe would wait for ever."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise ModelFileError(f"{path!r} is {what}, but the file that `save` wrote is expected.")
    if status.st_size > MAX_FILE_BYTES:
        raise refused(path, f"it has {status.st_size:,} bytes; the limit is {MAX_FILE_BYTES:,}")
    with open(path, "rb") as file:
        start = file.read(64)
    if start.startswith(_ZIP):
        return
    if not start:
        raise damaged(path, "it has no bytes at all")
    what = recognise(start)
    guess = f" ({what})" if what else ""
    raise ModelFileError(
        f"{path!r} is no model file: it starts with {start[:8]!r}{guess}, but a file that "
        f"`fer_estimators.save` wrote starts with {_ZIP!r}."
    )


def _check_members(path, archive):
    names = archive.names
    if MANIFEST not in names:
        guess = "an archive of something else"
        if "model.weights.h5" in names:
            guess = "a model of Keras, which keras.saving.load_model reads"
        elif names and all(name.endswith(".npy") for name in names):
            guess = "a NumPy .npz file"
        raise ModelFileError(
            f"{path!r} is no model file: it holds no {MANIFEST} ({guess}). Pass a file that "
            "`fer_estimators.save` wrote."
        )
    if len(names) > MAX_MEMBERS:
        raise refused(path, f"it has {len(names):,} members; the limit is {MAX_MEMBERS:,}")
    # Stored members cannot be bombs: what is read is never more than what lies on the disk.
    total = sum(map(archive.size, names))
    if total > os.path.getsize(path):
        raise refused(path, f"its members are packed or overlap: together {total:,} bytes")
    if archive.size(MANIFEST) > MAX_JSON_BYTES:
        raise refused(path, f"{MANIFEST} has more than {MAX_JSON_BYTES:,} bytes")


def _read(path, archive, name):
    try:
        return archive.read(name)
    except Exception as error:
        # A damaged table of contents leads anywhere: to no member, before the start, past the end.
        raise damaged(path, f"{name!r} cannot be read ({error})") from error


def _check_manifest(path, manifest):
    """Return the checksums; say so where the file is newer than this library."""
    if manifest.get("format") != FORMAT:
        raise ModelFileError(
            f"{path!r} is no model file: its format is {manifest.get('format')!r}, but {FORMAT!r} "
            "is expected."
        )
    version, made_by = manifest.get("format_version"), manifest.get("made_by")
    if type(version) is not int or version < 1 or not isinstance(made_by, dict):
        raise damaged(path, f"{MANIFEST} has no version")
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path!r} is newer than this library: it has format {version}, made by "
            f"fer-estimators {str(made_by.get('fer-estimators'))[:40]}, but format "
            f"{FORMAT_VERSION} is the newest known here. Upgrade: "
            "pip install --upgrade fer-estimators."
        )
    checksums = manifest.get("sha256")
    if not isinstance(checksums, dict):
        raise damaged(path, f"{MANIFEST} has no checksums")
    return checksums
