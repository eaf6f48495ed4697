"""Keep a loaded set in one file, so that the second load reads an array and nothing else.

The file is named after what went into it: the names, sizes, times and inodes of all source files
(inodes tell files that swapped names), the arguments, and the versions of this library and of
Pillow. Anything that changes gives another name, so a stale file is never read. No pickle: the
file holds JSON and raw pixels.
"""

import hashlib
import json
import logging
import math
import os
import zlib
from importlib.metadata import version

import numpy as np
import PIL

from fer_estimators._files.reading import open_stream
from fer_estimators._files.writing import written_whole
from fer_estimators._messages import warn
from fer_estimators.datasets._report import Loaded, LoadReport
from fer_estimators.datasets._sources import CACHE_EXTENSION

logger = logging.getLogger(__name__)

_MAGIC = b"fer-estimators cache 1\n"
_MAX_HEADER_BYTES = 2**30


def through_cache(folder, path, key, load, *, follow_links):
    """Return what `load()` returns, a `Loaded`, from the cache in `folder` where it holds it.

    `folder` is made if absent; None turns the cache off. `path` is the set, and `key` everything
    else that determines the result, with a stable ``repr``.
    """
    if folder is None:
        return load()
    folder = os.path.expanduser(os.fsdecode(folder))
    try:
        name = _fingerprint(path, key, os.path.realpath(folder), follow_links) + CACHE_EXTENSION
    except (OSError, RecursionError):
        return load()  # which says what cannot be read, or that folders lie too deep
    file_name = os.path.join(folder, name)
    try:
        return _read(file_name)
    except FileNotFoundError:
        logger.info("cache %s has no entry for %s yet", folder, path)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        logger.warning("cache file %s is damaged (%s) and is written again", file_name, error)
    loaded = load()
    try:
        _write(folder, name, loaded)
    except OSError as error:
        warn(
            f"cache {folder!r} cannot be written ({error.strerror}); the images were loaded "
            "without it. Free space, or name another folder."
        )
    return loaded


def _fingerprint(path, key, cache_folder, follow_links):
    digest = hashlib.sha256()
    versions = (version("fer-estimators"), PIL.__version__)
    # Both names: that of a link stands in the results, and may tell the split.
    names = (os.path.abspath(path), os.path.realpath(path))
    digest.update(repr((versions, names, key)).encode("utf-8", "surrogatepass"))
    if os.path.isdir(path):
        _add_tree(digest, path, cache_folder, follow_links, set())
    else:
        digest.update(_describe(os.stat(path)).encode())
    return digest.hexdigest()[:40]


def _add_tree(digest, folder, cache_folder, follow_links, visited):
    """Add the name, size and time of every file under `folder`, which is read once."""
    real = os.path.realpath(folder)
    if real in visited:
        return
    visited.add(real)
    with os.scandir(folder) as entries:
        entries = sorted((entry.name, entry) for entry in entries)
    lines = []
    for name, entry in entries:
        if entry.is_dir(follow_symlinks=follow_links):
            # The cache may stand inside the set; writing to it must not change the fingerprint.
            if os.path.realpath(entry.path) == cache_folder:
                continue
            lines.append(f"{name}/")
            _add_tree(digest, entry.path, cache_folder, follow_links, visited)
        # Nor where the set is the cache's folder itself.
        elif not name.endswith(CACHE_EXTENSION):
            # Of links that lead nowhere or to a folder, only the link itself is part of the set.
            state = entry.stat(follow_symlinks=entry.is_file())
            lines.append(f"{name}\0{_describe(state)}")
    digest.update(f"{folder}\0{len(lines)}\n".encode("utf-8", "surrogatepass"))
    digest.update("\n".join(lines).encode("utf-8", "surrogatepass"))


def _describe(state):
    """Return what changes with a file's content, or where another file gets its name."""
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_ino}"


def _write(folder, name, loaded):
    """Write atomically: readers see the whole file or none, and a crash leaves the old state."""
    images = np.ascontiguousarray(loaded.images)
    header = {
        "shape": images.shape,
        "adler32": zlib.adler32(images),
        "target": loaded.target,
        "split": loaded.split,
        "filenames": loaded.filenames,
        "report": loaded.report.to_dict(),
        "n_rows": loaded.n_rows,
    }
    text = json.dumps(header).encode("ascii")
    os.makedirs(folder, exist_ok=True)
    with written_whole(os.path.join(folder, name)) as file:
        file.write(_MAGIC)
        file.write(b"%d %d\n" % (len(text), zlib.adler32(text)))
        file.write(text)
        file.write(images)
    logger.info("wrote %s", os.path.join(folder, name))


def _read(file_name):
    with open_stream(file_name) as file:
        if file.readline(len(_MAGIC)) != _MAGIC:
            raise ValueError("not a cache file")
        length, checksum = map(int, file.readline(64).split())
        if not 0 < length < _MAX_HEADER_BYTES:
            raise ValueError("header length")
        text = file.read(length)
        if zlib.adler32(text) != checksum:
            raise ValueError("header checksum")
        header = json.loads(text)
        expected = file.tell() + math.prod(header["shape"])
        if os.fstat(file.fileno()).st_size != expected:
            raise ValueError("length")
        images = np.empty(header["shape"], dtype=np.uint8)
        file.readinto(memoryview(images).cast("B"))
    if zlib.adler32(images) != header["adler32"]:
        raise ValueError("pixel checksum")
    report = LoadReport.from_dict(header["report"])
    return Loaded(
        images,
        header["target"],
        header["filenames"],
        header["split"],
        report,
        n_rows=header["n_rows"],
    )
