"""Image files as a sequence of images that are read when they are asked for."""

import operator
import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fer_estimators._files.resizing import height_and_width
from fer_estimators._files.writing import written_whole
from fer_estimators.preprocessing import ImageReader

_AT_ONCE = 1024


class ImageFiles:
    """Image files as one array of images that stays on disk.

    Has ``shape``, ``dtype``, ``ndim`` and a length. A slice, a mask or an array of numbers picks
    files and opens none, so that scikit-learn's splitters pass it on as it is; one
    number, or :func:`numpy.asarray`, reads pixels. Classifiers read it batch by batch.

    Parameters
    ----------
    paths : sequence of str or path-like
        The files: JPEG, PNG or BMP.
    image_size : int or tuple of int, default=48
        Height and width of all images, pixels; one number stands for a square.
    color : bool, default=False
        Whether they are RGB rather than grey.

    Attributes
    ----------
    shape : tuple of int
        ``(n, height, width)``, or ``(n, height, width, 3)`` of RGB images.
    dtype : dtype
        uint8, values 0..255.
    ndim : int
        3 or 4.
    paths : ndarray of str, shape (n,)
        The files, in order.

    Raises
    ------
    ValueError, TypeError
        If `paths` are not file names, or `image_size` is not a size. Files are not looked at.

    See Also
    --------
    ImageReader : Read all files at once, as a step of a pipeline.

    Notes
    -----
    A fit reads each file twice before the first epoch, to check its pixels, and then once in each
    epoch; prediction reads it twice. Where decoding takes longer than the network, decode once:
    :meth:`to_memmap`.

    A file that is damaged, or vanishes during a fit, is an error that names it.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from PIL import Image
    >>> from fer_estimators import ImageFiles, make_faces
    >>> faces = make_faces(5, random_state=0)
    >>> folder = tempfile.TemporaryDirectory()
    >>> paths = [pathlib.Path(folder.name, f"{i}.png") for i in range(5)]
    >>> for path, face in zip(paths, faces.images):
    ...     Image.fromarray(face).save(path)
    >>> images = ImageFiles(paths, image_size=48)
    >>> images[1:4].shape, images[0].shape
    ((3, 48, 48), (48, 48))
    >>> bool((np.asarray(images) == faces.images).all())
    True
    >>> folder.cleanup()
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        image_size: int | tuple[int, int] = 48,
        *,
        color: bool = False,
    ) -> None:
        if image_size is None:
            raise ValueError("image_size=None, but one size for all is expected, such as 48.")
        self._reader = ImageReader(image_size, color=color).fit(paths)
        self.paths: NDArray[np.str_] = np.array([os.fspath(path) for path in paths])
        if self.paths.dtype.kind != "U":
            raise TypeError(
                "paths holds the contents of files as bytes, but file names are expected. Read "
                "contents with ImageReader."
            )
        self._image_shape = (*height_and_width(image_size), *((3,) if color else ()))

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of files, height and width, and 3 of RGB images."""
        return (len(self.paths), *self._image_shape)

    @property
    def ndim(self) -> int:
        """Number of axes, 3 or 4."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Always uint8."""
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Any) -> Self | NDArray[np.uint8]:
        """Pick files by a slice, a mask or numbers, or read one image by its number."""
        if isinstance(index, tuple) and len(index) == 2 and index[1] is Ellipsis:
            index = index[0]  # as scikit-learn's splitters write it
        if not isinstance(index, slice) and np.ndim(index) == 0:
            return self._read(self.paths[[operator.index(index)]])[0]
        picked = object.__new__(type(self))
        vars(picked).update(vars(self), paths=self.paths[index])
        if picked.paths.ndim != 1:
            raise IndexError(f"index {index!r:.80} is not of one axis, but pick images by number.")
        return picked

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[np.uint8]:
        """Read all files."""
        if copy is False:
            raise ValueError("ImageFiles holds no array: its pixels have to be read (copied).")
        pixels = self._read(self.paths) if len(self) else np.empty(self.shape, dtype=np.uint8)
        return pixels if dtype is None else pixels.astype(dtype)

    def __repr__(self) -> str:
        return f"<ImageFiles of shape {self.shape}>"

    def to_memmap(self, path: str | os.PathLike[str]) -> np.memmap:
        """Decode all files once, into a file of NumPy's format, part by part.

        Parameters
        ----------
        path : path-like
            Ending in ``.npy``. A file that is there is replaced once the new one is whole.

        Returns
        -------
        memmap of shape (n, height, width[, 3]), dtype uint8, values 0..255
            Read-only.

        Raises
        ------
        OSError
            If an image cannot be read, or the file not written.
        """
        header = {"descr": "|u1", "fortran_order": False, "shape": self.shape}
        with written_whole(path) as file:
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, len(self), _AT_ONCE):
                file.write(np.asarray(self[start : start + _AT_ONCE]).tobytes())
        return np.load(path, mmap_mode="r")

    def _read(self, paths):
        return self._reader.transform(paths)
