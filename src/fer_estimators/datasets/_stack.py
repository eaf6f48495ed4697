"""Read and decode many files into one array, with bounded memory."""

import hashlib
import zipfile
import zlib

from fer_estimators._files.stack import Stack, decode_many, refuse_filling
from fer_estimators._messages import name_some
from fer_estimators.datasets._sources import is_image_name
from fer_estimators.exceptions import DatasetError, ImageReadError

#: Name of the manifest that ``verify="sha256"`` reads, at the root of the set.
MANIFEST = "SHA256SUMS"

#: Largest manifest that is read, in bytes: a line takes about 100.
MAX_MANIFEST_BYTES = 64 * 2**20


def stack_images(source, paths, options, report):
    """Decode `paths` into one array, dtype uint8; return it and the positions of the files read.

    `report` gets a line for each file that was skipped or converted. Raises ImageReadError for all
    files that cannot be read if `options.on_error` is ``"raise"``; DatasetError if sizes are mixed
    and `options.image_size` is None, or if no image could be read.
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
    stack = Stack(results, paths, color=options.color)
    for index, note in stack.notes:
        report.add(paths[index], note, "converted")
    faults = [(paths[index], str(error)) for index, error in stack.faults]
    missing = _find_missing(sums, source, paths, options) if sums else []
    if faults or missing:
        n_paths = len(paths) + len(missing)
        _settle_faults(faults + missing, n_paths, stack.kept, options.on_error, report)
    return stack.images(), stack.kept


def _settle_faults(faults, n_paths, kept, on_error, report):
    """Raise for `faults`, or list them in the report and keep one warning."""
    named = name_some(f"{path}: {reason}" for path, reason in faults)
    if on_error == "raise" or not kept:
        advice = "" if on_error == "skip" else " Repair or remove them, or pass on_error='skip'."
        raise ImageReadError(f"{len(faults)} of {n_paths} images cannot be read: {named}.{advice}")
    report.skip(faults, f"{len(faults)} of {n_paths} images, listed in `report`: {named}")


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


def _find_missing(sums, source, paths, options):
    """Return faults for images of the manifest that are not there, although they were asked for.

    A set may be a part of what the manifest lists, such as one split.
    """
    there = set(source.paths)
    missing = [path for path in sums if is_image_name(path) and path not in there]
    if options.classes is not None:
        folders = {_folder(path) for path in paths}
        missing = [path for path in missing if _folder(path) in folders]
    elif options.splits is not None:
        above = {_folder(_folder(path)) for path in paths}
        missing = [path for path in missing if _folder(_folder(path)) in above]
    return [(path, f"listed in {MANIFEST}, but not there") for path in missing]


def _folder(path):
    return path.rpartition("/")[0]
