"""Keep the number of each face from frame to frame, and its probabilities smooth.

Boxes that overlap are one face, as in E. Bochinski et al. (2017), "High-speed tracking-by-detection
without using image information", AVSS, with the best pairing of all rather than the first of each;
a face that moved further than its own box goes to the nearest one left. Nothing is known about what
a face looks like: a person who leaves and comes back gets another number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fer_estimators.faces._face import Face

# Least overlap (intersection over union), and largest distance of centres in face sizes, at which
# two boxes of successive frames may be one face.
_MIN_OVERLAP = 0.2
_MAX_DISTANCE = 1.5


@dataclass(eq=False)
class Track:
    """One face over time.

    Parameters
    ----------
    id : int
        Counted from 1.
    face : Face
        Where it was seen last.
    time : float
        When it was seen last, seconds.
    probabilities : ndarray of shape (n_classes,) or None, default=None
        Smoothed; None before the first.
    """

    id: int
    face: Face
    time: float
    probabilities: NDArray[Any] | None = None


class Tracker:
    """Give the faces of successive frames their numbers.

    Parameters
    ----------
    smoothing : float
        Time constant of exponential smoothing, in seconds; 0 for no smoothing.
    max_gap : float, default=1.0
        Seconds for which a face may be out of sight and keep its number; where frames are further
        apart, it has to be in each of them.
    """

    def __init__(self, smoothing: float, max_gap: float = 1.0):
        self.smoothing = smoothing
        self.max_gap = max_gap
        self.tracks: list[Track] = []
        self._n_tracks, self._updated = 0, -math.inf

    def update(
        self, faces: Sequence[Face], probabilities: NDArray[Any], time: float
    ) -> list[Track]:
        """Return the track of each face, in order.

        Parameters
        ----------
        faces : sequence of Face
        probabilities : ndarray of shape (n_faces, n_classes)
        time : float
            Seconds; not before that of the last call.

        Returns
        -------
        list of Track
        """
        # Those of the frame before are followed however long ago it was taken.
        since = min(time - self.max_gap, self._updated)
        self.tracks = [track for track in self.tracks if track.time >= since]
        self._updated = time
        pairs = match_faces([track.face for track in self.tracks], faces)
        known = list(self.tracks)
        updated = []
        for number, (face, proba) in enumerate(zip(faces, probabilities, strict=True)):
            track = known[pairs[number]] if number in pairs else self._begin(face, time)
            track.probabilities = self._smooth(track, proba, time)
            track.face, track.time = face, time
            updated.append(track)
        return updated

    def _begin(self, face, time):
        self._n_tracks += 1
        self.tracks.append(Track(self._n_tracks, face, time))
        return self.tracks[-1]

    def _smooth(self, track, proba, time):
        if track.probabilities is None or self.smoothing == 0:
            return proba
        weight = 1 - math.exp(-(time - track.time) / self.smoothing)
        return track.probabilities + weight * (proba - track.probabilities)


def match_faces(before: Sequence[Face], now: Sequence[Face]) -> dict[int, int]:
    """Pair faces of two frames: by overlap first, then the nearest of those left.

    Parameters
    ----------
    before, now : sequence of Face

    Returns
    -------
    dict of int to int
        From the index of a face of `now` to that of `before`.
    """
    if not before or not now:
        return {}
    old, new = (np.array([face.box for face in faces], dtype=float) for faces in (before, now))
    pairs = _assign(-overlaps(new, old), -_MIN_OVERLAP)
    distance = _distances(new, old)
    distance[list(pairs)] = np.inf
    distance[:, list(pairs.values())] = np.inf
    return pairs | _assign(distance, _MAX_DISTANCE)


def _assign(cost, highest):
    """Return the cheapest pairs of rows and columns, of which none costs more than `highest`."""
    # Two bad pairs must not be made in the place of a good one for the sake of their number.
    rows, columns = linear_sum_assignment(np.minimum(cost, highest))
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {row: column for row, column in pairs if cost[row, column] <= highest}


def overlaps(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the intersection over union of boxes.

    Parameters
    ----------
    a : ndarray of shape (n, 4)
        Left, top, width, height.
    b : ndarray of shape (m, 4)

    Returns
    -------
    ndarray of shape (n, m)
        0 to 1.
    """
    a, b = a[:, None], b[None]
    starts = np.maximum(a[..., :2], b[..., :2])
    ends = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    shared = np.prod(np.maximum(ends - starts, 0), axis=-1)
    return shared / (np.prod(a[..., 2:], axis=-1) + np.prod(b[..., 2:], axis=-1) - shared)


def _distances(a, b):
    """Return distances of centres, in sizes of the smaller face."""
    between = (a[:, None, :2] + a[:, None, 2:] / 2) - (b[None, :, :2] + b[None, :, 2:] / 2)
    sizes = np.sqrt(np.minimum(np.prod(a[:, None, 2:], axis=-1), np.prod(b[None, :, 2:], axis=-1)))
    return np.hypot(*np.moveaxis(between, -1, 0)) / sizes
