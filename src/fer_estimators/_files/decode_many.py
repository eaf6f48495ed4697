"""Decode many files, in this process or in several."""

from functools import partial
from itertools import chain, starmap

from fer_estimators._files.decode import decode
from fer_estimators.exceptions import ImageReadError

# What a process takes at a time: enough files to outweigh the hand-over, and few if they are
# large, as their pixels wait in memory.
_CHUNK = 256
_CHUNK_BYTES = 2**20


def decode_many(files, *, color, image_size, n_jobs):
    """Decode files in order.

    Parameters
    ----------
    files : iterable of (bytes or OSError, str)
        Content, or why there is none, and name of each file.
    color : bool
    image_size : tuple of (int, int) or None
        As for :func:`~fer_estimators._files.decode.decode`.
    n_jobs : int or None
        Number of processes; None means this one.

    Returns
    -------
    iterator of Decoded or OSError
        An error stands for each file that has no content or cannot be decoded.
    """
    decode_one = partial(_decode_if_read, color=color, image_size=image_size)
    if n_jobs in (None, 1):
        return starmap(decode_one, files)
    from joblib import Parallel, delayed

    # Processes, as threads are slower than one: for the 40 microseconds of a small image Pillow
    # gives up the interpreter's lock, and then has to wait until it gets it back. They cannot
    # share an open archive, so that files are read here: at most two chunks ahead for each of
    # them, which joblib's batches of many chunks would multiply.
    parallel = Parallel(n_jobs=n_jobs, backend="loky", return_as="generator", batch_size=1)
    done = parallel(delayed(_starmap)(decode_one, chunk) for chunk in _chunks(files))
    return chain.from_iterable(done)


def _decode_if_read(data, name, *, color, image_size):
    if isinstance(data, OSError):
        return data
    try:
        return decode(data, color=color, image_size=image_size, name=name)
    except ImageReadError as error:
        return error


def _starmap(function, chunk):
    return list(starmap(function, chunk))


def _chunks(files):
    chunk, n_bytes = [], 0
    for data, name in files:
        chunk.append((data, name))
        n_bytes += 0 if isinstance(data, OSError) else len(data)
        if len(chunk) == _CHUNK or n_bytes > _CHUNK_BYTES:
            yield chunk
            chunk, n_bytes = [], 0
    if chunk:
        yield chunk
