"""Image files as a sequence of images that are read on demand."""

import hashlib
import os
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import PIL
from numpy.typing import NDArray

from fer_estimators._arguments import check_choice
from fer_estimators._files.reading import open_stream
from fer_estimators._files.resizing import height_and_width
from fer_estimators._image_sequence import ImageSequence
from fer_estimators._messages import name_some, warn
from fer_estimators.exceptions import BadImageWarning, ImageReadError
from fer_estimators.preprocessing import ImageReader


class ImageFiles(ImageSequence):
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
    n_jobs : int, default=None
        Number of processes that decode the next batches while a network is trained, and larger
        parts elsewhere. None decodes in the process that trains, one batch ahead; -1 means one
        process for each core.
    on_error : {"raise", "skip"}, default="raise"
        What to do about files that cannot be read, or have vanished: raise an error that names
        them, or give black images, with one warning. Training leaves black images out, before
        images are held out for validation; prediction warns of them.

    Attributes
    ----------
    shape : tuple of int
        ``(n, height, width)``, or ``(n, height, width, 3)`` of RGB images.
    dtype : dtype
        uint8, values 0..255.
    ndim : int
        3 or 4.
    paths : ndarray of str, shape (n,)
        The files, in order, as absolute names.
    n_jobs : int or None
        As passed.
    on_error : str
        As passed.

    Raises
    ------
    ValueError, TypeError
        If `paths` are not file names, or another argument is not as described. Files are not
        looked at.

    See Also
    --------
    ImageReader : Read all files at once, as a step of a pipeline.
    fer_estimators.datasets.load_image_folder : Find the files, and their labels, in a folder.

    Notes
    -----
    A fit reads each file twice before the first epoch, to check its pixels, and then once in each
    epoch; prediction reads it twice. Where decoding takes longer than the network, decode once:
    :meth:`to_memmap`.

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
        n_jobs: int | None = None,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> None:
        if image_size is None:
            raise ValueError("image_size=None, but one size for all is expected, such as 48.")
        check_choice("on_error", on_error, ("raise", "skip"))
        ImageReader(image_size, color=color, n_jobs=n_jobs).fit(paths)
        names = [os.fspath(path) for path in np.asarray(paths, dtype=object).ravel()]
        if not all(isinstance(name, str) for name in names):
            raise TypeError(
                "paths holds the contents of files as bytes, but file names are expected. Read "
                "contents with ImageReader."
            )
        # They are read later, perhaps in another folder or another process.
        names = np.array([os.path.join(os.getcwd(), name) for name in names])
        super().__init__(names, (*height_and_width(image_size), *((3,) if color else ())))
        self.n_jobs = n_jobs
        self.on_error = on_error
        self._named = set()

    @property
    def paths(self) -> NDArray[np.str_]:
        """The files, in order, as absolute names."""
        return self._items

    def __fingerprint__(self) -> list[Any]:
        """Return what identifies these images: the files' content, which is not decoded."""
        content = hashlib.sha256()
        for path in self.paths:
            try:
                with open_stream(path) as file:
                    content.update(hashlib.file_digest(file, "sha256").digest())
            except OSError:
                if self.on_error == "raise":
                    raise
                content.update(b"unreadable")
        return [self.shape, content.hexdigest(), PIL.__version__]

    def _read(self, items):
        reader = ImageReader(self.shape[1:3], color=self.ndim == 4, n_jobs=self.n_jobs)
        try:
            return reader.transform(items)
        except (ImageReadError, FileNotFoundError):
            if self.on_error == "raise":
                raise
        images = np.zeros((len(items), *self._image_shape), dtype=self.dtype)
        faults = {}
        for image, path in zip(images, items, strict=True):
            try:
                image[:] = reader.set_params(n_jobs=None).transform([path])[0]
            except (ImageReadError, FileNotFoundError) as error:
                faults[str(path)] = error
        self._warn_once(faults)
        return images

    def _warn_once(self, faults):
        # The set is shared by all that was picked from the same files.
        new = [path for path in faults if path not in self._named]
        self._named.update(new)
        if new:
            warn(
                f"{len(new)} image files cannot be read: {name_some(new)}. They count as black "
                "images, which training leaves out.",
                BadImageWarning,
            )
