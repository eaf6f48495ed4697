"""Find the faces of a video: search frames at intervals, and follow faces in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_estimators.faces._detector import FaceDetector
from fer_estimators.faces._face import Face
from fer_estimators.faces._other_detectors import Detector
from fer_estimators.faces._overlap import SAME_FACE, overlaps
from fer_estimators.faces._search import look_again, search, to_faces

# Side of the square that is looked through around a face, in face sizes, and side of the network's
# input to which it is brought, pixels.
_REGION = 2.2
_INPUT_SIDE = 128


class FaceFinder:
    """Find the faces in successive frames.

    With a :class:`FaceDetector`, a whole frame is searched every `search_every` seconds and when a
    face is lost; in between, each face is looked for around its last place, which takes a fraction
    of the time. Nothing is known about how other detectors see a part of a frame: they search each
    frame.
    """

    def __init__(self, detector: Detector, search_every: float):
        self.detector = detector
        self.search_every = search_every
        self._follows = isinstance(detector, FaceDetector)
        self._faces: list[Face] = []
        self._searched = -np.inf

    def find(self, frame: NDArray[np.uint8], time: float) -> list[Face]:
        """Return the faces in a frame that was taken `time` seconds after the first one."""
        due = not self._follows or time - self._searched >= self.search_every
        found = [] if due else self._follow(frame)
        if due or len(found) < len(self._faces):
            found, self._searched = self.detector.detect(frame), time
        self._faces = found
        return found

    def _follow(self, frame):
        detect = partial(_detect_near, min_score=self.detector.min_score)
        faces = (find_near(frame, face, detect) for face in self._faces)
        return drop_doubles([face for face in faces if face is not None])


def _detect_near(region, min_score):
    """Find faces in a small region, with one run of the network unless that leaves a doubt."""
    candidates, scores = search(region, [_INPUT_SIDE])
    if scores.max(initial=0) < min_score:
        candidates, scores = look_again(region, candidates, scores)
    is_face = scores >= min_score
    return to_faces(candidates[is_face], scores[is_face])


def find_near(
    frame: NDArray[np.uint8], face: Face, detect: Callable[[NDArray[Any]], Sequence[Face]]
) -> Face | None:
    """Look for a face around its place in an earlier frame; return None if it is not there."""
    left, top, width, height = face.box
    side = _REGION * max(width, height)
    start = np.array([left + width / 2 - side / 2, top + height / 2 - side / 2])
    x, y = np.maximum(0, np.floor(start)).astype(int).tolist()
    region = frame[y : max(0, round(start[1] + side)), x : max(0, round(start[0] + side))]
    found = detect(region) if region.size else []
    if not found:
        return None
    moved = [_moved(near, (x, y)) for near in found]
    boxes = np.array([near.box for near in moved])
    return moved[overlaps(np.array([face.box]), boxes)[0].argmax()]


def drop_doubles(faces: Sequence[Face]) -> list[Face]:
    """Keep the better one of two faces that were followed to one place."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        boxes = np.array([other.box for other in kept]).reshape(-1, 4)
        if (overlaps(np.array([face.box]), boxes) < SAME_FACE).all():
            kept.append(face)
    return kept


def _moved(face, by):
    left, top, width, height = face.box
    landmarks = None if face.landmarks is None else face.landmarks + np.array(by)
    return Face((left + by[0], top + by[1], width, height), landmarks, face.score)
