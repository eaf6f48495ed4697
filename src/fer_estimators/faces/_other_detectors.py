"""Use detectors of other packages, and check their answers."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fer_estimators.faces._detector import FaceDetector
from fer_estimators.faces._face import LANDMARKS, Face, check_face
from fer_estimators.faces._photo import Photo, read_photo


@runtime_checkable
class Detector(Protocol):
    """Anything that finds the faces in a photo."""

    def detect(self, photo: Photo, /) -> list[Face]:
        """Return the faces in a photo."""


def as_detector(detector: Detector | Callable[[NDArray[Any]], Any] | None = None) -> Detector:
    """Make a detector from a function or object that finds faces.

    Parameters
    ----------
    detector : object with a method `detect`, callable or None, default=None
        The method or callable gets the photo as a uint8 RGB array of shape (height, width, 3) and
        returns a list of :class:`Face`, or of boxes (left, top, width, height) in pixels of the
        photo. None stands for :class:`FaceDetector` with its default search.

    Returns
    -------
    object with a method `detect`
        Takes any photo that :func:`read_photo` reads, and returns a list of :class:`Face`. It
        raises a ValueError for invalid boxes: outside the photo, empty, or with NaN. A
        :class:`FaceDetector` is returned as it is.

    Raises
    ------
    TypeError
        If `detector` is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> from fer_estimators.faces import as_detector
    >>> def middle(photo):
    ...     height, width = photo.shape[:2]
    ...     return [(width / 4, height / 4, width / 2, height / 2)]
    >>> as_detector(middle).detect(np.zeros((40, 40), dtype=np.uint8))[0].box
    (10.0, 10.0, 20.0, 20.0)
    """
    if detector is None:
        return FaceDetector()
    # A class derived from it may find faces in another way.
    if type(detector) in (FaceDetector, _CheckedDetector):
        return detector
    if isinstance(detector, type):
        raise TypeError(
            f"detector={detector!r} is a class, but an object is expected. Pass "
            f"{detector.__name__}()."
        )
    if not isinstance(detector, Detector) and not callable(detector):
        raise TypeError(
            f"detector={reprlib.repr(detector)} has no method `detect` and is not callable. Pass "
            "FaceDetector(), or a function from an RGB array to a list of boxes (left, top, width, "
            "height)."
        )
    return _CheckedDetector(detector)


class _CheckedDetector:
    """Let another detector find faces, and check what it returns."""

    def __init__(self, detector):
        self.detector = detector

    def detect(self, photo):
        """Return the faces in a photo, a list of Face."""
        pixels = read_photo(photo)
        find = getattr(self.detector, "detect", self.detector)
        # A detector may draw into what it gets, and the caller needs the photo as it was.
        found = find(pixels.copy())
        try:
            found = list(found)
        except TypeError:
            raise TypeError(
                f"{self!r} returned {reprlib.repr(found)}, but a list of boxes (left, top, width, "
                "height) is expected, an empty one where there is no face."
            ) from None
        return [self._check(face, pixels.shape) for face in found]

    def _check(self, face, shape):
        if not isinstance(face, Face):
            face = Face(self._as_box(face))
        try:
            check_face(face, *shape[:2])
            _refuse_swapped_eyes(face)
        except ValueError as error:
            raise ValueError(f"{self!r} returned a face that cannot be: {error}") from None
        return face

    def _as_box(self, values):
        try:
            box = np.asarray(values, dtype=float)
        except (TypeError, ValueError):
            box = np.empty(0)
        if box.shape != (4,):
            raise ValueError(
                f"{self!r} returned {reprlib.repr(values)}, but a Face, or a box of four numbers "
                "(left, top, width, height), is expected."
            )
        return tuple(box.tolist())

    def __repr__(self) -> str:
        return f"detector {getattr(self.detector, '__name__', None) or repr(self.detector)}"


def _refuse_swapped_eyes(face):
    """Refuse landmarks by which the face would be cut out upside down."""
    if face.landmarks is None:
        return
    right_eye, left_eye, _, mouth = np.asarray(face.landmarks, dtype=float)[:4]
    (dx, dy), (x, y) = left_eye - right_eye, mouth - (right_eye + left_eye) / 2
    if dx * y - dy * x < 0:
        raise ValueError(
            f"the mouth lies above the eyes by landmarks={face.landmarks!r}. The order is "
            f"{LANDMARKS}, where right and left are the person's own: the right eye is at the left "
            "of the photo."
        )
