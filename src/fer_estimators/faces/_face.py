"""One face in a photo, as detectors return it and as crops are made from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The points of `Face.landmarks`, in order; right and left are the person's own.
LANDMARKS = ("right eye", "left eye", "nose", "mouth", "right ear", "left ear")

#: Where each of them is found in the mirrored picture.
MIRRORED = (1, 0, 2, 3, 5, 4)

# A face of which a photo shows a part is larger than the photo, but not by this much.
_LARGEST_BOX = 3


@dataclass(frozen=True, eq=False)
class Face:
    """A face found in a photo.

    Parameters
    ----------
    box : tuple of (float, float, float, float)
        Left, top, width and height, in pixels of the photo. May reach beyond its edge.
    landmarks : ndarray of shape (6, 2), dtype float, or None, default=None
        X and y, in pixels of the photo, of the right eye, left eye, nose, mouth, right ear and
        left ear; right and left are the person's own. None where a detector gives no points.
    score : float, default=1.0
        How sure the detector is that this is a face, 0 to 1.

    Examples
    --------
    >>> from fer_estimators.faces import Face
    >>> Face(box=(10.0, 20.0, 80.0, 80.0), score=0.9).box
    (10.0, 20.0, 80.0, 80.0)
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[Any] | None = None
    score: float = 1.0


def check_face(face: Face, height: int, width: int) -> None:
    """Refuse a face that cannot be in a photo of this size in pixels.

    Raises TypeError if it is not a Face, and ValueError if its box lies outside the photo, is
    empty, or is far larger than the photo, or if its score or landmarks are invalid.
    """
    if not isinstance(face, Face):
        raise TypeError(
            f"{face!r:.80} is of type {type(face).__name__}, but a Face is expected. Make "
            "one from a box (left, top, width, height): Face(box)."
        )
    faults = list(_faults(face, height, width))
    if faults:
        raise ValueError(
            f"{'; '.join(faults)}. The photo has {width} x {height} pixels (width x height), and a "
            "box is (left, top, width, height) in pixels."
        )


def _faults(face: Face, height: int, width: int) -> Iterator[str]:
    box = np.asarray(face.box, dtype=float)
    if box.shape != (4,) or not np.isfinite(box).all():
        yield f"box={face.box!r} is not four finite numbers"
        return
    left, top, box_width, box_height = box
    if box_width < 1 or box_height < 1:
        yield f"box={face.box!r} is less than a pixel wide or high"
    elif left >= width or top >= height or left + box_width <= 0 or top + box_height <= 0:
        yield f"box={face.box!r} lies outside the photo"
    elif max(box_width, box_height) > _LARGEST_BOX * max(width, height):
        yield f"box={face.box!r} is more than {_LARGEST_BOX} times as large as the photo"
    if not 0 <= face.score <= 1:
        yield f"score={face.score!r} is not in 0..1"
    if face.landmarks is not None:
        points = np.asarray(face.landmarks, dtype=float)
        if points.shape != (len(LANDMARKS), 2) or not np.isfinite(points).all():
            yield f"landmarks of shape {points.shape} are not six finite points, {LANDMARKS}"
