"""Sequences of images that are read part by part: of files, HDF5, zarr and Dask arrays."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fer_estimators._parts import row_slices
from fer_estimators._scale import refuse_other_than_pixels


def is_lazy(X: Any) -> bool:
    """Tell whether `X` is a sequence of images that must be read, rather than one in memory.

    What is known by its ``shape``, ``dtype`` and slices, but does not lend its memory.
    """
    if isinstance(X, np.ndarray) or hasattr(X, "__array_interface__") or hasattr(X, "__dlpack__"):
        return False
    shape = getattr(X, "shape", None)
    is_sequence = hasattr(X, "__getitem__") and hasattr(X, "dtype")
    return is_sequence and isinstance(shape, tuple) and len(shape) in (3, 4)


class LazyImages:
    """View a sequence as ``(n_samples, height, width, channels)``; indexing reads.

    The source, of 3 or 4 axes, has ``shape``, ``dtype``, slices and indexing by increasing numbers.
    """

    ndim = 4

    def __init__(self, source: Any) -> None:
        self._source = source
        shape = tuple(map(int, source.shape))
        self.shape = (*shape, 1) if len(shape) == 3 else shape
        self.dtype = np.dtype(source.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | ArrayLike) -> NDArray[Any]:
        """Read images, as an ndarray of shape (n, height, width, channels)."""
        if isinstance(rows, slice):
            return self._as_images(self._source[rows], range(len(self))[rows])
        # HDF5 takes numbers in increasing order only, each once.
        sorted_rows, place = np.unique(rows, return_inverse=True)
        return self._as_images(self._source[sorted_rows], sorted_rows)[place]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all images."""
        return np.asarray(self[:], dtype=dtype)

    def leave_out(self, rows: ArrayLike) -> "LazyImages":
        """Return the other images, of a source whose picks are not read."""
        return LazyImages(self._source[np.delete(np.arange(len(self)), rows)])

    def read_ahead(self, picks: Sequence[NDArray[np.intp]]) -> Iterator[NDArray[Any]]:
        """Read images pick by pick, the next ones in other processes if the source asks for it."""
        n_jobs = getattr(self._source, "n_jobs", None)
        if n_jobs in (None, 1):
            yield from (self[rows] for rows in picks)
            return
        from joblib import Parallel, delayed

        # Two batches wait for each process: enough to keep it busy, and little memory.
        parallel = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)
        parts = parallel(delayed(np.asarray)(_pick_alone(self._source, rows)) for rows in picks)
        for rows, images in zip(picks, map(self._as_images, parts, picks), strict=True):
            if self.skips_unreadable and not (readable := images.any(axis=(1, 2, 3))).all():
                # Read them here: nobody hears the warnings of other processes.
                self[rows[~readable]]
            yield images

    @property
    def skips_unreadable(self) -> bool:
        """Whether black images stand for those that cannot be read."""
        return getattr(self._source, "on_error", "raise") == "skip"

    def check_pixels(self) -> None:
        """Refuse values that no image has (NaN, infinite, not in 0..255), reading part by part."""
        if self.dtype == np.uint8:
            return
        from sklearn.utils import assert_all_finite

        for rows in row_slices(self):
            part = self[rows]
            assert_all_finite(part, input_name="X")
            refuse_other_than_pixels(part, first_row=rows.start)

    def _as_images(self, part, rows):
        part = np.asarray(part)
        expected = (len(rows), *self._source.shape[1:])
        if part.shape != expected or part.dtype.newbyteorder("=") != self.dtype.newbyteorder("="):
            # A single image would stand for all of a batch, and other numbers are not checked.
            raise ValueError(
                f"X is a {type(self._source).__name__} whose shape is {self._source.shape} and "
                f"whose dtype is {self.dtype}, but {len(rows)} rows of it were read as an array of "
                f"shape {part.shape} and dtype {part.dtype}. Correct its shape and dtype, or pass "
                "an array: np.asarray(X)."
            )
        return part.reshape(len(rows), *self.shape[1:])


def _pick_alone(source, rows):
    """Pick images that the process which reads them decodes by itself."""
    picked = source[rows]
    picked.n_jobs = None
    return picked
