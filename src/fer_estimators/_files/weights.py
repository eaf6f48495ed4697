"""Arrays and JSON in one file, for model files and checkpoints.

The file is one of `safetensors <https://github.com/huggingface/safetensors>`_: arrays and text,
nothing that could run. What safetensors lacks stands in its metadata: which kind of file it is,
the version of its format, and a digest of everything in it.
"""

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from importlib.metadata import version
from os import PathLike
from typing import Any, Literal, TypeAlias

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from fer_estimators._files.kinds import recognise
from fer_estimators._files.reading import open_regular
from fer_estimators._files.writing import check_writable, written_whole
from fer_estimators.exceptions import ModelFileError, ModelFileNotFoundError

#: What JSON can hold; that of a strange file is checked where it is used.
JSON: TypeAlias = Any
Kind: TypeAlias = Literal["model file", "checkpoint"]

#: 1 was the zip archive that version 0.1.0 wrote.
FORMAT_VERSION = 2

# InceptionV3 on faces has 22 million weights, 88 MB.
MAX_FILE_BYTES = 4 * 2**30
# Python needs some thirty times as much memory for what is parsed.
MAX_HEADER_BYTES = 8 * 2**20

# The one entry of the metadata of safetensors, which writes several in random order.
_ENTRY = "fer-estimators"
_OLD_FORMAT = b"estimator.json"
_DTYPES = {
    "BOOL": np.bool_,
    "U8": np.uint8,
    "U16": np.uint16,
    "U32": np.uint32,
    "U64": np.uint64,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F32": np.float32,
    "F64": np.float64,
}


def write_weights(
    path: str | PathLike[str],
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, JSON],
    *,
    kind: Kind = "model file",
) -> None:
    """Write arrays and JSON into one file, whole or not at all.

    An existing file is replaced; ``~`` in `path` stands for the home folder. `kind` is what
    :func:`read_weights` must ask for.

    Raises TypeError if an array is not of booleans, integers, float16, bfloat16, float32 or
    float64, or `metadata` is not what :func:`json.dumps` takes; ValueError if :func:`read_weights`
    would refuse the file for its size; OSError if it cannot be written or is not a regular file.
    """
    path = os.path.expanduser(os.fsdecode(path))
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"The folder {folder!r} to save {path!r} in does not exist (looked from "
            f"{os.getcwd()!r}). Make it first, with os.makedirs."
        )
    check_writable(path)
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    _check_dtypes(arrays)
    about = {
        "kind": kind,
        "format_version": FORMAT_VERSION,
        "made_by": version("fer-estimators"),
        "metadata": dict(metadata),
    }
    about["sha256"] = _digest(arrays, about)
    data = safetensors.numpy.save(arrays, {_ENTRY: json.dumps(about)})
    if _header_size(data) > MAX_HEADER_BYTES or len(data) > MAX_FILE_BYTES:
        raise ValueError(
            f"The {kind} would take {len(data):,} bytes, {_header_size(data):,} of them for JSON, "
            f"but at most {MAX_FILE_BYTES:,} and {MAX_HEADER_BYTES:,} are read again. Keep this "
            "object with joblib."
        )
    with written_whole(path) as file:
        file.write(data)


def read_weights(
    path: str | PathLike[str], *, kind: Kind = "model file"
) -> tuple[dict[str, NDArray[Any]], dict[str, JSON]]:
    """Read what :func:`write_weights` wrote, and check that it is whole and of the given kind.

    Nothing in the file can run, and what is read takes no more memory than twice its size. The
    arrays are sorted by name, and perhaps read-only.

    Raises ModelFileNotFoundError if the file does not exist, ModelFileError if it is another kind
    of file, damaged, newer than this library or too large, and OSError if it cannot be read.
    """
    given = os.fsdecode(path)
    data = _read_regular_file(given, kind)
    about = _parse_header(given, data, kind)
    _check_version(given, about, kind)
    try:
        arrays = _parse_arrays(data)
        recorded, metadata = about.pop("sha256"), about["metadata"]
        sound = recorded == _digest(arrays, about)
    # Damage shows in any way: an unknown dtype, names that are missing, too many dimensions.
    except Exception as error:
        raise _damaged(given, f"{type(error).__name__}: {str(error)[:200]}") from error
    if not sound:
        raise _damaged(given, "its checksum is not that of its content")
    if not isinstance(metadata, dict):
        raise _damaged(given, f"its metadata are of type {type(metadata).__name__}, not dict")
    return arrays, metadata


