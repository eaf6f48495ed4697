"""Find the faces in a photo."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.base import BaseEstimator

from fer_estimators._compat import Interval
from fer_estimators._messages import warn
from fer_estimators.faces._crops import crop_faces
from fer_estimators.faces._face import Face
from fer_estimators.faces._overlap import merge_candidates
from fer_estimators.faces._photo import Photo, read_photo
from fer_estimators.faces._search import look_again, lower_by_clutter, search, to_faces

# Height of a face, in pixels of the network's input, from which on it is found reliably.
_RELIABLE = 40

# Longest side of the network's inputs, pixels: of the one that finds the largest faces, and of the
# largest that is taken.
_COARSEST, _FINEST = 128, 2048

# A smaller box, in pixels of the photo, cannot show a face.
_TINY = 8

# A box smaller than this share of the smallest faces to look for is seldom a face.
_SMALLEST = 0.7

# A photo whose longest side is at least twice this multiple of the largest input's is made smaller
# first: the second look needs no more pixels, and copies of a large photo take seconds.
_ENOUGH = 2

# Pixels that are made smaller at once.
_STRIP = 2**22


class FaceDetector(BaseEstimator):
    """Find faces in photos with BlazeFace.

    Parameters
    ----------
    min_face : float or int, default=0.12
        Height of the smallest faces to look for, from the brows to the chin: a float is a share of
        the photo's height, an int is in pixels of the photo. Some smaller ones are found as well,
        but none below 0.7 times this height. Halving it takes four times as long; for one person
        in front of a camera, 0.25 is enough.
    min_score : float, default=0.54
        Lowest score of a face, 0.5 to 1. A lower value finds more faces, but also more things that
        are not faces.

    See Also
    --------
    as_detector : Use another detector instead.
    FaceCropper : Cut faces out of photos, as a step of a pipeline.

    Notes
    -----
    The network (Bazarevsky et al. 2019, arXiv:1907.05047; MediaPipe's short-range weights) ships
    with this library. Where ai-edge-litert is installed, it runs on LiteRT and imports no Keras;
    elsewhere it runs on any backend of Keras, with the same results. The photo is searched at
    several sizes, each half the one before, so that each face is between 40 and 80 pixels high in
    one of them. Each candidate is then examined once more, close up and turned upright by its eyes,
    and up to three times again if it is in doubt: at another size, and mirrored. Box and landmarks
    are averages of all results; the score is that of their mean logit, and lower if many other
    places in the photo look somewhat like a face.

    There is nothing to fit, and `detect` may be called from several threads.

    Examples
    --------
    >>> import numpy as np
    >>> from fer_estimators.faces import FaceDetector
    >>> detector = FaceDetector(min_face=0.25)
    >>> detector.detect(np.zeros((48, 64), dtype=np.uint8))
    []
    """

    _parameter_constraints = {
        "min_face": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="right"),
        ],
        "min_score": [Interval(Real, 0.5, 1, closed="left")],
    }

    def __init__(self, min_face: float | int = 0.12, *, min_score: float = 0.54):
        self.min_face = min_face
        self.min_score = min_score

    def detect(self, photo: Photo) -> list[Face]:
        """Find the faces in a photo.

        Parameters
        ----------
        photo : array-like, PIL image, str, path-like or bytes
            See :func:`read_photo`.

        Returns
        -------
        list of Face
            By falling score; empty if there is no face.

        Raises
        ------
        ValueError, TypeError, FileNotFoundError, ImageReadError
            If the photo cannot be read; see :func:`read_photo`.
        """
        self._validate_params()
        pixels = read_photo(photo)
        height, width = pixels.shape[:2]
        sides = self._input_sides(height, width)
        pixels, reduced = _reduce(pixels, _ENOUGH * sides[0])
        first = search(pixels, sides)
        candidates, scores = look_again(pixels, *first)
        scores = lower_by_clutter(scores, first[1])
        large_enough = candidates[:, 3] * reduced >= _SMALLEST * self._smallest_face(height)
        is_face = (scores >= self.min_score) & large_enough
        merged, scores = merge_candidates(candidates[is_face], scores[is_face])
        return to_faces(merged * reduced, scores)

    def _smallest_face(self, height):
        """Return the height of the smallest faces to look for, pixels of the photo."""
        is_share = not isinstance(self.min_face, Integral)
        return max(self.min_face * height, _TINY) if is_share else self.min_face

    def _input_sides(self, height, width):
        """Return the longest side of each input, pixels, the largest first."""
        side = _RELIABLE / self._smallest_face(height) * max(height, width)
        if side > _FINEST:
            warn(
                f"min_face={self.min_face!r} in a photo of {width} x {height} pixels asks for a "
                f"larger input than {_FINEST} pixels. Faces of less than "
                f"{_RELIABLE / _FINEST * max(height, width):.0f} pixels may be missed: pass parts "
                "of the photo one by one, or a larger min_face."
            )
        sides = [min(side, _FINEST)]
        while sides[-1] > 1.25 * _COARSEST:
            sides.append(sides[-1] / 2)
        return [max(_COARSEST, 16 * round(side / 16)) for side in sides]

    def crop(
        self,
        photo: Photo,
        faces: Sequence[Face],
        *,
        image_size: int | tuple[int, int] = 48,
        color: bool = False,
    ) -> NDArray[np.uint8]:
        """Cut faces out of a photo; the same as :func:`crop_faces`.

        Parameters
        ----------
        photo : array-like, PIL image, str, path-like or bytes
            See :func:`read_photo`.
        faces : sequence of Face
            Faces in it, as `detect` returns them.
        image_size : int or tuple of (int, int), default=48
            Height and width of the crops, pixels; one number stands for a square.
        color : bool, default=False
            Give RGB rather than grey crops.

        Returns
        -------
        ndarray of shape (n_faces, height, width) or (n_faces, height, width, 3), dtype uint8
            Values 0..255.
        """
        return crop_faces(photo, faces, image_size=image_size, color=color)

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that there is nothing to fit."""
        return True


def _reduce(pixels, side):
    """Return a photo whose longest side is less than twice `side`, and the factor of reduction."""
    height, width = pixels.shape[:2]
    factor = max(height, width) // side
    if factor < 2:
        return pixels, 1
    # In strips, as Pillow copies what it is given.
    rows = factor * max(1, _STRIP // (factor * width))
    strips = (Image.fromarray(pixels[top : top + rows]) for top in range(0, height, rows))
    return np.concatenate([np.asarray(strip.reduce(factor)) for strip in strips]), factor
