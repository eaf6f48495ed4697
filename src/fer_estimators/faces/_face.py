"""One face in a photo: what detectors return, and what crops are made from."""

from dataclasses import dataclass

from numpy.typing import NDArray

#: The points of `Face.landmarks`, in order; right and left are the person's own.
LANDMARKS = ("right eye", "left eye", "nose", "mouth", "right ear", "left ear")

#: Where each of them is found in the mirrored picture.
MIRRORED = (1, 0, 2, 3, 5, 4)


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
    landmarks: NDArray | None = None
    score: float = 1.0
