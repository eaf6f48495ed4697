"""Where the files of a set are: a folder or a zip archive, both as lists of relative paths."""

import errno
import os
import zipfile
import zlib

from fer_estimators._files.archive import MAX_DEPTH, Archive
from fer_estimators._files.decode import EXTENSIONS, MAX_FILE_BYTES
from fer_estimators._files.reading import Tree
from fer_estimators.exceptions import DatasetError, ImageReadError, UnsafeArchiveError

# Formats that are refused by name rather than passed over: a set that holds them would otherwise
# lose images without a word.
_REFUSED_EXTENSIONS = frozenset(
    (
        *(".gif", ".webp", ".tif", ".tiff", ".avif", ".heic", ".pgm", ".ppm", ".pnm", ".hdr"),
        *(".exr", ".psd", ".svg", ".eps", ".jp2", ".ico"),
    )
)
_IMAGE_EXTENSIONS = (*EXTENSIONS, *_REFUSED_EXTENSIONS)
_TABLE_EXTENSIONS = (".csv", ".csv.gz")
_LIST_EXTENSIONS = (".txt", ".lst")
_SYSTEM_FILES = frozenset(("thumbs.db", "desktop.ini", "__macosx"))
#: Suffix of cache files, which may lie inside the set.
CACHE_EXTENSION = ".fercache"


