"""Cut the face out of photos that show one face each, as a step of a pipeline."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import contextmanager
from numbers import Integral
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Tags

from fer_estimators._compat import HasMethods, Interval, StrOptions
from fer_estimators._image_transformer import ImageTransformer
from fer_estimators._messages import name_some, shorten, warn
from fer_estimators.exceptions import ImageReadError
from fer_estimators.faces._crops import crop_faces, frame
from fer_estimators.faces._face import Face
from fer_estimators.faces._other_detectors import Detector, as_detector
from fer_estimators.faces._photo import Photo, ReadPixels, read_photo
from fer_estimators.images import height_and_width


class FaceCropper(ImageTransformer):
    """Find the face in each photo and cut it out, so that a pipeline starts with photos.

    Parameters
    ----------
    image_size : int or tuple of (int, int), default=48
        Height and width of the crops, pixels; one number stands for a square.
    color : bool, default=False
        Give RGB rather than grey crops.
    detector : object with a method `detect`, callable or None, default=None
        What finds the faces; see :func:`as_detector`. None stands for :class:`FaceDetector`.
    on_missing : {"raise", "whole"}, default="raise"
        "raise" raises one error that names all photos in which no face is found; "whole" uses the
        square in their middle instead, with a warning.
    root : str, path-like or None, default=None
        Folder from which relative file names start; None takes the current one.

    See Also
    --------
    crop_faces : Cut out all faces of one photo.
    fer_estimators.preprocessing.ImageReader : Read files that are crops already.

    Notes
    -----
    There is nothing to learn: `fit` checks the parameters, and opens no file. If several faces are
    found in a photo, the largest is taken.

    Examples
    --------
    >>> import numpy as np
    >>> from fer_estimators.faces import FaceCropper
    >>> photos = [np.zeros((90, 120), dtype=np.uint8), np.zeros((60, 60), dtype=np.uint8)]
    >>> cropper = FaceCropper(32, detector=lambda photo: [(20, 20, 30, 30)])
    >>> cropper.fit_transform(photos).shape
    (2, 32, 32)
    """

    _parameter_constraints = {
        "image_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "color": ["boolean"],
        "detector": [HasMethods("detect"), callable, None],
        "on_missing": [StrOptions({"raise", "whole"})],
        "root": [str, os.PathLike, None],
    }

    def __init__(
        self,
        image_size: int | tuple[int, int] = 48,
        *,
        color: bool = False,
        detector: Detector | Callable | None = None,
        on_missing: Literal["raise", "whole"] = "raise",
        root: str | os.PathLike[str] | None = None,
    ):
        self.image_size = image_size
        self.color = color
        self.detector = detector
        self.on_missing = on_missing
        self.root = root

    def fit(self, X: Sequence[Photo], y: object = None) -> Self:
        """Check the parameters and that `X` holds something; open no file.

        Parameters
        ----------
        X : list, ndarray, Series or one-column data frame, length n
            Photos or file names; see `transform`.
        y : None
            Not used.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            If a parameter or `X` is of another kind.
        """
        self._validate_params()
        height_and_width(self.image_size)
        _as_photos(X)
        return self

    def transform(self, X: Sequence[Photo]) -> NDArray[np.uint8]:
        """Cut out the face of each photo.

        Parameters
        ----------
        X : list, ndarray, Series or one-column data frame, length n
            File names, arrays of shape (height, width[, channels]) or PIL images: what
            :func:`read_photo` takes. Photos may differ in size.

        Returns
        -------
        ndarray of shape (n, height, width) or (n, height, width, 3), dtype uint8, values 0..255

        Raises
        ------
        FileNotFoundError, ImageReadError
            If files do not exist, or cannot be read; names them.
        ValueError
            If no face is found in a photo and `on_missing` is "raise"; names the photos. If an
            array does not hold a photo (see :func:`read_photo`), or the detector returns an
            impossible box.
        TypeError
            If a photo is of another kind.
        """
        self._validate_params()
        size = height_and_width(self.image_size)
        photos = _as_photos(X)
        crops = np.empty((len(photos), *size, *([3] if self.color else [])), dtype=np.uint8)
        detector, missing, faults = as_detector(self.detector), [], []
        for row, photo in enumerate(photos):
            with _named(photo, row):
                try:
                    pixels = read_photo(self._locate(photo)).view(ReadPixels)
                except OSError as error:
                    faults.append(error)
                    continue
                faces = detector.detect(pixels)
            face = max(faces, key=lambda face: face.box[2] * face.box[3], default=None)
            if face is None:
                missing.append(_name(photo, row))
                face = _middle(pixels)
            crops[row] = crop_faces(pixels, [face], image_size=size, color=self.color)[0]
        _refuse_faults(faults, len(photos))
        self._report(missing, len(photos))
        return crops

    def _locate(self, photo):
        if self.root is None or not isinstance(photo, (str, os.PathLike)):
            return photo
        return os.path.join(os.path.expanduser(self.root), photo)

    def _report(self, missing, n_photos):
        if not missing:
            return
        message = f"No face was found in {len(missing)} of {n_photos} photos: {name_some(missing)}."
        if self.on_missing == "raise":
            raise ValueError(
                f"{message} Leave them out with their labels, search for smaller faces with "
                "detector=FaceDetector(min_face=...), or pass on_missing='whole'."
            )
        warn(f"{message} The square in their middle is taken.")

    def __sklearn_tags__(self) -> Tags:
        """Describe the transformer to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


def _as_photos(X):
    """Return photos or their names as something with a length, whatever holds them."""
    if isinstance(X, (str, bytes, os.PathLike)) or hasattr(X, "getexif"):
        raise TypeError(
            f"X is one photo, of type {type(X).__name__}, but several are expected. Pass [X]."
        )
    X = X.to_numpy() if hasattr(X, "to_numpy") else X
    if isinstance(X, np.ndarray) and X.ndim == 3 and X.shape[-1] in (3, 4):
        raise ValueError(
            f"X has shape {X.shape}, that of one photo in colour, but several are expected. Pass "
            "[X]."
        )
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1:
        X = X[:, 0]
    if not hasattr(X, "__len__") or isinstance(X, (Set, Mapping)) or not len(X):
        raise ValueError(
            f"X is {shorten(X)}, but photos are expected, at least one: a list of file names, "
            "arrays or PIL images."
        )
    return X


def _middle(pixels):
    """Return the box whose crop is the square in the middle of a photo."""
    height, width = pixels.shape[:2]
    whole = frame(Face((0.0, 0.0, 1.0, 1.0)))
    size = min(height, width) / whole.side
    left, top = width / 2 - whole.centre[0] * size, height / 2 - whole.centre[1] * size
    return Face((left, top, size, size))


def _name(photo, row):
    return os.fspath(photo) if isinstance(photo, (str, os.PathLike)) else f"X[{row}]"


@contextmanager
def _named(photo, row):
    """Begin errors about a photo with its name."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{_name(photo, row)}: {error}") from error


def _refuse_faults(faults, n_photos):
    if faults:
        kind = FileNotFoundError if isinstance(faults[0], FileNotFoundError) else ImageReadError
        raise kind(
            f"{len(faults)} of {n_photos} photos cannot be read: {name_some(faults)} Repair them, "
            "or drop their names together with their labels."
        )
