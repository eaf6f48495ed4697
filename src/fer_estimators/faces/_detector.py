"""Find the faces in a photo."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator

from fer_estimators._compat import Interval
from fer_estimators.faces._blazeface import INPUT_MULTIPLE, anchor_centres, load_blazeface
from fer_estimators.faces._crops import crop_faces
from fer_estimators.faces._face import Face
from fer_estimators.faces._overlap import merge_candidates
from fer_estimators.faces._photo import read_photo

# Height, in pixels of the network's input, from which on faces are found reliably.
_RELIABLE = 38

# Longest side of the network's inputs, pixels: the smallest, which shows the largest faces, and
# the largest.
_COARSEST, _FINEST = 128, 2048

# Score from which on a candidate counts: on the coarsest input, and on the others.
_MIN_SCORES = (0.5, 0.7)

_MARGIN = 0


class FaceDetector(BaseEstimator):
    def __init__(self, min_face: float | int = 0.12):
        self.min_face = min_face

    _parameter_constraints = {
        "min_face": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="right"),
        ]
    }

    def detect(self, photo) -> list[Face]:
        self._validate_params()
        pixels = read_photo(photo)
        found = [_search(pixels, side, score) for side, score in self._inputs(pixels.shape)]
        numbers, scores = map(np.concatenate, zip(*found, strict=True))
        return [
            Face(tuple(map(float, n[:4])), n[4:].reshape(-1, 2), float(score))
            for n, score in zip(*merge_candidates(numbers, scores), strict=True)
        ]

    def crop(self, photo, faces, *, image_size=48, color=False):
        return crop_faces(photo, faces, image_size=image_size, color=color)

    def _inputs(self, shape):
        """Return the longest side of each input, pixels, and its least score."""
        height, width = shape[:2]
        smallest = self.min_face
        if not isinstance(smallest, Integral):
            smallest = smallest * height
        side = min(_FINEST, _RELIABLE / smallest * max(height, width))
        sides = []
        while side > 1.25 * _COARSEST:
            sides.append(side)
            side /= 2
        sides.append(_COARSEST)
        return [(_round_up(side), _MIN_SCORES[side != _COARSEST]) for side in sides]


def _round_up(side):
    return math.ceil(side / INPUT_MULTIPLE) * INPUT_MULTIPLE


@cache
def _network():
    from fer_estimators._backends.inference import compile_inference

    return compile_inference(load_blazeface())


_centres = lru_cache(maxsize=64)(anchor_centres)


def _search(pixels, side, min_score):
    """Find candidates with the photo's longest side at `side` pixels."""
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = (side - 2 * _MARGIN) / max(height, width)
    h, w = max(1, round(height * scale)), max(1, round(width * scale))
    small = Image.fromarray(pixels).resize((w, h), Image.Resampling.BILINEAR, reducing_gap=2)
    H, W = _round_up(h + 2 * _MARGIN), _round_up(w + 2 * _MARGIN)
    top, left = (H - h) // 2, (W - w) // 2
    canvas = np.full((1, H, W, 3), _FILL, np.uint8)
    canvas[0, top : top + h, left : left + w] = small
    output = _network()(canvas)[0]
    kept = output[:, 0] >= math.log(min_score / (1 - min_score))
    output, centres = output[kept].astype(float), _centres(H, W)[kept]
    points = output[:, 1:].reshape(len(output), 8, 2)
    points[:, [0, *range(2, 8)]] += centres[:, None] - (left, top)
    points /= (w / width, h / height)
    points[:, 0] -= points[:, 1] / 2
    return points.reshape(len(points), 16), 1 / (1 + np.exp(-output[:, 0]))


_FILL = 0
