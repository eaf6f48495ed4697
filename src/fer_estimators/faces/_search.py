"""Run BlazeFace over a photo: search it at several sizes, then look at each candidate again.

Candidates are rows of 16 numbers: left, top, width and height of a box, then x and y of six
points, in pixels of the photo.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit, logit

from fer_estimators.faces._blazeface import INPUT_MULTIPLE, anchor_centres, start_blazeface
from fer_estimators.faces._face import MIRRORED, Face
from fer_estimators.faces._overlap import merge_candidates
from fer_estimators.faces._square import Square

# Close up: the side of the network's input in pixels, and how far from the middle, as a share of
# the box, a face may be to be the one that is looked for.
_SIDE, _NEAR_MIDDLE = 128, 0.4
# What is examined, as a multiple of the box, and whether it is mirrored: one view of each candidate
# of a score in the first range, a second one and then two more of those that are in doubt.
_LOOKS = (
    (((2.0, True),), 0.4, 1.0),
    (((1.5, False),), 0.5, 0.8),
    (((1.5, True), (2.0, False)), 0.5, 0.75),
)
# Lowest score of a candidate for a face, and lowest score that says anything about where one is.
_CANDIDATE_SCORE, _LEAST_SCORE = 0.3, 0.1
_CANDIDATES_AT_ONCE = 32

# A candidate of a lower score may well be none, and by how much the logits of the others fall with
# the logarithm of the number of such candidates. Chosen, as are the ranges, on FER2013's faces.
_DOUBTFUL, _CLUTTER = 0.9, 0.2


def search(pixels: NDArray[np.uint8], sides: Sequence[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Find candidates (n, 16) for faces in an RGB photo at several sizes, and their scores.

    `sides` is the longest side of the photo at each size, pixels: multiples of 16, the largest
    first, as each size is made from the one before.
    """
    height, width = pixels.shape[:2]
    image, found = Image.fromarray(pixels), []
    for side in sides:
        scale = side / max(height, width)
        size = [max(1, round(length * scale)) for length in (width, height)]
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1)
        # Black at the right and below, as far as the network needs it.
        canvas = np.zeros((1, *map(_round_up, size[::-1]), 3), dtype=np.uint8)
        canvas[0, : size[1], : size[0]] = image
        ((places, logits),) = _run(canvas)
        places *= np.array([width, height]) / size
        found.append(merge_candidates(_to_candidates(places), expit(logits), _CANDIDATE_SCORE))
    return merge_candidates(*map(np.concatenate, zip(*found, strict=True)))


def _round_up(length):
    return math.ceil(length / INPUT_MULTIPLE) * INPUT_MULTIPLE


