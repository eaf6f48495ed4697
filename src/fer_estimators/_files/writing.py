"""Write a file whole or not at all."""

import os
import tempfile
from contextlib import contextmanager


@contextmanager
def written_whole(path, *, prefix="."):
    """Open a file that takes the place of `path` once it is whole and on the disk.

    Readers see the old file or the new one. After an error the old one is still there, and
    nothing else; a killed process leaves a file whose name begins with `prefix`.

    Parameters
    ----------
    path : path-like
    prefix : str, default="."
        Of the temporary file's name, in the same folder.

    Yields
    ------
    file object
        Binary.
    """
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=prefix, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
