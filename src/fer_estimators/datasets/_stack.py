"""Read and decode many files into one array, with bounded memory."""

import hashlib
import zipfile
import zlib
from collections import Counter

import numpy as np
from PIL import ImageFile

from fer_estimators._files.decode_many import decode_many
from fer_estimators._messages import name_some
from fer_estimators.exceptions import BadImageWarning, DatasetError, ImageReadError

#: Name of the manifest that ``verify="sha256"`` reads, at the root of the set.
MANIFEST = "SHA256SUMS"

#: Largest manifest that is read, in bytes: a line takes about 100.
MAX_MANIFEST_BYTES = 64 * 2**20


def stack_images(source, paths, options, report):
    """Decode `paths` into one array.

    Parameters
    ----------
    source : FolderSource or ZipSource
        Gives the bytes.
    paths : list of str
        Files in the order of the result.
    options : Options
        Size, colour, what to do with faults, processes.
    report : LoadReport
        Gets a line for each file that was skipped or converted.

    Returns
    -------
    images : ndarray of shape (n, height, width) or (n, height, width, 3), dtype uint8
        Pixels, values 0-255.
    kept : list of int
        Positions in `paths` of the files that were read.

    Raises
    ------
    ImageReadError
        If files cannot be read and `options.on_error` is ``"raise"``; names all of them.
    DatasetError
        If sizes are mixed and `options.image_size` is None, or if no image could be read.
    """
    refuse_filling()
    sums = _read_manifest(source) if options.verify else None

    def read(path):
        try:
            data = source.read(path)
            if sums is not None:
                _verify(data, sums.get(path))
            return data
        except ImageReadError as error:
            return error

    results = decode_many(
        ((read(path), path) for path in paths),
        color=options.color,
        image_size=options.image_size,
        n_jobs=options.n_jobs,
    )
    # One growing buffer serves every source: it ends at the size of the result, and the
    # system moves large blocks by remapping rather than by copying.
    pixels, kept, faults, sizes = bytearray(), [], [], Counter()
    examples = {}
    for index, result in enumerate(results):
        if isinstance(result, ImageReadError):
            faults.append((paths[index], str(result)))
            continue
        sizes[result.size] += 1
        examples.setdefault(result.size, paths[index])
        for note in result.notes:
            report.add(paths[index], note, "converted")
        if len(sizes) == 1:
            pixels += result.pixels
        kept.append(index)
    _settle_faults(faults, len(paths), options.on_error, report)
    check_sizes(sizes, examples)
    (size,) = sizes
    shape = (len(kept), *size, 3) if options.color else (len(kept), *size)
    return np.frombuffer(pixels, dtype=np.uint8).reshape(shape), kept


def refuse_filling():
    """Refuse Pillow's switch that fills what is missing of an image with grey."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise DatasetError(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set to True, so that truncated images would "
            "come half grey and unnoticed; set it to False, and pass on_error='skip' to leave "
            "such images out"
        )


def _settle_faults(faults, n_paths, on_error, report):
    """Raise for `faults`, or list them in the report and keep one warning."""
    if not faults:
        return
    named = name_some(f"{path}: {reason}" for path, reason in faults)
    if on_error == "raise" or len(faults) == n_paths:
        advice = "" if on_error == "skip" else " Repair or remove them, or pass on_error='skip'."
        raise ImageReadError(f"{len(faults)} of {n_paths} images cannot be read: {named}.{advice}")
    for path, reason in faults:
        report.add(path, reason, "skipped")
    report.warn(
        f"skipped {len(faults)} of {n_paths} images, listed in `report`: {named}",
        category=BadImageWarning,
    )


def check_sizes(sizes, examples):
    """Refuse images of several sizes; `examples` has the name of one image of each."""
    if len(sizes) < 2:
        return
    named = name_some(
        f"{size[0]}x{size[1]} ({count:,}, such as {examples[size]})"
        for size, count in sizes.most_common()
    )
    raise DatasetError(
        f"images differ in size (height x width): {named}. Pass image_size=(height, width) to "
        "resize them."
    )


def _read_manifest(source):
    """Return a dict from path to SHA-256 digest, from lines ``<hex>  <path>``."""
    try:
        with source.open(MANIFEST) as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
    except (OSError, KeyError) as error:
        raise DatasetError(
            f"verify='sha256' needs a file {MANIFEST!r} at the root of {source.name!r}, lines of "
            "'<hex digest>  <path>' as the command `sha256sum` writes them; there is none"
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DatasetError(f"{MANIFEST!r} is damaged in {source.name!r}: {error}") from error
    if len(data) > MAX_MANIFEST_BYTES:
        raise DatasetError(
            f"{MANIFEST!r} in {source.name!r} has more than {MAX_MANIFEST_BYTES:,} bytes, the "
            "limit; expected one line for each image file, as `sha256sum` writes it"
        )
    sums = {}
    for line in filter(None, data.decode("utf-8", "surrogateescape").splitlines()):
        digest, _, path = line.partition(" ")
        sums[path.lstrip(" *").removeprefix("./")] = digest.lower()
    return sums


def _verify(data, expected):
    if expected is None:
        raise ImageReadError(f"not listed in {MANIFEST}")
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise ImageReadError(f"changed: SHA-256 {found[:12]}... is not {expected[:12]}...")