def look_again(
    pixels: NDArray[np.uint8], candidates: NDArray[Any], scores: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Examine each candidate close up, turned upright by its eyes, and again while in doubt.

    Return candidates that are averages of the search and all looks, and as scores the same of the
    scores' logits; 0 where a look saw nothing.
    """
    numbers, again = candidates.copy(), scores.copy()
    seen = [[(row, _logit(score))] for row, score in zip(candidates, scores, strict=True)]
    for views, low, high in _LOOKS:
        worth = np.flatnonzero((low <= again) & (again <= high))
        for start in range(0, len(worth), _CANDIDATES_AT_ONCE):
            part = worth[start : start + _CANDIDATES_AT_ONCE]
            for number, looks in zip(part, _look(pixels, candidates[part], views), strict=True):
                if not all(looks):
                    again[number] = 0
                    continue
                seen[number] += looks
                rows, logits = zip(*seen[number], strict=True)
                numbers[number] = np.mean(rows, axis=0)
                again[number] = expit(np.mean(logits))
    return numbers, again


def lower_by_clutter(scores: NDArray[Any], first_scores: NDArray[Any]) -> NDArray[Any]:
    """Lower scores by the number of other places that look somewhat like a face.

    Where there are many (foliage, crowds of small things), something will reach any score by
    chance. `first_scores` are those of the search.
    """
    doubtful = first_scores < _DOUBTFUL
    return expit(logit(scores) - _CLUTTER * np.log1p(doubtful.sum() - doubtful))


def to_faces(candidates: NDArray[Any], scores: NDArray[Any]) -> list[Face]:
    """Return a Face for each row of `candidates` (n, 16)."""
    return [
        Face(tuple(row[:4].tolist()), row[4:].reshape(-1, 2), float(score))
        for row, score in zip(candidates, scores, strict=True)
    ]


def _look(pixels, candidates, views):
    """Return for each candidate what the looks see: a candidate and its logit, or None."""
    looks = [(_around(candidate, view[0]), *view) for candidate in candidates for view in views]
    crops = [
        square.cut(pixels, (_SIDE, _SIDE), smooth=False)[:, :: -1 if mirrored else 1]
        for square, _, mirrored in looks
    ]
    outputs = _run(np.stack(crops))
    seen = [_see_middle(*look, *output) for look, output in zip(looks, outputs, strict=True)]
    return [seen[start : start + len(views)] for start in range(0, len(seen), len(views))]


def _around(candidate, wider):
    """Return the square in which the face is looked at again."""
    left, top, width, height = candidate[:4]
    (right_eye, left_eye) = candidate[4:8].reshape(2, 2)
    return Square.upright(
        (left + width / 2, top + height / 2), wider * max(width, height), right_eye, left_eye
    )


def _mirror(places):
    mirrored = places[:, [0, 1, *(2 + np.array(MIRRORED))]]
    mirrored[:, 0, 0] = _SIDE - mirrored[:, 0, 0]
    mirrored[:, 2:, 0] = _SIDE - mirrored[:, 2:, 0]
    return mirrored


def _see_middle(square, wider, mirrored, places, logits):
    """Return candidate and logit of the face in the middle of the input, None if there is none."""
    places = _mirror(places) if mirrored else places
    distance = np.hypot(*(places[:, 0] - _SIDE / 2).T)
    near = distance < _NEAR_MIDDLE * _SIDE / wider
    if not near.any():
        return None
    merged, scores = merge_candidates(_to_candidates(places[near]), expit(logits[near]))
    in_photo = _to_photo(square, _to_places(merged[0]))
    return _to_candidates(in_photo[np.newaxis])[0], _logit(scores[0])


def _logit(score):
    score = min(score, 1 - 1e-6)
    return math.log(score / (1 - score))


def _to_photo(square, places):
    """Bring a centre, a size and points from the second look's input into the photo."""
    step = square.side / _SIDE
    points = square.to_photo((places - _SIDE / 2) * step)
    points[1] = places[1] * step
    return points


def _to_candidates(places):
    """Turn centre, size and points, of shape (n, 8, 2), into rows of 16 numbers."""
    corners = places[:, :1] - places[:, 1:2] / 2
    return np.concatenate([corners, places[:, 1:]], axis=1).reshape(-1, 16)


def _to_places(candidate):
    places = candidate.reshape(8, 2).copy()
    places[0] += places[1] / 2
    return places


@lru_cache(maxsize=8)
def _network(shape):
    """Return the network for inputs of one shape: those of a video are few, and come again."""
    return start_blazeface()


_centres = lru_cache(maxsize=64)(anchor_centres)


def _run(inputs):
    """Return for each input what may be faces: centre, size and points (n, 8, 2), and logits."""
    centres, found = _centres(*inputs.shape[1:3]), []
    for output in _network(inputs.shape[1:])(inputs):
        likely = output[:, 0] >= logit(_LEAST_SCORE)
        logits, places = np.split(output[likely].astype(float), [1], axis=1)
        places = places.reshape(-1, 8, 2)
        places[:, 0] += centres[likely]
        places[:, 2:] += centres[likely, np.newaxis]
        found.append((places, logits[:, 0]))
    return found
