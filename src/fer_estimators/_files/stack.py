"""Decode many files into one array, in this process or in several."""

from collections import Counter
from functools import partial
from itertools import chain, starmap

import numpy as np
from PIL import ImageFile

from fer_estimators._files.decode import decode
from fer_estimators._messages import name_some
from fer_estimators.exceptions import DatasetError, ImageReadError

# What a process takes at a time: enough files to outweigh the hand-over, and few if they are
# large, as their pixels wait in memory.
_CHUNK = 256
_CHUNK_BYTES = 2**20

#: Most bytes that the pixels of all images may take, as they are given.
MAX_STACK_BYTES = 16 * 2**30


def decode_many(files, *, color, image_size, n_jobs):
    """Decode files in order, in `n_jobs` processes; None means this one.

    Each entry of `files` is a pair: the content of a file, or the OSError that reading it raised,
    and its name. Return a Decoded for each file, or the OSError that says why there is none.
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


class Stack:
    """Images of one size in one array, and what became of each file.

    `results` are those of `decode_many`, and `names` those of the files, for messages. `kept` lists
    the positions of the files that were read, `faults` the position and error of the others,
    `notes` the position of an image and what was done to it. Raises DatasetError if the pixels
    would take more than 16 GiB, were all images as large as the first.
    """

    def __init__(self, results, names, *, color):
        # One growing buffer serves every source: it ends at the size of the result, and the
        # system moves large blocks by remapping rather than by copying.
        self._pixels, self._sizes, self._examples = bytearray(), Counter(), {}
        self.kept, self.faults, self.notes = [], [], []
        self._color, self._n_files = color, len(names)
        for index, result in enumerate(results):
            if isinstance(result, OSError):
                self.faults.append((index, result))
            else:
                self._add(index, result, names[index])

    def _add(self, index, decoded, name):
        pixels, size, notes = decoded
        if size not in self._sizes:
            if not self._sizes:
                self._check_total(size, len(pixels), name)
            self._examples[size] = name
        self._sizes[size] += 1
        if notes:
            self.notes += [(index, note) for note in notes]
        self.kept.append(index)
        if len(self._sizes) > 1:
            return
        self._pixels += pixels

    def _check_total(self, size, n_bytes, name):
        """Refuse after the first image, before more memory is taken."""
        n_images = self._n_files - len(self.faults)
        if n_images * n_bytes > MAX_STACK_BYTES:
            raise DatasetError(
                f"{n_images:,} images like {name!r}, of {'x'.join(map(str, size))} pixels, take "
                f"{n_images * n_bytes:,} bytes; the limit is {MAX_STACK_BYTES:,}. Pass "
                "image_size=(height, width) to make them smaller, or read them in parts."
            )

    def images(self):
        """Return the images, dtype uint8, of shape (n, height, width) or (n, height, width, 3).

        Raises DatasetError if they are of several sizes.
        """
        if len(self._sizes) > 1:
            named = name_some(
                f"{size[0]}x{size[1]} ({count:,}, such as {self._examples[size]})"
                for size, count in self._sizes.most_common()
            )
            raise DatasetError(
                f"images differ in size (height x width): {named}. Pass image_size=(height, "
                "width) to resize them."
            )
        (size,) = self._sizes
        shape = (len(self.kept), *size, 3) if self._color else (len(self.kept), *size)
        return np.frombuffer(self._pixels, dtype=np.uint8).reshape(shape)


def refuse_filling():
    """Refuse Pillow's switch that fills what is missing of an image with grey."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise DatasetError(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set to True, so that truncated images would "
            "be loaded half grey and unnoticed; set it to False, and pass on_error='skip' to leave "
            "such images out"
        )
