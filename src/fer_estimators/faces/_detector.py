"""Find the faces in a photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.base import BaseEstimator

from fer_estimators.faces._face import Face

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Detector(Protocol):
        """Anything with a method that finds the faces in a photo."""

        def detect(self, photo) -> list[Face]:
            """Return the faces in `photo`."""


class FaceDetector(BaseEstimator):
    """Find faces with BlazeFace: ``detect(photo) -> list[Face]``, most certain first.

    `min_face` is the smallest face's height: a float in (0, 1] is a share of the photo's height,
    an int is in pixels. Not fitted; the network is loaded on first use.
    """

    def __init__(self, min_face: float | int = 0.1):
        self.min_face = min_face

    def detect(self, photo) -> list[Face]:
        """Find the faces in a photo (anything that `read_photo` takes)."""
        raise NotImplementedError

    def crop(self, photo, faces, *, image_size=48, color=False):
        """Cut faces out: see `crop_faces`."""
        raise NotImplementedError


def as_detector(detector: Detector | Callable | None) -> Detector:
    """Return an object whose `detect(photo)` gives a list of checked Face.

    None gives a FaceDetector; an object with `detect` and a callable (photo, an RGB array ->
    boxes or Faces) are wrapped, so that boxes which are no boxes raise a clear ValueError.
    """
    raise NotImplementedError