class _Source:
    """Files of a set by relative path, ``"/"`` between the parts.

    `paths` are the image files, `folders` all folders, empty ones too, `tables` the csv files, and
    `lists` other text files, which may list labels.
    """

    def __init__(self, name, report):
        self.name = name
        self.paths, self.folders, self.tables, self.lists = [], set(), [], []
        self._report = report

    def _sort_in(self, path):
        """Add one file to the list where it belongs, or to the report."""
        base = path.rpartition("/")[2]
        if _is_system_path(path):
            self._report.add(path, "system file", "ignored")
        elif base.endswith(CACHE_EXTENSION):
            self._report.add(path, "cache file", "ignored")
        elif is_image_name(base):
            self.paths.append(path)
        else:
            if base.lower().endswith(_TABLE_EXTENSIONS):
                self.tables.append(path)
            elif base.lower().endswith(_LIST_EXTENSIONS):
                self.lists.append(path)
            self._report.add(path, "not an image extension", "ignored")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Release what is open."""


def is_image_name(path):
    """Tell whether a file counts as an image by its extension, of a format that is read or not."""
    return path.lower().endswith(_IMAGE_EXTENSIONS)


def _is_system_path(path):
    # Hidden files cover .DS_Store, ._name (AppleDouble), .git and .ipynb_checkpoints.
    return (
        path.startswith(".")
        or "/." in path
        or not _SYSTEM_FILES.isdisjoint(path.lower().split("/"))
    )


class FolderSource(_Source):
    """A folder and what is under it; links are not followed out of it unless asked."""

    def __init__(self, root, report, *, follow_links):
        super().__init__(os.path.basename(os.path.abspath(root)), report)
        self._root = os.fspath(root)
        self._real_root = os.path.realpath(root)
        self._follow = follow_links
        self._tree = Tree(root, follow_links=follow_links)
        self._visited, self._followed, self._links = {self._real_root}, [], {}
        self._walk("")
        # Folders behind links come last: what also stands in the set keeps its place there.
        for path in self._followed:
            self._enter(path)

    def _walk(self, folder):
        if folder.count("/") > MAX_DEPTH:
            raise DatasetError(
                f"folder '{folder[:60]}'... lies {folder.count('/')} levels below {self._root!r}; "
                f"the limit is {MAX_DEPTH}. Pass the folder that holds the class folders."
            )
        try:
            with os.scandir(os.path.join(self._root, folder)) as entries:
                entries = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise DatasetError(
                f"folder {folder or self._root!r} cannot be listed ({error.strerror}); "
                "the set would be incomplete. Make it readable."
            ) from error
        for entry in entries:
            self._visit(entry, f"{folder}/{entry.name}" if folder else entry.name)
        if entries and all(entry.name.endswith(CACHE_EXTENSION) for entry in entries):
            self.folders.discard(folder)

    def _enter(self, path):
        """Walk a folder, unless that is done: a link may be a loop, or lead to a folder beside."""
        target = os.path.realpath(os.path.join(self._root, path))
        if target in self._visited:
            self._report.add(path, "link to a folder seen before", "ignored")
            return
        self._visited.add(target)
        self.folders.add(path)
        self._walk(path)

    def _visit(self, entry, path):
        if entry.is_symlink() and not self._may_follow(entry, path):
            return
        if entry.is_dir():
            if _is_system_path(path):
                self._report.add(path, "system folder", "ignored")
            elif entry.is_symlink():
                self._followed.append(path)
            else:
                self._enter(path)
        elif entry.is_file():
            self._sort_in(path)
        else:
            self._report.add(path, "not a regular file", "ignored")

    def _may_follow(self, link, path):
        target = os.path.realpath(link.path)
        inside = target.startswith(os.path.join(self._real_root, ""))
        if not os.path.exists(target):
            reason = "broken link"
        elif os.path.isdir(target):
            if self._follow:
                return True
            reason = "link to a folder"
        elif inside or self._follow:
            if not self._follow:
                self._links[path] = os.path.relpath(target, self._real_root).replace(os.sep, "/")
            return True
        else:
            reason = "link out of the folder"
        self._report.add(path, reason, "ignored")
        return False

    def read(self, path):
        """Return the bytes of one file."""
        try:
            descriptor, size = self._open(path)
            try:
                if size > MAX_FILE_BYTES:
                    raise ImageReadError(_too_large(size))
                return os.read(descriptor, size + 1)
            finally:
                os.close(descriptor)
        except ImageReadError:
            raise
        except OSError as error:
            raise ImageReadError(f"cannot be read ({_reason(error)})") from error

    def open(self, path):
        """Open one file as a binary stream."""
        return os.fdopen(self._open(path)[0], "rb")

    def _open(self, path):
        # A link to a file that lies in the folder is one to that file.
        return self._tree.open_regular(self._links.get(path, path))

    def close(self):
        """Close the folder that was read last."""
        self._tree.close()


def _reason(error):
    is_link = error.errno in (errno.ELOOP, errno.ENOTDIR)
    return "it became a link since it was listed" if is_link else error.strerror


class ZipSource(_Source):
    """A zip archive, read in memory: nothing is ever extracted."""

    def __init__(self, path, report):
        super().__init__(os.path.basename(path), report)
        self._archive = Archive(path)
        nested, seen = [], set()
        for name in self._archive.names:
            folder = name[: name.rfind("/") + 1]
            if folder not in seen and not _is_system_path(name):
                seen.add(folder)
                self.folders.update(_parents(folder))
            if not name.endswith("/"):
                self._sort_in(name)
                if name.lower().endswith(".zip"):
                    nested.append(name)
        if nested and not self.paths and not self.tables:
            self.close()
            raise UnsafeArchiveError(
                f"{self.name!r} holds no images but another archive, {nested[0]!r}; archives in "
                "archives are not opened. Unpack the outer one and pass the inner one."
            )

    def read(self, path):
        """Return the bytes of one member."""
        try:
            return self._archive.read(path, limit=MAX_FILE_BYTES)
        except OverflowError as error:
            raise ImageReadError(_too_large(error.args[0])) from None
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise ImageReadError(f"damaged in the archive: {error}") from error

    def open(self, path):
        """Open one member as a binary stream."""
        try:
            return self._archive.open(path)
        except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
            raise DatasetError(f"{path!r} is damaged in {self.name!r}: {error}") from error

    def close(self):
        """Close the archive."""
        self._archive.close()


def _parents(name):
    """Yield every folder that the member `name` implies."""
    position = name.find("/")
    while position > 0:
        yield name[:position]
        position = name.find("/", position + 1)


def _too_large(size):
    return f"{size:,} bytes; the limit for one image is {MAX_FILE_BYTES:,}"
