"""Transformers from file names to images, and from images to images of another size."""

import os
from numbers import Integral
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags

from fer_estimators._compat import Interval
from fer_estimators._files.decode import MAX_FILE_BYTES
from fer_estimators._files.reading import open_stream
from fer_estimators._files.stack import Stack, decode_many, refuse_filling
from fer_estimators._image_transformer import ImageTransformer
from fer_estimators._messages import name_some, shorten
from fer_estimators._scale import refuse_unfit_for_rounding
from fer_estimators.exceptions import ImageReadError
from fer_estimators.images import (
    as_numeric_array,
    check_input_images,
    height_and_width,
    resize_images,
)

_SIZE = [Interval(Integral, 1, None, closed="left"), tuple, list]


class ImageReader(ImageTransformer):
    """Read image files, so that a pipeline starts with file names.

    Cross-validation and search then split, copy and send to other processes the names rather
    than the pixels.

    Parameters
    ----------
    image_size : int, tuple of int or None, default=48
        Height and width, pixels, to which images are resized (Pillow's antialiased bilinear
        filter). None leaves them as they are, and then all must have one size.
    color : bool, default=False
        Give RGB rather than grey images.
    root : str, path-like or None, default=None
        Folder from which relative names start; None takes the current one.
    n_jobs : int, default=None
        Number of processes that decode; None means this one, -1 one for each core. The first
        call with several takes half a second to start them.

    See Also
    --------
    ImageResizer : Resize images that are arrays already.
    fer_estimators.datasets.load_image_folder : Read a folder of one folder for each class.

    Notes
    -----
    There is nothing to learn: `fit` checks the parameters and that `X` holds names, and opens no
    file. A file that cannot be read is an error; it cannot be left out here, as `y` has an entry
    for it. To find such files, pass ``on_error="skip"`` to
    :func:`~fer_estimators.datasets.load_image_folder` and look at the report.

    Formats, limits and pixels are those of the loaders: JPEG, PNG and BMP, turned upright as
    their EXIF tag says, transparency laid over black, 16-bit levels scaled to 8 bits.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> from fer_estimators.datasets import make_faces
    >>> from fer_estimators.preprocessing import ImageReader
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i, face in enumerate(make_faces(3, random_state=0).images):
    ...         Image.fromarray(face).save(pathlib.Path(folder, f"{i}.png"))
    ...     images = ImageReader(32, root=folder).fit_transform(["0.png", "1.png", "2.png"])
    >>> images.shape, images.dtype
    ((3, 32, 32), dtype('uint8'))
    """

    _parameter_constraints = {
        "image_size": [*_SIZE, None],
        "color": ["boolean"],
        "root": [str, os.PathLike, None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        image_size: int | tuple[int, int] | None = 48,
        *,
        color: bool = False,
        root: str | PathLike[str] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.image_size = image_size
        self.color = color
        self.root = root
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: None = None) -> Self:
        """Check the parameters and that `X` holds file names; open none.

        Parameters
        ----------
        X : list, ndarray, Series, Arrow array or one-column data frame, length n
            File names as str or path-like; or the content of each file as bytes.
        y : None
            Not used.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            If a parameter or an entry of `X` is of another kind.
        """
        self._validate_params()
        height_and_width(self.image_size)
        _as_sources(X)
        return self

    def transform(self, X: Any) -> NDArray[np.uint8]:
        """Read the files.

        Parameters
        ----------
        X : list, ndarray, Series, Arrow array or one-column data frame, length n
            File names as str or path-like; or the content of each file as bytes.

        Returns
        -------
        ndarray of shape (n, height, width) or (n, height, width, 3), dtype uint8, values 0..255

        Raises
        ------
        FileNotFoundError
            If files do not exist; names them.
        ImageReadError
            If files are damaged, too large, or of a format that is not accepted; names them.
        DatasetError
            If `image_size` is None and the images have several sizes.
        TypeError
            If an entry of `X` is neither a file name nor bytes.
        """
        self._validate_params()
        refuse_filling()
        sources = _as_sources(X)
        names = [f"X[{i}]" if isinstance(s, bytes) else s for i, s in enumerate(sources)]
        root = "" if self.root is None else os.path.expanduser(os.fspath(self.root))
        results = decode_many(
            ((_read(source, root), name) for source, name in zip(sources, names, strict=True)),
            color=self.color,
            image_size=height_and_width(self.image_size),
            n_jobs=self.n_jobs,
        )
        stack = Stack(results, names, color=self.color)
        _refuse_faults([(names[i], error) for i, error in stack.faults], len(names), root)
        return stack.images()

    def __sklearn_tags__(self) -> Tags:
        """Describe the transformer to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags


class ImageResizer(ImageTransformer):
    """Resize images with Pillow's antialiased bilinear filter.

    Parameters
    ----------
    image_size : int or tuple of int, default=48
        Height and width of the result, pixels; one number stands for a square.
    image_shape : tuple of int, default=None
        Height and width (and channels), pixels, of the images in flat rows of `X`; one entry may
        be -1. Not needed for images of three or four dimensions.

    Attributes
    ----------
    n_features_in_ : int
        Number of values in a row, if `X` was flat rows.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if `X` was a data frame of flat rows.

    See Also
    --------
    ImageReader : Read files as images of one size.
    fer_estimators.images.resize_images : The same as a function.

    Notes
    -----
    There is nothing to learn: `fit` checks its input, and `transform` may get images of another
    size than `fit` did.

    Examples
    --------
    >>> from fer_estimators.datasets import make_faces
    >>> from fer_estimators.preprocessing import ImageResizer
    >>> faces = make_faces(4, random_state=0)
    >>> ImageResizer(32).fit_transform(faces.images).shape
    (4, 32, 32)
    >>> ImageResizer((24, 32), image_shape=(48, 48)).fit_transform(faces.data).shape
    (4, 24, 32)
    """

    _parameter_constraints = {"image_size": _SIZE, "image_shape": [tuple, list, None]}

    def __init__(
        self, image_size: int | tuple[int, int] = 48, *, image_shape: tuple[int, ...] | None = None
    ) -> None:
        self.image_size = image_size
        self.image_shape = image_shape

    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Check the parameters and the images.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Pixels in 0..255, uint8 or float.
        y : None
            Not used.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the images or a parameter are not as described.
        """
        self._validate_params()
        height_and_width(self.image_size)
        self._check_pixels(X, reset=True)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.uint8]:
        """Resize images.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Pixels in 0..255, uint8 or float; float pixels are rounded.

        Returns
        -------
        ndarray of shape (n, new_height, new_width[, channels]), dtype uint8, values 0..255
            With a channel axis where the images have more than one channel or `X` has that axis.

        Raises
        ------
        ValueError
            If `X` is not images with pixels in 0..255.
        """
        self._validate_params()
        X = as_numeric_array(X)
        images = self._check_pixels(X, reset=False)
        resized = resize_images(images, self.image_size)
        return resized if np.ndim(X) == 4 or resized.shape[-1] > 1 else resized[..., 0]

    def _check_pixels(self, X, *, reset):
        images = check_input_images(self, X, image_shape=self.image_shape, reset=reset)
        images = np.asarray(images)
        refuse_unfit_for_rounding(images)
        return images

    def __sklearn_tags__(self) -> Tags:
        """Describe the transformer to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = True
        return tags


def _as_sources(X):
    """Return the file names, or contents, in `X` as a list, whatever holds them."""
    if isinstance(X, (str, bytes, os.PathLike)):
        raise TypeError(
            f"X={shorten(X)} is one file, but a list of file names is expected. Pass [X]."
        )
    # As objects: NumPy would make strings of numbers among the names.
    sources = np.asarray(X, dtype=object)
    if sources.ndim == 2 and sources.shape[1] == 1:
        sources = sources[:, 0]
    if sources.ndim != 1 or not len(sources):
        raise ValueError(
            f"X has shape {sources.shape}, but file names are expected in one column, at least "
            "one. Select the column, as in df['file']."
        )
    kinds = (str, bytes, os.PathLike)
    faulty = [i for i, source in enumerate(sources) if not isinstance(source, kinds)]
    if faulty:
        kind = type(sources[faulty[0]]).__name__
        raise TypeError(
            f"{len(faulty)} of {len(sources)} entries of X are not file names, first "
            f"X[{faulty[0]}] = {shorten(sources[faulty[0]])} of type {kind}; expected str, "
            "path-like, or the content of a file as bytes. Drop missing names with their labels; "
            "images that are arrays already need no ImageReader."
        )
    return [s if isinstance(s, bytes) else os.fspath(s) for s in sources]


def _read(source, root):
    """Return the bytes of a file, or the error that stands for it."""
    if isinstance(source, bytes):
        return source
    try:
        with open_stream(os.path.join(root, source)) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return FileNotFoundError(source)
    except OSError as error:
        return ImageReadError(f"cannot be read ({error.strerror})")
    except ValueError as error:  # a null character
        return ImageReadError(f"cannot be read ({error})")
    if len(data) > MAX_FILE_BYTES:
        return ImageReadError(f"larger than {MAX_FILE_BYTES:,} bytes, the limit for one image")
    return data


def _refuse_faults(faults, n_files, root):
    missing = [name for name, error in faults if isinstance(error, FileNotFoundError)]
    if missing:
        advice = "Put them back, or drop their names together with their labels."
        if not all(map(os.path.isabs, missing)):
            start = os.path.abspath(root)
            advice = f"Names start from {start!r}; pass root=<folder> if that is another one."
        raise FileNotFoundError(
            f"{len(missing)} of {n_files} image files do not exist: {name_some(missing)}. {advice}"
        )
    if faults:
        named = name_some(f"{name}: {error}" for name, error in faults)
        raise ImageReadError(
            f"{len(faults)} of {n_files} image files cannot be read: {named}. Repair them, or "
            "drop their names together with their labels."
        )