def _check_dtypes(arrays):
    known = {np.dtype(dtype) for dtype in _DTYPES.values()}
    odd = [
        f"{name} of dtype {array.dtype}"
        for name, array in arrays.items()
        if array.dtype.newbyteorder("=") not in known
    ]
    if odd:
        raise TypeError(
            f"Only booleans, integers and floating-point numbers can be written, but there is "
            f"{', '.join(odd[:5])}."
        )


def _digest(arrays, about):
    """Return the SHA-256 digest of arrays, their names, dtypes and shapes, and of JSON."""
    names = sorted(arrays)
    described = [[name, arrays[name].dtype.name, arrays[name].shape] for name in names]
    digest = hashlib.sha256(json.dumps([described, about]).encode())
    for name in names:
        little_endian = arrays[name].astype(arrays[name].dtype.newbyteorder("<"), copy=False)
        # As bytes: the buffer protocol knows no bfloat16.
        digest.update(little_endian.reshape(-1).view(np.uint8))
    return digest.hexdigest()


def _header_size(data):
    return int.from_bytes(data[:8], "little")


def _read_regular_file(given, kind):
    path = os.path.expanduser(given)
    try:
        # Opening a device may already do something.
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise _other_file(given, kind, _special(mode))
        descriptor, size = open_regular(path)
    except FileNotFoundError as error:
        raise ModelFileNotFoundError(
            f"There is no {kind} {given!r} (looked from {os.getcwd()!r}). Pass the path under "
            "which it was saved."
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        if size > MAX_FILE_BYTES:
            raise _damaged(given, f"it has {size:,} bytes; the limit is {MAX_FILE_BYTES:,}")
        return file.read(size)


def _special(mode):
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _parse_header(given, data, kind):
    """Return what the file says about itself, or say what it is instead."""
    if not data:
        raise _damaged(given, "it is empty")
    if data[8:9] != b"{":
        raise _other_file(given, kind, _recognise(data[:300]))
    size = _header_size(data)
    if size > min(len(data) - 8, MAX_HEADER_BYTES):
        raise _damaged(
            given,
            f"its header would take {size:,} bytes, but the file has {len(data):,}, and at most "
            f"{MAX_HEADER_BYTES:,} are read",
        )
    header = _parse_object(given, data[8 : 8 + size], "header")
    texts = header.get("__metadata__")
    if not isinstance(texts, dict) or not isinstance(texts.get(_ENTRY), str):
        raise _other_file(given, kind, "a safetensors file that this library did not write")
    return _parse_object(given, texts[_ENTRY], "metadata")


def _recognise(start):
    if start[30:].startswith(_OLD_FORMAT):
        return (
            "a model file of fer-estimators 0.1, whose format is not read any more; train "
            "again, or load it with that version and keep its network with `model_.save`"
        )
    return recognise(start) or f"a file that begins with {start[:8]!r}"


def _parse_object(given, text, part):
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(given, f"its {part} is not JSON ({str(error)[:200]})") from error
    if not isinstance(content, dict):
        raise _damaged(given, f"its {part} is a {type(content).__name__}, not a JSON object")
    return content


def _check_version(given, about, kind):
    format_version = about.get("format_version")
    if type(format_version) is not int or format_version < FORMAT_VERSION:
        raise _damaged(given, f"it has the unknown format {format_version!r:.40}")
    if format_version > FORMAT_VERSION:
        raise ModelFileError(
            f"{given!r} is newer than this library: it has format {str(format_version)[:40]} and "
            f"was written by fer-estimators {str(about.get('made_by'))[:40]}, but {FORMAT_VERSION} "
            "is the newest format known here. Upgrade: pip install --upgrade fer-estimators."
        )
    if about.get("kind") != kind:
        raise _other_file(given, kind, f"a {about.get('kind')!s:.40}")


def _parse_arrays(data):
    return {
        name: np.frombuffer(view["data"], _DTYPES[view["dtype"]]).reshape(view["shape"])
        for name, view in sorted(safetensors.deserialize(data))
    }


def _other_file(given, kind, what):
    return ModelFileError(
        f"{given!r} is not a {kind}, but {what}. Pass a {kind} that this library wrote."
    )


def _damaged(given, what):
    return ModelFileError(
        f"{given!r} is damaged or incomplete: {what}. Copy or download it again, or write it again."
    )
