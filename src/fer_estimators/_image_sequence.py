"""A sequence of images whose pixels are read on demand."""

import operator
import os
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fer_estimators._files.writing import written_whole
from fer_estimators._parts import row_slices


class ImageSequence:
    """Images as one array that is not in memory.

    A subclass reads pixels in :meth:`_read`.

    Parameters
    ----------
    items : ndarray of shape (n,)
        What stands for each image: the name of its file, its place in a data set.
    image_shape : tuple of int
        ``(height, width)``, or ``(height, width, channels)``, pixels.
    dtype : dtype, default=uint8
        Dtype of the pixels.
    """

    def __init__(
        self,
        items: NDArray[Any],
        image_shape: tuple[int, ...],
        dtype: DTypeLike = np.uint8,
    ) -> None:
        self._items = items
        self._image_shape = tuple(image_shape)
        self._dtype = np.dtype(dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images, height and width, and the number of channels if they have any."""
        return (len(self._items), *self._image_shape)

    @property
    def ndim(self) -> int:
        """Number of axes, 3 or 4."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the pixels."""
        return self._dtype

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Self | NDArray[Any]:
        """Pick images by a slice, a mask or numbers, or read one image by its number."""
        if isinstance(index, tuple) and len(index) == 2 and index[1] is Ellipsis:
            index = index[0]  # as scikit-learn's splitters write it
        if not isinstance(index, slice) and np.ndim(index) == 0:
            return self._read(self._items[[operator.index(index)]])[0]
        picked = object.__new__(type(self))
        vars(picked).update(vars(self), _items=self._items[index])
        if picked._items.ndim != 1:
            raise IndexError(f"index {index!r:.80} is not of one axis, but pick images by number.")
        return picked

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all images."""
        if copy is False:
            raise ValueError(
                f"{type(self).__name__} holds no array: its pixels have to be read (copied)."
            )
        pixels = self._read(self._items) if len(self) else np.empty(self.shape, dtype=self.dtype)
        return pixels if dtype is None else pixels.astype(dtype)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of shape {self.shape}>"

    def to_memmap(self, path: str | os.PathLike[str]) -> np.memmap:
        """Read all images once, into a file of NumPy's format, part by part.

        Parameters
        ----------
        path : path-like
            Ending in ``.npy``. A file that is there is replaced once the new one is whole.

        Returns
        -------
        memmap of shape (n, height, width[, channels])
            Read-only; pixels of the same dtype and values.

        Raises
        ------
        OSError
            If an image cannot be read, or the file not written.
        """
        description = np.lib.format.dtype_to_descr(self.dtype)
        header = {"descr": description, "fortran_order": False, "shape": self.shape}
        with written_whole(path) as file:
            np.lib.format.write_array_header_1_0(file, header)
            for rows in row_slices(self):
                file.write(np.asarray(self[rows]).tobytes())
        return np.load(path, mmap_mode="r")

    def _read(self, items: NDArray[Any]) -> NDArray[Any]:
        """Read the images for which some items stand."""
        raise NotImplementedError
