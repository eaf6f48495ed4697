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
from fer_estimators.faces._overlap import overlaps

# Least overlap (intersection over union), and largest distance of centres in face sizes, at which
# two boxes of successive frames may be one face.
_MIN_OVERLAP = 0.2
_MAX_DISTANCE = 1.5

# Seconds for which a face may be out of sight and keep its number; where frames are further apart,
# it has to be in each of them.
_MAX_GAP = 1.0


@dataclass(eq=False)
class Track:
    """One face over time, as it was seen last.

    Numbers count from 1, and times are in seconds. The probabilities, of shape (n_classes,), are
    smoothed, and None before the first.
    """

    id: int
    face: Face
    time: float
    probabilities: NDArray[Any] | None = None


class Tracker:
    """Give the faces of successive frames their numbers.

    `smoothing` is the time constant of exponential smoothing, in seconds; 0 turns it off.
    """

    def __init__(self, smoothing: float):
        self.smoothing = smoothing
        self.tracks: list[Track] = []
        self._n_tracks, self._updated = 0, -math.inf

    def update(
        self, faces: Sequence[Face], probabilities: NDArray[Any], time: float
    ) -> list[Track]:
        """Return the track of each face, in order.

        Times are in seconds and do not decrease from call to call.
        """
        # Those of the frame before are followed however long ago it was taken.
        since = min(time - _MAX_GAP, self._updated)
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

    Return the index of a face of `before` for each index of `now` that has one.
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


def _distances(a, b):
    """Return distances of centres, in sizes of the smaller face."""
    between = (a[:, None, :2] + a[:, None, 2:] / 2) - (b[None, :, :2] + b[None, :, 2:] / 2)
    sizes = np.sqrt(np.minimum(np.prod(a[:, None, 2:], axis=-1), np.prod(b[None, :, 2:], axis=-1)))
    return np.hypot(*np.moveaxis(between, -1, 0)) / sizes
