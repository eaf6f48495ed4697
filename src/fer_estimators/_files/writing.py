"""Write a file whole or not at all."""

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

# O_EXCL never writes through a link that someone else has put there; Windows needs O_BINARY.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp")


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` once it is whole and on the disk.

    Readers see the old file or the new one. After an error the old one is still there, and nothing
    else; a killed process leaves a hidden temporary file in the same folder. A file that is
    replaced keeps its permissions, a new one gets those that the umask leaves, and a link still
    points at the file that is written.

    Raises OSError, before anything is written, if `path` is empty, a folder, a pipe, a device or
    another special file; PermissionError if it is a file that may not be written.
    """
    path, mode = check_writable(path)
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
    try:
        with os.fdopen(os.open(temporary, _NEW, 0o666), "wb") as file:
            if mode is not None:
                os.chmod(temporary, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        # A full disk is reported without a name, a read-only one with that of the temporary file.
        if isinstance(error, OSError) and error.filename in (None, temporary):
            error.filename = path
        raise
    _sync_folder(folder)


def remove_temporaries(folder: Path) -> None:
    """Delete what killed processes left in a folder in which nobody else is writing."""
    for path in folder.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            path.unlink()


def check_writable(path: str | os.PathLike[str]) -> tuple[str, int | None]:
    """Refuse what `written_whole` must not replace, without writing anything.

    Returns the absolute path, with links resolved, and the permissions of the file there, if any.
    """
    name = os.fsdecode(path)
    if not name:
        raise FileNotFoundError(errno.ENOENT, "a file name is expected", name)
    real = os.path.realpath(name)
    try:
        state = os.stat(real)
    except FileNotFoundError:
        if name.endswith(("/", os.sep)):
            raise IsADirectoryError(errno.EISDIR, "a file name is expected", name) from None
        return real, None
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, "a folder, but the name of a file is expected", name)
    if not stat.S_ISREG(state.st_mode):
        raise OSError(
            errno.EINVAL, "not a regular file (a pipe or a device?), so it is not replaced", name
        )
    # Root may write anything, and is asked for the permission all the same.
    if not state.st_mode & 0o222 or not os.access(real, os.W_OK):
        raise PermissionError(
            errno.EACCES, "the file there is read-only; make it writable, or name another", name
        )
    return real, stat.S_IMODE(state.st_mode)


def _sync_folder(folder):
    """Put the new name on the disk, where the system can: Windows opens no folders."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
