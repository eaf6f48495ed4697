"""Read files that may have turned into something else since they were listed."""

import errno
import os
import stat

# Windows would translate line ends without O_BINARY; a pipe must not block before it is known.
_READ_ONLY = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = _READ_ONLY | getattr(os, "O_DIRECTORY", 0)
_CAN_STEP = os.open in os.supports_dir_fd


def open_regular(path: str | os.PathLike[str], *, folder: int | None = None) -> tuple[int, int]:
    """Open a regular file, and nothing else, without waiting for anyone.

    Returns a plain descriptor, which the caller closes, and the size in bytes: for small files, a
    file object costs as much as reading them. With the descriptor of a `folder`, `path` starts
    there and may not be a link. Raises OSError if the file cannot be opened, or is a folder, a
    pipe, a device or another special file.
    """
    flags = _READ_ONLY if folder is None else _READ_ONLY | _NO_LINK
    descriptor = os.open(path, flags, dir_fd=folder)
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    return descriptor, state.st_size


def open_stream(path):
    """Open a regular file as a buffered binary stream."""
    descriptor, _ = open_regular(path)
    return os.fdopen(descriptor, "rb")


def read_regular(path: str | os.PathLike[str], *, limit: int) -> bytes:
    """Read a whole regular file; raise an OSError (EFBIG) if it is larger than `limit` bytes."""
    with open_stream(path) as file:
        content: bytes = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit:,} bytes, the limit", os.fspath(path))
    return content


class Tree:
    """Open files below the folder `root`, step by step, so that no link leads out of it.

    A path is only a name: between listing and reading, any part of it may have become a link.
    `root` itself may be a link. The folder of the last file stays open, as the next file mostly
    lies in it. Where the system cannot open files relative to a folder (Windows), paths are opened
    as they stand.
    """

    def __init__(self, root, *, follow_links):
        self._root = os.fspath(root)
        self._follow = follow_links or not _CAN_STEP
        self._folder, self._descriptor = None, None

    def open_regular(self, path):
        """Open the file at `path`, ``"/"`` between its parts; see `open_regular`."""
        if self._follow:
            return open_regular(f"{self._root}/{path}")
        folder, _, name = path.rpartition("/")
        if folder != self._folder:
            self._enter(folder)
        return open_regular(name, folder=self._descriptor)

    def _enter(self, folder):
        self.close()
        descriptor = os.open(self._root, _FOLDER)
        for part in filter(None, folder.split("/")):
            above = descriptor
            try:
                descriptor = os.open(part, _FOLDER | _NO_LINK, dir_fd=above)
            finally:
                os.close(above)
        self._folder, self._descriptor = folder, descriptor

    def close(self):
        """Close the folder that is open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._folder, self._descriptor = None, None
