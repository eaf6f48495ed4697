"""The way that both loaders share: from a folder or an archive to images and labels."""

import logging
import os
import zipfile
from importlib.resources import files

import numpy as np

from fer_estimators._files.kinds import find_stand_in, is_tar, recognise
from fer_estimators._files.reading import open_stream
from fer_estimators._messages import name_some
from fer_estimators.datasets._cache import through_cache
from fer_estimators.datasets._duplicates import find_duplicates
from fer_estimators.datasets._labelled import arrange_labelled
from fer_estimators.datasets._layout import arrange
from fer_estimators.datasets._options import check_path
from fer_estimators.datasets._report import Loaded, LoadReport
from fer_estimators.datasets._sources import FolderSource, ZipSource
from fer_estimators.datasets._stack import stack_images
from fer_estimators.datasets._table import read_table
from fer_estimators.exceptions import DatasetError

logger = logging.getLogger(__name__)

# Names under which FER2013 is published as a table, wherever it lies among other files.
_TABLE_NAMES = ("fer2013.csv", "icml_face_data.csv", "fer2013.csv.gz", "icml_face_data.csv.gz")


def load(path, options, layout, *, expected, cache, read):
    """Return what ``read(path, options, layout)`` does, or the cache holds, and issue its warnings.

    `expected` says what `path` should be, for the error if it does not exist.
    """
    path = check_path(path, expected)
    loaded = through_cache(
        cache,
        path,
        ("emotions" if layout.emotions else "folders", options.key(), layout.labels),
        lambda: read(path, options, layout),
        follow_links=options.follow_links,
    )
    logger.info("loaded %d images from %s", len(loaded.images), path)
    loaded.report.emit()
    return loaded


def to_bunch(loaded, target_names, description):
    """Return the Bunch that the loaders promise."""
    # Imported here: scikit-learn takes most of the time that importing the loaders would take.
    from sklearn.utils import Bunch

    images = loaded.images
    return Bunch(
        data=as_rows(images),
        images=images,
        target=np.array(loaded.target, dtype=str),
        target_names=np.array(target_names, dtype=str),
        # Objects, because one long name would widen every entry of a string array.
        filenames=np.array(loaded.filenames, dtype=object),
        split=np.array(loaded.split, dtype=str),
        report=loaded.report,
        DESCR=read_description(description),
    )


def as_rows(images):
    """View images as one row each; those that are read lazily stay as they are."""
    return images.reshape(len(images), -1) if isinstance(images, np.ndarray) else images


def read_description(name):
    """Return a page of ``descr/``."""
    return files(__package__).joinpath("descr", name).read_text(encoding="utf-8")


def read_set(path, options, layout):
    """Read a folder, a zip archive or (for emotions) a csv table into `Loaded`."""
    report = LoadReport()
    kind = _kind_of(path, tables=layout.reads_tables)
    if kind != "folder":
        _refuse_lazy(options, path, kind)
    if kind == "table":
        loaded = _read_table(open_stream, path, path, options, layout, report)
    else:
        loaded = _read_source(path, kind, options, layout, report)
    _warn_about_duplicates(loaded)
    return loaded


def _read_source(path, kind, options, layout, report):
    if kind == "folder":
        source = FolderSource(path, report, follow_links=options.follow_links)
    else:
        source = ZipSource(path, report)
    with source:
        table = None if source.paths or not layout.reads_tables else _choose_table(source)
        if table is not None:
            _refuse_lazy(options, path, "table")
            return _read_table(source.open, table, path, options, layout, report)
        if layout.labels:
            items = arrange_labelled(source, layout.labels, options, report)
        else:
            items = arrange(source, layout, options, report)
        paths = [item.path for item in items]
        if options.lazy:
            return _arranged(_image_files(path, paths, options), items, report)
        images, kept = stack_images(source, paths, options, report)
    return _arranged(images, [items[index] for index in kept], report)


def _arranged(images, items, report):
    return Loaded(
        images,
        [item.label for item in items],
        [item.path for item in items],
        [item.split for item in items],
        report,
    )


def _image_files(folder, paths, options):
    # Imported here: it needs scikit-learn, which takes longer to import than most sets to load.
    from fer_estimators.image_files import ImageFiles

    return ImageFiles(
        [os.path.join(folder, path) for path in paths],
        options.image_size,
        color=options.color,
        n_jobs=options.n_jobs,
        on_error=options.on_error,
    )


def _choose_table(source):
    named = [t for t in source.tables if t.rpartition("/")[2].lower() in _TABLE_NAMES]
    tables = named or source.tables
    if len(tables) > 1:
        raise DatasetError(
            f"{source.name!r} has no images but {len(tables)} tables: {tables}; pass one of them"
        )
    return tables[0] if tables else None


def _read_table(open_file, table, path, options, layout, report):
    if options.verify:
        raise DatasetError(
            f"verify={options.verify!r} compares image files, but {path!r} is a csv table"
        )
    with open_file(table) as stream:
        name = os.path.basename(table)
        return read_table(stream, name, options, report, codes=layout.table_codes)


def _refuse_lazy(options, path, kind):
    if options.lazy:
        raise DatasetError(
            f"lazy=True reads image files in a folder, but {path!r} is a {kind}. Unpack it, or "
            "leave out lazy."
        )


def _kind_of(path, *, tables):
    """Return "folder", "zip" or "table" by the content of `path`, never by its name."""
    if os.path.isdir(path):
        return "folder"
    if not os.path.isfile(path):
        raise DatasetError(f"{path!r} is neither a folder nor a regular file")
    if zipfile.is_zipfile(path):
        return "zip"
    with open_stream(path) as file:
        head = file.read(512)
    start = head[:64].removeprefix(b"\xef\xbb\xbf")
    is_text = bool(start) and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start)
    if find_stand_in(head):
        _refuse(path, head, tables)
    # A damaged archive is treated as what its first bytes suggest, and diagnosed there.
    if head.startswith(b"PK\3\4") or path.lower().endswith(".zip"):
        return "zip"
    if tables and (is_text or head.startswith(b"\x1f\x8b")) and not is_tar(head):
        return "table"
    return _refuse(path, head, tables)


def _refuse(path, head, tables):
    what = f"begins with {head[:12]!r}" if head else "is empty"
    if known := recognise(head):
        what = f"is {known}"
    elif head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")):
        what = "is one image; pass the folder that holds the class folders"
    kinds = "a folder, a .zip archive" + (", a .csv or a .csv.gz table" if tables else "")
    raise DatasetError(f"{path!r} {what}. Expected {kinds}.")


def _warn_about_duplicates(loaded):
    """Warn where splits that were loaded together share images, or labels of equal ones differ."""
    if len(set(loaded.split)) < 2 or not isinstance(loaded.images, np.ndarray):
        return
    duplicates = find_duplicates(loaded.images, target=loaded.target, split=loaded.split)
    for (first, second), count in duplicates.across_splits.items():
        loaded.report.warn(
            f"{count:,} images of split {second!r} are also in {first!r}, pixel for pixel, "
            "which inflates scores; see find_duplicates"
        )
    if duplicates.conflicting:
        first, *_ = duplicates.conflicting
        named = name_some(f"{loaded.filenames[i]} ({loaded.target[i]})" for i in first)
        loaded.report.warn(
            f"{len(duplicates.conflicting):,} groups of equal images have different labels, the "
            f"first is {named}; see find_duplicates"
        )
