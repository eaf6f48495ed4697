"""Run BlazeFace over a photo: search it at several sizes, then look at each candidate again.

Candidates are rows of 16 numbers: left, top, width and height of a box, then x and y of six
points, in pixels of the photo.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from fer_estimators.faces._blazeface import INPUT_MULTIPLE, anchor_centres, start_blazeface
from fer_estimators.faces._face import MIRRORED, Face
from fer_estimators.faces._overlap import merge_candidates
from fer_estimators.faces._square import Square

# The second looks: side of the network's input in pixels, and as a multiple of the box in the two
# looks; and how far from the middle, as a share of the box, a face may be to be the one that is
# looked for.
_SIDE, _WIDER, _NEAR_MIDDLE = 128, (1.5, 2.0), 0.4
# Lowest score of a candidate that says anything about where a face is.
_LEAST_SCORE = 0.1
_CROPS_AT_ONCE = 32

# A candidate of a lower score may well be none, and by how much the logits of the others fall with
# the logarithm of the number of such candidates. Chosen on validation faces of FER2013.
_DOUBTFUL, _CLUTTER = 0.73, 0.2


def search(
    pixels: NDArray[np.uint8], side: int, min_score: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Find candidates for faces in a photo whose longest side is resized to `side` pixels.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3), dtype uint8
    side : int
        A multiple of 16.
    min_score : float
        0 to 1.

    Returns
    -------
    candidates : ndarray of shape (n_candidates, 16)
    scores : ndarray of shape (n_candidates,)
    """
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = [max(1, round(length * scale)) for length in (width, height)]
    small = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, reducing_gap=2)
    # Black at the right and below, as far as the network needs it.
    canvas = np.zeros((1, *map(_round_up, size[::-1]), 3), dtype=np.uint8)
    canvas[0, : size[1], : size[0]] = small
    (places,), (logits,) = _run(canvas)
    found = logits >= logit(_LEAST_SCORE)
    places = places[found] * (np.array([width, height]) / size)
    return merge_candidates(_to_candidates(places), expit(logits[found]), min_score)


def _round_up(length):
    return math.ceil(length / INPUT_MULTIPLE) * INPUT_MULTIPLE


def look_again(
    pixels: NDArray[np.uint8], candidates: NDArray[Any], scores: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Examine each candidate close up, turned upright by its eyes, and from further away, mirrored.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3), dtype uint8
    candidates : ndarray of shape (n_candidates, 16)
    scores : ndarray of shape (n_candidates,)

    Returns
    -------
    candidates : ndarray of shape (n_candidates, 16)
        Averages of all three looks.
    scores : ndarray of shape (n_candidates,)
        The same, of the scores' logits; 0 where nothing was seen from near.
    """
    numbers, again = candidates.copy(), np.zeros_like(scores)
    for start in range(0, len(candidates), _CROPS_AT_ONCE):
        part = candidates[start : start + _CROPS_AT_ONCE]
        seen = _look_twice(pixels, part)
        for row, looks in enumerate(seen, start=start):
            if all(looks):
                points, logits = zip(*looks, strict=True)
                numbers[row] = np.mean([candidates[row], *_to_candidates(np.stack(points))], axis=0)
                again[row] = expit(np.mean([logit(scores[row]), *logits]))
    return numbers, again


def lower_by_clutter(scores: NDArray[Any], first_scores: NDArray[Any]) -> NDArray[Any]:
    """Lower scores by how much else in the photo looks somewhat like a face.

    Where there is much of it (foliage, crowds of small things), something will reach any score by
    chance.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates,)
    first_scores : ndarray of shape (n_candidates,)
        Scores of the search.

    Returns
    -------
    ndarray of shape (n_candidates,)
    """
    doubtful = first_scores < _DOUBTFUL
    return expit(logit(scores) - _CLUTTER * np.log1p(doubtful.sum() - doubtful))


def to_faces(candidates: NDArray[Any], scores: NDArray[Any]) -> list[Face]:
    """Return a Face for each row of `candidates` (n, 16)."""
    return [
        Face(tuple(row[:4].tolist()), row[4:].reshape(-1, 2), float(score))
        for row, score in zip(candidates, scores, strict=True)
    ]


def _look_twice(pixels, candidates):
    """Return for each candidate what either look sees: places in the photo, and a logit."""
    squares = [_around(candidate, wider) for wider in _WIDER for candidate in candidates]
    crops = np.stack([square.cut(pixels, (_SIDE, _SIDE)) for square in squares])
    mirrored = slice(len(candidates), None)
    crops[mirrored] = crops[mirrored, :, ::-1].copy()
    places, logits = _run(crops)
    places[mirrored] = _mirror(places[mirrored])
    wider = np.repeat(_WIDER, len(candidates))
    seen = [_see_middle(*look) for look in zip(squares, wider, places, logits, strict=True)]
    return zip(seen[: len(candidates)], seen[mirrored], strict=True)


def _around(candidate, wider):
    """Return the square in which the face is looked at again."""
    left, top, width, height = candidate[:4]
    (right_eye, left_eye) = candidate[4:8].reshape(2, 2)
    return Square.upright(
        (left + width / 2, top + height / 2), wider * max(width, height), right_eye, left_eye
    )


def _mirror(places):
    mirrored = places[:, :, [0, 1, *(2 + np.array(MIRRORED))]]
    mirrored[:, :, 0, 0] = _SIDE - mirrored[:, :, 0, 0]
    mirrored[:, :, 2:, 0] = _SIDE - mirrored[:, :, 2:, 0]
    return mirrored


def _see_middle(square, wider, places, logits):
    """Return places and logit of the face in the middle of the input, None if there is none."""
    distance = np.hypot(*(places[:, 0] - _SIDE / 2).T)
    near = (distance < _NEAR_MIDDLE * _SIDE / wider) & (logits >= logit(_LEAST_SCORE))
    if not near.any():
        return None
    merged, scores = merge_candidates(_to_candidates(places[near]), expit(logits[near]))
    return _to_photo(square, _to_places(merged[0])), logit(min(scores[0], 1 - 1e-6))


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
    """Return centre, size and points (n, n_anchors, 8, 2), pixels, and logits (n, n_anchors)."""
    outputs = _network(inputs.shape)(inputs).astype(float)
    places = outputs[..., 1:].reshape(*outputs.shape[:2], 8, 2)
    shifted = np.delete(np.arange(8), 1)
    places[:, :, shifted] += _centres(*inputs.shape[1:3])[:, np.newaxis]
    return places, outputs[..., 0]
